//! `RUN`.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::mount_error::blame_target;
use super::mounts::{Precision, StepMounts};
use super::run_help::start_help;
use super::{Failure, Outcome, Step, root_of};
use crate::cache::{CacheKey, KeyPart, explain};
use crate::copy::make_workdir;
use crate::event::{Event, LogStream};
use crate::fs::accounts::resolve_user;
use crate::fs::entry::FileKind;
use crate::fs::root::{Follow, Inherit, NewDirectory, RootDir};
use crate::plan::op::{NetworkMode, RunOp, SecurityMode};
use crate::sandbox::{
    self, DEFAULT_HOSTNAME, Exit, SandboxError, SandboxFile, SandboxNetwork, SandboxSpec, hosts_file, stubs,
};
use crate::solve::log_limit::LogLimiter;
use crate::solve::log_tail::LogTail;
use crate::solve::{StepError, StepResult};

/// Mount points that stay where they were missing, as with BuildKit; all others vanish.
const KEPT: [&str; 3] = ["/dev", "/proc", "/sys"];
/// Where scripts of heredocs with an interpreter line are put for the duration.
const PIPES_DIRECTORY: &str = "/dev/pipes";

impl Step<'_, '_> {
    pub(super) fn run(&self, op: &RunOp) -> Outcome<StepResult> {
        let parent = self.filesystem(op.parent)?;
        let (key, inexact) = self.run_key(op, &parent, Precision::Filesystem)?;
        let mut keys = vec![key];
        let found = if inexact { self.cached_roughly(&keys[0], &parent)? } else { self.cached(&keys[0], &parent)? };
        if let Some(result) = found {
            return Ok(result);
        }
        if inexact {
            let (key, _) = self.run_key(op, &parent, Precision::Selected)?;
            if let Some(result) = self.cached(&key, &parent)? {
                return Ok(result);
            }
            keys.push(key);
        }
        self.unless_another_does(&keys, &parent, || self.execute(op, &parent, &keys))
    }

    fn execute(&self, op: &RunOp, parent: &StepResult, keys: &[(CacheKey, Vec<KeyPart>)]) -> Outcome<StepResult> {
        self.missed(keys, None);
        let active = self.begin(parent)?;
        let directory = self.solver.store.work_dir()?;
        let files = script_files(op);
        let (exit, log) = {
            let mut mounts = self.mounts(op)?;
            let view = self.view(parent)?;
            let mut targets = stubs::targets(true, &files);
            targets.retain(|stub| !KEPT.contains(&stub.target.as_str()));
            targets.extend(stubs::mount_targets(&mounts.mounts));
            let extra = stubs::prepare(view.as_fd(), &targets, directory.path());
            let extra = extra.map_err(|error| blame_target(op, error))?;
            let mount = active.mount(extra.as_deref())?;
            let root = root_of(&mount)?;
            self.keep_directories(&root)?;
            let spec = self.spec(op, &root, mount, files, &mut mounts)?;
            self.supervise(&spec).map_err(|error| failure(op, error))?
        };
        match exit {
            Exit::Code(0) => self.commit(active, parent, keys),
            exit => Err(StepError::Command { command: op.args.join(" "), exit, log }.into()),
        }
    }

    /// Makes the directories that every sandbox mounts something on where the filesystem has none.
    fn keep_directories(&self, root: &RootDir) -> Outcome<()> {
        let mtime = self.solver.options.source_date_epoch.map(|seconds| (seconds, 0));
        for path in KEPT.map(Path::new) {
            if root.find(path, Follow::Yes)?.is_none() {
                root.make_dirs(
                    path,
                    NewDirectory { mode: 0o755, owner: Some((0, 0)), mtime, inherit: Inherit::Nothing },
                )?;
            }
        }
        Ok(())
    }

    /// The key of a step, and whether a more precise one says something else.
    fn run_key(
        &self,
        op: &RunOp,
        parent: &StepResult,
        precision: Precision,
    ) -> Outcome<((CacheKey, Vec<KeyPart>), bool)> {
        let mut key = self.key("run", parent.content);
        key.list("argument", op.args.iter().map(String::as_str));
        for part in explain::command(op) {
            key.note(part);
        }
        let mut env: Vec<&(String, String)> = op.env.iter().collect();
        env.sort();
        for (name, value) in env {
            key.text_as(&format!("env {name}"), value, explain::variable(op, name, value));
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
        if op.security == SecurityMode::Insecure {
            key.text("security", "insecure");
        }
        if let Some(hostname) = &op.hostname {
            key.text("host name", hostname);
        }
        let options = &self.solver.options.run;
        if let Some(size) = options.shm_bytes {
            key.number("shared memory", i64::try_from(size).ok());
        }
        for limit in &options.ulimits {
            key.text("limit", &format!("{}={}:{}", limit.name(), limit.soft, limit.hard));
        }
        // The address of a host may change from one day to the next and means the same.
        for (name, _) in &options.extra_hosts {
            key.text("extra host", name);
        }
        if let Some(parent) = &options.resources.cgroup_parent {
            key.text("control group", parent);
        }
        let inexact = self.mount_key(op, &mut key, precision)?;
        Ok((key.finish(), inexact))
    }

    fn spec(
        &self,
        op: &RunOp,
        root: &RootDir,
        mount: OwnedFd,
        files: Vec<SandboxFile>,
        mounts: &mut StepMounts,
    ) -> Outcome<SandboxSpec> {
        let identity = resolve_user(root, &op.user)?;
        let is_directory =
            root.find(Path::new(&op.cwd), Follow::Yes)?.is_some_and(|found| found.kind == FileKind::Directory);
        if !is_directory {
            make_workdir(root, Path::new(&op.cwd), &identity, self.solver.options.source_date_epoch)
                .map_err(StepError::Workdir)?;
        }
        let mut env = op.env.clone();
        env.extend(op.proxy_env.iter().map(|(name, value)| (name.clone(), value.clone())));
        env.append(&mut mounts.env);
        let network = if op.network == NetworkMode::None { SandboxNetwork::None } else { SandboxNetwork::Host };
        let options = &self.solver.options.run;
        let hostname = op.hostname.as_deref().unwrap_or(DEFAULT_HOSTNAME);
        let addresses: Vec<(String, String)> =
            options.extra_hosts.iter().map(|(name, address)| (address.clone(), name.clone())).collect();
        let mut spec = SandboxSpec::new(mount, op.args.clone())
            .env(env)
            .cwd(op.cwd.clone())
            .identity(identity)
            .network(network)
            .hostname(hostname)
            .hosts(hosts_file(hostname, &addresses))
            .resolv_conf(self.solver.options.resolv_conf.seen_by(op.network))
            .files(files);
        spec.mounts = std::mem::take(&mut mounts.mounts);
        spec.secret_env = std::mem::take(&mut mounts.secret_env);
        spec.insecure = op.security == SecurityMode::Insecure;
        spec.shm_bytes = options.shm_bytes;
        spec.ulimits.clone_from(&options.ulimits);
        spec.resources.clone_from(&options.resources);
        Ok(spec)
    }

    /// Runs the sandbox, passes its output on, and keeps the tail of it.
    fn supervise(&self, spec: &SandboxSpec) -> Result<(Exit, Vec<String>), SandboxError> {
        struct Log {
            tail: LogTail,
            stdout: LogLimiter,
            stderr: LogLimiter,
        }
        let limiter = || LogLimiter::new(self.solver.options.run.log);
        let log = Mutex::new(Log { tail: LogTail::default(), stdout: limiter(), stderr: limiter() });
        let began = Instant::now();
        let output = |stream: LogStream, data: &[u8]| {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.tail.push(data);
            let limiter = if stream == LogStream::Stdout { &mut log.stdout } else { &mut log.stderr };
            let data = limiter.pass(data, began.elapsed());
            drop(log);
            if !data.is_empty() {
                self.solver.events.emit(Event::StepLog { id: self.vertex.id, stream, data });
            }
        };
        let exit = sandbox::run(spec, &output, self.cancel)?;
        Ok((exit, log.into_inner().unwrap_or_else(PoisonError::into_inner).tail.into_lines()))
    }
}

/// A program that cannot be started is the Dockerfile's or the image's fault, all else this machine's.
fn failure(op: &RunOp, error: SandboxError) -> Failure {
    if error.is_about_program() {
        StepError::Start { help: start_help(op, &error), source: error }.into()
    } else {
        blame_target(op, error)
    }
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
