//! The encoding of cache keys.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::layer::ContentId;
use crate::remote::without_credentials;

/// Version of the encoding. A change of what goes into any key is a change of this number.
const KEY_VERSION: u32 = 5;

/// Longest value that is kept as text for explanations, in bytes; longer ones are kept as a digest.
const MAX_EXPLAINED_VALUE: usize = 4096;
/// How the digest begins that stands for a value that is too long or says nothing.
pub(super) const OPAQUE: &str = "blake3:";
/// How the digest begins that stands for a value that is not to be kept.
pub(super) const HIDDEN: &str = "hidden:";
/// Digits of the digest of a hidden value.
const HIDDEN_DIGITS: usize = 16;

/// A cache key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CacheKey(pub [u8; 32]);

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One part of a key as it is kept beside the record, so that a miss can be explained.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeyPart {
    /// What the part is: `argument`, `env PATH`, `parent`.
    pub name: String,
    /// Its value, or the digest of a value that is too long to keep.
    pub value: String,
}

impl KeyPart {
    /// Makes a part with a value that may be kept, unless it is long, or an address in it has a password.
    pub fn new(name: impl Into<String>, value: &str) -> Self {
        if value.contains("://") && without_passwords(value) != value {
            return Self::hidden(name, value);
        }
        let value = if value.len() <= MAX_EXPLAINED_VALUE {
            value.to_owned()
        } else {
            format!("{OPAQUE}{}", blake3::hash(value.as_bytes()).to_hex())
        };
        Self { name: name.into(), value }
    }

    /// Makes a part of a digest.
    pub fn digest(name: impl Into<String>, value: &[u8; 32]) -> Self {
        Self { name: name.into(), value: format!("{OPAQUE}{}", blake3::Hash::from_bytes(*value).to_hex()) }
    }

    /// Makes a part whose value is not kept: only whether it changed can be told.
    pub fn hidden(name: impl Into<String>, value: &str) -> Self {
        let digest = blake3::hash(value.as_bytes()).to_hex();
        Self { name: name.into(), value: format!("{HIDDEN}{}", digest.get(..HIDDEN_DIGITS).unwrap_or_default()) }
    }
}

/// A text with its addresses as they may be shown.
pub(super) fn without_passwords(text: &str) -> String {
    text.split_inclusive(char::is_whitespace).map(without_credentials).collect()
}

/// Builds a key field by field.
#[derive(Debug)]
pub struct KeyBuilder {
    hasher: blake3::Hasher,
    parts: Vec<KeyPart>,
}

impl KeyBuilder {
    /// Begins the key of one kind of operation.
    pub fn new(kind: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"builder cache key");
        hasher.update(&KEY_VERSION.to_le_bytes());
        let mut builder = Self { hasher, parts: Vec::new() };
        builder.text("operation", kind);
        builder
    }

    fn bytes(&mut self, name: &str, value: &[u8]) {
        for field in [name.as_bytes(), value] {
            self.hasher.update(&(field.len() as u64).to_le_bytes());
            self.hasher.update(field);
        }
    }

    /// Adds a text.
    pub fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.text_as(name, value, KeyPart::new(name, value))
    }

    /// Adds a text that is remembered for explanations as another part.
    pub fn text_as(&mut self, name: &str, value: &str, part: KeyPart) -> &mut Self {
        self.bytes(name, value.as_bytes());
        self.parts.push(part);
        self
    }

    /// Remembers a part for explanations that says in words what other parts say to the key.
    pub fn note(&mut self, part: KeyPart) -> &mut Self {
        self.parts.push(part);
        self
    }

    /// Adds a digest of some content.
    pub fn digest(&mut self, name: &str, value: &[u8; 32]) -> &mut Self {
        self.bytes(name, value);
        self.parts.push(KeyPart::digest(name, value));
        self
    }

    /// Adds a number, or the fact that there is none.
    pub fn number(&mut self, name: &str, value: Option<i64>) -> &mut Self {
        match value {
            None => self.text(name, ""),
            Some(value) => self.text(name, &value.to_string()),
        }
    }

    /// Adds a list of texts: its length, then each element.
    pub fn list<'v>(&mut self, name: &str, values: impl ExactSizeIterator<Item = &'v str>) -> &mut Self {
        self.bytes(name, &(values.len() as u64).to_le_bytes());
        for value in values {
            self.text(name, value);
        }
        self
    }

    /// Returns the key and its parts.
    pub fn finish(self) -> (CacheKey, Vec<KeyPart>) {
        (CacheKey(*self.hasher.finalize().as_bytes()), self.parts)
    }
}

/// What a root filesystem holds, without times where they are not clamped: the digest that stands for it in the keys of its readers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilesystemContent(pub [u8; 32]);

impl fmt::Debug for FilesystemContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FilesystemContent {
    /// The filesystem that holds nothing.
    pub fn empty() -> Self {
        Self(*blake3::hash(b"builder filesystem: empty").as_bytes())
    }

    /// The filesystem of an image: it is known by its layers' diff IDs before anything is unpacked.
    pub fn of_image(diff_ids: &[Digest]) -> Self {
        if diff_ids.is_empty() {
            return Self::empty();
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"builder filesystem: image");
        for diff_id in diff_ids {
            hasher.update(diff_id.as_bytes());
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// The filesystem that results when a layer is put upon this one. Its times are no part of it, unless the layer is
    /// named by its diff ID.
    #[must_use]
    pub fn with_layer(self, layer: &ContentId, with_times: Option<&Digest>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"builder filesystem: layer");
        hasher.update(&self.0);
        hasher.update(&layer.0);
        if let Some(diff_id) = with_times {
            hasher.update(diff_id.as_bytes());
        }
        Self(*hasher.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(fields: &[(&str, &str)]) -> CacheKey {
        let mut builder = KeyBuilder::new("run");
        for (name, value) in fields {
            builder.text(name, value);
        }
        builder.finish().0
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        assert_ne!(key(&[("a", "bc")]), key(&[("ab", "c")]));
        assert_ne!(key(&[("a", "b"), ("a", "")]), key(&[("a", ""), ("a", "b")]));
    }

    #[test]
    fn the_encoding_is_pinned() {
        assert_eq!(
            format!("{:?}", key(&[("argument", "true")])),
            "837b59b25b473d2616f87981814a633146365762f2623cac490834bf747c5681",
            "a changed encoding needs a new KEY_VERSION"
        );
    }

    #[test]
    fn long_values_are_explained_by_their_digest_but_hashed_whole() {
        let mut builder = KeyBuilder::new("run");
        builder.text("argument", &"x".repeat(10_000));
        let (_, parts) = builder.finish();
        assert!(parts[1].value.starts_with("blake3:"));
    }

    #[test]
    fn passwords_in_addresses_are_not_kept() {
        for value in ["curl https://me:hunter2@example.org/x", "https://hunter2@example.org"] {
            let part = KeyPart::new("argument", value);
            assert!(part.value.starts_with(HIDDEN), "{part:?}");
        }
        assert_eq!(KeyPart::new("argument", "curl https://example.org").value, "curl https://example.org");
    }
}
