//! Files that the Dockerfile itself holds.

use crate::support::TestEnv;
use crate::support::tree::{Tree, last_step};

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
