//! `COPY --link`: a layer that knows nothing of those below.

use super::cache::cached_steps;
use crate::support::image::Image;
use crate::support::tree::{Tree, last_step};
use crate::support::{RunAs, TestEnv};

const BASE: &str =
    "FROM base\nRUN mkdir -p /usr/lib /d && chmod 700 /d && chown 5:5 /d && ln -s usr/lib /lib2 && ln -s d /e\n";

fn environment() -> TestEnv {
    let env = TestEnv::root();
    env.write("f", "f");
    env.write("c/g", "g");
    env
}

#[test]
fn what_is_below_is_not_looked_at() {
    let env = environment();
    let image = env.image(&format!(
        "{BASE}COPY --link f /lib2/x\nCOPY --link f /d/\nCOPY --link f /e\nCOPY --link c/ /new\nCOPY --link --chown=7 f /own/f\n"
    ));
    let tree = Tree::of(&image);
    assert_eq!(tree.line("lib2"), "d 0755 0:0 lib2", "a directory instead of the link");
    assert_eq!(tree.line("lib2/x"), "f 0644 0:0 lib2/x=f");
    assert_eq!(tree.line("d"), "d 0755 0:0 d", "the directory of the copy counts");
    assert_eq!(tree.line("e"), "f 0644 0:0 e=f", "a file instead of the link");
    assert_eq!(tree.line("new/g"), "f 0644 0:0 new/g=g");
    assert_eq!(tree.below("own"), ["f 0644 7:7 own/f=f"]);
    assert_eq!(tree.line("own"), "d 0755 7:7 own");
    assert_eq!(image.paths(2), ["lib2", "lib2/x"], "nothing but its own files and their directories");
    assert_eq!(last_step(&image), "COPY --chown=7 f /own/f # buildkit");
}

#[test]
fn a_later_step_sees_the_layer_in_its_place() {
    let env = environment();
    let image = env.image(&format!(
        "{BASE}COPY --link f /lib2/x\nRUN ls /lib2 /usr/lib > /seen && ls -d /e/ >> /seen\nWORKDIR /w\nCOPY --link . .\n"
    ));
    let seen = image.file("seen");
    assert!(seen.starts_with("/lib2:\nx\n\n/usr/lib:\n"), "{seen}");
    assert_eq!(Tree::of(&image).line("w/c/g"), "f 0644 0:0 w/c/g=g");
}

#[test]
fn a_new_base_needs_no_new_copy() {
    let env = environment();
    env.write("b1/marker", "1");
    env.write("b2/marker", "2");
    let dockerfile = "FROM below\nCOPY --link f /x/f\nCOPY f /y/f\n";
    env.write("Dockerfile", dockerfile);
    let build = |base: &str| {
        let context = format!("below={base}");
        let finished = env.ok(["build", "--progress", "plain", "-t", base, "--build-context", &context, "."]);
        (cached_steps(&finished.stderr), Image::open(&env.store(), base))
    };
    let (first, one) = build("b1");
    assert_eq!(first, [false, false]);
    let (second, two) = build("b2");
    assert_eq!(second, [true, false], "the linked copy is not made again, the ordinary one is");
    assert_eq!(one.config["rootfs"]["diff_ids"][1], two.config["rootfs"]["diff_ids"][1]);
    assert_eq!((one.file("marker"), two.file("marker")), ("1".to_owned(), "2".to_owned()));
    assert_eq!((two.file("x/f"), two.file("y/f")), ("f".to_owned(), "f".to_owned()));
    // The layer can be used with others on top as well.
    let (third, _) = build("b1");
    assert_eq!(third, [true, true]);
    env.write("f", "changed");
    assert_eq!(build("b2").0, [false, false]);
}

#[test]
fn names_mean_nothing_and_a_mode_makes_it_an_ordinary_copy() {
    let env = environment();
    let passwd = "RUN mkdir -p /etc && echo 'app:x:7:8::/:/bin/sh' > /etc/passwd\n";
    let refused = env.refused(&format!("{BASE}{passwd}COPY --link --chown=app f /\n"));
    assert!(refused.contains("invalid user index: -1") && refused.contains("write its number"), "{refused}");
    let image = env.image(&format!(
        "{BASE}{passwd}COPY --link --chown=app --chmod=600 f /lib2/f\nCOPY --link=false --chown=app f /lib2/g\n"
    ));
    let tree = Tree::of(&image);
    assert_eq!(tree.line("lib2"), "l lib2->usr/lib");
    assert_eq!(tree.line("usr/lib/f"), "f 0600 7:8 usr/lib/f=f");
    assert_eq!(tree.line("usr/lib/g"), "f 0644 7:8 usr/lib/g=f");
    let tree = Tree::of(&env.image(&format!("{BASE}COPY --link --chown=root:3 f /r\n")));
    assert_eq!(tree.line("r"), "f 0644 0:3 r=f");
}

#[test]
fn archives_and_inline_files_are_linked_too_also_without_root() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        header.set_mode(0o640);
        header.set_mtime(1);
        archive.append_data(&mut header, "lib2/in", "a".as_bytes()).unwrap();
        env.write("a.tar", archive.into_inner().unwrap());
        let image = env.image(
            "FROM base\nRUN mkdir /real && ln -s real /lib2\nADD --link a.tar /\nCOPY --link <<F /lib2/\ninline\nF\n\
             RUN cat /lib2/in /lib2/F > /seen\n",
        );
        assert_eq!(image.file("seen"), "ainline\n", "{run_as:?}");
        assert_eq!(Tree::of(&image).below("real"), [""; 0]);
    }
}

#[test]
fn a_copy_has_what_is_below_already_too() {
    // It is found by its key wherever it is written next, also where nothing is below.
    for output in ["type=image,name=app", "type=image,name=app,store=true,unpack=false"] {
        let env = environment();
        let text = |copies: &str| format!("FROM scratch\n{copies}");
        let build = |copies: &str, arguments: &[&str]| -> String {
            env.write("Dockerfile", text(copies));
            let always = ["build", "--timestamp", "1000000000", "--progress", "plain", "-o", output, "-t", "app"];
            env.ok(always.iter().chain(arguments).chain(&["."])).stderr
        };
        let (twice, once) = ("COPY c /d/\nCOPY --link c /d/\nCOPY --link c /d/\n", "COPY --link c /d/\n");
        build(twice, &[]);
        assert_eq!(Image::open(&env.store(), "app").paths(1), ["d", "d/g"]);
        let manifest = || Image::open(&env.store(), "app").config["rootfs"].to_string();
        let cached = manifest();
        build(twice, &["--no-cache"]);
        assert_eq!(manifest(), cached);
        let said = build(once, &[]);
        assert_eq!(cached_steps(&said), [true], "{said}");
        assert_eq!(Image::open(&env.store(), "app").file("d/g"), "g");
    }
}
