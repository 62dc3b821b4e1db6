//! What the caller lends to a build and the build must never keep: secrets, and the use of SSH keys.
//!
//! A value lives in memory only. It is no part of a key, a record, an event or an error, `Debug` shows nothing of
//! it, and it is overwritten when it is dropped.
//!
//! Spec: dockerfile-semantics 7.5, 7.6, 12.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::fs::{PathContext, PathError};

/// The longest value of a secret, in bytes.
pub const MAX_SECRET_BYTES: usize = 500 * 1024;

/// The value of a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes a value.
    ///
    /// # Errors
    /// [`SecretError::TooBig`].
    pub fn new(value: Vec<u8>) -> Result<Self, SecretError> {
        let value = Zeroizing::new(value);
        if value.len() > MAX_SECRET_BYTES {
            return Err(SecretError::TooBig);
        }
        Ok(Self(value))
    }

    /// Returns the value itself. Whoever takes it sees to it that it goes nowhere else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Where the value of a secret comes from (`--secret`).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SecretSource {
    /// A file of this machine, read when a step asks for it.
    File(PathBuf),
    /// A value that the caller has already.
    Value(Secret),
}

impl SecretSource {
    /// Returns the value; a file is read now, and no further than the limit.
    ///
    /// # Errors
    /// [`SecretError`]: a file that cannot be read, a value that is too long.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let path = match self {
            Self::Value(secret) => return Ok(secret.clone()),
            Self::File(path) => path,
        };
        let file = std::fs::File::open(path).at("open", path)?;
        // Never grown: a buffer that moves leaves a copy of its content behind.
        let mut value = Zeroizing::new(Vec::with_capacity(MAX_SECRET_BYTES + 1));
        file.take(MAX_SECRET_BYTES as u64 + 1).read_to_end(&mut value).at("read", path)?;
        Secret::new(std::mem::take(&mut *value))
    }
}

/// Whose SSH keys steps may use (`--ssh`).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SshSource {
    /// The socket of a running agent.
    Agent(PathBuf),
    /// Files with private keys without a passphrase.
    Keys(Vec<PathBuf>),
}

/// The value of a secret could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// It is longer than a secret may be.
    #[error("secret too big: max size {} KiB", MAX_SECRET_BYTES / 1024)]
    TooBig,
    /// Its file could not be read.
    #[error(transparent)]
    Path(#[from] PathError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_a_value() {
        let source = SecretSource::Value(Secret::new(b"hunter2".to_vec()).unwrap());
        assert_eq!(format!("{source:?}"), "Value(Secret(..))");
    }

    #[test]
    fn a_file_is_read_when_asked_and_limited() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        let source = SecretSource::File(path.clone());
        assert!(matches!(source.read(), Err(SecretError::Path(_))));
        std::fs::write(&path, vec![1; MAX_SECRET_BYTES]).unwrap();
        assert_eq!(source.read().unwrap().expose().len(), MAX_SECRET_BYTES);
        std::fs::write(&path, vec![1; MAX_SECRET_BYTES + 1]).unwrap();
        assert!(matches!(source.read(), Err(SecretError::TooBig)));
    }
}
