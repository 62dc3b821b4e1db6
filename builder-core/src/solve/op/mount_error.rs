//! Which mount of a RUN is to blame for an error.

use super::Failure;
use crate::plan::mount::Mount;
use crate::plan::op::RunOp;
use crate::sandbox::SandboxError;
use crate::solve::StepError;

/// Blames a mount that could not be made ready.
pub(super) fn blame(mount: &Mount, failure: Failure) -> Failure {
    let cause = match failure.cause {
        StepError::Sandbox(error) if error.mount_target().is_some() => StepError::MountPoint(error),
        cause => cause,
    };
    let place = match &cause {
        StepError::MountSource(_) | StepError::MountNotFound { .. } | StepError::CacheSourceNotFound { .. } => {
            mount.places.source
        }
        StepError::MountPoint(_) => mount.places.target,
        _ => mount.places.whole,
    };
    Failure { cause, span: failure.span.or(Some(place)) }
}

/// Blames the mount of a step at whose target the sandbox could not be set up.
pub(super) fn blame_target(op: &RunOp, error: SandboxError) -> Failure {
    let Some(target) = error.mount_target() else { return StepError::Sandbox(error).into() };
    let mount = op.mounts.iter().rfind(|mount| mount.target.as_deref() == Some(target));
    Failure { span: mount.map(|mount| mount.places.target), cause: StepError::MountPoint(error) }
}
