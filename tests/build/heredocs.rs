//! Files that the Dockerfile itself holds.

use std::path::Path;

use crate::support::tree::{Tree, last_step};
use crate::support::{RunAs, TestEnv};

#[test]
fn documents_become_files() {
    let env = TestEnv::root();
    env.write("f", "from the context");
    let image = env.image(
        "FROM scratch\nARG A=value\nENV E=env\nWORKDIR /w\n\
         COPY <<one.txt <<\"two.txt\" <<-three.txt f here/\n$A ${E} \\$A\none.txt\n$A \\$A\ntwo.txt\n\t\tindented $A\n\tthree.txt\n\
         COPY --chown=7:8 --chmod=u+x,o= <<script /bin/run\n#!/bin/sh\nscript\n\
         ADD <<plain /etc/conf\n'quoted' \"$A\"\nplain\n\
         COPY f <<f /last/\nfrom the Dockerfile\nf\n",
    );
    let tree = Tree::of(&image);
    assert_eq!(
        tree.below("w/here"),
        [
            "f 0644 0:0 w/here/f=from the context",
            "f 0644 0:0 w/here/one.txt=value env $A",
            "f 0644 0:0 w/here/three.txt=indented value",
            "f 0644 0:0 w/here/two.txt=$A \\$A",
        ]
    );
    assert_eq!(tree.line("bin/run"), "f 0740 7:8 bin/run=#!/bin/sh");
    assert_eq!(tree.line("etc/conf"), "f 0644 0:0 etc/conf='quoted' \"value\"");
    assert_eq!(tree.line("last/f"), "f 0644 0:0 last/f=from the Dockerfile", "inline files come last");
    assert_eq!(last_step(&image), "COPY f <<f /last/ # buildkit");
}

#[test]
fn documents_of_one_name_are_all_the_last() {
    let env = TestEnv::root();
    let image = env.image("FROM scratch\nCOPY <<E <<E /x/\nfirst\nE\nsecond\nE\n");
    assert_eq!(Tree::of(&image).below("x"), ["f 0644 0:0 x/E=second"]);
    assert_eq!(last_step(&image), "COPY <<E <<E /x/ # buildkit");
}

#[test]
fn several_documents_for_one_name_leave_the_last() {
    let env = TestEnv::root();
    let image = env.image("FROM scratch\nCOPY <<a <<b /x\nA\na\nB\nb\n");
    assert_eq!(Tree::of(&image).lines(), ["f 0644 0:0 x=B"]);
    let image = env.image("FROM base\nRUN mkdir /x\nCOPY <<a <<b /x\nA\na\nB\nb\n");
    assert_eq!(Tree::of(&image).below("x"), ["f 0644 0:0 x/a=A", "f 0644 0:0 x/b=B"]);
}

#[test]
fn names_of_documents_stay_in_their_destination() {
    const HARMLESS: [&str; 7] = ["../b", "a/../b", "/b", "b/", "//b", "x/../../b", "../../../../../../../../../../b"];
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        // Where the user of the builder may write: the test's own directory, and that of temporary files.
        let inside = env.path("work/escaped");
        let outside = std::env::temp_dir().join(format!("builder-escape-{}-{run_as:?}", std::process::id()));
        let up = "/..".repeat(30).split_off(1);
        let mut refused: Vec<String> = ["a/b", ".", "..", "/"].map(str::to_owned).into();
        refused.extend([&inside, &outside].into_iter().flat_map(|path| {
            let path = path.display();
            [format!("{path}"), format!("{up}{path}")]
        }));
        for (flag, base) in [("", "base"), ("--link ", "base"), ("", "scratch"), ("--link ", "scratch")] {
            let copy = |(number, name): (usize, &&str)| format!("COPY {flag}<<{name} /x{number}/\nq\n{name}\n");
            let copies: String = HARMLESS.iter().enumerate().map(copy).collect();
            let tree = Tree::of(&env.image(&format!("FROM {base}\n{copies}")));
            for number in 0..HARMLESS.len() {
                let directory = format!("x{number}");
                assert_eq!(tree.below(&directory), [format!("f 0644 0:0 {directory}/b=q")], "{flag}{base} {run_as:?}");
            }
            for name in &refused {
                env.refused(&format!("FROM {base}\nCOPY {flag}<<{name} /x/\nq\n{name}\n"));
                env.refused(&format!("FROM {base}\nADD {flag}<<{name} /x/\nq\n{name}\n"));
            }
        }
        assert!(!inside.exists() && !outside.exists(), "{run_as:?}");
        assert!(!env.path("b").exists() && !env.path("work/b").exists() && !Path::new("/b").exists(), "{run_as:?}");
    }
}

/// As with BuildKit, which looks at the document before it takes the tabs away.
#[test]
fn an_interpreter_behind_a_tab_is_a_comment_of_the_shell() {
    let env = TestEnv::root();
    let image = env.image("FROM base\nRUN <<-E\n\t#!/no/such/interpreter\n\techo ran > /ran\n\tE\n");
    assert_eq!(Tree::of(&image).line("ran"), "f 0644 0:0 ran=ran");
    assert_eq!(last_step(&image), "RUN /bin/sh -c #!/no/such/interpreter\necho ran > /ran\n # buildkit");
}

#[test]
fn a_script_is_called_what_its_document_is_and_nothing_else() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        let outside = env.path("work/escaped");
        let script = |name: &str| format!("FROM base\nRUN <<{name}\n#!/bin/sh\necho ran > /ran\n{name}\n");
        for name in ["own-name", "/abs", "//b", "b/", "a/../b"] {
            assert_eq!(Tree::of(&env.image(&script(name))).line("ran"), "f 0644 0:0 ran=ran", "{name}");
        }
        let outside_name = outside.display().to_string();
        for name in [&*outside_name, "../../escaped", "..", ".", "/", "../fd/0", "../x", "own/name"] {
            let told = env.refused(&script(name));
            assert!(told.contains("error[invalid-file-name]: open /"), "{name}: {told}");
        }
        assert!(!outside.exists());
    }
}
