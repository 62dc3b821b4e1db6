//! Addresses of files and repositories that are not on this machine, as text: what a word of an ADD, a context on
//! the command line or a named context stands for. Nothing here asks a network.
//!
//! Spec: dockerfile-semantics 5.6.9, 5.6.10, 11.2.

mod checksum;
mod git;
mod http;

pub use checksum::{Checksum, ChecksumError};
pub use git::{GitAddress, GitAddressError, GitMtime, GitSource, is_commit, parse_git};
pub use http::{HttpSource, UNNAMED, file_name, is_http};

/// What is fetched from elsewhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RemoteSource {
    /// A file of a web server.
    Http(HttpSource),
    /// A state of a git repository.
    Git(GitSource),
}

impl RemoteSource {
    /// Returns its address, as it may be shown.
    pub fn display(&self) -> String {
        match self {
            Self::Http(source) => without_credentials(&source.url),
            Self::Git(source) => source.display(),
        }
    }
}

/// The host of an address with a scheme, with its port: `example.org:8080`. Empty where there is none.
pub fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

/// An address as it may be shown and kept: without a user's name and password, which BuildKit shows as `xxxxx`.
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        // A user alone is a name, as in `ssh://git@…`, unless it is how a token is passed.
        Some((user, _)) if !user.contains(':') && scheme.eq_ignore_ascii_case("ssh") => url.to_owned(),
        Some((user, host)) => {
            let hidden = if user.contains(':') { "xxxxx:xxxxx" } else { "xxxxx" };
            format!("{scheme}://{hidden}@{host}{path}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_credentials_are_taken_apart() {
        for (url, host, shown) in [
            ("https://example.org/a@b", "example.org", "https://example.org/a@b"),
            ("https://u:p@example.org:8/a", "example.org:8", "https://xxxxx:xxxxx@example.org:8/a"),
            ("https://token@example.org?q", "example.org", "https://xxxxx@example.org?q"),
            ("ssh://git@example.org/x.git", "example.org", "ssh://git@example.org/x.git"),
            ("git@example.org:x", "", "git@example.org:x"),
        ] {
            assert_eq!((host_of(url), without_credentials(url).as_str()), (host, shown));
        }
    }
}
