//! Directories that outlive builds (`RUN --mount=type=cache`).
//!
//! ```text
//! cache-mounts/IDENTITY/
//!   id             the name in the Dockerfile, for people
//!   gate           held for a moment by who looks for an instance or makes one
//!   0/, 1/, …      instances; more than one where `private` steps met
//!     lock         held by every step that uses it: shared or exclusive
//!     data/        what the steps see
//! ```
//!
//! Locks are of the kernel (`flock(2)`), so that steps of one build, of several builds in one process and of
//! several processes meet the same way, and a killed builder holds none.
//!
//! Spec: dockerfile-semantics 7.3.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::{Store, StoreError};
use crate::cancel::CancelToken;
use crate::fs::PathContext;
use crate::plan::mount::Sharing;

/// How often a locked cache is looked at again.
const RETRY: Duration = Duration::from_millis(20);
/// The most instances of one cache: as many steps use it privately at once.
const MAX_INSTANCES: u32 = 1024;

/// A directory in use; the lock goes with it.
#[derive(Debug)]
pub struct CacheInstance {
    data: PathBuf,
    _lock: File,
}

impl CacheInstance {
    /// Returns the directory that steps see.
    pub fn data(&self) -> &Path {
        &self.data
    }
}

impl Store {
    /// Finds or makes an instance of a cache and takes it as `sharing` says; waits where that says so. `fill` is
    /// given the new directory, empty and with mode 0755, before anybody else sees it.
    ///
    /// # Errors
    /// [`StoreError::Cancelled`] while waiting, [`StoreError::Path`], and what `fill` fails with.
    pub fn cache_mount<E: From<StoreError>>(
        &self,
        identity: &[u8; 32],
        id: &str,
        sharing: Sharing,
        cancel: &CancelToken,
        fill: impl Fn(&Path) -> Result<(), E>,
    ) -> Result<CacheInstance, E> {
        let name = blake3::Hash::from_bytes(*identity).to_hex();
        let directory = self.root().join("cache-mounts").join(name.as_str());
        loop {
            // Collection takes instances that nobody uses.
            let here = self.gate()?;
            let gate = Gate::enter(&directory, cancel)?;
            let (found, next) = gate.find(sharing)?;
            if let Some(instance) = found {
                return Ok(instance);
            }
            if sharing != Sharing::Locked || next == 0 {
                return self.make_instance(&directory, next, id, sharing, fill);
            }
            drop((gate, here));
            cancel.check().map_err(StoreError::from)?;
            std::thread::sleep(RETRY);
        }
    }

    fn make_instance<E: From<StoreError>>(
        &self,
        directory: &Path,
        number: u32,
        id: &str,
        sharing: Sharing,
        fill: impl Fn(&Path) -> Result<(), E>,
    ) -> Result<CacheInstance, E> {
        let work = self.work_dir()?;
        let made = work.path().join("instance");
        let data = made.join("data");
        let prepare = || -> Result<File, StoreError> {
            fs::create_dir_all(&data).at("create directory", &data)?;
            let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(&data, permissions).at("set the mode of", &data)?;
            let about = directory.join("id");
            fs::write(&about, id).at("write", &about)?;
            let path = made.join("lock");
            let lock = File::create(&path).at("create", &path)?;
            rustix::fs::flock(&lock, operation(sharing)).at("lock", &path)?;
            Ok(lock)
        };
        let lock = prepare()?;
        fill(&data)?;
        let place = directory.join(number.to_string());
        fs::rename(&made, &place).at("rename", &made).map_err(StoreError::from)?;
        Ok(CacheInstance { data: place.join("data"), _lock: lock })
    }
}

/// The right to look for instances and to make them.
struct Gate<'d> {
    directory: &'d Path,
    _lock: File,
}

impl<'d> Gate<'d> {
    fn enter(directory: &'d Path, cancel: &CancelToken) -> Result<Self, StoreError> {
        fs::create_dir_all(directory).at("create directory", directory)?;
        let path = directory.join("gate");
        let lock = File::options().create(true).truncate(false).write(true).open(&path).at("open", &path)?;
        loop {
            match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { directory, _lock: lock }),
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(errno) => return Err(errno).at("lock", &path).map_err(StoreError::from),
            }
            cancel.check()?;
            std::thread::sleep(RETRY);
        }
    }

    /// Takes the first instance that is free in this way; else tells the number that none has.
    fn find(&self, sharing: Sharing) -> Result<(Option<CacheInstance>, u32), StoreError> {
        for number in 0..MAX_INSTANCES {
            let place = self.directory.join(number.to_string());
            let path = place.join("lock");
            let lock = match File::open(&path) {
                Ok(lock) => lock,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((None, number)),
                Err(error) => return Err(error).at("open", &path).map_err(StoreError::from),
            };
            match rustix::fs::flock(&lock, operation(sharing)) {
                Ok(()) => {
                    // Says when it was used last; collection does without, where that cannot be written.
                    let _ = lock.set_modified(std::time::SystemTime::now());
                    return Ok((Some(CacheInstance { data: place.join("data"), _lock: lock }), number));
                }
                Err(Errno::WOULDBLOCK) => {}
                Err(errno) => return Err(errno).at("lock", &path).map_err(StoreError::from),
            }
        }
        Ok((None, MAX_INSTANCES))
    }
}

fn operation(sharing: Sharing) -> FlockOperation {
    match sharing {
        Sharing::Shared => FlockOperation::NonBlockingLockShared,
        Sharing::Private | Sharing::Locked => FlockOperation::NonBlockingLockExclusive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Owner, StoreOptions};

    fn take(store: &Store, sharing: Sharing, cancel: &CancelToken) -> Result<CacheInstance, StoreError> {
        store.cache_mount(&[7; 32], "/x", sharing, cancel, |_| Ok::<(), StoreError>(()))
    }

    #[test]
    fn steps_meet_as_they_ask_to() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions { root: dir.path().to_owned(), owner: Owner::Root }).unwrap();
        let cancel = CancelToken::new();
        let first = take(&store, Sharing::Shared, &cancel).unwrap();
        let second = take(&store, Sharing::Shared, &cancel).unwrap();
        assert_eq!(first.data(), second.data());
        let alone = take(&store, Sharing::Private, &cancel).unwrap();
        assert_ne!(alone.data(), first.data());
        drop((first, second));
        // The first one is free again, so nobody makes a third.
        let again = take(&store, Sharing::Private, &cancel).unwrap();
        assert!(again.data().ends_with("0/data"));
        let waiting = std::thread::scope(|scope| {
            let thread = scope.spawn(|| take(&store, Sharing::Locked, &cancel));
            std::thread::sleep(Duration::from_millis(100));
            assert!(!thread.is_finished());
            drop(alone);
            thread.join().unwrap().unwrap()
        });
        assert!(waiting.data().ends_with("1/data"));
        cancel.cancel();
        assert!(matches!(take(&store, Sharing::Locked, &cancel), Err(StoreError::Cancelled(_))));
    }

    #[test]
    fn a_failed_filling_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreOptions { root: dir.path().to_owned(), owner: Owner::Root }).unwrap();
        let cancel = CancelToken::new();
        let fail = |data: &Path| {
            fs::write(data.join("half"), "").unwrap();
            Err(StoreError::from(crate::cancel::Cancelled))
        };
        assert!(store.cache_mount(&[7; 32], "/x", Sharing::Shared, &cancel, fail).is_err());
        let instance = take(&store, Sharing::Shared, &cancel).unwrap();
        assert_eq!(fs::read_dir(instance.data()).unwrap().count(), 0);
    }
}
