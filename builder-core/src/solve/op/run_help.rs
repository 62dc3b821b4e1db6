//! What somebody can do about a command that cannot be started.

use crate::plan::op::RunOp;
use crate::platform::Platform;
use crate::sandbox::SandboxError;
use crate::sandbox::foreign::{Handler, handler};

pub(super) fn start_help(op: &RunOp, error: &SandboxError) -> Option<String> {
    Some(match error {
        SandboxError::ProgramNotFound { program, .. } if op.shell_form => format!(
            "`{program}` is the shell of this RUN, and the image has none there: begin with an image that has it, name \
             another one with SHELL, or do without a shell: `RUN [\"program\", \"argument\"]`"
        ),
        SandboxError::ProgramNotFound { searched: true, .. } => {
            "is it installed in the image, and in a directory of its `PATH`?".to_owned()
        }
        SandboxError::ProgramNotFound { .. } => "is it installed in the image, at this path?".to_owned(),
        SandboxError::InterpreterNotFound { .. } => match foreign_help(op) {
            Some(help) => help,
            None => "the image must have what the `#!` line of a script names (without a carriage return at its end), \
                     and the dynamic loader that a program was linked for"
                .to_owned(),
        },
        SandboxError::ProgramNotExecutable { .. } => {
            "`COPY --chmod=755` or `RUN chmod +x` makes a file executable, also for other users than root".to_owned()
        }
        SandboxError::ExecFormat { .. } => match foreign_help(op) {
            Some(help) => help,
            None => {
                format!("it is a program for another platform than {}, or a script without a `#!` line", op.platform)
            }
        },
        _ => return None,
    })
}

/// What is missing to run programs of another architecture; nothing for this machine's own.
fn foreign_help(op: &RunOp) -> Option<String> {
    let (host, wanted) = (Platform::host(), &op.platform);
    if wanted.architecture == host.architecture {
        return None;
    }
    let install = "install the package `qemu-user-static` (with `binfmt-support` on Debian and Ubuntu), or run `docker \
                   run --privileged --rm tonistiigi/binfmt --install all` once";
    Some(match handler(&wanted.architecture) {
        Handler::Missing => format!(
            "this machine runs {host}, and has nothing to run {wanted} with: {install}; or build for this machine: \
             `FROM --platform=$BUILDPLATFORM`"
        ),
        Handler::Disabled => {
            format!("the handler for {wanted} in /proc/sys/fs/binfmt_misc is disabled: write 1 to its file, as root")
        }
        Handler::NotFixed => format!(
            "the handler for {wanted} in /proc/sys/fs/binfmt_misc is registered without the flag F, so that its \
             interpreter would have to be in the image: {install}"
        ),
        Handler::Ready => {
            format!("this machine has a handler for {wanted}, so the program is for yet another platform, or broken")
        }
    })
}
