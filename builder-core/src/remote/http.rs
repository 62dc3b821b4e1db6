//! Files on web servers.

use percent_encoding::percent_decode_str;

use super::Checksum;

/// The name of a file whose address has none.
pub const UNNAMED: &str = "__unnamed__";

/// A file of a web server.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct HttpSource {
    /// Its address.
    pub url: String,
    /// The name that it gets.
    pub name: String,
    /// What it must be, where given.
    pub checksum: Option<Checksum>,
}

impl HttpSource {
    /// Makes a source that is named after the last part of its address.
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), name: file_name(url), checksum: None }
    }
}

/// Tells whether a text is the address of a file on a web server. The scheme counts in small letters only, as with
/// BuildKit.
pub fn is_http(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// The name of the file at an address: the last part of its path, decoded; [`UNNAMED`] where there is none that
/// can be a file's, and what BuildKit calls `..`.
pub fn file_name(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    match decoded.trim_end_matches('/').rsplit('/').next() {
        Some("..") => "download".to_owned(),
        Some("" | ".") | None => UNNAMED.to_owned(),
        Some(name) if name.contains('\0') || name.len() > 255 => UNNAMED.to_owned(),
        Some(name) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_their_address() {
        for (url, name) in [
            ("https://example.org/a/b.tar.gz", "b.tar.gz"),
            ("https://example.org/a/b.txt?x=/y#z", "b.txt"),
            ("https://example.org/a/", "a"),
            ("https://example.org/a%20b", "a b"),
            ("https://example.org/a%2Fb", "b"),
            ("https://example.org/..", "download"),
            ("https://example.org/%2e%2e", "download"),
            ("https://example.org/", UNNAMED),
            ("https://example.org", UNNAMED),
            ("https://example.org?x=1", UNNAMED),
            ("https://example.org/%00", UNNAMED),
        ] {
            assert_eq!(file_name(url), name, "{url}");
        }
        assert!(is_http("https://x") && is_http("http://x") && !is_http("HTTP://x") && !is_http("ftp://x"));
    }
}
