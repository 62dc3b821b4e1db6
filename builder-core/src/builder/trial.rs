//! Runs an image in the sandbox of a RUN step, to try what was built. What it writes is gone afterwards.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::Builder;
use crate::cancel::CancelToken;
use crate::event::LogStream;
use crate::fs::accounts::{AccountError, resolve_user};
use crate::fs::root::RootDir;
use crate::fs::{PathContext, PathError};
use crate::plan::op::NetworkMode;
use crate::platform::Platform;
use crate::sandbox::{
    self, Exit, ResolvConf, Resources, SandboxError, SandboxMount, SandboxNetwork, SandboxSpec, SignalQueue, Stdio,
    Ulimit, hosts_file, stubs,
};
use crate::snapshot::SnapshotError;
use crate::source::{self, SourceError};
use crate::store::{ImageRecord, StoreError};
use crate::sys::mount::{self, Depth};

/// A file or directory of this machine that the process sees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Volume {
    /// Where it is here.
    pub source: PathBuf,
    /// Where the process sees it: absolute.
    pub target: String,
    /// Whether it cannot be written to.
    pub read_only: bool,
}

/// An empty directory in memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemoryDirectory {
    /// Where the process sees it: absolute.
    pub target: String,
    /// The bytes that it holds at most; as many as the kernel lets it where there is nothing.
    pub size_bytes: Option<u64>,
    /// Whether it cannot be written to.
    pub read_only: bool,
}

/// What to run, and how. What is empty is as the image says.
#[derive(Debug)]
#[non_exhaustive]
pub struct Trial {
    /// The image.
    pub image: ImageRecord,
    /// The platform that is asked for. Without one, this machine's is chosen from an index, and an image for another
    /// is tried as it is.
    pub platform: Option<Platform>,
    /// The arguments: in place of the image's `CMD`.
    pub command: Vec<String>,
    /// In place of the image's `ENTRYPOINT`; then its `CMD` means nothing either.
    pub entrypoint: Option<Vec<String>>,
    /// More environment variables, over those of the image.
    pub env: Vec<(String, String)>,
    /// The user, as USER has it.
    pub user: Option<String>,
    /// The working directory.
    pub cwd: Option<String>,
    /// What it sees of this machine.
    pub volumes: Vec<Volume>,
    /// Empty directories in memory.
    pub tmpfs: Vec<MemoryDirectory>,
    /// Whether it can only write to volumes and to memory.
    pub read_only: bool,
    /// The network.
    pub network: SandboxNetwork,
    /// The host name; by default the beginning of the image's ID.
    pub hostname: Option<String>,
    /// Pairs of name and address for `/etc/hosts`.
    pub extra_hosts: Vec<(String, String)>,
    /// Where names are found on the network.
    pub resolv_conf: ResolvConf,
    /// Resource limits of processes.
    pub ulimits: Vec<Ulimit>,
    /// Limits by control groups.
    pub resources: Resources,
    /// The size of `/dev/shm`, in bytes.
    pub shm_bytes: Option<u64>,
    /// What it reads from and writes to.
    pub stdio: Stdio,
    /// Signals that are passed on to it.
    pub signals: Option<SignalQueue>,
}

impl Trial {
    /// Makes a trial of an image as it is.
    pub fn new(image: ImageRecord, platform: Option<Platform>) -> Self {
        Self {
            image,
            platform,
            command: Vec::new(),
            entrypoint: None,
            env: Vec::new(),
            user: None,
            cwd: None,
            volumes: Vec::new(),
            tmpfs: Vec::new(),
            read_only: false,
            network: SandboxNetwork::Host,
            hostname: None,
            extra_hosts: Vec::new(),
            resolv_conf: ResolvConf::default(),
            ulimits: Vec::new(),
            resources: Resources::default(),
            shm_bytes: None,
            stdio: Stdio::Captured,
            signals: None,
        }
    }
}

/// An image could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrialError {
    /// The image cannot be used.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its root filesystem cannot be made.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The user or group is unknown.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The sandbox cannot be set up, or the program not started.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A file cannot be used.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Nothing says what to run.
    #[error("the image says no command, and none was given")]
    NoCommand,
}

impl Builder {
    /// Runs a process on an image and waits until it, and all that it started, is gone.
    ///
    /// # Errors
    /// [`TrialError`]; a process that fails is no error but an [`Exit`].
    pub fn try_image(
        &self,
        trial: Trial,
        output: &(dyn Fn(LogStream, &[u8]) + Sync),
        cancel: &CancelToken,
    ) -> Result<Exit, TrialError> {
        let _hold = self.store.hold();
        let platform = trial.platform.clone().unwrap_or_else(Platform::host);
        let image = source::resolve_stored(&self.store, &trial.image, &platform)?;
        if trial.platform.is_some() {
            image.check_platform(&platform)?;
        }
        source::fetch(&image, &self.snapshots, &|_, _, _| {}, cancel)?;
        let diff_ids = &image.config.rootfs.diff_ids;
        // Nobody takes them away while the process runs.
        let _there = self.snapshots.has(diff_ids)?;
        let config = &image.config.config;
        let args = arguments(&trial, config.entrypoint.as_deref(), config.cmd.as_deref())?;
        let mounts = mounts(&trial)?;

        let active = self.snapshots.begin(diff_ids)?;
        let directory = self.store.work_dir()?;
        let view = self.snapshots.view(diff_ids)?;
        let mut targets = stubs::targets(true, &[]);
        targets.extend(stubs::mount_targets(&mounts));
        let extra = stubs::prepare(view.as_fd(), &targets, directory.path())?;
        let root = active.mount(extra.as_deref())?;
        let inside = RootDir::from_fd(root.try_clone().at("duplicate the descriptor of", "/")?);
        let identity = resolve_user(&inside, trial.user.as_deref().unwrap_or(&config.user))?;
        if trial.read_only {
            mount::make_read_only(root.as_fd(), Depth::Single).map_err(SandboxError::from)?;
        }
        let cwd = trial.cwd.clone().unwrap_or_else(|| config.working_dir.clone());
        let cwd = if cwd.is_empty() { "/".to_owned() } else { cwd };
        let hostname = trial.hostname.clone().unwrap_or_else(|| image.config_digest.short());
        let addresses: Vec<(String, String)> =
            trial.extra_hosts.iter().map(|(name, address)| (address.clone(), name.clone())).collect();
        let network = if trial.network == SandboxNetwork::None { NetworkMode::None } else { NetworkMode::Default };
        let mut spec = SandboxSpec::new(root, args)
            .env(environment(&config.env, &trial))
            .cwd(cwd)
            .identity(identity)
            .network(trial.network)
            .hosts(hosts_file(&hostname, &addresses))
            .hostname(hostname)
            .resolv_conf(trial.resolv_conf.seen_by(network));
        spec.mounts = mounts;
        spec.ulimits = trial.ulimits;
        spec.resources = trial.resources;
        spec.shm_bytes = trial.shm_bytes;
        spec.stdio = trial.stdio;
        spec.signals = trial.signals;
        Ok(sandbox::run(&spec, output, cancel)?)
    }
}

/// What is run: as docker puts it together.
fn arguments(trial: &Trial, entrypoint: Option<&[String]>, cmd: Option<&[String]>) -> Result<Vec<String>, TrialError> {
    let begin = trial.entrypoint.as_deref().or(entrypoint).unwrap_or_default();
    let usual = if trial.entrypoint.is_some() { None } else { cmd };
    let rest = if trial.command.is_empty() { usual.unwrap_or_default() } else { &trial.command };
    let args: Vec<String> = begin.iter().chain(rest).cloned().collect();
    if args.is_empty() { Err(TrialError::NoCommand) } else { Ok(args) }
}

fn environment(image: &[String], trial: &Trial) -> Vec<(String, String)> {
    let mut env: Vec<(String, String)> = Vec::new();
    if matches!(trial.stdio, Stdio::Terminal(_)) {
        env.push(("TERM".to_owned(), "xterm".to_owned()));
    }
    let of_image = image.iter().map(|entry| {
        let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
        (name.to_owned(), value.to_owned())
    });
    for (name, value) in of_image.chain(trial.env.iter().cloned()) {
        match env.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => env.push((name, value)),
        }
    }
    env
}

/// What it sees besides its image; what lies in something else comes after it.
fn mounts(trial: &Trial) -> Result<Vec<SandboxMount>, TrialError> {
    let mut mounts: Vec<(&str, SandboxMount)> = Vec::new();
    for directory in &trial.tmpfs {
        let mount = SandboxMount::tmpfs(&directory.target, directory.size_bytes, directory.read_only)?;
        mounts.push((&directory.target, mount));
    }
    for given in &trial.volumes {
        mounts.push((&given.target, volume(given)?));
    }
    mounts.sort_by_key(|(target, _)| target.split('/').count());
    Ok(mounts.into_iter().map(|(_, mount)| mount).collect())
}

fn volume(volume: &Volume) -> Result<SandboxMount, TrialError> {
    let metadata = std::fs::metadata(&volume.source).at("look at", &volume.source)?;
    let kind = if metadata.is_dir() { stubs::StubKind::Directory } else { stubs::StubKind::File };
    let tree = mount::clone_tree(&volume.source, Depth::Recursive).map_err(SandboxError::from)?;
    if volume.read_only {
        mount::make_read_only(tree.as_fd(), Depth::Recursive).map_err(SandboxError::from)?;
    }
    Ok(SandboxMount::tree(&volume.target, tree, Path::new(""), kind, volume.read_only)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn trial() -> Trial {
        let digest = Digest::of(b"x");
        let image = ImageRecord {
            name: "x".to_owned(),
            manifest: digest,
            manifest_size: 1,
            media_type: String::new(),
            config: digest,
            created: String::new(),
        };
        Trial::new(image, None)
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn commands_are_put_together_as_docker_does() {
        let (entry, cmd) = (texts(&["/entry"]), texts(&["a", "b"]));
        let of = |trial: &Trial| arguments(trial, Some(&entry), Some(&cmd)).unwrap();
        assert_eq!(of(&trial()), ["/entry", "a", "b"]);
        let mut other = trial();
        other.command = texts(&["c"]);
        assert_eq!(of(&other), ["/entry", "c"]);
        other.entrypoint = Some(texts(&["sh"]));
        assert_eq!(of(&other), ["sh", "c"]);
        other.command.clear();
        assert_eq!(of(&other), ["sh"]);
        other.entrypoint = Some(Vec::new());
        assert!(matches!(arguments(&other, Some(&entry), Some(&cmd)), Err(TrialError::NoCommand)));
    }

    #[test]
    fn given_variables_win_in_the_place_of_the_image_s() {
        let mut given = trial();
        given.env = vec![("B".to_owned(), "3".to_owned()), ("C".to_owned(), "4".to_owned())];
        let env = environment(&texts(&["A=1", "B=2=x"]), &given);
        assert_eq!(env, [("A", "1"), ("B", "3"), ("C", "4")].map(|(n, v)| (n.to_owned(), v.to_owned())));
    }
}
