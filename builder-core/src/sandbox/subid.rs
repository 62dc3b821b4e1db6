//! The subordinate ids of a user: `subuid(5)`, `subgid(5)`.

/// A range of ids on the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct IdRange {
    pub(super) first: u32,
    pub(super) count: u32,
}

/// Finds the ranges of a user in the text of `/etc/subuid` or `/etc/subgid`: lines `owner:first:count`, with the
/// owner by name or by number. Lines of another form are passed over, as `newuidmap` does.
pub(super) fn ranges(text: &str, user: Option<&str>, uid: u32) -> Vec<IdRange> {
    let number = uid.to_string();
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let (owner, first, count) = (fields.next()?, fields.next()?, fields.next()?);
            let mine = owner == number || user.is_some_and(|user| owner == user);
            let range = IdRange { first: first.parse().ok()?, count: count.parse().ok()? };
            (mine && fields.next().is_none() && range.count > 0).then_some(range)
        })
        .collect()
}

/// The arguments of `newuidmap` or `newgidmap` after the process: inside, outside, count. Root inside is the
/// caller; from 1 on follow the subordinate ids.
pub(super) fn mapping(own: u32, ranges: &[IdRange]) -> Vec<String> {
    let mut arguments = vec!["0".to_owned(), own.to_string(), "1".to_owned()];
    let mut inside = 1_u32;
    for range in ranges {
        // Ids end before the last number, which means "no id".
        let count = range.count.min(u32::MAX - inside);
        if count == 0 {
            break;
        }
        arguments.extend([inside, range.first, count].map(|number| number.to_string()));
        inside += count;
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found_by_name_and_by_number() {
        let text = "other:1:2\nme:100000:65536\n# note\nbroken\n1000:300000:10\nme:x:1\nme:5:0\nmeme:7:7\n";
        let expected = [IdRange { first: 100_000, count: 65536 }, IdRange { first: 300_000, count: 10 }];
        assert_eq!(ranges(text, Some("me"), 1000), expected);
        assert_eq!(ranges(text, None, 1000), [expected[1]]);
        assert_eq!(ranges(text, Some("nobody"), 65534), []);
    }

    #[test]
    fn the_caller_becomes_root_and_the_ranges_follow() {
        let ranges = [IdRange { first: 100_000, count: 10 }, IdRange { first: 5, count: u32::MAX }];
        let expected = ["0", "1000", "1", "1", "100000", "10", "11", "5", "4294967284"];
        assert_eq!(mapping(1000, &ranges), expected);
    }
}
