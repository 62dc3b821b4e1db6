//! A control group for one step: what it may use of the machine.
//!
//! Groups are made for steps that have limits only. Each has the number and the start of the process that made it in
//! its name, so that the next one removes what a killed builder left. Parents that had to be made go with the last
//! group in them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::SandboxError;

const MOUNT: &str = "/sys/fs/cgroup";
const PREFIX: &str = "builder-";
/// The controllers that a step with a parent group joins, where they are there.
const CONTROLLERS: [&str; 4] = ["memory", "cpu", "cpuset", "pids"];
/// How long the last processes of a group may take to go: they are dead already.
const REMOVAL_TRIES: u32 = 50;
const REMOVAL_PAUSE: Duration = Duration::from_millis(10);

/// How often the groups that lead to a new one are made again, where another step removes them meanwhile.
const TRIES: u32 = 5;
/// The groups that this process has made as parents. Whichever step is the last in one of them removes it.
static PARENTS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// What a step may use of the machine.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Resources {
    /// The group that the step's own group is made in, from the root of the control groups.
    pub cgroup_parent: Option<String>,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Bytes of memory and swap together; -1 for no limit.
    pub memory_swap: Option<i64>,
    /// The share of processor time against other groups; 1024 is usual.
    pub cpu_shares: Option<u64>,
    /// The length of a period, in microseconds.
    pub cpu_period: Option<u64>,
    /// The processor time in a period, in microseconds; -1 for no limit.
    pub cpu_quota: Option<i64>,
    /// The processors, as `0-2,4`.
    pub cpuset_cpus: Option<String>,
    /// The memory nodes, as `0-2,4`.
    pub cpuset_mems: Option<String>,
}

impl Resources {
    /// Tells whether there is anything to limit.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// (controller, file, value) for version 1, in the order in which they are written.
    fn version1(&self) -> Vec<(&'static str, &'static str, String)> {
        let mut settings = Vec::new();
        let mut set = |controller, file, value: Option<String>| {
            settings.extend(value.map(|value| (controller, file, value)));
        };
        set("memory", "memory.limit_in_bytes", self.memory.map(|n| n.to_string()));
        set("memory", "memory.memsw.limit_in_bytes", self.memory_swap.map(|n| n.to_string()));
        set("cpu", "cpu.shares", self.cpu_shares.map(|n| n.to_string()));
        set("cpu", "cpu.cfs_period_us", self.cpu_period.map(|n| n.to_string()));
        set("cpu", "cpu.cfs_quota_us", self.cpu_quota.map(|n| n.to_string()));
        set("cpuset", "cpuset.cpus", self.cpuset_cpus.clone());
        set("cpuset", "cpuset.mems", self.cpuset_mems.clone());
        settings
    }

    /// As for version 1, for version 2.
    fn version2(&self) -> Vec<(&'static str, &'static str, String)> {
        let mut settings = Vec::new();
        let mut set = |controller, file, value: Option<String>| {
            settings.extend(value.map(|value| (controller, file, value)));
        };
        set("memory", "memory.max", self.memory.map(|n| n.to_string()));
        // Version 2 counts swap alone.
        let swap = self.memory_swap.map(|both| match u64::try_from(both) {
            Ok(both) => both.saturating_sub(self.memory.unwrap_or(0)).to_string(),
            Err(_) => "max".to_owned(),
        });
        set("memory", "memory.swap.max", swap);
        // 2 to 262144 becomes 1 to 10000, as runc has it.
        let weight = self.cpu_shares.map(|shares| 1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142);
        set("cpu", "cpu.weight", weight.map(|n| n.to_string()));
        if self.cpu_quota.is_some() || self.cpu_period.is_some() {
            let quota = self.cpu_quota.and_then(|quota| u64::try_from(quota).ok());
            let quota = quota.map_or("max".to_owned(), |quota| quota.to_string());
            set("cpu", "cpu.max", Some(format!("{quota} {}", self.cpu_period.unwrap_or(100_000))));
        }
        set("cpuset", "cpuset.cpus", self.cpuset_cpus.clone());
        set("cpuset", "cpuset.mems", self.cpuset_mems.clone());
        settings
    }
}

/// The group of one step; removed when dropped.
#[derive(Debug)]
pub(super) struct ControlGroup {
    directories: Vec<PathBuf>,
    procs: Vec<OwnedFd>,
    memory: Option<PathBuf>,
}

impl ControlGroup {
    /// Makes the group; nothing where there is nothing to limit.
    pub(super) fn make(resources: &Resources) -> Result<Option<Self>, SandboxError> {
        if resources.is_empty() {
            return Ok(None);
        }
        let unified = rustix::fs::statfs(MOUNT).is_ok_and(|stat| stat.f_type == libc::CGROUP2_SUPER_MAGIC);
        let mut tries = 1;
        loop {
            let mut group = Self { directories: Vec::new(), procs: Vec::new(), memory: None };
            let made = if unified { group.make_version2(resources) } else { group.make_version1(resources) };
            match made {
                Ok(()) => return Ok(Some(group)),
                // Another step was the last one in a parent, and took it away.
                Err(SandboxError::ControlGroup { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && tries < TRIES =>
                {
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The files that a process joins the group by.
    pub(super) fn procs(&self) -> &[OwnedFd] {
        &self.procs
    }

    /// The file in which the kernel counts what it killed for lack of memory.
    pub(super) fn memory_events(&self) -> Option<PathBuf> {
        self.memory.clone()
    }

    fn make_version1(&mut self, resources: &Resources) -> Result<(), SandboxError> {
        let settings = resources.version1();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        for controller in CONTROLLERS {
            let wanted = settings.iter().any(|(of, ..)| *of == controller);
            let top = Path::new(MOUNT).join(controller);
            if !top.join("cgroup.procs").exists() {
                if wanted {
                    return Err(SandboxError::NoControlGroup { controller });
                }
                continue;
            }
            if !wanted && resources.cgroup_parent.is_none() {
                continue;
            }
            let parent = match &resources.cgroup_parent {
                Some(parent) => inside(parent)?,
                None => own_group(&own, controller),
            };
            let mut path = top;
            let prepare = |path: &Path| if controller == "cpuset" { inherit_cpuset(path) } else { Ok(()) };
            for part in parent.components() {
                path.push(part);
                create_parent(&path)?;
                prepare(&path)?;
            }
            let path = self.add(&path)?;
            prepare(&path)?;
            for (_, file, value) in settings.iter().filter(|(of, ..)| *of == controller) {
                write(&path.join(file), value)?;
            }
            if controller == "memory" {
                self.memory = Some(path.join("memory.oom_control"));
            }
        }
        Ok(())
    }

    fn make_version2(&mut self, resources: &Resources) -> Result<(), SandboxError> {
        let settings = resources.version2();
        // A group with processes cannot hand controllers on, and ours has one: the step's is made elsewhere.
        let parent = match &resources.cgroup_parent {
            Some(parent) => inside(parent)?,
            None => PathBuf::from("builder"),
        };
        let mut path = PathBuf::from(MOUNT);
        for part in parent.components() {
            hand_on(&path, &settings)?;
            path.push(part);
            create_parent(&path)?;
        }
        hand_on(&path, &settings)?;
        let path = self.add(&path)?;
        for (_, file, value) in &settings {
            write(&path.join(file), value)?;
        }
        self.memory = Some(path.join("memory.events"));
        Ok(())
    }

    /// Makes the group itself, after those of killed builders are gone.
    fn add(&mut self, parent: &Path) -> Result<PathBuf, SandboxError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        remove_abandoned(parent);
        let pid = std::process::id();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("{PREFIX}{pid}-{}-{number}", start_of(pid).unwrap_or_default()));
        create(&path)?;
        self.directories.push(path.clone());
        let procs = path.join("cgroup.procs");
        let file = File::options().write(true).open(&procs).map_err(|source| failed(&procs, source))?;
        self.procs.push(file.into());
        Ok(path)
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        for path in &self.directories {
            for _ in 0..REMOVAL_TRIES {
                match fs::remove_dir(path) {
                    Err(error) if error.raw_os_error() == Some(libc::EBUSY) => std::thread::sleep(REMOVAL_PAUSE),
                    // What stays is removed by the next builder.
                    _ => break,
                }
            }
            remove_parents(path);
        }
    }
}

/// Makes a group that others are made in, and keeps in mind that it is ours.
fn create_parent(path: &Path) -> Result<(), SandboxError> {
    match fs::create_dir(path) {
        Ok(()) => {
            PARENTS.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(path, error)),
    }
}

/// Removes the groups around one that this process made, as far as nothing else is in them.
fn remove_parents(path: &Path) {
    let mut parents = PARENTS.lock().unwrap_or_else(PoisonError::into_inner);
    for parent in path.ancestors().skip(1) {
        if !parents.contains(parent) || fs::remove_dir(parent).is_err() {
            return;
        }
        parents.remove(parent);
    }
}

/// A path below the root of the control groups.
fn inside(parent: &str) -> Result<PathBuf, SandboxError> {
    let mut path = PathBuf::new();
    for component in Path::new(parent).components() {
        match component {
            Component::RootDir | Component::CurDir => {}
            Component::Normal(name) => path.push(name),
            _ => return Err(SandboxError::InvalidPath { what: "parent of control groups", path: parent.to_owned() }),
        }
    }
    Ok(path)
}

/// The group of this process in one hierarchy of version 1, by the text of `/proc/self/cgroup`.
fn own_group(groups: &str, controller: &str) -> PathBuf {
    let mut lines = groups.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        Some((parts.next()?, parts.next()?))
    });
    let own = lines.find(|(controllers, _)| controllers.split(',').any(|name| name == controller));
    PathBuf::from(own.map_or("", |(_, path)| path).trim_start_matches('/'))
}

fn create(path: &Path) -> Result<(), SandboxError> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other.map_err(|source| failed(path, source)),
    }
}

fn write(path: &Path, value: &str) -> Result<(), SandboxError> {
    fs::write(path, value).map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: io::Error) -> SandboxError {
    SandboxError::ControlGroup { path: path.to_owned(), source }
}

/// A new group of version 1 has no processors at all until it is given some: those of its parent.
fn inherit_cpuset(path: &Path) -> Result<(), SandboxError> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let own = path.join(file);
        if fs::read_to_string(&own).is_ok_and(|text| text.trim().is_empty())
            && let Some(parent) = path.parent()
        {
            let parents = parent.join(file);
            let value = fs::read_to_string(&parents).map_err(|source| failed(&parents, source))?;
            write(&own, value.trim())?;
        }
    }
    Ok(())
}

/// Lets the groups in a group of version 2 use the controllers that have settings.
fn hand_on(path: &Path, settings: &[(&'static str, &'static str, String)]) -> Result<(), SandboxError> {
    let file = path.join("cgroup.subtree_control");
    let there = fs::read_to_string(path.join("cgroup.controllers")).unwrap_or_default();
    for (controller, ..) in settings {
        if !there.split_ascii_whitespace().any(|name| name == *controller) {
            return Err(SandboxError::NoControlGroup { controller });
        }
        write(&file, &format!("+{controller}"))?;
    }
    Ok(())
}

/// When a process began, in ticks since the machine did; with its number it names a process once and for all.
fn start_of(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the start is the 20th field after it.
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(19).map(str::to_owned)
}

fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(mut parts) = name.strip_prefix(PREFIX).map(|rest| rest.split('-')) else { continue };
        let (Some(pid), Some(start)) = (parts.next().and_then(|pid| pid.parse().ok()), parts.next()) else { continue };
        if start_of(pid).as_deref() != Some(start) {
            // One that still has processes stays, which is right.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_become_the_files_of_each_version() {
        let resources = Resources {
            memory: Some(100),
            memory_swap: Some(150),
            cpu_shares: Some(1024),
            cpu_quota: Some(-1),
            ..Resources::default()
        };
        let of = |settings: Vec<(&str, &str, String)>| {
            settings.into_iter().map(|(_, file, value)| format!("{file}={value}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            of(resources.version1()),
            "memory.limit_in_bytes=100 memory.memsw.limit_in_bytes=150 cpu.shares=1024 cpu.cfs_quota_us=-1"
        );
        assert_eq!(of(resources.version2()), "memory.max=100 memory.swap.max=50 cpu.weight=39 cpu.max=max 100000");
    }

    #[test]
    fn a_parent_group_stays_below_the_root() {
        assert_eq!(inside("/a/b").unwrap(), Path::new("a/b"));
        assert!(inside("../a").is_err());
        assert_eq!(own_group("4:memory:/job/1\n1:cpu,cpuacct:/\n", "memory"), Path::new("job/1"));
        assert_eq!(own_group("4:memory:/job/1\n1:cpu,cpuacct:/\n", "cpu"), Path::new(""));
    }
}
