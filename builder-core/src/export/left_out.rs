//! Device nodes that the files of a root filesystem cannot be: taken from the archives of its layers.

use std::os::fd::OwnedFd;

use super::{ExportError, RootFilesystem};
use crate::cancel::CancelToken;
use crate::fs::PathContext;
use crate::fs::root::RootDir;
use crate::layer::{Devices, LeftOut};
use crate::report::each_entry;
use crate::snapshot::Snapshots;

/// Finds the device nodes of a root filesystem that `root`, which shows its files, does not have. Archives are read
/// only where a layer is known to have some.
///
/// # Errors
/// [`ExportError::Layer`] and others where a layer cannot be read.
pub(super) fn left_out(
    snapshots: &Snapshots,
    filesystem: &RootFilesystem<'_>,
    root: &OwnedFd,
    cancel: &CancelToken,
) -> Result<LeftOut, ExportError> {
    let mut devices = Devices::default();
    let mut has_some = false;
    for (index, layer) in filesystem.layers.iter().enumerate() {
        let chain = filesystem.diff_ids.get(..=index).unwrap_or_default();
        let Some(diff_id) = chain.last() else { break };
        has_some = has_some || snapshots.store().has_left_out(diff_id)?;
        // What lies on it may hide them again.
        if has_some {
            devices.begin_layer();
            each_entry(snapshots, layer, chain, &mut |entry, _| devices.entry(entry), cancel)?;
        }
    }
    let root = RootDir::from_fd(root.try_clone().at("duplicate the descriptor of", "/")?);
    if has_some { Ok(devices.missing_from(&root)?) } else { Ok(LeftOut::default()) }
}
