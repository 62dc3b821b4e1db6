//! What a file from elsewhere must be, in the algorithms that BuildKit knows (`ADD --checksum`).

use std::fmt::{self, Write as _};
use std::io::{self, Read};
use std::str::FromStr;

use sha2::{Sha256, Sha384, Sha512};

use crate::digest::Digest;

/// Bytes read from a file at once.
const READ_BUFFER: usize = 64 * 1024;

/// The text is no checksum that can be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ChecksumError {
    /// The algorithm is not known.
    #[error("unsupported digest algorithm, expected `sha256`, `sha384` or `sha512`")]
    Algorithm,
    /// What follows the algorithm is not as long as it must be, or no lower-case hexadecimal number.
    #[error("expected `{algorithm}:` and {digits} lower-case hexadecimal digits")]
    Malformed {
        /// The algorithm.
        algorithm: &'static str,
        /// How many digits there must be.
        digits: usize,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Algorithm {
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    fn digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }
}

/// A checksum, written as its algorithm, a colon and lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Checksum {
    algorithm: Algorithm,
    hex: String,
}

impl Checksum {
    /// The digest, where it is one that OCI documents use: then nothing has to be read again.
    pub fn sha256(&self) -> Option<Digest> {
        self.to_string().parse().ok()
    }

    /// Computes the checksum of everything that is read, in the algorithm of this one.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn same_of(&self, from: &mut dyn Read) -> io::Result<Self> {
        let hex = match self.algorithm {
            Algorithm::Sha256 => hash::<Sha256>(from),
            Algorithm::Sha384 => hash::<Sha384>(from),
            Algorithm::Sha512 => hash::<Sha512>(from),
        }?;
        Ok(Self { algorithm: self.algorithm, hex })
    }
}

fn hash<H: sha2::Digest>(from: &mut dyn Read) -> io::Result<String> {
    let mut hasher = H::new();
    let mut buffer = vec![0; READ_BUFFER];
    loop {
        match from.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    let mut hex = String::new();
    for byte in hasher.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    Ok(hex)
}

impl From<Digest> for Checksum {
    fn from(digest: Digest) -> Self {
        Self { algorithm: Algorithm::Sha256, hex: digest.hex() }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex)
    }
}

impl FromStr for Checksum {
    type Err = ChecksumError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, hex) = text.split_once(':').ok_or(ChecksumError::Algorithm)?;
        let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name);
        let algorithm = algorithm.ok_or(ChecksumError::Algorithm)?;
        let digits = algorithm.digits();
        if hex.len() != digits || !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(ChecksumError::Malformed { algorithm: algorithm.name(), digits });
        }
        Ok(Self { algorithm, hex: hex.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_algorithm_is_read_and_computed() {
        let abc384 =
            "sha384:cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7";
        let abc512 = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        for text in [abc384, abc512, &Digest::of(b"abc").to_string()] {
            let checksum: Checksum = text.parse().unwrap();
            assert_eq!(checksum.to_string(), text);
            assert_eq!(checksum.same_of(&mut &b"abc"[..]).unwrap(), checksum);
            assert_ne!(checksum.same_of(&mut &b"abd"[..]).unwrap(), checksum);
            assert_eq!(checksum.sha256().is_some(), text.starts_with("sha256:"));
        }
        for bad in ["", "abc", "sha1:00", "sha512:00", &abc384.to_uppercase(), &abc384.replace("cb", "CB")] {
            assert!(bad.parse::<Checksum>().is_err(), "{bad}");
        }
    }
}
