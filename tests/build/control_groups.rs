//! `--cgroup-parent`, `--memory` and the like, in both versions of control groups.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Finished, TestEnv};

const BASE: &str = "base=host:sh,cat,grep,true";
const MOUNT: &str = "/sys/fs/cgroup";

/// A hierarchy that the builder may make groups in.
struct Hierarchy {
    name: &'static str,
    /// Whether the builder sees it only where it is mounted for it alone.
    mounted: bool,
    /// Whether it has the controller of memory.
    memory: bool,
    /// Where this test sees the groups.
    tops: Vec<PathBuf>,
}

/// What this machine has: the version that it runs with, and the other one where the kernel lets us mount it.
fn hierarchies() -> Vec<Hierarchy> {
    let mount = Path::new(MOUNT);
    let has_memory = |top: &Path| {
        fs::read_to_string(top.join("cgroup.controllers")).is_ok_and(|controllers| controllers.contains("memory"))
    };
    if mount.join("cgroup.controllers").exists() {
        let memory = has_memory(mount);
        return vec![Hierarchy { name: "version 2", mounted: false, memory, tops: vec![mount.to_owned()] }];
    }
    let controllers = ["memory", "cpu", "cpuset", "pids"].map(|controller| mount.join(controller));
    let mut found = Vec::new();
    if controllers[0].join("memory.limit_in_bytes").exists() {
        found.push(Hierarchy { name: "version 1", mounted: false, memory: true, tops: controllers.to_vec() });
    }
    let unified = mount.join("unified");
    if unified.join("cgroup.controllers").exists() {
        let memory = has_memory(&unified);
        found.push(Hierarchy { name: "version 2 beside 1", mounted: true, memory, tops: vec![unified] });
    }
    found
}

impl Hierarchy {
    fn build(&self, env: &TestEnv, dockerfile: &str, flags: &[&str]) -> Finished {
        env.write("Dockerfile", dockerfile);
        let arguments = ["build", "--progress", "plain", "--lint", "off", "--no-cache", "--build-context", BASE];
        let mut builder = env.builder();
        if self.mounted {
            let inner = builder;
            builder = Command::new("unshare");
            builder.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
            builder.current_dir(inner.get_current_dir().expect("a directory"));
            let script = format!("mount -t cgroup2 none {MOUNT} && exec \"$0\" \"$@\"");
            builder.args(["--mount", "--propagation", "private", "sh", "-c", &script]).arg(inner.get_program());
        }
        Finished::of(builder.args(arguments).args(flags).arg("."))
    }

    /// The groups that are there with this name or below.
    fn groups(&self, name: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for top in self.tops.iter().map(|top| top.join(name)).filter(|top| top.exists()) {
            below(&top, &mut found);
            found.push(top);
        }
        found
    }
}

fn below(path: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
        below(&entry.path(), found);
        found.push(entry.path());
    }
}

/// Says what was not looked at; where everything is required, nothing of it may be missing.
#[expect(clippy::print_stdout, reason = "for whoever runs the tests")]
fn not_tried(what: &str) {
    println!("NOT TRIED: {what}: this machine has no control groups for it");
    assert!(std::env::var_os("BUILDER_TESTS_REQUIRE").is_none() || what != "any", "there are no control groups");
}

#[test]
fn groups_go_with_the_step_and_so_do_parents_that_were_made() {
    let hierarchies = hierarchies();
    if hierarchies.is_empty() {
        not_tried("any");
    }
    for hierarchy in hierarchies {
        let env = TestEnv::root();
        let parent = format!("builder-test-{}", std::process::id());
        let deep = format!("/{parent}/deep/er");
        // Outside of the step's own view of the groups: version 2 is seen from the group itself.
        let joined = "FROM base\nRUN grep -q builder- /proc/self/cgroup || grep '^0::/$' /proc/self/cgroup\nRUN true\n";
        hierarchy.build(&env, joined, &["--cgroup-parent", &deep]).success();
        assert_eq!(hierarchy.groups(&parent), Vec::<PathBuf>::new(), "{}", hierarchy.name);
        // A parent that was there stays.
        for top in &hierarchy.tops {
            fs::create_dir(top.join(&parent)).expect("a group");
        }
        let failed = hierarchy.build(&env, "FROM base\nRUN false\nRUN true\n", &["--cgroup-parent", &deep]);
        let left = hierarchy.groups(&parent);
        for top in &hierarchy.tops {
            fs::remove_dir(top.join(&parent)).expect("nothing is left in it");
        }
        assert_eq!(left.len(), hierarchy.tops.len(), "{}: {left:?}", hierarchy.name);
        failed.fails(1);
    }
}

#[test]
fn limits_hold() {
    for hierarchy in hierarchies() {
        let env = TestEnv::root();
        let parent = format!("builder-test-limits-{}", std::process::id());
        let flags = ["--cgroup-parent", &parent, "--memory", "64m", "--cpu-shares", "512", "--cpu-quota", "50000"];
        if !hierarchy.memory {
            not_tried(&format!("limits in {}", hierarchy.name));
            let refused = hierarchy.build(&env, "FROM base\nRUN true\n", &flags).fails(3);
            assert!(refused.stderr.contains("no control groups with the controller `memory`"), "{}", refused.stderr);
            assert_eq!(hierarchy.groups(&parent), Vec::<PathBuf>::new(), "{}", hierarchy.name);
            continue;
        }
        hierarchy.build(&env, "FROM base\nRUN true\n", &flags).success();
        // What takes more than there is gets killed, and that is said.
        let hungry = "FROM base\nRUN a=xxxxxxxxxxxxxxxx; while true; do a=$a$a; done\n";
        let failed = hierarchy.build(&env, hungry, &[&flags[..], &["--memory-swap", "64m"]].concat()).fails(1);
        assert!(failed.stderr.contains("cannot allocate memory"), "{}", failed.stderr);
        assert_eq!(hierarchy.groups(&parent), Vec::<PathBuf>::new(), "{}", hierarchy.name);
    }
}
