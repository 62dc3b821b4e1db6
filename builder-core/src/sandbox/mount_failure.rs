//! What a refused mount of a step means, in words about that mount.

use std::path::PathBuf;

use super::stubs::StubKind;
use super::{SandboxError, SandboxMount, step_mounts};
use crate::sys::setup_op::SetupOp;

/// Explains why an operation of the set-up was refused; nothing where no mount of the step is to blame, or where the
/// system's own words say it all.
pub(super) fn explain(mounts: &[SandboxMount], operation: &SetupOp, errno: i32) -> Option<SandboxError> {
    let (SetupOp::Attach { target: path, .. } | SetupOp::CreateDirectory { path, .. } | SetupOp::CreateFile { path }) =
        operation
    else {
        return None;
    };
    let path = path.to_str().ok()?;
    let mount = mounts.iter().rfind(|mount| is_at_or_above(path, mount.target()))?;
    match errno {
        // The kernel's word for a mount that is moved to something of the other kind may also be "invalid". Where a mount
        // point is made, what leads to it is to blame.
        libc::EINVAL | libc::ENOTDIR | libc::EISDIR
            if path == mount.target() && matches!(operation, SetupOp::Attach { .. }) =>
        {
            Some(on_other(mount.target(), mount.kind()))
        }
        libc::ENOTDIR => {
            let existing = PathBuf::from(path).parent().map(PathBuf::from).unwrap_or_default();
            Some(SandboxError::NotADirectory { target: mount.target().to_owned(), existing })
        }
        libc::EROFS => {
            let outer = step_mounts::around(mounts, mount)?;
            let (target, outer) = (mount.target().to_owned(), outer.target().to_owned());
            Some(SandboxError::MountInReadOnly { target, outer })
        }
        _ => None,
    }
}

/// A file meets a directory, or the reverse.
pub(super) fn on_other(target: &str, mounted: StubKind) -> SandboxError {
    let (mounted, existing) = match mounted {
        StubKind::Directory => ("directory", "file"),
        StubKind::File => ("file", "directory"),
    };
    SandboxError::MountOnOther { target: target.to_owned(), mounted, existing }
}

fn is_at_or_above(path: &str, target: &str) -> bool {
    target.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
