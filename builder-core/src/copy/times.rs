//! The times of what a COPY selects, as far as they get into a layer whose times are clamped.
//!
//! Who builds with a time for the image wants the same bits whatever was built before: then a file that is older than
//! that keeps its own time, which counts like its content. All others get the image's, and theirs do not matter.

use std::os::unix::ffi::OsStrExt;

use super::select::Selection;
use crate::build_context::scan::Node;

/// Computes a digest of the times of all that is selected and older than `clamp`, seconds since 1970; nothing where
/// there is no such thing.
pub fn times_digest(selection: &Selection, clamp: i64) -> Option<[u8; 32]> {
    let mut times = Times { clamp, hasher: blake3::Hasher::new(), position: 0, any: false };
    for found in selection.sources.iter().flatten() {
        // The root of a tree gives nobody its time.
        if found.path.as_os_str().is_empty() {
            found.node.children.iter().for_each(|child| times.node(child));
        } else {
            times.node(&found.node);
        }
    }
    times.any.then(|| *times.hasher.finalize().as_bytes())
}

struct Times {
    clamp: i64,
    hasher: blake3::Hasher,
    /// How many have been looked at.
    position: u64,
    any: bool,
}

impl Times {
    fn node(&mut self, node: &Node) {
        self.position += 1;
        let seconds = node.metadata.mtime.0;
        if seconds < self.clamp {
            self.any = true;
            self.hasher.update(&self.position.to_le_bytes());
            self.hasher.update(&(node.name.len() as u64).to_le_bytes());
            self.hasher.update(node.name.as_bytes());
            self.hasher.update(&seconds.to_le_bytes());
        }
        node.children.iter().for_each(|child| self.node(child));
    }
}
