//! `COPY --parents`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::TestEnv;
use crate::support::tree::{Tree, last_step};

#[test]
fn directories_that_lead_to_a_file_are_repeated() {
    let env = TestEnv::root();
    for path in ["one/two/bar", "one/two/baz", "one/other", "three/two/bar"] {
        env.write(path, path);
    }
    fs::set_permissions(env.path("work/one/two"), fs::Permissions::from_mode(0o750)).unwrap();
    let image = env.image(
        "FROM scratch\nCOPY --parents one/two/bar /\nWORKDIR /w\nCOPY --parents one/two/ba* .\n\
         COPY --parents --chown=7:8 --chmod=u=rwX,go= ./[ot]*/./two/bar /pivot\n\
         COPY --parents one/no* /empty/\n",
    );
    let tree = Tree::of(&image);
    assert_eq!(
        tree.lines(),
        [
            "d 0755 0:0 empty",
            "d 0755 0:0 one",
            "d 0750 0:0 one/two",
            "f 0644 0:0 one/two/bar=one/two/bar",
            "d 0755 7:8 pivot",
            // Made of `one/two`, then on the way of another source: its mode is that of `three/two`, as with BuildKit.
            "d 0755 7:8 pivot/two",
            "f 0600 7:8 pivot/two/bar=three/two/bar",
            "d 0755 0:0 w",
            "d 0755 0:0 w/one",
            "d 0750 0:0 w/one/two",
            "f 0644 0:0 w/one/two/bar=one/two/bar",
            "f 0644 0:0 w/one/two/baz=one/two/baz",
        ]
    );
    assert_eq!(last_step(&image), "COPY --parents one/no* /empty/ # buildkit");
}

#[test]
fn a_stage_is_searched_at_any_depth() {
    let env = TestEnv::root();
    let image = env.image(
        "FROM base AS a\nRUN mkdir -p /t/a/c/e /t/b/c/e && echo 1 > /t/a/c/e/x && echo 2 > /t/b/c/e/y && echo 3 > /t/b/z\n\
         RUN ln -s /t/b /short\n\
         FROM scratch\nCOPY --from=a --parents /t/*/./c/**/e /wild/\nCOPY --from=a --parents short/./c /pivot/\n\
         COPY --from=a --parents --exclude=t/b/c /t/a/c/e/x /t/b /two/\nCOPY --from=a --parents /**/y /deep/\n",
    );
    let tree = Tree::of(&image);
    let files = |directory| {
        let lines = tree.below(directory).into_iter().filter(|line| !line.starts_with('d'));
        lines.map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(files("wild"), ["wild/c/e/x=1", "wild/c/e/y=2"]);
    assert_eq!(files("pivot"), ["pivot/c/e/y=2"]);
    assert_eq!(files("two"), ["two/t/a/c/e/x=1", "two/t/b/z=3"]);
    assert_eq!(files("deep"), ["deep/t/b/c/e/y=2"]);
}

#[test]
fn a_path_without_wildcards_must_exist() {
    let env = TestEnv::root();
    env.write("d/f", "");
    for (operand, named) in [("nothing", "/nothing"), ("d/./nothing", "/d/nothing"), ("./d/f/x", "/d/f/x")] {
        let refused = env.refused(&format!("FROM scratch\nCOPY --parents {operand} /x/\n"));
        assert!(refused.contains(&format!("\"{named}\": not found")), "{refused}");
        assert!(refused.contains("Dockerfile:2:16"), "{refused}");
    }
}

#[test]
fn only_what_is_selected_counts_for_the_cache() {
    let env = TestEnv::root();
    env.write("d/a.json", "1");
    env.write("d/a.rs", "1");
    let build = |dockerfile: &str| env.image(dockerfile).config["rootfs"]["diff_ids"][0].clone();
    let dockerfile = "FROM scratch\nCOPY --parents **/*.json /\n";
    let before = build(dockerfile);
    env.write("d/a.rs", "2");
    assert_eq!(build(dockerfile), before);
    env.write("d/a.json", "2");
    assert_ne!(build(dockerfile), before);
}
