//! `RUN`.

use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::{Outcome, Step, root_of};
use crate::copy::make_workdir;
use crate::event::{Event, LogStream};
use crate::fs::accounts::resolve_user;
use crate::fs::root::RootDir;
use crate::plan::op::{NetworkMode, RunOp};
use crate::sandbox::{self, Exit, SandboxFile, SandboxNetwork, SandboxSpec};
use crate::solve::log_tail::LogTail;
use crate::solve::{StepError, StepResult};

/// Bytes of one step's output that are passed on; the rest is dropped with a notice (dockerfile-semantics 16.9).
const MAX_LOG_BYTES: u64 = 2 * 1024 * 1024;
/// The host name of every sandbox (BuildKit's).
const HOSTNAME: &str = "buildkitsandbox";
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
        let (exit, log) = {
            let view = self.solver.snapshots.view(&parent.diff_ids)?;
            let extra = sandbox::stubs::prepare(&view, op.network != NetworkMode::None, stubs.path())?;
            let mount = active.mount(extra.as_deref())?;
            let root = root_of(&mount)?;
            let spec = self.spec(op, &root, mount)?;
            self.supervise(&spec)?
        };
        match exit {
            Exit::Code(0) => self.commit(active, &parent, &[key]),
            exit => Err(StepError::Command { command: op.args.join(" "), exit, log }.into()),
        }
    }

    fn spec(&self, op: &RunOp, root: &RootDir, mount: std::os::fd::OwnedFd) -> Outcome<SandboxSpec> {
        let identity = resolve_user(root, &op.user)?;
        if !root.is_dir(Path::new(&op.cwd)) {
            make_workdir(root, &op.cwd, &identity, self.solver.options.source_date_epoch)?;
        }
        let mut env = op.env.clone();
        env.extend(op.proxy_env.iter().map(|(name, value)| (name.clone(), value.clone())));
        if !env.iter().any(|(name, _)| name == "HOME") {
            env.push(("HOME".to_owned(), identity.home.clone()));
        }
        let files = op.pipes.iter().map(|(name, content)| SandboxFile {
            target: format!("{PIPES_DIRECTORY}/{name}"),
            content: content.clone().into_bytes(),
            mode: 0o755,
        });
        let network = if op.network == NetworkMode::None { SandboxNetwork::None } else { SandboxNetwork::Host };
        Ok(SandboxSpec {
            root: mount,
            args: op.args.clone(),
            env,
            cwd: op.cwd.clone(),
            uid: identity.uid,
            gid: identity.gid,
            groups: identity.groups,
            network,
            hostname: HOSTNAME.to_owned(),
            hosts: format!("127.0.0.1\tlocalhost {HOSTNAME}\n::1\tlocalhost ip6-localhost ip6-loopback\n"),
            resolv_conf: Some(self.solver.options.resolv_conf.clone()),
            files: files.collect(),
        })
    }

    /// Runs the sandbox, passes its output on, and keeps the tail of it.
    fn supervise(&self, spec: &SandboxSpec) -> Outcome<(Exit, Vec<String>)> {
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
