//! The copy engine of COPY and ADD.
//!
//! A copy has two sides. Its source is a [`CopyTree`]: a build context or the filesystem of another stage.
//! What the sources name is found once ([`Selection`]), so that [`content_digest`] covers exactly the
//! files that [`run`] copies; a file that is not what it was by then is told ([`CopyOutcome::changed`]). Its destination is the root of a mounted filesystem; the kernel makes a layer
//! out of what is written there. Both sides are walked by descriptors, one component at a time: neither
//! links nor races lead out of either.
//!
//! Spec: dockerfile-semantics 5.6 and 6.

mod content;
mod data;
mod devices;
mod error;
mod graft;
mod place;
mod run;
mod select;
mod times;
mod write;

#[cfg(test)]
mod archive_tests;
#[cfg(test)]
mod content_tests;
#[cfg(test)]
mod filter_tests;
#[cfg(test)]
mod stage_tests;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use content::{CONTENT_VERSION, ContentDigest, ContentEntry, SourceDigest, content_digest};
pub use devices::CopiedDevices;
pub(crate) use devices::refuse_named;
pub use error::CopyError;
pub use graft::CopyGraft;
pub use run::{graft, run};
pub use select::{Selection, plain_paths};
pub use times::times_digest;

use crate::build_context::Context;
use crate::build_context::fingerprints::Fingerprints;
use crate::dockerignore::Patterns;
use crate::fs::accounts::Identity;
use crate::fs::entry::{FileKind, Metadata};
use crate::fs::root::{Inherit, NewDirectory, RootDir};
use crate::plan::mode::ModeChange;
use crate::plan::op::CopySource;

/// Where files come from.
#[derive(Clone, Copy, Debug)]
pub enum CopyTree<'a> {
    /// A build context: seen through its ignore file; of this machine, everything belongs to 0:0.
    Context(&'a Context),
    /// A root filesystem: everything keeps its owner.
    Filesystem(&'a RootDir),
    /// The same, of which earlier builds may have left something.
    Stage(&'a RootDir, &'a Fingerprints),
}

impl<'a> CopyTree<'a> {
    fn root(&self) -> &'a RootDir {
        match self {
            Self::Context(context) => context.root(),
            Self::Filesystem(root) | Self::Stage(root, _) => root,
        }
    }

    fn ignore(&self) -> Option<&'a Patterns> {
        match self {
            Self::Context(context) => context.ignore(),
            Self::Filesystem(_) | Self::Stage(..) => None,
        }
    }

    /// What earlier builds left about the files.
    fn fingerprints(&self) -> Option<&'a Fingerprints> {
        match self {
            Self::Context(context) => context.fingerprints(),
            Self::Filesystem(_) => None,
            Self::Stage(_, fingerprints) => Some(fingerprints),
        }
    }

    /// Tells whether files keep the owner they have here.
    pub(crate) fn keeps_owner(&self) -> bool {
        match self {
            Self::Context(context) => context.keeps_owner(),
            Self::Filesystem(_) | Self::Stage(..) => true,
        }
    }
}

/// One COPY or ADD.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CopyRequest<'a> {
    /// Where files come from.
    pub tree: CopyTree<'a>,
    /// What is copied, in order.
    pub sources: &'a [CopySource],
    /// The root of the filesystem they come into.
    pub destination_root: &'a RootDir,
    /// The destination: absolute; a trailing `/` means that it is a directory.
    pub destination: &'a str,
    /// The owner of everything that is copied or made.
    pub owner: Option<(u32, u32)>,
    /// The mode of everything but links that is copied; one in octal also of directories that are made.
    pub mode: Option<&'a ModeChange>,
    /// Whether archives among the sources are unpacked.
    pub unpack: bool,
    /// The directory that a new layer of the destination is made of, where the destination is an overlay: what goes
    /// into a directory that this copy makes is put there directly.
    pub upper: Option<&'a RootDir>,
    /// Device nodes that come along with directories of the tree.
    pub devices: Option<&'a CopiedDevices>,
    /// The time of directories and inline files, which have none of their own: seconds; now without.
    pub created_mtime: Option<i64>,
}

impl<'a> CopyRequest<'a> {
    /// Makes a request that keeps owners and modes and unpacks nothing.
    pub fn new(
        tree: CopyTree<'a>,
        sources: &'a [CopySource],
        destination_root: &'a RootDir,
        destination: &'a str,
    ) -> Self {
        Self {
            tree,
            sources,
            destination_root,
            destination,
            owner: None,
            mode: None,
            unpack: false,
            upper: None,
            devices: None,
            created_mtime: None,
        }
    }
}

impl CopyRequest<'_> {
    /// Returns the mode that a file or directory gets.
    fn mode_of(&self, metadata: &Metadata) -> u32 {
        let is_directory = metadata.kind == FileKind::Directory;
        self.mode.map_or(metadata.mode, |change| change.apply(metadata.mode, is_directory))
    }

    /// Returns the owner that a file or directory gets.
    fn owner_of(&self, metadata: &Metadata) -> (u32, u32) {
        let own = if self.tree.keeps_owner() { (metadata.uid, metadata.gid) } else { (0, 0) };
        self.owner.unwrap_or(own)
    }
}

/// What was copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CopyOutcome {
    /// Files, links, devices.
    pub files: u64,
    /// Directories, without those that existed.
    pub directories: u64,
    /// Bytes of files.
    pub bytes: u64,
    /// Archives that were unpacked.
    pub archives: u64,
    /// Devices in archives that a user namespace is not allowed to make.
    pub skipped_devices: u64,
    /// Whether a file changed between its selection and the end of its copy: the copy is good, but a digest of
    /// the selection may be of other content.
    pub changed: bool,
}

impl CopyOutcome {
    fn add(&mut self, other: Self) {
        self.files += other.files;
        self.directories += other.directories;
        self.bytes += other.bytes;
        self.archives += other.archives;
        self.skipped_devices += other.skipped_devices;
        self.changed |= other.changed;
    }
}

/// Makes the directory of a `WORKDIR` with all that lead to it. Those that exist are not touched.
///
/// Spec: dockerfile-semantics 5.10.
///
/// # Errors
/// [`CopyError::NotADirectory`] where something else is in the way, else [`CopyError::Path`].
pub fn make_workdir(root: &RootDir, path: &Path, identity: &Identity, mtime: Option<i64>) -> Result<(), CopyError> {
    make_directories(root, path, (identity.uid, identity.gid), Inherit::Nothing, mtime)
}

/// Makes a directory, mode 0755, with all that lead to it. Those that exist are not touched.
///
/// # Errors
/// As [`make_workdir`].
pub fn make_directories(
    root: &RootDir,
    path: &Path,
    owner: (u32, u32),
    inherit: Inherit,
    mtime: Option<i64>,
) -> Result<(), CopyError> {
    let new = NewDirectory { mode: 0o755, owner: Some(owner), mtime: mtime.map(|seconds| (seconds, 0)), inherit };
    place::directory(root, path, new)?;
    Ok(())
}
