//! Standard input.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::FAULTY;
use crate::support::{Finished, TestEnv};

/// Runs a command with a text on its standard input.
pub fn run(mut command: Command, text: &str) -> Finished {
    let shown = format!("{command:?}");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdin.take().map(|mut stdin| stdin.write_all(text.as_bytes())));
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Finished { command: shown, stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code() }
}

#[test]
fn a_dash_is_standard_input_and_may_have_a_name() {
    let env = TestEnv::root();
    let lint = |arguments: &[&str]| {
        let mut command = env.builder();
        command.args(["lint", "-f", "compact"]).args(arguments);
        run(command, FAULTY)
    };
    assert!(lint(&["-"]).fails(1).stdout.starts_with("-:1:6: warning[DL3006]"));
    assert!(lint(&["-", "--stdin-filename", "a/Dockerfile"]).fails(1).stdout.starts_with("a/Dockerfile:1:6: "));
    env.write("a/.hadolint.yaml", "ignored: [DL3006]\n");
    assert!(lint(&["-", "--stdin-filename", "a/Dockerfile"]).fails(1).stdout.starts_with("a/Dockerfile:2:1: "));
}

#[test]
fn a_pipe_that_the_shell_names_is_a_file() {
    let env = TestEnv::root();
    let builder = env.builder().get_program().to_owned();
    let mut command = Command::new("bash");
    command.args(["-c", "\"$0\" lint -f compact <(echo FROM debian)"]).arg(builder).current_dir(env.path("work"));
    assert!(Finished::of(&mut command).fails(1).stdout.contains("warning[DL3006]"));
}
