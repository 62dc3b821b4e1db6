//! The same forms of report as hadolint's, byte by byte but for the words of the messages.

use std::process::Command;

use serde_json::Value;

use crate::support::TestEnv;
use crate::{CLEAN, FAULTY, tool};

const FORMATS: [&str; 10] =
    ["tty", "json", "checkstyle", "codeclimate", "gitlab_codeclimate", "gnu", "codacy", "sonarqube", "sarif", "junit"];
const FILES: [&str; 4] = ["faulty.Dockerfile", "bad.Dockerfile", "clean.Dockerfile", "label.Dockerfile"];

struct Both {
    env: TestEnv,
}

impl Both {
    fn new() -> Self {
        let env = TestEnv::root();
        env.write("faulty.Dockerfile", FAULTY);
        env.write("bad.Dockerfile", "FROM debian:12\nFOO bar\n");
        env.write("clean.Dockerfile", CLEAN);
        env.write("label.Dockerfile", "FROM debian:12\nLABEL Foo=bar\nLABEL Bar=foo\n");
        Self { env }
    }

    /// Runs both with the same arguments; returns output and exit code of hadolint, then ours.
    fn run(&self, arguments: &[&str]) -> [(String, Option<i32>); 2] {
        let mut theirs = Command::new(tool("hadolint"));
        theirs.current_dir(self.env.path("work")).env("HOME", self.env.path("home"));
        let mut ours = self.env.builder();
        ours.args(["lint", "--hadolint-compat"]);
        [theirs, ours].map(|mut command| {
            let output = command.args(arguments).output().unwrap();
            (String::from_utf8(output.stdout).unwrap(), output.status.code())
        })
    }
}

/// Puts codes in the place of messages, whatever way they are escaped, and takes out times and fingerprints.
fn normalized(report: &str, findings: &Value) -> String {
    let mut text = report.to_owned();
    for finding in findings.as_array().unwrap() {
        let (message, code) = (finding["message"].as_str().unwrap(), finding["code"].as_str().unwrap());
        let json = Value::from(message).to_string();
        let attribute = message.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
        let element = message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        // hadolint joins the lines of what its parser says, and puts a blank behind them.
        let joined = format!("{} ", message.replace('\n', " "));
        for form in [message, &json[1..json.len() - 1], &attribute, &element, &joined] {
            text = text.replace(form, &format!("<{code}>"));
        }
    }
    let mut out = String::new();
    for (at, part) in text.split("\"fingerprint\":\"").enumerate() {
        out.push_str(if at == 0 { part } else { &part[40..] });
    }
    let begin = out.find("<testsuites ");
    let end = out.find(" time=");
    if let (Some(begin), Some(end)) = (begin, end) {
        out.replace_range(begin..end, "<testsuites");
    }
    out
}

#[test]
fn ten_forms_are_hadolints() {
    let both = Both::new();
    let [(theirs, _), (ours, _)] = both.run(&[&["-f", "json"], &FILES[..]].concat());
    let (theirs, ours): (Value, Value) = (serde_json::from_str(&theirs).unwrap(), serde_json::from_str(&ours).unwrap());
    for format in FORMATS {
        for more in [&[][..], &["--no-color"], &["--file-path-in-report", "/x&<y>"]] {
            let arguments = [&["-f", format], &FILES[..], more].concat();
            let [(their_text, their_code), (our_text, our_code)] = both.run(&arguments);
            assert_eq!(normalized(&our_text, &ours), normalized(&their_text, &theirs), "{arguments:?}");
            assert_eq!(our_code, their_code, "{arguments:?}");
        }
    }
}

#[test]
fn exit_codes_are_hadolints() {
    let both = Both::new();
    for arguments in [
        &["clean.Dockerfile"][..],
        &["label.Dockerfile"],
        &["-t", "style", "label.Dockerfile"],
        &["-t", "ignore", "label.Dockerfile"],
        &["-t", "none", "label.Dockerfile"],
        &["-t", "error", "faulty.Dockerfile"],
        &["--no-fail", "faulty.Dockerfile"],
        &["--no-fail", "bad.Dockerfile"],
        &["-f", "codacy", "bad.Dockerfile"],
        &["nothing.Dockerfile"],
        &["--no-such-option"],
        &["-c", "nothing.yaml", "clean.Dockerfile"],
        &["--ignore", "DL9999", "clean.Dockerfile"],
        &["--error", "DL3048", "label.Dockerfile"],
    ] {
        let [(_, theirs), (_, ours)] = both.run(arguments);
        assert_eq!(ours, theirs, "{arguments:?}");
    }
}

#[test]
fn latin_1_is_read_as_hadolint_reads_it() {
    let both = Both::new();
    both.env.write("latin.Dockerfile", b"FROM debian:12\n# caf\xe9\nLABEL Foo=\xe9\n");
    let [(theirs, _), (ours, _)] = both.run(&["-f", "gnu", "latin.Dockerfile"]);
    assert_eq!(theirs.lines().count(), ours.lines().count());
    assert!(ours.starts_with("hadolint:latin.Dockerfile:3: DL3048 style: "), "{ours}");
}
