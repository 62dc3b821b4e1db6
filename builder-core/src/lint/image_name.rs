//! The name of an image as `FROM` has it, in its parts, variables left as they are.

/// The parts of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct ImageName<'a> {
    /// The host of the registry, where one is named.
    pub(super) registry: Option<&'a str>,
    /// The path in the registry.
    pub(super) path: &'a str,
    /// What follows the colon.
    pub(super) tag: Option<&'a str>,
    /// What follows the at sign.
    pub(super) digest: Option<&'a str>,
}

impl<'a> ImageName<'a> {
    /// Takes a name apart.
    pub(super) fn new(name: &'a str) -> Self {
        let (name, digest) = match name.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (name, None),
        };
        // A colon in `${NAME:-default}`, or before a port, begins no tag.
        let (name, tag) = match last_colon(name) {
            Some(at) => (&name[..at], Some(&name[at + 1..])),
            None => (name, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (Some(host), path),
            _ => (None, name),
        };
        Self { registry, path, tag, digest }
    }
}

fn last_colon(name: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut last = None;
    for (at, c) in name.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => last = None,
            ':' if depth == 0 => last = Some(at),
            _ => {}
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_apart() {
        for (name, registry, path, tag, digest) in [
            ("debian", None, "debian", None, None),
            ("debian:12", None, "debian", Some("12"), None),
            ("debian:12@sha256:abc", None, "debian", Some("12"), Some("sha256:abc")),
            ("localhost:5000/a/b", Some("localhost:5000"), "a/b", None, None),
            ("ghcr.io/a/b:c", Some("ghcr.io"), "a/b", Some("c"), None),
            ("a/b", None, "a/b", None, None),
            ("debian:${TAG:-12}", None, "debian", Some("${TAG:-12}"), None),
            ("${BASE:-debian:12}", None, "${BASE:-debian:12}", None, None),
        ] {
            assert_eq!(ImageName::new(name), ImageName { registry, path, tag, digest }, "{name}");
        }
    }
}
