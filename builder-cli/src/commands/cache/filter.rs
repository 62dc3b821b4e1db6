//! `--filter` of the commands about the cache.
//!
//! Keys and their meaning are those of `docker builder prune` and `docker buildx du`, operators those of containerd's
//! filters: `=`, `!=` and `~=`. All filters must fit.

use builder_core::store::{CacheItem, CacheKind};
use regex::Regex;

use crate::commands::images::until;
use crate::error::CommandError;

/// Types of BuildKit's that nothing here has.
const OTHER_TYPES: [&str; 1] = ["frontend"];

/// One filter.
#[derive(Debug)]
struct Filter {
    field: Field,
    test: Test,
}

#[derive(Clone, Copy, Debug)]
enum Field {
    Id,
    Type,
    Description,
    Flag(fn(&CacheItem) -> bool),
}

#[derive(Debug)]
enum Test {
    Equal(String),
    Different(String),
    Matches(Regex),
    Is(bool),
    NotUsedSince(i64),
}

/// What things must be like.
#[derive(Debug)]
pub(super) struct Filters(Vec<Filter>);

impl Filters {
    /// Reads filters; `now` is the time, seconds since 1970.
    pub(super) fn parse(given: &[String], now: i64) -> Result<Self, CommandError> {
        given.iter().map(|text| filter(text, now)).collect::<Result<_, _>>().map(Self)
    }

    /// Tells whether a thing fits all of them.
    pub(super) fn fit(&self, item: &CacheItem) -> bool {
        self.0.iter().all(|filter| filter.fits(item))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Filter {
    fn fits(&self, item: &CacheItem) -> bool {
        if let Test::NotUsedSince(time) = self.test {
            return item.last_used <= time;
        }
        let text = match self.field {
            Field::Id => item.id.as_str(),
            Field::Type => item.kind.as_str(),
            Field::Description => item.description.as_str(),
            Field::Flag(flag) => return matches!(self.test, Test::Is(wanted) if flag(item) == wanted),
        };
        match &self.test {
            Test::Equal(value) => text == value,
            Test::Different(value) => text != value,
            Test::Matches(pattern) => pattern.is_match(text),
            Test::Is(_) | Test::NotUsedSince(_) => false,
        }
    }
}

fn filter(text: &str, now: i64) -> Result<Filter, CommandError> {
    let (key, operator, value) = split(text);
    let field = match key {
        "until" | "unused-for" => {
            let time = match (operator, value) {
                ("=", value) if !value.is_empty() => until(value, now)?,
                _ => return Err(invalid(text, "expected a duration such as `24h`, or a time")),
            };
            return Ok(Filter { field: Field::Id, test: Test::NotUsedSince(time) });
        }
        "id" => Field::Id,
        "type" => Field::Type,
        "description" => Field::Description,
        "inuse" => Field::Flag(|item| item.in_use),
        "shared" => Field::Flag(|item| item.shared),
        "private" => Field::Flag(|item| !item.shared),
        "mutable" => Field::Flag(|item| item.mutable),
        "immutable" => Field::Flag(|item| !item.mutable),
        "dangling" => Field::Flag(|item| item.dangling),
        _ => {
            let error = CommandError::usage(format!("unknown filter `{key}`"));
            return Err(error.hint(
                "there are until, id, type, description, inuse, shared, private, mutable, immutable and dangling",
            ));
        }
    };
    Ok(Filter { field, test: test(text, field, operator, value)? })
}

fn test(text: &str, field: Field, operator: &str, value: &str) -> Result<Test, CommandError> {
    if let Field::Flag(_) = field {
        let wanted = match value {
            "" | "true" | "1" => true,
            "false" | "0" => false,
            _ => return Err(invalid(text, "expected true or false")),
        };
        return match operator {
            "!=" => Ok(Test::Is(!wanted)),
            "~=" => Err(invalid(text, "`~=` is for texts")),
            _ => Ok(Test::Is(wanted)),
        };
    }
    let known =
        |value: &str| CacheKind::ALL.iter().map(|kind| kind.as_str()).chain(OTHER_TYPES).any(|known| known == value);
    match operator {
        "" => Err(invalid(text, "expected KEY=VALUE")),
        "~=" => Regex::new(value).map(Test::Matches).map_err(|error| invalid(text, &error.to_string())),
        _ if matches!(field, Field::Type) && !known(value) => {
            let known = "regular, exec.cachemount, source.local, source.git.checkout, internal and download";
            Err(invalid(text, &format!("there are {known}")))
        }
        "!=" => Ok(Test::Different(value.to_owned())),
        _ => Ok(Test::Equal(value.to_owned())),
    }
}

/// Splits at the first operator; there is none where the key stands alone.
fn split(text: &str) -> (&str, &str, &str) {
    let Some(at) = text.find('=') else { return (text, "", "") };
    let value = &text[at + 1..];
    match text[..at].strip_suffix('!') {
        Some(key) => (key, "!=", value),
        None => match text[..at].strip_suffix('~') {
            Some(key) => (key, "~=", value),
            None => (&text[..at], "=", value),
        },
    }
}

fn invalid(text: &str, reason: &str) -> CommandError {
    CommandError::usage(format!("invalid filter `{text}`: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> CacheItem {
        CacheItem {
            id: "abc".to_owned(),
            kind: CacheKind::CacheMount,
            description: "RUN make".to_owned(),
            size: 0,
            disk_size: 0,
            created: None,
            last_used: 1_000_000,
            uses: 0,
            in_use: false,
            shared: true,
            dangling: false,
            mutable: true,
            reclaimable: false,
            digest: None,
            made_by: None,
            from_cache: None,
        }
    }

    fn fits(filters: &[&str]) -> Result<bool, String> {
        let given: Vec<String> = filters.iter().map(|text| (*text).to_owned()).collect();
        Filters::parse(&given, 1_003_600).map(|filters| filters.fit(&item())).map_err(|error| error.to_string())
    }

    #[test]
    fn filters_mean_what_dockers_mean() {
        for filters in [
            &["id=abc"][..],
            &["id!=abd", "shared"],
            &["type=exec.cachemount"],
            &["type!=regular", "mutable=true", "immutable=false", "private=false", "inuse!=true"],
            &["description~=^RUN.*make$"],
            &["until=1h", "until=59m"],
            &["until=1000000"],
            &["until=1970-01-12T13:46:40Z"],
            &["type!=frontend"],
        ] {
            assert_eq!(fits(filters), Ok(true), "{filters:?}");
        }
        for filter in
            ["id=ab", "until=1h1s", "inuse", "inuse=true", "shared=false", "description~=cargo", "type=frontend"]
        {
            assert_eq!(fits(&[filter]), Ok(false), "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for filter in
            ["parents=x", "until", "until=", "until=soon", "type=layer", "id", "inuse=maybe", "id~=(", "shared~=t"]
        {
            assert!(fits(&[filter]).is_err(), "{filter}");
        }
    }
}
