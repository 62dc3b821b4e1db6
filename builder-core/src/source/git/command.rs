//! One run of git: cut off from everything that is not given to it, and ended when the build is.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use zeroize::Zeroizing;

use super::super::Outside;
use super::GitError;
use super::access::{self, Ssh};
use crate::fs::PathContext;
use crate::remote::{GitSource, without_credentials};
use crate::sandbox::AgentProxy;
use crate::store::WorkDir;

/// How long one run may take.
const MAX_MINUTES: u64 = 60;
/// The most that git may print; the list of a hundred thousand branches is a tenth of it.
const MAX_OUTPUT: u64 = 64 << 20;
/// How much of the end of its messages is shown.
const MAX_MESSAGE: usize = 2000;
/// The largest file that git may write.
const MAX_FILE: u64 = 64 << 30;
/// How often a server is asked that does not answer well.
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Settings that hold whatever a repository says.
const SETTINGS: [(&str, &str); 16] = [
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.autocrlf", "false"),
    ("core.askPass", ""),
    ("credential.helper", ""),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("submodule.recurse", "false"),
    ("fetch.recurseSubmodules", "false"),
    ("transfer.bundleURI", "false"),
    ("advice.detachedHead", "false"),
    ("init.defaultBranch", "master"),
    ("protocol.version", "2"),
    ("safe.directory", "*"),
    ("http.lowSpeedLimit", "1"),
    ("http.lowSpeedTime", "60"),
];

/// Git for one repository, with a temporary directory for what it needs.
pub(super) struct Git<'a> {
    outside: &'a Outside<'a>,
    program: PathBuf,
    remote: String,
    environment: Vec<(OsString, OsString)>,
    hidden: Vec<Zeroizing<String>>,
    work: WorkDir,
    _agent: Option<AgentProxy>,
}

impl<'a> Git<'a> {
    pub(super) fn new(source: &GitSource, outside: &'a Outside<'a>) -> Result<Self, GitError> {
        let program = outside.program("git").ok_or_else(|| GitError::NoProgram {
            searched: outside.search_path.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "),
        })?;
        let work = outside.store.work_dir()?;
        let home = work.path().join("home");
        std::fs::create_dir(&home).at("create directory", &home)?;
        let mut settings: Vec<(OsString, OsString)> =
            SETTINGS.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        settings.push(("remote.origin.url".into(), source.remote.clone().into()));
        let mut hidden = Vec::new();
        if let Some(value) = access::authorization(source, outside.secrets)? {
            let scope = access::scope(&source.remote);
            settings.push((
                format!("http.{scope}.extraheader").into(),
                OsString::from_vec([b"Authorization: ", &value[..]].concat()),
            ));
            // Git sends the header to whom it is sent on as well; nobody else is to see it.
            settings.push(("http.followRedirects".into(), "false".into()));
            hidden.push(Zeroizing::new(String::from_utf8_lossy(&value).into_owned()));
        }
        let mut environment = hermetic(outside, &home);
        let Ssh { command, socket, agent } = access::ssh(outside, work.path())?;
        environment.push(("GIT_SSH_COMMAND".into(), OsString::from_vec(command)));
        environment.extend(socket.map(|socket| ("SSH_AUTH_SOCK".into(), socket.into_os_string())));
        environment.push(("GIT_CONFIG_COUNT".into(), settings.len().to_string().into()));
        for (index, (key, value)) in settings.into_iter().enumerate() {
            environment.push((format!("GIT_CONFIG_KEY_{index}").into(), key));
            environment.push((format!("GIT_CONFIG_VALUE_{index}").into(), value));
        }
        Ok(Self { outside, program, remote: source.remote.clone(), environment, hidden, work, _agent: agent })
    }

    /// The temporary directory.
    pub(super) fn work(&self) -> &Path {
        self.work.path()
    }

    /// Runs git on what is here.
    pub(super) fn run<S: AsRef<OsStr>>(&self, directory: &Path, arguments: &[S]) -> Result<Vec<u8>, GitError> {
        self.once(directory, arguments, "git failed")
    }

    /// Runs git with the server, again where the way to it failed.
    pub(super) fn ask<S: AsRef<OsStr>>(&self, directory: &Path, arguments: &[S]) -> Result<Vec<u8>, GitError> {
        let what = format!("failed to fetch remote {}", without_credentials(&self.remote));
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            match self.once(directory, arguments, &what) {
                Err(GitError::Failed { said, .. }) if is_transient(&said) => self.wait(pause)?,
                outcome => return outcome,
            }
            pause *= 2;
        }
        self.once(directory, arguments, &what)
    }

    fn wait(&self, pause: Duration) -> Result<(), GitError> {
        let end = Instant::now() + pause;
        while Instant::now() < end {
            self.outside.cancel.check()?;
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn once<S: AsRef<OsStr>>(&self, directory: &Path, arguments: &[S], what: &str) -> Result<Vec<u8>, GitError> {
        self.outside.cancel.check()?;
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(directory)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        crate::sys::helper::bind(&mut command, MAX_FILE);
        let mut running = Running(command.spawn().at("start", &self.program)?);
        let (out, err) = (running.0.stdout.take(), running.0.stderr.take());
        std::thread::scope(|scope| {
            let out = scope.spawn(move || read(out, MAX_OUTPUT, false));
            let err = scope.spawn(move || read(err, MAX_MESSAGE as u64, true));
            let success = self.supervise(&mut running, what);
            // What has the pipes open still is killed with the group.
            running.kill();
            let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
            if success? {
                return Ok(out);
            }
            Err(GitError::Failed { what: what.to_owned(), said: self.shown(&err) })
        })
    }

    fn supervise(&self, running: &mut Running, what: &str) -> Result<bool, GitError> {
        let begin = Instant::now();
        let mut tick = Duration::from_millis(1);
        loop {
            if let Some(status) = running.0.try_wait().at("wait for", &self.program)? {
                return Ok(status.success());
            }
            self.outside.cancel.check()?;
            if begin.elapsed() > Duration::from_mins(MAX_MINUTES) {
                return Err(GitError::Timeout { what: what.to_owned(), minutes: MAX_MINUTES });
            }
            std::thread::sleep(tick);
            tick = (tick * 2).min(Duration::from_millis(30));
        }
    }

    /// What git said, fit to be shown.
    fn shown(&self, said: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(said).into_owned();
        text = text.replace(&self.remote, &without_credentials(&self.remote));
        for hidden in &self.hidden {
            text = text.replace(hidden.as_str(), "xxxxx");
        }
        let work = self.work.path().display().to_string();
        let lines = text.lines().map(|line| line.replace(&work, "").trim().to_owned());
        let acts = |c: char| c.is_control();
        let lines: Vec<String> = lines.map(|line| line.replace(acts, "")).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() { "git said nothing".to_owned() } else { lines.join("; ") }
    }
}

/// A program that is running, killed with its group when dropped.
struct Running(Child);

impl Running {
    fn kill(&mut self) {
        if let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself.
            let _gone = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        // Collected already, or killed just now.
        let _collected = self.0.wait();
    }
}

fn read(stream: Option<impl Read>, limit: u64, tail: bool) -> Vec<u8> {
    let Some(mut stream) = stream else { return Vec::new() };
    let mut bytes = Vec::new();
    if !tail {
        // A broken pipe is the end of it.
        let _end = stream.take(limit).read_to_end(&mut bytes);
        return bytes;
    }
    let mut buffer = [0; 4096];
    let keep = usize::try_from(limit).unwrap_or(usize::MAX);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..count]);
        let excess = bytes.len().saturating_sub(keep);
        bytes.drain(..excess);
    }
    bytes
}

/// The environment, and nothing of ours in it.
fn hermetic(outside: &Outside<'_>, home: &Path) -> Vec<(OsString, OsString)> {
    let path = std::env::join_paths(outside.search_path).unwrap_or_default();
    let mut environment: Vec<(OsString, OsString)> = vec![
        ("PATH".into(), path),
        ("HOME".into(), home.into()),
        ("XDG_CONFIG_HOME".into(), home.into()),
        ("LC_ALL".into(), "C".into()),
        ("TZ".into(), "UTC".into()),
        ("GIT_CONFIG_NOSYSTEM".into(), "1".into()),
        ("GIT_CONFIG_GLOBAL".into(), "/dev/null".into()),
        ("GIT_ATTR_NOSYSTEM".into(), "1".into()),
        ("GIT_TERMINAL_PROMPT".into(), "0".into()),
        ("GIT_ALLOW_PROTOCOL".into(), "http:https:ssh:git".into()),
        ("GIT_LFS_SKIP_SMUDGE".into(), "1".into()),
        ("GIT_SSH_VARIANT".into(), "ssh".into()),
    ];
    if let Some(parent) = home.parent().and_then(Path::parent) {
        environment.push(("GIT_CEILING_DIRECTORIES".into(), parent.into()));
    }
    #[cfg(feature = "registry")]
    for (name, proxy) in [("https_proxy", &outside.registry.proxy), ("http_proxy", &outside.registry.plain_proxy)] {
        if let Some(proxy) = proxy {
            environment.push((name.into(), proxy.url.clone().into()));
            environment.push(("no_proxy".into(), format!("localhost,127.0.0.1,::1,{}", proxy.bypass).into()));
        }
    }
    environment
}

/// Tells whether the same question may be answered a little later.
fn is_transient(said: &str) -> bool {
    [
        "Could not resolve host",
        "Connection reset",
        "Connection timed out",
        "connection timed out",
        "early EOF",
        "unexpected disconnect",
        "remote end hung up unexpectedly",
        "requested URL returned error: 5",
        "requested URL returned error: 429",
    ]
    .iter()
    .any(|sign| said.contains(sign))
}
