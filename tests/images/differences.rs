//! `diff`.

use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::Value;

use crate::shelf::{FIRST, build};
use crate::support::{BASE, RunAs, TestEnv};

fn pair(run_as: RunAs) -> TestEnv {
    let env = TestEnv::new(run_as);
    for (name, content) in
        [("same", "same"), ("content", "old"), ("size", "1"), ("gone/in/file", "12345"), ("kind", "x")]
    {
        env.write(&format!("one/{name}"), content);
    }
    for (name, content) in
        [("same", "same"), ("content", "new"), ("size", "123"), ("new/file", "1234567"), ("kind/in", "y")]
    {
        env.write(&format!("two/{name}"), content);
    }
    for (name, target) in [("one", "same"), ("two", "content")] {
        symlink(target, env.path(format!("work/{name}/link"))).unwrap();
        let mode = if name == "one" { 0o600 } else { 0o640 };
        let path = env.write(&format!("{name}/mode"), "mode");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        env.write(&format!("{name}/owned"), "owned");
    }
    let dockerfile = |folder: &str, owner: &str, more: &str| {
        format!("FROM scratch\n{more}COPY --exclude=owned {folder} /x\nCOPY --chown={owner} {folder}/owned /x/\n")
    };
    build(&env, &dockerfile("one", "1:2", "ENV A=1 B=2\nCMD [\"a\"]\n"), FIRST, &["-t", "one"]);
    build(&env, &dockerfile("two", "1:3", "ENV B=3 A=1\nLABEL l=\"1\\t2\"\nUSER 7\n"), "1710000000", &["-t", "two"]);
    env
}

#[test]
fn differences_are_listed_by_path_and_summed_up() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = pair(run_as);
        insta::assert_snapshot!("diff", env.ok(["diff", "one", "two"]).stdout);
        insta::assert_snapshot!("diff_json", env.ok(["image", "diff", "--format", "json", "one", "two"]).stdout);
        env.run(["diff", "--exit-code", "one", "two"]).fails(1);
        assert_eq!(env.run(["diff", "--exit-code", "one", "one"]).fails(0).stdout, "the images do not differ\n");
        let same: Value = serde_json::from_str(&env.ok(["diff", "--format", "json", "two", "two"]).stdout).unwrap();
        assert_eq!((&same["identical"], same["added"].as_array().unwrap().len()), (&Value::Bool(true), 0));
        let refused = env.run(["diff", "one", "nobody"]).fails(1).stderr;
        assert!(refused.contains("no such image: `nobody`"), "{refused}");
    }
}

#[test]
fn what_layers_hide_is_gone_and_other_layers_can_be_the_same() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM base\nRUN mkdir /d && echo 1 > /d/a && echo 2 > /d/b && ln /d/a /d/hard\n");
    env.ok(["build", "-t", "one", "--build-context", BASE, "."]);
    env.write("Dockerfile", "FROM one\nRUN rm /d/b /d/hard && chmod 700 /d && echo 1 > /d/a\nVOLUME /v\n");
    env.ok(["build", "-t", "two", "--build-context", BASE, "."]);
    let said = env.ok(["diff", "one", "two"]).stdout;
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "C /d/ (mode 0755 -> 0700)",
            "D /d/b (2B)",
            "D /d/hard (0B)",
            "config Volumes./v: (none) -> {}",
            "0 files added (0B), 1 changed (0B -> 0B), 2 removed (2B), 1 field of the config",
        ]
    );
    // The other way round, and the same files in one layer instead of three.
    assert!(env.ok(["diff", "two", "one"]).stdout.contains("A /d/b (2B)\n"));
    let archive = env.path("out/two.tar");
    env.ok(["export", "-o", archive.to_str().unwrap(), "two"]);
    env.ok(["import", "--change", "VOLUME /v", archive.to_str().unwrap(), "flat"]);
    let flat: Value = serde_json::from_str(&env.ok(["diff", "--format", "json", "two", "flat"]).stdout).unwrap();
    for what in ["added", "changed", "removed"] {
        assert_eq!(flat[what].as_array().unwrap().len(), 0, "{flat:#}");
    }
}

#[test]
fn attributes_and_names_with_control_characters_are_told() {
    let env = TestEnv::root();
    for (name, value) in [("one", "1"), ("two", "2")] {
        let path = env.write(&format!("{name}/file"), "x");
        crate::support::peers::tool("setfattr", &["-n", "user.note", "-v", value, path.to_str().unwrap()]);
        env.write(&format!("{name}/a\x1b[31m{name}"), "");
        let (folder, archive) = (env.path("work").join(name), env.path("out").join(name));
        let paths = ["--xattrs", "-C", folder.to_str().unwrap(), "-cf", archive.to_str().unwrap(), "."];
        crate::support::peers::tool("tar", &paths);
        env.ok(["import", archive.to_str().unwrap(), name]);
    }
    let said = env.ok(["diff", "one", "two"]).stdout;
    assert!(said.contains("C /file (attributes user.note)\n"), "{said}");
    assert!(!said.contains('\x1b'), "{said}");
}
