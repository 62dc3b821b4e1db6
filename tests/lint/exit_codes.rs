//! What scripts can rely on.

use crate::support::TestEnv;
use crate::{CLEAN, FAULTY, STYLE};

#[test]
fn clean_findings_and_trouble_are_told_apart() {
    let env = TestEnv::root();
    env.write("clean/Dockerfile", CLEAN);
    env.write("style/Dockerfile", STYLE);
    env.write("faulty/Dockerfile", FAULTY);
    env.write("broken/Dockerfile", "FOO\n");
    for (arguments, code) in [
        (&["clean"][..], 0),
        (&["style"], 0),
        (&["-t", "style", "style"], 1),
        (&["-t", "ignore", "style"], 1),
        (&["-t", "error", "--ignore", "DL3000,DL4000", "faulty"], 0),
        (&["faulty"], 1),
        (&["--no-fail", "faulty"], 0),
        (&["broken"], 1),
        (&["clean", "faulty"], 1),
        (&["nothing"], 2),
        (&["nothing", "faulty"], 2),
        (&["--no-such-option"], 2),
        (&["--ignore", "DL9999", "clean"], 2),
        (&["--select", "nonsense", "clean"], 2),
        (&["-t", "grave", "clean"], 2),
        (&["-f", "nonsense", "clean"], 2),
        (&["-o", "a", "-o", "b", "clean"], 2),
        (&["--unsafe-fixes", "clean"], 2),
        (&["--fix", "--diff", "clean"], 0),
        (&["--fix", "--diff", "--show-fixes", "clean"], 2),
        (&["--select", "", "clean"], 2),
        (&["--context", "no/such/folder", "clean"], 2),
        (&["--context", ".", "--hadolint-compat", "clean"], 1),
        (&["--trusted-registry", "https://docker.io", "clean"], 2),
        (&["-t", "none", "style"], 1),
        (&["--stdin-filename", "x", "clean"], 2),
        (&["--require-label", "a", "clean"], 2),
        (&["--shellcheck=/no/such/program", "clean"], 2),
        (&["--explain", "DL9999"], 2),
        (&["--ignore", "SC9999,DL3005,DL3017,DL3031,DL3039,DL4002", "clean"], 0),
    ] {
        env.run([&["lint"], arguments].concat()).fails(code);
    }
}

#[test]
fn the_others_are_looked_at_where_one_cannot_be() {
    let env = TestEnv::root();
    env.write("a.Dockerfile", FAULTY);
    env.write("z.Dockerfile", FAULTY);
    let select = "DL3000,DL3006,DL3048,DL4000";
    let failed = env
        .run([
            "lint",
            "--select",
            select,
            "-f",
            "compact",
            "z.Dockerfile",
            "/dev/zero",
            "no.Dockerfile",
            "a.Dockerfile",
        ])
        .fails(2);
    assert!(failed.stderr.contains("cannot read `/dev/zero`: it is larger"), "{}", failed.stderr);
    assert!(failed.stderr.contains("cannot read `no.Dockerfile`: No such file"), "{}", failed.stderr);
    let first: Vec<&str> = failed.stdout.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(first, [["a.Dockerfile"; 4], ["z.Dockerfile"; 4]].concat(), "in the order of paths");
}

#[test]
fn what_is_not_utf_8_is_a_finding_at_its_place_unless_it_is_a_comment() {
    let env = TestEnv::root();
    env.write("comment.Dockerfile", b"FROM debian:12\n# caf\xe9\nUSER 1000\n");
    env.write("faulty.Dockerfile", b"FROM debian:12\nLABEL a=\xe9\nUSER 1000\n");
    env.ok(["lint", "comment.Dockerfile"]);
    let found = env.run(["lint", "-f", "compact", "faulty.Dockerfile"]).fails(1);
    assert!(found.stdout.starts_with("faulty.Dockerfile:2:9: error[DL1000]"), "{}", found.stdout);
    env.ok(["lint", "--fix", "comment.Dockerfile"]);
    let text = b"FROM debian:12\nLABEL a=\xe9\nUSER 1000\nCMD [\"a\"]\nENTRYPOINT [\"b\"]\nmaintainer me\n";
    env.write("mendable.Dockerfile", text);
    let failed = env.run(["lint", "--fix", "--unsafe-fixes", "-f", "compact", "mendable.Dockerfile"]).fails(2);
    assert!(failed.stderr.contains("cannot mend `mendable.Dockerfile`: line 2 is not UTF-8"), "{}", failed.stderr);
    assert!(failed.stdout.contains("mendable.Dockerfile:2:9: error[DL1000]"), "{}", failed.stdout);
    assert!(failed.stdout.contains("[DL4000]"), "{}", failed.stdout);
    assert_eq!(std::fs::read(env.path("work/mendable.Dockerfile")).unwrap(), text);
}

#[test]
fn what_is_text_for_an_editor_only_is_named() {
    let env = TestEnv::root();
    env.write("mac.Dockerfile", "FROM debian\rRUN cd /x\r");
    let utf_16: Vec<u8> = "\u{feff}FROM debian\nRUN cd /x\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    env.write("windows.Dockerfile", utf_16);
    let found = env.run(["lint", "-f", "compact"]).fails(1);
    let lines: Vec<&str> = found.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{}", found.stdout);
    assert!(
        lines[0].starts_with("mac.Dockerfile:1:12: error[DL1000]: the lines end in carriage returns alone"),
        "{}",
        lines[0]
    );
    assert_eq!(lines[1], "windows.Dockerfile:1:1: error[DL1000]: the file is UTF-16");
}
