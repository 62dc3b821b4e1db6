//! What this machine allows: the facts behind the choice of how steps are run.

use std::fs;
use std::path::{Path, PathBuf};

use super::rootless::{self, RootlessOptions};
use crate::sys::{mount, seccomp};

/// How steps are run.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum IsolationMode {
    /// As root, with nothing to prepare.
    Root,
    /// In a user namespace with subordinate ids.
    Rootless,
    /// Not at all here; the reason is for people.
    Unavailable {
        /// What is missing, and what to do.
        reason: String,
    },
}

/// Something that the kernel or the system has or has not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Feature {
    /// What it is, for people.
    pub name: &'static str,
    /// Whether it is there.
    pub available: bool,
    /// More about it; may be empty.
    pub detail: String,
}

/// The facts about this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Isolation {
    /// How steps are run.
    pub mode: IsolationMode,
    /// Whether overlayfs keeps its marks in `user.overlay.*`.
    pub userxattr: bool,
    /// The release of the kernel.
    pub kernel: String,
    /// What there is and what there is not.
    pub features: Vec<Feature>,
    /// What would make things better, for people.
    pub hints: Vec<String>,
}

/// Looks at this machine. After an entry into a user namespace it tells how it is inside.
pub fn probe(options: &RootlessOptions) -> Isolation {
    let inside = !in_initial_user_namespace();
    let privileged = rustix::process::geteuid().is_root();
    let overlay = try_overlay(inside);
    let rootless = rootless::check(options);
    let mode = match (&overlay, privileged, inside, &rootless) {
        (Ok(()), true, false, _) => IsolationMode::Root,
        (Ok(()), true, true, _) | (_, false, _, Ok(())) => IsolationMode::Rootless,
        (Err(error), true, ..) => IsolationMode::Unavailable { reason: format!("overlay mounts fail: {error}") },
        (_, false, _, Err(error)) => IsolationMode::Unavailable { reason: error.to_string() },
    };
    let cgroup = cgroup_version();
    let mut features = vec![
        Feature {
            name: "overlay file system",
            available: overlay.is_ok() || !privileged,
            detail: match &overlay {
                Ok(()) => String::new(),
                Err(_) if !privileged => "to be tried inside the user namespace".to_owned(),
                Err(error) => error.clone(),
            },
        },
        Feature { name: "user namespaces", available: user_namespaces(), detail: String::new() },
        Feature { name: "seccomp filters", available: seccomp::available(), detail: String::new() },
        Feature { name: "control groups", available: cgroup.is_some(), detail: cgroup.unwrap_or_default().to_owned() },
    ];
    let mut hints = Vec::new();
    if !privileged {
        features.push(Feature {
            name: "subordinate ids",
            available: rootless.is_ok(),
            detail: rootless.as_ref().err().map(ToString::to_string).unwrap_or_default(),
        });
        hints.extend(rootless.err().map(|error| error.to_string()));
    }
    if !seccomp::available() {
        hints.push("a kernel with seccomp filters: steps cannot be run without them".to_owned());
    }
    if cgroup != Some("version 2") {
        hints.push("control groups version 2: steps would see their own, and limits could be set".to_owned());
    }
    Isolation { mode, userxattr: inside || !privileged, kernel: kernel(), features, hints }
}

/// Tells whether this process is in the user namespace of the machine, by `/proc/self/uid_map`: there all ids map
/// to themselves.
pub fn in_initial_user_namespace() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.is_empty() || map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

fn kernel() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// Makes an overlay of two directories that every system has, and lets it go again.
fn try_overlay(userxattr: bool) -> Result<(), String> {
    let lowers: [PathBuf; 2] = ["/usr", "/etc"].map(PathBuf::from);
    let lowers: Vec<&Path> = lowers.iter().map(PathBuf::as_path).collect();
    mount::overlay(&lowers, None, userxattr).map(drop).map_err(|error| {
        let mut text = error.to_string();
        if let Some(source) = std::error::Error::source(&error) {
            text = format!("{text}: {source}");
        }
        text
    })
}

fn user_namespaces() -> bool {
    fs::read_to_string("/proc/sys/user/max_user_namespaces").is_ok_and(|text| text.trim() != "0")
}

fn cgroup_version() -> Option<&'static str> {
    let stat = rustix::fs::statfs("/sys/fs/cgroup").ok()?;
    if stat.f_type == libc::CGROUP2_SUPER_MAGIC {
        Some("version 2")
    } else if fs::metadata("/sys/fs/cgroup/memory").is_ok() {
        Some("version 1")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_leaves_no_mount_behind_and_names_the_kernel() {
        let isolation = probe(&RootlessOptions::new(1000, 1000));
        assert!(isolation.kernel.starts_with(|character: char| character.is_ascii_digit()));
        assert!(!fs::read_to_string("/proc/self/mountinfo").unwrap().contains("builder"));
    }
}
