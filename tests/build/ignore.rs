//! `.dockerignore`, seen through COPY.

use std::fs;

use super::cache::cached_steps;
use crate::support::TestEnv;
use crate::support::tree::Tree;

const FILES: &[&str] = &[
    "a/b.txt",
    "a/c.txt",
    "README.md",
    "README-secret.md",
    "other.md",
    "node_modules/x",
    "src/node_modules/y",
    "src/main.go",
    "#x",
];

fn copied(env: &TestEnv, dockerfile: &str) -> Vec<String> {
    let tree = Tree::of(&env.image(dockerfile));
    tree.below("o").iter().map(|line| line.rsplit(' ').next().unwrap().trim_end_matches('=')[2..].to_owned()).collect()
}

#[test]
fn what_is_hidden_and_what_is_not() {
    let env = TestEnv::root();
    for file in FILES {
        env.write(file, "");
    }
    for (file, expected) in [
        ("*\n!src", &["src", "src/main.go", "src/node_modules", "src/node_modules/y"][..]),
        ("**\n!a/b.txt", &["a", "a/b.txt"]),
        ("*\n!*.md\nREADME-secret.md", &["README.md", "other.md"]),
        ("*\n!node_modules\n!src\nnode_modules", &["src", "src/main.go", "src/node_modules", "src/node_modules/y"]),
        ("*\n!src\n**/node_modules", &["src", "src/main.go"]),
        ("*\n!a\n/a/b.txt", &["a", "a/c.txt"]),
        ("*\n!a\na/", &[]),
        ("*\n!a\na/*", &["a"]),
        ("*\n!a\na/**\n!a/c.txt", &["a", "a/c.txt"]),
        ("*\n!\\#x", &["#x"]),
        ("*\n! #x \n", &["#x"]),
        ("\u{feff}*\r\n!a\r\n# comment\r\na/b.txt\r\n", &["a", "a/c.txt"]),
        ("**/*\n!**/*.go", &["src", "src/main.go"]),
        ("**", &[]),
        ("*\n!a/b.txt/../c.txt", &["a", "a/c.txt"]),
        ("**txt\n*.md\nD*\n.d*\nnode*\nsrc\n#x\n\\#x", &["a"]),
    ] {
        env.write(".dockerignore", file);
        assert_eq!(copied(&env, "FROM scratch\nCOPY . /o\n"), expected, "{file:?}");
    }
}

#[test]
fn wildcards_see_what_is_left_and_a_directory_that_they_match_is_flattened() {
    let env = TestEnv::root();
    for file in FILES {
        env.write(file, "");
    }
    env.write(".dockerignore", "*\n!src\n!a\n**/node_modules\na/b.txt\n");
    assert_eq!(copied(&env, "FROM scratch\nCOPY * /o/\n"), ["c.txt", "main.go"]);
    assert_eq!(copied(&env, "FROM scratch\nCOPY *.md no* /o/\n"), [""; 0]);
    for source in ["README.md", "a/b.txt", "node_modules", "src/node_modules/y"] {
        let refused = env.refused(&format!("FROM scratch\nCOPY src {source} /o/\n"));
        assert!(refused.contains(&format!("\"/{source}\": not found")), "{refused}");
        assert!(refused.contains("the ignore file of the build context excludes it"), "{refused}");
        assert!(refused.contains("Dockerfile:2:10"), "{refused}");
    }
    let refused = env.refused("FROM scratch\nCOPY nowhere /o/\n");
    assert!(refused.contains("\"/nowhere\": not found") && !refused.contains("excludes it"), "{refused}");
}

#[test]
fn the_dockerfile_and_the_ignore_file_can_be_hidden() {
    let env = TestEnv::root();
    env.write("f", "");
    env.write(".dockerignore", "Dockerfile\n.dockerignore\n");
    assert_eq!(copied(&env, "FROM scratch\nCOPY . /o\n"), ["f"]);
    assert!(env.refused("FROM scratch\nCOPY Dockerfile /\n").contains("\"/Dockerfile\": not found"));
}

#[test]
fn a_malformed_pattern_ends_the_build() {
    let env = TestEnv::root();
    for (file, message) in [("ok\na[\n", "syntax error in pattern"), ("!\n", "illegal exclusion pattern: \"!\"")] {
        env.write(".dockerignore", file);
        let refused = env.refused("FROM scratch\nCOPY . /\n");
        assert!(refused.contains(message) && refused.contains(".dockerignore:"), "{refused}");
    }
}

#[test]
fn each_folder_has_its_own() {
    let env = TestEnv::root();
    env.write(".dockerignore", "f\nextra\n");
    for file in ["g", "extra/f", "extra/g"] {
        env.write(file, file);
    }
    env.write("extra/.dockerignore", "g\n.dockerignore\n");
    env.write("Dockerfile", "FROM scratch\nCOPY --from=more . /o\nCOPY g /o/main\n");
    env.ok(["build", "-t", "app", "--build-context", "more=extra", "."]);
    let tree = Tree::of(&crate::support::image::Image::open(&env.store(), "app"));
    assert_eq!(tree.below("o"), ["f 0644 0:0 o/f=extra/f", "f 0644 0:0 o/main=g"]);
    // Of a stage, everything can be copied.
    env.write(".dockerignore", "x\n");
    assert_eq!(copied(&env, "FROM scratch AS a\nCOPY <<x /s/\nx\nFROM scratch\nCOPY --from=a /s /o\n"), ["x"]);
}

#[test]
fn a_hidden_file_counts_for_nothing() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nCOPY . /\n");
    env.write("f", "");
    env.write("cache/x", "1");
    env.write(".dockerignore", "cache\n.dockerignore\nDockerfile\n");
    let build = || cached_steps(&env.ok(["build", "--progress", "plain", "."]).stderr);
    assert_eq!(build(), [false]);
    env.write("cache/x", "2");
    assert_eq!(build(), [true]);
    fs::remove_dir_all(env.path("work/cache")).unwrap();
    env.write(".dockerignore", "cache\n.dockerignore\nDockerfile\n# another rule that hides nothing\nnothing\n");
    assert_eq!(build(), [true]);
}
