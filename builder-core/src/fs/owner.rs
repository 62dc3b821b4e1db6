//! Giving files to users and groups, and why that fails.

use std::error::Error;
use std::io;

use rustix::fs::{Gid, Uid};
use rustix::io::Errno;

/// The help for [`OwnerError::NotMapped`].
pub(crate) const MORE_IDS: &str = "write a number that is mapped, or let root give you more in `/etc/subuid` and \
                                   `/etc/subgid`; `builder info` shows how many there are";

/// A user or group that no file can belong to here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OwnerError {
    /// To the kernel the highest number means that an owner stays.
    #[error("{kind} {} cannot own a file: the number stands for no {kind}", u32::MAX)]
    Nobody {
        /// `user` or `group`.
        kind: &'static str,
    },
    /// A user or group has no counterpart in the user namespace.
    #[error("{kind} {id} is not mapped in this user namespace: more subordinate ids are needed")]
    NotMapped {
        /// `user` or `group`.
        kind: &'static str,
        /// The number.
        id: u32,
    },
}

impl OwnerError {
    /// Finds the error among the causes of another one.
    pub fn among(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(cause) = next {
            let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            let found = inner.and_then(|inner| inner.downcast_ref::<Self>()).or_else(|| cause.downcast_ref::<Self>());
            if found.is_some() {
                return found.copied();
            }
            next = cause.source();
        }
        None
    }
}

/// Changes an owner by `chown`, which is called once where all is well.
pub(super) fn give(
    (uid, gid): (u32, u32),
    chown: impl Fn(Option<Uid>, Option<Gid>) -> rustix::io::Result<()>,
) -> io::Result<()> {
    let refused = |error| Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    for (kind, id) in [("user", uid), ("group", gid)] {
        if id == u32::MAX {
            return refused(OwnerError::Nobody { kind });
        }
    }
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
    match chown(Some(user), Some(group)) {
        // Which of the two it is, the kernel does not say.
        Err(Errno::INVAL) => match chown(Some(user), None) {
            Err(Errno::INVAL) => refused(OwnerError::NotMapped { kind: "user", id: uid }),
            _ => refused(OwnerError::NotMapped { kind: "group", id: gid }),
        },
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_who_cannot_own_a_file_is_named() {
        let unmapped = |uid: Option<Uid>, gid: Option<Gid>| {
            let is_mapped = |id: Option<u32>| id.is_none_or(|id| id < 65_536);
            let all = is_mapped(uid.map(Uid::as_raw)) && is_mapped(gid.map(Gid::as_raw));
            if all { Ok(()) } else { Err(Errno::INVAL) }
        };
        let why = |owner| OwnerError::among(&give(owner, unmapped).unwrap_err()).unwrap();
        assert!(give((65_535, 0), unmapped).is_ok());
        assert_eq!(why((70_000, 70_000)), OwnerError::NotMapped { kind: "user", id: 70_000 });
        assert_eq!(why((1, 70_000)), OwnerError::NotMapped { kind: "group", id: 70_000 });
        assert_eq!(why((u32::MAX, 0)), OwnerError::Nobody { kind: "user" });
        assert_eq!(
            why((0, u32::MAX)).to_string(),
            "group 4294967295 cannot own a file: the number stands for no group"
        );
        let other = give((1, 1), |_, _| Err(Errno::PERM)).unwrap_err();
        assert_eq!((OwnerError::among(&other), other.raw_os_error()), (None, Some(Errno::PERM.raw_os_error())));
    }
}
