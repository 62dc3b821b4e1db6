//! The mounts of a RUN: what each of them is made of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;
use std::os::fd::AsFd;

use super::mount_error::blame;
use super::{Outcome, Step, root_of};
use crate::cache::{KeyBuilder, explain};
use crate::copy::{self, CopyRequest, CopyTree, Selection};
use crate::fs::PathContext;
use crate::fs::entry::{FileKind, Metadata, Xattrs, set_attributes};
use crate::fs::root::{Follow, RootDir};
use crate::plan::mount::{BindMount, CacheMount, Mount, MountKind, SecretMount, Sharing, SshMount, escape_pattern};
use crate::plan::op::{CopySource, FilesystemRef, RunOp};
use crate::sandbox::stubs::StubKind;
use crate::sandbox::{Agent, AgentProxy, FileOwner, KeyRing, SandboxError, SandboxMount};
use crate::secret::{Secret, SshSource};
use crate::snapshot::ActiveSnapshot;
use crate::solve::StepError;
use crate::store::CacheInstance;
use crate::sys::mount::clone_descriptor;
use crate::text::Span;

/// The variable in which programs look for an agent.
const AGENT_VARIABLE: &str = "SSH_AUTH_SOCK";

/// The mounts of a step, and what must stay until it is over.
#[derive(Default)]
pub(super) struct StepMounts {
    pub(super) mounts: Vec<SandboxMount>,
    pub(super) secret_env: Vec<(String, Secret)>,
    pub(super) env: Vec<(String, String)>,
    /// How many agents were asked for.
    agents: usize,
    /// Dropped with the rest, when the step is over.
    held: Vec<Held>,
}

/// What a mount needs for as long as it is there.
#[expect(dead_code, reason = "held for its end")]
enum Held {
    Cache(Arc<CacheInstance>),
    Agent(AgentProxy),
    Writes(ActiveSnapshot),
}

/// The caches of a step, by what tells one from another.
type Caches = BTreeMap<[u8; 32], Arc<CacheInstance>>;

/// How exactly a key says what a bind mount holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Precision {
    /// By all of the filesystem that it is taken from: costs nothing.
    Filesystem,
    /// By what is selected: every file is read.
    Selected,
}

impl Step<'_, '_> {
    /// Adds to a key what the mounts are, never what secrets and caches hold. Tells whether the other precision
    /// would say something else.
    pub(super) fn mount_key(&self, op: &RunOp, key: &mut KeyBuilder, precision: Precision) -> Outcome<bool> {
        let mut differs = false;
        for mount in &op.mounts {
            key.text("mount", mount.type_name())
                .text("mount target", mount.target.as_deref().unwrap_or(""))
                .text("mount writable", if mount.read_only { "no" } else { "yes" });
            key.note(explain::mount(mount));
            match &mount.kind {
                MountKind::Bind(bind) => {
                    let outcome = self.bind_key((mount, bind), key, precision);
                    differs |= outcome.map_err(|failure| blame(mount, failure))?;
                }
                MountKind::Cache(cache) => {
                    let base = self.filesystem(cache.from)?.content.0;
                    key.digest("cache base", &base).note(explain::mounted(mount, &base));
                    if let Some(owner) = cache.owner {
                        key.text("cache owner", &format!("{}:{} {:o}", owner.uid, owner.gid, owner.mode));
                    }
                    if cache.source != "/" {
                        key.text("cache source", &cache.source);
                    }
                }
                MountKind::Tmpfs { size } => {
                    key.number("tmpfs size", size.and_then(|size| i64::try_from(size).ok()));
                }
                MountKind::Secret(secret) => {
                    key.text("secret", &secret.id)
                        .text("secret variable", secret.env.as_deref().unwrap_or(""))
                        .text("secret owner", &format!("{}:{} {:o}", secret.uid, secret.gid, secret.mode));
                }
                MountKind::Ssh(_) => {}
            }
        }
        Ok(differs)
    }

    fn bind_key(
        &self,
        (mount, bind): (&Mount, &BindMount),
        key: &mut KeyBuilder,
        precision: Precision,
    ) -> Outcome<bool> {
        let from = self.filesystem(bind.from)?;
        let differs = !bind.selected && bind.source != "/";
        if !differs || precision == Precision::Filesystem {
            key.digest("mounted filesystem", &from.content.0).text("mounted path", &bind.source);
            key.note(explain::mounted(mount, &from.content.0));
            return Ok(differs);
        }
        let sources = [source(&bind.source)];
        let view = RootDir::from_fd(self.view_for(&from, &sources)?);
        let tree = CopyTree::Filesystem(&view);
        let selection = Selection::find(&tree, &sources, &[], self.cancel).map_err(StepError::MountSource)?;
        let content = copy::content_digest(&tree, &sources, &selection, self.cancel).map_err(StepError::MountSource)?;
        key.digest("mounted files", &content.digest).note(explain::mounted(mount, &content.digest));
        let clamp = self.solver.options.source_date_epoch;
        if let Some(times) = clamp.and_then(|clamp| copy::times_digest(&selection, clamp)) {
            key.digest("mounted times", &times);
        }
        Ok(differs)
    }

    /// Makes everything that the mounts of a step need.
    pub(super) fn mounts(&self, op: &RunOp) -> Outcome<StepMounts> {
        let mut made = StepMounts::default();
        let caches = self.take_caches(op)?;
        for mount in &op.mounts {
            self.mount(op, mount, &caches, &mut made).map_err(|failure| blame(mount, failure))?;
        }
        Ok(made)
    }

    fn mount(&self, op: &RunOp, mount: &Mount, caches: &Caches, made: &mut StepMounts) -> Outcome<()> {
        match &mount.kind {
            MountKind::Bind(bind) => self.bind(mount, bind, made),
            MountKind::Cache(cache) => {
                let identity = self.cache_identity(cache)?;
                caches.get(&identity).map_or(Ok(()), |instance| Self::cache(mount, cache, instance, made))
            }
            MountKind::Tmpfs { size } => {
                let tmpfs = SandboxMount::tmpfs(target(mount), *size, mount.read_only);
                made.mounts.push(tmpfs.map_err(StepError::Sandbox)?);
                Ok(())
            }
            MountKind::Secret(secret) => self.secret(mount, secret, made),
            MountKind::Ssh(ssh) => {
                let place = mount.target.clone().unwrap_or_else(|| format!("/run/buildkit/ssh_agent.{}", made.agents));
                made.agents += 1;
                let told = op.env.iter().chain(&made.env).any(|(name, _)| name == AGENT_VARIABLE);
                if !told {
                    made.env.push((AGENT_VARIABLE.to_owned(), place.clone()));
                }
                self.agent(mount, &place, ssh, made)
            }
        }
    }

    fn bind(&self, mount: &Mount, bind: &BindMount, made: &mut StepMounts) -> Outcome<()> {
        let from = self.filesystem(bind.from)?;
        // Writes go to a layer that nobody commits. A filesystem without layers cannot be looked at as a mount.
        let active = if mount.read_only && !from.diff_ids.is_empty() { None } else { Some(self.begin(&from)?) };
        let tree = match &active {
            None => self.view(&from)?,
            Some(active) => active.mount(None)?,
        };
        let (path, metadata) = find(&root_of(&tree)?, &bind.source)?;
        let mounted = SandboxMount::tree(target(mount), tree, &path, kind(&metadata), mount.read_only);
        made.mounts.push(mounted.map_err(StepError::Sandbox)?);
        made.held.extend(active.map(Held::Writes));
        Ok(())
    }

    /// Takes the caches of a step, each once, always in the same order: two steps never wait for each other.
    fn take_caches(&self, op: &RunOp) -> Outcome<Caches> {
        let mut wanted: BTreeMap<[u8; 32], (&CacheMount, Sharing)> = BTreeMap::new();
        for mount in &op.mounts {
            let MountKind::Cache(cache) = &mount.kind else { continue };
            wanted.entry(self.cache_identity(cache)?).or_insert((cache, cache.sharing));
        }
        let mut taken = BTreeMap::new();
        for (identity, (cache, sharing)) in wanted {
            let fill = |data: &Path| self.fill_cache(cache, data);
            let instance = self.solver.store.cache_mount(&identity, &cache.id, sharing, self.cancel, fill)?;
            taken.insert(identity, Arc::new(instance));
        }
        Ok(taken)
    }

    /// What tells one cache from another: its name, and what it begins with.
    fn cache_identity(&self, cache: &CacheMount) -> Outcome<[u8; 32]> {
        let mut key = KeyBuilder::new("cache mount");
        key.text("id", &cache.id).digest("base", &self.filesystem(cache.from)?.content.0);
        if let Some(owner) = cache.owner {
            key.text("owner", &format!("{}:{} {:o}", owner.uid, owner.gid, owner.mode));
        }
        Ok(key.finish().0.0)
    }

    fn fill_cache(&self, cache: &CacheMount, data: &Path) -> Outcome<()> {
        let root = RootDir::open(data)?;
        if let Some(owner) = cache.owner {
            // As with BuildKit, a cache with an owner begins empty, whatever it is made from.
            let outcome = set_attributes(&root, (owner.uid, owner.gid), owner.mode, &Xattrs::default());
            return Ok(outcome.at("set attributes of", data)?);
        }
        if cache.from == FilesystemRef::Scratch {
            return Ok(());
        }
        let from = self.filesystem(cache.from)?;
        let view = RootDir::from_fd(self.view(&from)?);
        let tree = CopyTree::Filesystem(&view);
        let sources = [source("/")];
        let selection = Selection::find(&tree, &sources, &[], self.cancel).map_err(StepError::MountSource)?;
        let request = CopyRequest::new(tree, &sources, &root, "/");
        copy::run(&request, &selection, self.cancel).map_err(StepError::MountSource)?;
        Ok(())
    }

    fn cache(mount: &Mount, cache: &CacheMount, instance: &Arc<CacheInstance>, made: &mut StepMounts) -> Outcome<()> {
        let root = RootDir::open(instance.data())?;
        let path = Path::new(&cache.source);
        if root.find(path, Follow::Yes)?.is_none() {
            // A cache without a name has its target for one, which has a slash already.
            let id = cache.id.replacen("//", "/", 1);
            return Err(StepError::CacheSourceNotFound { path: cache.source.clone(), id }.into());
        }
        // Opened once, inside the cache: links that other steps plant meanwhile lead nowhere else.
        let found = root.open_at(path, OFlags::PATH).at("open", path)?;
        let metadata = crate::fs::entry::metadata_of(&found).at("look at", path)?;
        let clone = clone_descriptor(found.as_fd()).map_err(SandboxError::from).map_err(StepError::Sandbox)?;
        let mounted = SandboxMount::tree(target(mount), clone, Path::new(""), kind(&metadata), mount.read_only);
        made.mounts.push(mounted.map_err(StepError::Sandbox)?);
        made.held.push(Held::Cache(Arc::clone(instance)));
        Ok(())
    }

    fn secret(&self, mount: &Mount, secret: &SecretMount, made: &mut StepMounts) -> Outcome<()> {
        let id = || secret.id.clone();
        let value = match self.solver.options.secrets.get(&secret.id) {
            Some(source) => Some(source.read().map_err(|source| StepError::Secret { id: id(), source })?),
            None if secret.required => return Err(StepError::SecretNotFound { id: id() }.into()),
            None => None,
        };
        if let Some(name) = &secret.env {
            let value = match &value {
                Some(value) => value.clone(),
                None => Secret::new(Vec::new()).map_err(|source| StepError::Secret { id: id(), source })?,
            };
            made.secret_env.retain(|(known, _)| known != name);
            made.secret_env.push((name.clone(), value));
        }
        if let (Some(target), Some(value)) = (&mount.target, &value) {
            let owner = FileOwner { uid: secret.uid, gid: secret.gid, mode: secret.mode };
            let file = SandboxMount::secret(target, value, owner, mount.read_only);
            made.mounts.push(file.map_err(StepError::Sandbox)?);
        }
        Ok(())
    }

    fn agent(&self, mount: &Mount, target: &str, ssh: &SshMount, made: &mut StepMounts) -> Outcome<()> {
        let Some(source) = self.solver.options.ssh.get(&ssh.id) else {
            if ssh.required {
                return Err(StepError::SshNotForwarded { id: ssh.id.clone() }.into());
            }
            return Ok(());
        };
        let owner = FileOwner { uid: ssh.uid, gid: ssh.gid, mode: ssh.mode };
        let (socket, listener) = SandboxMount::socket(target, owner, mount.read_only).map_err(StepError::Sandbox)?;
        let agent = match source {
            SshSource::Agent(path) => Agent::Socket(path.clone()),
            SshSource::Keys(paths) => {
                Agent::Keys(KeyRing::read(paths).map_err(|source| StepError::SshKeys { id: ssh.id.clone(), source })?)
            }
        };
        let proxy = AgentProxy::start(listener, agent).at("serve", target)?;
        made.mounts.push(socket);
        made.held.push(Held::Agent(proxy));
        Ok(())
    }
}

/// The path that a mount selects, for the functions of COPY.
fn source(path: &str) -> CopySource {
    CopySource::Path { path: escape_pattern(path), span: Span::default() }
}

/// Every kind but secrets and sockets has a target.
fn target(mount: &Mount) -> &str {
    mount.target.as_deref().unwrap_or_default()
}

fn kind(metadata: &Metadata) -> StubKind {
    if metadata.kind == FileKind::Directory { StubKind::Directory } else { StubKind::File }
}

/// Finds what a path stands for inside a root, free of links.
fn find(root: &RootDir, path: &str) -> Outcome<(PathBuf, Metadata)> {
    let resolved = root.resolve(Path::new(path), Follow::Yes)?;
    match resolved.metadata {
        Some(metadata) => Ok((resolved.path, metadata)),
        None => Err(StepError::MountNotFound { path: path.to_owned() }.into()),
    }
}
