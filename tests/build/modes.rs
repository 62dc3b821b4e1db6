//! `--chmod` and `--chown`: what they mean, for what, and where names are looked up.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::tree::{Tree, last_step};
use crate::support::{RunAs, TestEnv};

fn environment(run_as: RunAs) -> TestEnv {
    let env = TestEnv::new(run_as);
    for (path, mode) in [("d/plain", 0o640), ("d/run", 0o750), ("d/sub/x", 0o600)] {
        env.write(path, path);
        fs::set_permissions(env.path("work").join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    std::os::unix::fs::symlink("plain", env.path("work/d/link")).unwrap();
    fs::set_permissions(env.path("work/d/sub"), fs::Permissions::from_mode(0o700)).unwrap();
    env
}

#[test]
fn modes_in_octal_and_in_words() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = environment(run_as);
        for (mode, made, plain, run, sub) in [
            ("640", "0640", "0640", "0640", "0640"),
            ("4755", "0755", "4755", "4755", "4755"),
            ("u+x,go-w", "0755", "0740", "0750", "0700"),
            ("a=rX", "0755", "0444", "0555", "0555"),
            ("g=u", "0755", "0660", "0770", "0770"),
            ("u=rwX,go=rX", "0755", "0644", "0755", "0755"),
            ("ug+s,o+t", "0755", "6640", "6750", "6700"),
            ("+t", "0755", "1640", "1750", "1700"),
        ] {
            let image = env.image(&format!("FROM scratch\nARG M={mode}\nCOPY --chmod=$M d /a/b\n"));
            let tree = Tree::of(&image);
            let lines =
                [("a", made), ("a/b", made), ("a/b/sub", sub)].map(|(path, mode)| format!("d {mode} 0:0 {path}"));
            assert_eq!([tree.line("a"), tree.line("a/b"), tree.line("a/b/sub")], lines, "{mode}");
            assert_eq!(tree.line("a/b/plain"), format!("f {plain} 0:0 a/b/plain=d/plain"), "{mode}");
            assert_eq!(tree.line("a/b/run"), format!("f {run} 0:0 a/b/run=d/run"), "{mode}");
            assert_eq!(tree.line("a/b/link"), "l a/b/link->plain");
            assert_eq!(last_step(&image), format!("COPY --chmod={mode} d /a/b # buildkit"));
        }
    }
}

#[test]
fn bad_modes_are_refused_where_they_stand() {
    let env = environment(RunAs::Root);
    for (mode, message) in [
        ("8", "invalid chmod parameter: '8'. it should be octal string and between 0 and 07777"),
        ("10000", "invalid chmod parameter: '10000'. it should be octal string and between 0 and 07777"),
        ("u+q", "invalid chmod parameter: 'u+q'"),
    ] {
        let refused = env.refused(&format!("FROM scratch\nCOPY --chmod={mode} d /\n"));
        assert!(refused.contains(message) && refused.contains("Dockerfile:2:14"), "{refused}");
    }
}

#[test]
fn owners_by_number_and_by_name() {
    let env = environment(RunAs::Root);
    let accounts = "FROM base\nRUN mkdir -p /etc /there && echo 'app:x:7:8::/:/bin/sh' > /etc/passwd && echo 'team:x:9:' > /etc/group && \
                    chown 3:3 /there\n";
    for (owner, expected) in [
        ("5", "5:5"),
        ("5:6", "5:6"),
        ("app", "7:8"),
        ("app:team", "7:9"),
        ("app:6", "7:6"),
        ("5:team", "5:9"),
        (":team", "0:9"),
        (":6", "0:6"),
        ("root", "0:0"),
        ("root:team", "0:9"),
        ("app:root", "7:0"),
        // As BuildKit has it, a name that is not known is nobody but root.
        ("stranger", "0:0"),
        ("5:strangers", "5:5"),
        ("app:strangers", "7:8"),
    ] {
        let image = env.image(&format!("{accounts}USER 77\nARG O={owner}\nCOPY --chown=$O d /there/x/y\n"));
        let tree = Tree::of(&image);
        assert_eq!(tree.line("there"), "d 0755 3:3 there", "what existed keeps its owner");
        for path in ["there/x", "there/x/y", "there/x/y/sub"] {
            assert!(tree.line(path).ends_with(&format!(" {expected} {path}")), "{owner}: {}", tree.line(path));
        }
        assert_eq!(tree.line("there/x/y/run"), format!("f 0750 {expected} there/x/y/run=d/run"), "{owner}");
        assert!(last_step(&image).starts_with(&format!("COPY --chown={owner} d ")), "{}", last_step(&image));
    }
    let image = env.image("FROM scratch\nCOPY --chown=root:0 d /x\nCOPY --chown=app:app d /y\n");
    assert_eq!(Tree::of(&image).line("y/run"), "f 0750 0:0 y/run=d/run", "a filesystem without accounts knows nobody");
    for owner in ["app", "5:team", "app:team"] {
        let refused = env.refused(&format!("FROM scratch\nCOPY --chown={owner} d /\n"));
        assert!(refused.contains("invalid user index: -1"), "{refused}");
    }
}

#[test]
fn accounts_are_found_through_links_of_the_image_and_never_those_of_the_source() {
    let env = environment(RunAs::Root);
    let image = env.image(
        "FROM base AS src\nRUN mkdir -p /etc && echo 'app:x:1:1::/:/bin/sh' > /etc/passwd\n\
         FROM base\nRUN mkdir -p /etc /real && echo 'app:x:7:8::/:/bin/sh' > /real/passwd && ln -s /real/passwd /etc/passwd\n\
         COPY --from=src --chown=app /etc/passwd /copied\nCOPY --from=src /etc/passwd /kept\n",
    );
    let tree = Tree::of(&image);
    assert!(tree.line("copied").starts_with("f 0644 7:8 "), "{}", tree.line("copied"));
    assert!(tree.line("kept").starts_with("f 0644 0:0 "), "{}", tree.line("kept"));
}
