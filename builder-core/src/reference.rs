//! Image references: the grammar `[domain/]path[:tag][@digest]` and its defaults.
//!
//! Spec: the `distribution/reference` grammar that docker, podman and containerd share.

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;

/// The domain that a name without one belongs to.
pub const DEFAULT_DOMAIN: &str = "docker.io";
/// The tag of a reference that has neither tag nor digest.
pub const DEFAULT_TAG: &str = "latest";
/// The longest name, in bytes, that the grammar allows.
const MAX_NAME_LENGTH: usize = 255;
/// The longest tag, in bytes, that the grammar allows.
const MAX_TAG_LENGTH: usize = 128;

/// An image reference with its defaults filled in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// The text is no image reference.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("invalid image reference `{text}`: {reason}")]
pub struct ReferenceError {
    /// The text as given.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Reference {
    /// Returns the registry's domain, with port where given: `docker.io`, `localhost:5000`.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Returns the repository inside the registry: `library/debian`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the tag; `None` only where a digest stands instead.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// Returns the digest that pins the reference, where there is one.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Checks that an image can be given this as its name. A digest is not for the one who names to choose: a
    /// name that holds one would later be taken for a proof of what the image is.
    ///
    /// # Errors
    /// The reference has a digest, or looks like one.
    pub fn check_as_name(&self) -> Result<(), ReferenceError> {
        let refuse = |reason| Err(ReferenceError { text: self.familiar(), reason });
        let short = self.familiar_name();
        if self.digest.is_some() {
            return refuse("a name that is given to an image cannot have a digest");
        }
        if short == "sha256" || short.len() == 64 && short.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return refuse("the name would be taken for an image ID");
        }
        Ok(())
    }

    /// Tells whether another reference means the same: it is the same, or of the same repository and digest. Then
    /// a tag beside the digest says nothing.
    pub fn means(&self, other: &Self) -> bool {
        let same_digest = self.digest.is_some() && self.digest == other.digest;
        self == other || same_digest && (&self.domain, &self.path) == (&other.domain, &other.path)
    }

    /// Returns the short form that people write: no default domain, no `library/`; the tag is kept.
    pub fn familiar(&self) -> String {
        let mut text = self.familiar_name();
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(&digest.to_string());
        }
        text
    }

    /// Returns the short form of the name alone, without tag and digest.
    pub fn familiar_name(&self) -> String {
        if self.domain == DEFAULT_DOMAIN {
            self.path.strip_prefix("library/").unwrap_or(&self.path).to_owned()
        } else {
            format!("{}/{}", self.domain, self.path)
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.path)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

fn is_path_component(text: &str) -> bool {
    let bytes = text.as_bytes();
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if !bytes.first().is_some_and(alphanumeric) || !bytes.last().is_some_and(alphanumeric) {
        return false;
    }
    // Separators between alphanumeric runs: one `.`, one or two `_`, or any number of `-`.
    bytes
        .split(alphanumeric)
        .filter(|run| !run.is_empty())
        .all(|run| matches!(run, b"." | b"_" | b"__") || run.iter().all(|b| *b == b'-'))
}

fn is_domain(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    if port.is_some_and(|port| port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit())) {
        return false;
    }
    if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        return !inner.is_empty() && inner.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
    }
    !host.is_empty()
        && host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

fn is_tag(text: &str) -> bool {
    text.len() <= MAX_TAG_LENGTH
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Returns what may be shown of a text that should be a name: who takes it for an address may have written a password
/// into it.
pub fn without_password(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let (user, host) = match rest.rsplit_once('@') {
        // The digest of an image.
        Some((_, after)) if after.starts_with("sha") => return text.to_owned(),
        Some(parts) => parts,
        None => return text.to_owned(),
    };
    if !user.contains(':') {
        return text.to_owned();
    }
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}xxxxx:xxxxx@{host}")
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let error = |reason| ReferenceError { text: without_password(text), reason };
        let (rest, digest) = match text.split_once('@') {
            None => (text, None),
            Some((rest, digest)) => {
                (rest, Some(digest.parse().map_err(|_| error("the digest must be `sha256:` and 64 hex digits"))?))
            }
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(error("the tag may only have letters, digits, `_`, `.` and `-`, 128 at most"));
        }
        let (domain, path) = match name.split_once('/') {
            Some((first, path))
                if first.contains(['.', ':'])
                    || first == "localhost"
                    || first.bytes().any(|b| b.is_ascii_uppercase()) =>
            {
                (first, path.to_owned())
            }
            Some(_) => (DEFAULT_DOMAIN, name.to_owned()),
            None => (DEFAULT_DOMAIN, format!("library/{name}")),
        };
        let domain = if domain == "index.docker.io" { DEFAULT_DOMAIN } else { domain };
        let path = if domain == DEFAULT_DOMAIN && !path.contains('/') { format!("library/{path}") } else { path };
        if !is_domain(domain) {
            return Err(error("the registry's domain is malformed"));
        }
        if name.is_empty() {
            return Err(error("the name is empty"));
        }
        if name.bytes().any(|b| b.is_ascii_uppercase()) && path.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(error("the repository name must be lower case"));
        }
        if !path.split('/').all(is_path_component) {
            return Err(error(
                "the name may only have lower-case letters, digits, and `.`, `_`, `-`, `/` between them",
            ));
        }
        if domain.len() + path.len() >= MAX_NAME_LENGTH {
            return Err(error("the name is longer than 255 characters"));
        }
        let tag = tag.map(str::to_owned).or_else(|| digest.is_none().then(|| DEFAULT_TAG.to_owned()));
        Ok(Self { domain: domain.to_owned(), path, tag, digest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_what_should_be_a_name_is_not_repeated() {
        for (text, shown) in [
            ("joe:hunter2@127.0.0.1:5000/app:1", "xxxxx:xxxxx@127.0.0.1:5000/app:1"),
            ("https://joe:hunter2@example.org/app", "https://xxxxx:xxxxx@example.org/app"),
            ("app:1@sha256:abc", "app:1@sha256:abc"),
            ("joe@example.org", "joe@example.org"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap_err().text, shown);
        }
    }

    #[test]
    fn defaults_are_filled_in() {
        for (text, full, familiar) in [
            ("debian", "docker.io/library/debian:latest", "debian:latest"),
            ("debian:12", "docker.io/library/debian:12", "debian:12"),
            ("a/b", "docker.io/a/b:latest", "a/b:latest"),
            ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
            ("localhost:5000/x/y:z", "localhost:5000/x/y:z", "localhost:5000/x/y:z"),
            ("[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest"),
            ("ghcr.io/a/b-c__d.e:V1", "ghcr.io/a/b-c__d.e:V1", "ghcr.io/a/b-c__d.e:V1"),
        ] {
            let reference: Reference = text.parse().expect(text);
            assert_eq!((reference.to_string().as_str(), reference.familiar().as_str()), (full, familiar));
            assert_eq!(full.parse::<Reference>().expect(full), reference);
        }
        let digest = Digest::of(b"x");
        let pinned: Reference = format!("debian@{digest}").parse().expect("pinned");
        assert_eq!((pinned.tag(), pinned.digest()), (None, Some(&digest)));
    }

    #[test]
    fn a_name_cannot_say_what_an_image_is() {
        let check = |text: &str| text.parse::<Reference>().expect(text).check_as_name();
        assert_eq!(check("debian:12"), Ok(()));
        assert_eq!(check("x/sha256"), Ok(()));
        let (digest, hex) = (Digest::of(b"x"), "a".repeat(64));
        for bad in [format!("debian@{digest}"), format!("debian:12@{digest}"), digest.to_string(), hex] {
            assert!(check(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for bad in
            ["", ":", "a:", "A", "a//b", "a/", "/a", "a b", "a:b c", "a@sha256:1", "-a", "a_-b", "x.y:port/a", "../a"]
        {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
    }
}
