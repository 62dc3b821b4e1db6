//! SHA-256 digests as OCI documents name them, and readers and writers that compute and verify them.
//!
//! Spec: OCI image-spec 1.1, descriptor.md, "Digests". Only `sha256` is accepted: every registry and tool
//! in use writes it, and one algorithm means one place to verify.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest, written `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// The text is not a digest that can be used here.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DigestError {
    /// The algorithm is not `sha256`.
    #[error("unsupported digest algorithm in `{text}`, expected `sha256`")]
    Algorithm {
        /// The text as given.
        text: String,
    },
    /// What follows the algorithm is not 64 lower-case hexadecimal digits.
    #[error("malformed digest `{text}`, expected `sha256:` and 64 lower-case hexadecimal digits")]
    Malformed {
        /// The text as given.
        text: String,
    },
}

impl Digest {
    /// Computes the digest of a byte string.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Wraps raw digest bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the raw digest bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the 64 hexadecimal digits without the algorithm.
    pub fn hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digits = |byte: u8| [byte >> 4, byte & 15].map(|digit| char::from(DIGITS[usize::from(digit)]));
        self.0.into_iter().flat_map(digits).collect()
    }

    /// Returns the first 12 hexadecimal digits, as docker shows identifiers.
    pub fn short(&self) -> String {
        self.hex().chars().take(12).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let Some((algorithm, hex)) = text.split_once(':') else {
            return Err(DigestError::Malformed { text: text.to_owned() });
        };
        if algorithm != "sha256" {
            return Err(DigestError::Algorithm { text: text.to_owned() });
        }
        let malformed = || DigestError::Malformed { text: text.to_owned() };
        if hex.len() != 64 {
            return Err(malformed());
        }
        let mut bytes = [0_u8; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let digit = |c: u8| match c {
                b'0'..=b'9' => Some(c - b'0'),
                b'a'..=b'f' => Some(c - b'a' + 10),
                _ => None,
            };
            let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else { return Err(malformed()) };
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Computes digest and length of everything written to it.
#[derive(Clone, Default)]
pub struct Digester {
    hasher: Sha256,
    length: u64,
}

impl Digester {
    /// Makes a digester that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// Returns the number of bytes seen.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Returns the digest of all bytes seen.
    pub fn finish(self) -> Digest {
        Digest(self.hasher.finalize().into())
    }
}

impl fmt::Debug for Digester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digester").field("length", &self.length).finish_non_exhaustive()
    }
}

impl Write for Digester {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Passes bytes on to a writer while computing their digest and length.
#[derive(Debug)]
pub struct DigestWriter<W> {
    inner: W,
    digester: Digester,
}

impl<W: Write> DigestWriter<W> {
    /// Wraps a writer.
    pub fn new(inner: W) -> Self {
        Self { inner, digester: Digester::new() }
    }

    /// Returns the number of bytes written so far.
    pub fn length(&self) -> u64 {
        self.digester.length()
    }

    /// Returns the writer, the digest and the length in bytes.
    pub fn finish(self) -> (W, Digest, u64) {
        let length = self.digester.length();
        (self.inner, self.digester.finish(), length)
    }
}

impl<W: Write> Write for DigestWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.digester.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The content does not match its descriptor. Carried inside an [`io::Error`] by [`VerifyingReader`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ContentMismatch {
    /// The bytes have another digest.
    #[error("content has digest {found}, expected {expected}")]
    Digest {
        /// The digest of the descriptor.
        expected: Digest,
        /// The digest of the bytes.
        found: Digest,
    },
    /// There are more or fewer bytes.
    #[error("content has {found} bytes or more, expected {expected}")]
    Size {
        /// The size of the descriptor, in bytes.
        expected: u64,
        /// The bytes seen when that became clear.
        found: u64,
    },
}

/// Reads through to another reader and fails at the end of the stream unless size and digest match; fails
/// at once when there are more bytes than announced.
#[derive(Debug)]
pub struct VerifyingReader<R> {
    inner: R,
    digester: Option<Digester>,
    expected: Digest,
    size: u64,
}

impl<R: Read> VerifyingReader<R> {
    /// Wraps a reader whose content must have this digest and this many bytes.
    pub fn new(inner: R, expected: Digest, size: u64) -> Self {
        Self { inner, digester: Some(Digester::new()), expected, size }
    }
}

impl<R: Read> Read for VerifyingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.inner.read(buffer)?;
        let mismatch = |cause: ContentMismatch| io::Error::new(io::ErrorKind::InvalidData, cause);
        let Some(digester) = self.digester.as_mut() else { return Ok(0) };
        if count > 0 {
            digester.update(&buffer[..count]);
            if digester.length() > self.size {
                return Err(mismatch(ContentMismatch::Size { expected: self.size, found: digester.length() }));
            }
            return Ok(count);
        }
        let Some(digester) = self.digester.take() else { return Ok(0) };
        if digester.length() != self.size {
            return Err(mismatch(ContentMismatch::Size { expected: self.size, found: digester.length() }));
        }
        let found = digester.finish();
        if found != self.expected {
            return Err(mismatch(ContentMismatch::Digest { expected: self.expected, found }));
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_rejects_what_is_not_a_digest() {
        let digest = Digest::of(b"");
        assert_eq!(digest.to_string(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for bad in ["", "sha256:", "sha512:00", "sha256:E3B0", "sha256:../../etc/passwd"] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn verifying_reader_accepts_the_right_bytes_only() {
        let right = b"hello";
        let digest = Digest::of(right);
        let read = |bytes: &'static [u8], size| {
            let mut out = Vec::new();
            VerifyingReader::new(bytes, digest, size).read_to_end(&mut out).map(|_| out)
        };
        assert_eq!(read(b"hello", 5).expect("right bytes"), right);
        assert!(read(b"hellp", 5).is_err());
        assert!(read(b"hell", 5).is_err());
        assert!(read(b"hello!", 5).is_err());
    }
}
