//! `WORKDIR`: what it makes, and whose it is.

use crate::support::tree::Tree;
use crate::support::{RunAs, TestEnv};

#[test]
fn new_directories_belong_to_the_user_and_old_ones_stay() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        let image = env.image(
            "FROM base\nRUN mkdir -p /etc /old /real && chmod 700 /old && echo 'app:x:7:8::/:/bin/sh' > /etc/passwd && ln -s /real /way\n\
             USER 5\nWORKDIR /old/five/deep\nUSER 5:6\nWORKDIR /old/six/\nUSER app\nWORKDIR ../app\nWORKDIR /way/in\n\
             USER stranger\nWORKDIR /old/nobody\nUSER root\nWORKDIR $NOTHING\nWORKDIR ${NOTHING:-sub}\nCOPY <<f .\ntext\nf\n",
        );
        let tree = Tree::of(&image);
        for (path, mode, owner) in [
            ("old", "0700", "0:0"),
            ("old/five", "0755", "5:5"),
            ("old/five/deep", "0755", "5:5"),
            ("old/six", "0755", "5:6"),
            ("old/app", "0755", "7:8"),
            ("real/in", "0755", "7:8"),
            // As with `--chown`, a name that is not known is nobody but root.
            ("old/nobody", "0755", "0:0"),
            ("old/nobody/sub", "0755", "0:0"),
        ] {
            assert_eq!(tree.line(path), format!("d {mode} {owner} {path}"), "{run_as:?}");
        }
        assert_eq!(tree.line("way"), "l way->/real");
        assert_eq!(tree.line("old/nobody/sub/f"), "f 0644 0:0 old/nobody/sub/f=text");
        assert_eq!(image.config["config"]["WorkingDir"], "/old/nobody/sub");
    }
}

#[test]
fn a_layer_comes_of_it_also_where_nothing_is_made() {
    let env = TestEnv::root();
    let image = env.image("FROM base\nWORKDIR /a\nWORKDIR /a\nWORKDIR /\n");
    assert_eq!((image.layer_count(), image.paths(1), image.paths(2)), (3, vec!["a".to_owned()], vec![]));
    let empty: Vec<_> =
        image.config["history"].as_array().unwrap().iter().map(|entry| entry["empty_layer"] == true).collect();
    assert_eq!(empty[empty.len() - 3..], [false, false, true]);
}

#[test]
fn what_is_no_directory_is_an_error() {
    let env = TestEnv::root();
    let refused = env.refused("FROM base\nRUN echo > /f\nWORKDIR /f/x\n");
    assert!(refused.contains("not a directory: /f/x") && refused.contains("Dockerfile:3:1"), "{refused}");
    let refused = env.refused("FROM scratch\nUSER app\nWORKDIR /x\n");
    assert!(refused.contains("invalid user index: -1"), "{refused}");
}

#[test]
fn an_absolute_path_is_shown_as_it_is_written() {
    let env = TestEnv::root();
    for (operand, shown) in [("/a/c/", "/a/c/"), ("/a/c", "/a/c"), ("a/c/", "/a/c"), ("/", "/")] {
        let image = env.image(&format!("FROM scratch\nWORKDIR {operand}\nCOPY <<f x\ntext\nf\n"));
        assert_eq!(image.config["config"]["WorkingDir"], shown);
        assert_eq!(image.config["history"][0]["created_by"], format!("WORKDIR {shown}"));
        let directory = shown.trim_matches('/');
        assert!(Tree::of(&image).0.contains_key(format!("{directory}/x").trim_matches('/')), "{operand}");
    }
}
