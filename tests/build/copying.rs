//! Where COPY puts what, on filesystems that have something there already.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::tree::Tree;
use crate::support::{BASE, RunAs, TestEnv};

fn environment(run_as: RunAs) -> TestEnv {
    let env = TestEnv::new(run_as);
    for path in ["f", "d/g", "d/s/h", "[x]", "d2/g"] {
        env.write(path, path);
    }
    symlink("d", env.path("work/L")).unwrap();
    symlink("/d/g", env.path("work/F")).unwrap();
    symlink("/nowhere", env.path("work/dangling")).unwrap();
    env.write(".dockerignore", "Dockerfile\n.dockerignore\n");
    env
}

#[test]
fn what_is_there_decides() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = environment(run_as);
        for (before, operands, expected) in [
            ("true", "f /t", &["t=f"][..]),
            ("true", "f /t/", &["t/f=f"]),
            ("true", "f d /t/", &["t/f=f", "t/g=d/g", "t/s/h=d/s/h"]),
            ("mkdir /t", "f /t", &["t/f=f"]),
            ("echo old > /t", "f /t", &["t=f"]),
            ("mkdir /r && ln -s r /t", "f /t", &["r/f=f"]),
            ("mkdir /r && ln -s r /t", "d /t", &["r/g=d/g", "r/s/h=d/s/h"]),
            ("mkdir /r && ln -s ../../r /t", "f /t/x/y", &["r/x/y=f"]),
            ("echo old > /r && ln -s r /t", "f /t", &["r=f"]),
            ("ln -s /r/deep /t", "f /t", &["r/deep=f"]),
            ("ln -s /r/deep /t", "f /t/", &["r/deep/f=f"]),
            ("ln -s /r /t", "d /t", &["r/g=d/g", "r/s/h=d/s/h"]),
            ("mkdir -p /t/s && echo k > /t/s/k && ln -s /t/s/k /t/g", "d /t", &["t/g=d/g", "t/s/h=d/s/h", "t/s/k=k"]),
            ("true", "L /t", &["t/g=d/g", "t/s/h=d/s/h"]),
            ("true", "F /t/", &["t/F=d/g"]),
            ("true", "L/s /t", &["t/h=d/s/h"]),
            ("true", "[[]x] /t/", &["t/[x]=[x]"]),
            ("true", "d* /t/", &["t/g=d2/g", "t/s/h=d/s/h"]),
            ("true", "**/g /t/", &["t/g=d2/g"]),
            ("true", "/../../f ./t", &["t=f"]),
            ("true", "./d/../f t/./u/../v", &["t/v=f"]),
            ("true", "f f d/g /t", &["t=d/g"]),
            ("true", "f none* /t/", &["t/f=f"]),
            ("true", "[\"\", \"/t\"]", &["t/[x]=[x]", "t/d/g=d/g", "t/d/s/h=d/s/h", "t/d2/g=d2/g", "t/f=f"]),
            ("true", "[\"d/g\", \"t/a b\"]", &["t/a b=d/g"]),
        ] {
            // A dangling link is an error for a wildcard, as it is for BuildKit; it has a test of its own.
            let _gone = fs::remove_file(env.path("work/dangling"));
            let tree = Tree::of(&env.image(&format!("FROM base\nRUN {before}\nCOPY {operands}\n")));
            let files: Vec<String> = tree
                .0
                .values()
                .filter(|entry| entry.kind == 'f' && (entry.path.starts_with('t') || entry.path.starts_with('r')))
                .map(|entry| format!("{}={}", entry.path, String::from_utf8_lossy(&entry.content).trim_end()))
                .collect();
            assert_eq!(files, expected, "{before}; COPY {operands} {run_as:?}");
        }
    }
}

#[test]
fn what_cannot_be_replaced_is_named() {
    let env = environment(RunAs::Root);
    for (before, operands, message) in [
        ("echo > /t", "d /t", "cannot copy to non-directory: /t"),
        ("mkdir -p /t/f", "f /t", "cannot replace to directory /t/f with file"),
        ("mkdir -p /t/g", "d /t", "cannot replace to directory /t/g with file"),
        ("mkdir /t && echo > /t/s", "d /t", "cannot copy to non-directory: /t/s"),
        ("mkdir -p /t/r && ln -s r /t/s", "d /t", "cannot copy to non-directory: /t/s"),
        ("echo > /t", "f /t/u", "not a directory: /t"),
        ("true", "nothing f /t/", "\"/nothing\": not found"),
        ("true", "dangling /t/", "\"/dangling\": not found"),
        ("true", "[ /t/", "syntax error in pattern"),
    ] {
        let refused = env.refused(&format!("FROM base\nRUN {before}\nCOPY {operands}\n"));
        assert!(refused.contains(message) && refused.contains("Dockerfile:3:"), "{operands}: {refused}");
    }
}

#[test]
fn a_stage_is_copied_with_its_links_and_owners() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = environment(run_as);
        let image = env.image(
            "FROM base AS src\nWORKDIR /here\nRUN mkdir -p /s/real && echo 1 > /s/real/f && ln -s real /s/rel && ln -s /s/real /s/abs && \
             ln -s /none /s/lost && chown 3:4 /s/real/f /s/real && chmod 2751 /s/real && chmod 4711 /s/real/f && ln /s/real/f /s/hard\n\
             FROM scratch\nCOPY --from=src /s /all\nCOPY --from=src /s/abs /through\nCOPY --from=src /s/rel/f /s/abs/ /into/\nCOPY --from=src s/h* /h/\n\
             FROM scratch\nCOPY --from=1 / /\nCOPY --from=src . /root\n",
        );
        let tree = Tree::of(&image);
        assert_eq!(
            tree.below("all"),
            [
                "l all/abs->/s/real",
                "f 4711 3:4 all/hard=1",
                "l all/lost->/none",
                "d 2751 3:4 all/real",
                "h all/real/f=all/hard",
                "l all/rel->real",
            ],
            "{run_as:?}"
        );
        assert_eq!([tree.line("through"), tree.line("through/f")], ["d 0755 0:0 through", "f 4711 3:4 through/f=1"]);
        assert_eq!(tree.below("into"), ["f 4711 3:4 into/f=1"]);
        assert_eq!(tree.below("h"), ["f 4711 3:4 h/hard=1"]);
        assert!(tree.0.contains_key("root/here"), "the root of a stage is meant, whatever its working directory");
    }
}

#[test]
fn directories_that_are_made_inherit_the_group_of_the_one_around_them() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        env.write("d/in/f", "f");
        let tree = Tree::of(&env.image(
            "FROM base\nRUN mkdir /s && chown 0:50 /s && chmod 2775 /s\nCOPY d /s/d\nCOPY d/in/f /s/way/to/\n\
             COPY --chown=7:8 d /s/own\nWORKDIR /s/work\nUSER 5\nWORKDIR /s/user\n",
        ));
        for (path, mode, owner) in [
            ("s/d", "2755", "0:50"),
            ("s/d/in", "0755", "0:0"),
            ("s/way", "2755", "0:50"),
            ("s/way/to", "2755", "0:50"),
            ("s/own", "2755", "7:8"),
            ("s/own/in", "0755", "7:8"),
            ("s/work", "2755", "0:50"),
            ("s/user", "2755", "5:5"),
        ] {
            assert_eq!(tree.line(path), format!("d {mode} {owner} {path}"), "{run_as:?}");
        }
        assert_eq!(tree.line("s/way/to/f"), "f 0644 0:0 s/way/to/f=f", "{run_as:?}");
    }
}

#[test]
fn an_owner_that_nobody_knows_is_said() {
    let env = TestEnv::root();
    env.write("f", "f");
    env.write("Dockerfile", "FROM base\nCOPY --chown=stranger:strangers f /a\nCOPY --chown=7:8 f /b\n");
    let build = ["build", "--build-context", BASE, "."];
    let told = env.ok(build).stderr;
    for expected in [
        "user `stranger` is not in the image's /etc/passwd: the files belong to 0:0",
        "group `strangers` is not in the image's /etc/group",
        "Dockerfile:2:1",
        "[unknown-owner]",
    ] {
        assert_eq!(
            told.matches(expected).count(),
            if expected.contains('`') { 1 } else { 2 },
            "`{expected}` in {told}"
        );
    }
    assert!(!env.ok(build).stderr.contains("unknown-owner"), "a step that does not run says nothing");
    env.write("Dockerfile", "FROM base\nUSER stranger\nWORKDIR /w\n");
    assert!(env.ok(build).stderr.contains("user `stranger` is not in the image's /etc/passwd"));
}

#[test]
fn an_owner_that_cannot_be_had_is_an_error_that_says_so() {
    let archive = |env: &TestEnv, uid: u64| {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        header.set_mode(0o644);
        header.set_uid(uid);
        builder.append_data(&mut header, "inside", &b"x"[..]).unwrap();
        env.write("a.tar", builder.into_inner().unwrap());
    };
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        env.write("f", "f");
        for copy in
            ["COPY --chown=4294967295 f /x", "ADD --chown=0:4294967295 f /x", "COPY --link --chown=4294967295 f /x"]
        {
            let told = env.refused(&format!("FROM base\n{copy}\n"));
            assert!(
                told.contains(
                    "error[id-out-of-range]: user and group numbers must be between 0 and 4294967294: `4294967295`"
                ),
                "{copy}: {told}"
            );
        }
        archive(&env, u64::from(u32::MAX));
        let told = env.refused("FROM base\nADD a.tar /x/\n");
        assert!(told.contains("`inside` has an owner out of range") && !told.contains("panicked"), "{told}");
        let imported = env.run(["import", env.path("work/a.tar").to_str().unwrap(), "odd"]);
        assert!(!matches!(imported.code, Some(0 | 101) | None), "{}", imported.stderr);
        assert!(imported.stderr.contains("user 4294967295 cannot own a file"), "{}", imported.stderr);
        // An account with that number, made by a step.
        let odd = "RUN mkdir -p /etc && echo odd:x:4294967295:0:::> /etc/passwd\n";
        for step in ["COPY --chown=odd f /x", "USER odd\nRUN id", "USER odd\nWORKDIR /x"] {
            let told = env.refused(&format!("FROM base\n{odd}{step}\n"));
            assert!(told.contains("[id-out-of-range]") && !told.contains("panicked"), "{step}: {told}");
        }
        archive(&env, 3_000_000_000);
        for copy in [
            "COPY --chown=3000000000 f /x",
            "ADD --chown=7:3000000000 a.tar /x/",
            "ADD a.tar /x/",
            "COPY --chown=3000000000 <<f /\nf",
        ] {
            let dockerfile = format!("FROM base\n{copy}\n");
            if run_as == RunAs::Root {
                env.image(&dockerfile);
                continue;
            }
            let told = env.refused(&dockerfile);
            let words = "3000000000 is not mapped in this user namespace: more subordinate ids are needed";
            assert!(
                told.contains(words) && told.contains("error[id-not-mapped]") && told.contains("/etc/subuid"),
                "{copy}: {told}"
            );
        }
    }
}
