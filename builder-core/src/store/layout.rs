//! The directories of a store and the file that says whose it is.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::fs::PathContext;
use crate::layer::OverlayFlavor;

/// Version of the store's format. What another version made is refused.
const FORMAT_VERSION: u32 = 1;
const IDENTITY_FILE: &str = "builder-store.json";

/// Who works on a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// Root of the machine.
    Root,
    /// An ordinary user, by number, inside a user namespace.
    Rootless {
        /// The user's number outside of the namespace.
        uid: u32,
    },
}

impl Owner {
    /// Returns the marks that overlayfs can use for this owner.
    pub fn overlay_flavor(self) -> OverlayFlavor {
        match self {
            Self::Root => OverlayFlavor::Trusted,
            Self::Rootless { .. } => OverlayFlavor::User,
        }
    }

    fn describe(self) -> String {
        match self {
            Self::Root => "root".to_owned(),
            Self::Rootless { uid } => format!("user {uid} (rootless)"),
        }
    }
}

/// Which store to open, and as whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoreOptions {
    /// The store's directory.
    pub root: PathBuf,
    /// Who works on it.
    pub owner: Owner,
}

#[derive(Serialize, Deserialize)]
struct Identity {
    version: u32,
    owner: String,
}

#[derive(Debug)]
pub(super) struct Layout {
    pub(super) root: PathBuf,
    lock: File,
}

impl Layout {
    pub(super) fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let root = &options.root;
        for name in ["blobs/sha256", "snapshots", "cache-mounts", "work"] {
            let path = root.join(name);
            fs::create_dir_all(&path).at("create directory", &path)?;
        }
        let root = root.canonicalize().at("resolve", root)?;
        check_identity(&root, options.owner)?;
        for (name, content) in [
            ("oci-layout", r#"{"imageLayoutVersion":"1.0.0"}"#),
            (
                "index.json",
                r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#,
            ),
        ] {
            let path = root.join(name);
            if !path.exists() {
                write_atomically(&root, &path, content.as_bytes())?;
            }
        }
        let path = root.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&path).at("open", &path)?;
        rustix::fs::flock(&lock, FlockOperation::LockShared).at("lock", &path)?;
        Ok(Self { root, lock })
    }

    /// Runs `action` while no other process uses the store; `None` when one does.
    pub(super) fn exclusively<T>(
        &self,
        action: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let path = self.root.join("lock");
        match rustix::fs::flock(&self.lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                // A failed conversion may have dropped the shared lock (flock(2)).
                rustix::fs::flock(&self.lock, FlockOperation::LockShared).at("lock", &path)?;
                return Ok(None);
            }
            Err(error) => return Err(error).at("lock", &path).map_err(StoreError::from),
        }
        let outcome = action();
        rustix::fs::flock(&self.lock, FlockOperation::LockShared).at("lock", &path)?;
        outcome.map(Some)
    }
}

/// Tells whether there is a store at a directory; also where that cannot be found out.
pub fn is_store(root: &Path) -> bool {
    root.join(IDENTITY_FILE).try_exists().unwrap_or(true)
}

fn check_identity(root: &Path, owner: Owner) -> Result<(), StoreError> {
    let path = root.join(IDENTITY_FILE);
    let expected = owner.describe();
    match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let identity = Identity { version: FORMAT_VERSION, owner: expected };
            let text =
                serde_json::to_vec(&identity).map_err(|source| StoreError::Damaged { path: path.clone(), source })?;
            write_atomically(root, &path, &text)
        }
        Err(error) => Err(error).at("read", &path).map_err(StoreError::from),
        Ok(text) => {
            let identity: Identity =
                serde_json::from_slice(&text).map_err(|source| StoreError::Damaged { path, source })?;
            if identity.version != FORMAT_VERSION {
                let (found, expected) = (identity.version, FORMAT_VERSION);
                return Err(StoreError::Version { root: root.to_owned(), found, expected });
            }
            if identity.owner != expected {
                return Err(StoreError::Owner { root: root.to_owned(), found: identity.owner, expected });
            }
            Ok(())
        }
    }
}

/// Writes a small document so that a reader sees the old or the new one.
pub(super) fn write_atomically(root: &Path, path: &Path, content: &[u8]) -> Result<(), StoreError> {
    let temporary = tempfile::Builder::new().prefix(".new-").tempfile_in(root).at("create a file in", root)?;
    fs::write(temporary.path(), content).at("write", temporary.path())?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    temporary.as_file().set_permissions(mode).at("set the mode of", temporary.path())?;
    temporary.as_file().sync_all().at("sync", temporary.path())?;
    temporary.persist(path).map_err(|error| error.error).at("rename", path)?;
    Ok(())
}
