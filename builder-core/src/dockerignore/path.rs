//! Lexical path cleaning.

/// Returns the shortest equal path: no doubled slashes, no `.`, no `..` that can be taken back, no slash at the
/// end.
///
/// Spec: Go's `path.Clean`.
pub(super) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => match kept.last() {
                Some(last) if *last != ".." => drop(kept.pop()),
                _ if rooted => {}
                _ => kept.push(".."),
            },
            component => kept.push(component),
        }
    }
    match (rooted, kept.join("/")) {
        (true, rest) => format!("/{rest}"),
        (false, rest) if rest.is_empty() => ".".to_owned(),
        (false, rest) => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_as_in_go() {
        for (path, expected) in [
            ("./a/", "a"),
            ("/a", "/a"),
            ("a//b", "a/b"),
            ("", "."),
            (".", "."),
            ("/", "/"),
            ("/..", "/"),
            ("a/../..", ".."),
            ("../../a", "../../a"),
            ("a/./b/../c", "a/c"),
        ] {
            assert_eq!(clean(path), expected, "{path}");
        }
    }
}
