//! `COPY --exclude` and `ADD --exclude`.

use super::cache::cached_steps;
use crate::support::TestEnv;
use crate::support::tree::{Tree, last_step};

fn environment() -> TestEnv {
    let env = TestEnv::root();
    for path in ["one/a.png", "one/a.txt", "two/b.png", "two/b.pdf", "two/in/c.png", "top.png"] {
        env.write(path, "");
    }
    env
}

fn names(tree: &Tree, directory: &str) -> Vec<String> {
    tree.below(directory).iter().map(|line| line.rsplit(' ').next().unwrap().trim_end_matches('=').to_owned()).collect()
}

#[test]
fn patterns_are_those_of_ignore_files_below_each_source() {
    let env = environment();
    env.write(".dockerignore", "Dockerfile\n.dockerignore\n");
    let image = env.image(
        "FROM scratch\nARG P=*\nCOPY --exclude=*/*.png . /1\nCOPY --exclude=**/*.png --exclude=*/in . /2\n\
         ADD --exclude=*.png one two /3/\nCOPY --exclude=*.png --exclude=*.txt *o* /4/\nCOPY --exclude=* one /5\n\
         COPY --exclude=* --exclude=!in/c.png two /6\nCOPY --exclude=$P one /7\nCOPY --exclude=top.png --exclude=* top.png *.png /8/\n\
         COPY --exclude=two . /9\n",
    );
    let tree = Tree::of(&image);
    for (directory, expected) in [
        ("1", &["1/one", "1/one/a.txt", "1/top.png", "1/two", "1/two/b.pdf", "1/two/in", "1/two/in/c.png"][..]),
        ("2", &["2/one", "2/one/a.txt", "2/two", "2/two/b.pdf"]),
        ("3", &["3/a.txt", "3/b.pdf", "3/in", "3/in/c.png"]),
        // A file that a wildcard names itself is copied all the same: BuildKit's own way, whatever its manual says.
        ("4", &["4/b.pdf", "4/in", "4/in/c.png", "4/top.png"]),
        ("5", &[]),
        ("6", &["6/in", "6/in/c.png"]),
        ("7", &["7/a.png", "7/a.txt"]),
        ("8", &["8/top.png"]),
        ("9", &["9/one", "9/one/a.png", "9/one/a.txt", "9/top.png"]),
    ] {
        assert_eq!(names(&tree, directory), expected, "{directory}");
    }
    assert_eq!(last_step(&image), "COPY . /9 # buildkit");
}

#[test]
fn an_excluded_file_does_not_count_and_a_pattern_does() {
    let env = environment();
    let build = |pattern: &str| {
        env.write("Dockerfile", format!("FROM scratch\nCOPY --exclude={pattern} one /\n"));
        cached_steps(&env.ok(["build", "--progress", "plain", "."]).stderr)
    };
    assert_eq!(build("*.png"), [false]);
    env.write("one/a.png", "changed");
    assert_eq!(build("*.png"), [true]);
    assert_eq!(build("*.txt"), [false]);
    env.write("one/a.png", "again");
    assert_eq!(build("*.txt"), [false]);
    let refused = env.refused("FROM scratch\nCOPY --exclude=a[ one /\n");
    assert!(refused.contains("syntax error in pattern") && refused.contains("Dockerfile:2:16"), "{refused}");
}

#[test]
fn a_stage_is_filtered_as_a_context_is() {
    let env = TestEnv::root();
    let image = env.image(
        "FROM base AS a\nRUN mkdir -p /s/k && echo > /s/k/x && echo > /s/k/y && echo > /s/y && chmod 710 /s/k\n\
         FROM scratch\nCOPY --from=a --exclude=**/x /s /1\nCOPY --from=a --exclude=k/ s /2\n",
    );
    let tree = Tree::of(&image);
    assert_eq!(
        (names(&tree, "1"), names(&tree, "2")),
        (vec!["1/k".into(), "1/k/y".into(), "1/y".into()], vec!["2/y".into()])
    );
    assert_eq!(tree.line("1/k"), "d 0710 0:0 1/k");
}
