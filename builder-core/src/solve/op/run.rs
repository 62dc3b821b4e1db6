//! `RUN`.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::{Outcome, Step, root_of};
use crate::copy::make_workdir;
use crate::event::{Event, LogStream};
use crate::fs::accounts::resolve_user;
use crate::fs::entry::FileKind;
use crate::fs::root::{Follow, RootDir};
use crate::plan::op::{NetworkMode, RunOp};
use crate::sandbox::{self, Exit, SandboxError, SandboxFile, SandboxNetwork, SandboxSpec};
use crate::solve::log_tail::LogTail;
use crate::solve::{StepError, StepResult};

/// Bytes of one step's output that are passed on; the rest is dropped with a notice (dockerfile-semantics 16.9).
const MAX_LOG_BYTES: u64 = 2 * 1024 * 1024;
/// Where scripts of heredocs with an interpreter line are put for the duration.
const PIPES_DIRECTORY: &str = "/dev/pipes";

impl Step<'_, '_> {
    pub(super) fn run(&self, op: &RunOp) -> Outcome<StepResult> {
        let parent = self.filesystem(op.parent)?;
        let mut key = self.key("run", parent.content);
        key.list("argument", op.args.iter().map(String::as_str));
        let mut env: Vec<&(String, String)> = op.env.iter().collect();
        env.sort();
        for (name, value) in env {
            key.text(&format!("env {name}"), value);
        }
        key.text("cwd", &op.cwd).text("user", &op.user).text("platform", &op.platform.to_string()).text(
            "network",
            match op.network {
                NetworkMode::Default => "default",
                NetworkMode::None => "none",
                NetworkMode::Host => "host",
            },
        );
        for (name, content) in &op.pipes {
            key.text(&format!("script {name}"), content);
        }
        let key = key.finish();
        if let Some(result) = self.cached(&key.0, &parent)? {
            return Ok(result);
        }
        self.started();
        let active = self.begin(&parent)?;
        let stubs = self.solver.store.work_dir()?;
        let files = script_files(op);
        let (exit, log) = {
            let view = self.solver.snapshots.view(&parent.diff_ids)?;
            let targets = sandbox::stubs::targets(true, &files);
            let extra = sandbox::stubs::prepare(view.as_fd(), &targets, stubs.path()).map_err(StepError::Sandbox)?;
            let mount = active.mount(extra.as_deref())?;
            let root = root_of(&mount)?;
            let spec = self.spec(op, &root, mount, files)?;
            self.supervise(&spec).map_err(|error| failure(op, error))?
        };
        match exit {
            Exit::Code(0) => self.commit(active, &parent, &[key]),
            exit => Err(StepError::Command { command: op.args.join(" "), exit, log }.into()),
        }
    }

    fn spec(&self, op: &RunOp, root: &RootDir, mount: OwnedFd, files: Vec<SandboxFile>) -> Outcome<SandboxSpec> {
        let identity = resolve_user(root, &op.user)?;
        let is_directory =
            root.find(Path::new(&op.cwd), Follow::Yes)?.is_some_and(|found| found.kind == FileKind::Directory);
        if !is_directory {
            make_workdir(root, Path::new(&op.cwd), &identity, self.solver.options.source_date_epoch)?;
        }
        let mut env = op.env.clone();
        env.extend(op.proxy_env.iter().map(|(name, value)| (name.clone(), value.clone())));
        let network = if op.network == NetworkMode::None { SandboxNetwork::None } else { SandboxNetwork::Host };
        Ok(SandboxSpec::new(mount, op.args.clone())
            .env(env)
            .cwd(op.cwd.clone())
            .identity(identity)
            .network(network)
            .resolv_conf(self.solver.options.resolv_conf.clone())
            .files(files))
    }

    /// Runs the sandbox, passes its output on, and keeps the tail of it.
    fn supervise(&self, spec: &SandboxSpec) -> Result<(Exit, Vec<String>), SandboxError> {
        struct Log {
            tail: LogTail,
            passed: u64,
        }
        let log = Mutex::new(Log { tail: LogTail::default(), passed: 0 });
        let output = |stream: LogStream, data: &[u8]| {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.tail.push(data);
            let before = log.passed;
            log.passed += data.len() as u64;
            drop(log);
            if before >= MAX_LOG_BYTES {
                return;
            }
            self.solver.events.emit(Event::StepLog { id: self.vertex.id, stream, data: data.to_vec() });
            if before + data.len() as u64 >= MAX_LOG_BYTES {
                let notice = b"\n[output clipped, log limit 2MiB reached]\n".to_vec();
                self.solver.events.emit(Event::StepLog { id: self.vertex.id, stream: LogStream::Stderr, data: notice });
            }
        };
        let exit = sandbox::run(spec, &output, self.cancel)?;
        Ok((exit, log.into_inner().unwrap_or_else(PoisonError::into_inner).tail.into_lines()))
    }
}

/// A program that cannot be started is the Dockerfile's or the image's fault, all else this machine's.
fn failure(op: &RunOp, error: SandboxError) -> StepError {
    if error.is_about_program() {
        StepError::Start { help: start_help(op, &error), source: error }
    } else {
        StepError::Sandbox(error)
    }
}

fn start_help(op: &RunOp, error: &SandboxError) -> Option<String> {
    Some(match error {
        SandboxError::ProgramNotFound { program, .. } if op.shell_form => format!(
            "`{program}` is the shell of this RUN, and the image has none there: begin with an image that has it, name \
             another one with SHELL, or do without a shell: `RUN [\"program\", \"argument\"]`"
        ),
        SandboxError::ProgramNotFound { searched: true, .. } => {
            "is it installed in the image, and in a directory of its `PATH`?".to_owned()
        }
        SandboxError::ProgramNotFound { .. } => "is it installed in the image, at this path?".to_owned(),
        SandboxError::InterpreterNotFound { .. } => {
            "the image must have what the `#!` line of a script names (without \
            a carriage return at its end), and the dynamic loader that a program was linked for"
                .to_owned()
        }
        SandboxError::ProgramNotExecutable { .. } => {
            "`COPY --chmod=755` or `RUN chmod +x` makes a file executable, also for other users than root".to_owned()
        }
        SandboxError::ExecFormat { .. } => {
            format!("it is a program for another platform than {}, or a script without a `#!` line", op.platform)
        }
        _ => return None,
    })
}

/// Scripts of heredocs with an interpreter line, where the command expects them.
fn script_files(op: &RunOp) -> Vec<SandboxFile> {
    let file = |(name, content): &(String, String)| SandboxFile {
        target: format!("{PIPES_DIRECTORY}/{name}"),
        content: content.clone().into_bytes(),
        mode: 0o755,
    };
    op.pipes.iter().map(file).collect()
}
