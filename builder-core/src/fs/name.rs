//! One name in a directory, checked before the system sees it.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;

/// Something stands where the name of one entry of a directory has to: it would lead out of that directory, or
/// back to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not the name of a file in a directory")]
pub struct NotAName;

/// Returns the name where it is that of one entry: not empty, neither `.` nor `..`, and without a `/`. A call relative
/// to a directory stays in that directory with such a name only: an absolute path makes the system ignore the
/// directory.
///
/// # Errors
/// `InvalidInput` that holds [`NotAName`].
pub fn single_name(name: &OsStr) -> io::Result<&OsStr> {
    match name.as_bytes() {
        b"" | b"." | b".." => Err(NotAName.into()),
        bytes if bytes.contains(&b'/') => Err(NotAName.into()),
        _ => Ok(name),
    }
}

impl From<NotAName> for io::Error {
    fn from(error: NotAName) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_component() {
        for name in ["a", "...", ".a", "a b", "..a", "a\\b"] {
            assert_eq!(single_name(OsStr::new(name)).unwrap(), name);
        }
        for name in ["", ".", "..", "/", "/a", "a/", "a/b", "../a", "a/..", "//"] {
            let error = single_name(OsStr::new(name)).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name}");
            assert!(error.get_ref().is_some_and(|inner| inner.is::<NotAName>()), "{name}");
        }
    }
}
