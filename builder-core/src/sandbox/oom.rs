//! Tells a process that ran out of memory from one that was killed.

use std::fs;
use std::path::{Path, PathBuf};

/// A count of the kernel's out-of-memory kills, read before and after a run.
#[derive(Debug)]
pub(super) struct OomCounter {
    file: PathBuf,
    before: u64,
}

impl OomCounter {
    /// Starts counting; `None` when this system counts nowhere.
    ///
    /// The memory control group of this process is the closest count: of version 2, then of version 1. Where
    /// there is neither, that of the whole machine has to do.
    /// `own` is the file of a group that was made for the run, which is closer still.
    pub(super) fn start(own: Option<PathBuf>) -> Option<Self> {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        own.into_iter().chain(candidates(&groups)).find_map(|file| {
            let before = read(&file)?;
            Some(Self { file, before })
        })
    }

    /// Tells whether there has been a kill since the start.
    pub(super) fn has_risen(&self) -> bool {
        read(&self.file).is_some_and(|now| now > self.before)
    }
}

fn candidates(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(number), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let path = path.trim_start_matches('/');
        if number == "0" && controllers.is_empty() {
            files.push(Path::new("/sys/fs/cgroup").join(path).join("memory.events"));
        } else if controllers.split(',').any(|controller| controller == "memory") {
            files.push(Path::new("/sys/fs/cgroup/memory").join(path).join("memory.oom_control"));
        }
    }
    files.push(PathBuf::from("/proc/vmstat"));
    files
}

fn read(file: &Path) -> Option<u64> {
    parse(&fs::read_to_string(file).ok()?)
}

fn parse(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_of_this_process_comes_before_the_machine() {
        let groups = "4:memory:/job\n0::/user.slice\n";
        let expected =
            ["/sys/fs/cgroup/memory/job/memory.oom_control", "/sys/fs/cgroup/user.slice/memory.events", "/proc/vmstat"];
        assert_eq!(candidates(groups), expected.map(PathBuf::from));
    }

    #[test]
    fn the_count_is_read_by_its_exact_name() {
        assert_eq!(parse("oom 7\noom_kill 3\noom_group_kill 0\n"), Some(3));
        assert_eq!(parse("oom_kill_disable 0\nunder_oom 0\n"), None);
    }
}
