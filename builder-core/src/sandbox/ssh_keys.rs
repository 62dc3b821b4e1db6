//! Private keys from files, used as an agent uses them.
//!
//! Spec: draft-ietf-sshm-ssh-agent, sections 5.2 and 5.6.

use std::fs;
use std::path::{Path, PathBuf};

use signature::Signer;
use ssh_key::{Algorithm, EcdsaCurve, PrivateKey, Signature};
use zeroize::Zeroizing;

use crate::fs::{PathContext, PathError};

const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// A file does not hold a key that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SshKeyError {
    /// It cannot be read.
    #[error(transparent)]
    Path(#[from] PathError),
    /// It holds no private key in OpenSSH's format.
    #[error("`{}` is no private key in OpenSSH's format", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The key is locked by a passphrase.
    #[error("the key in `{}` has a passphrase", path.display())]
    Passphrase {
        /// The file.
        path: PathBuf,
    },
    /// It is of a kind that cannot be used from a file.
    #[error("the key in `{}` is of the kind {algorithm}, which can only be lent by an agent", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// The kind.
        algorithm: String,
    },
}

/// Keys that can be listed and signed with.
#[derive(Debug)]
pub struct KeyRing {
    keys: Vec<PrivateKey>,
}

impl KeyRing {
    /// Reads keys from files, without passphrases.
    ///
    /// # Errors
    /// [`SshKeyError`] for the first file that holds no key that can be used.
    pub fn read(paths: &[PathBuf]) -> Result<Self, SshKeyError> {
        Ok(Self { keys: paths.iter().map(|path| key(path)).collect::<Result<_, _>>()? })
    }

    /// Answers a message, its length not included; nothing to what cannot be answered.
    pub(super) fn answer(&self, request: &[u8]) -> Option<Vec<u8>> {
        match request.split_first()? {
            (&REQUEST_IDENTITIES, _) => {
                let mut answer = vec![IDENTITIES_ANSWER];
                answer.extend(u32::try_from(self.keys.len()).ok()?.to_be_bytes());
                for key in &self.keys {
                    put(&mut answer, &key.public_key().to_bytes().ok()?)?;
                    put(&mut answer, key.comment().as_bytes())?;
                }
                Some(answer)
            }
            (&SIGN_REQUEST, rest) => {
                let (wanted, rest) = take(rest)?;
                let (data, _) = take(rest)?;
                let is_wanted = |key: &&PrivateKey| key.public_key().to_bytes().is_ok_and(|own| own == wanted);
                let signature: Signature = self.keys.iter().find(is_wanted)?.try_sign(data).ok()?;
                let mut answer = vec![SIGN_RESPONSE];
                put(&mut answer, &Vec::try_from(signature).ok()?)?;
                Some(answer)
            }
            _ => None,
        }
    }
}

fn key(path: &Path) -> Result<PrivateKey, SshKeyError> {
    let text = Zeroizing::new(fs::read(path).at("read", path)?);
    let key = PrivateKey::from_openssh(&*text).map_err(|_| SshKeyError::NoKey { path: path.to_owned() })?;
    if key.is_encrypted() {
        return Err(SshKeyError::Passphrase { path: path.to_owned() });
    }
    match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 | EcdsaCurve::NistP384 } => Ok(key),
        other => Err(SshKeyError::Kind { path: path.to_owned(), algorithm: other.to_string() }),
    }
}

fn put(message: &mut Vec<u8>, text: &[u8]) -> Option<()> {
    message.extend(u32::try_from(text.len()).ok()?.to_be_bytes());
    message.extend(text);
    Some(())
}

fn take(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = message.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}
