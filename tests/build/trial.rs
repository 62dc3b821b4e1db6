//! `builder run`: images tried in the sandbox.

use std::fs;
use std::io::{BufRead, Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Finished, RunAs, TestEnv};

const BASE: &str = "base=host:sh,cat,env,id,ls,mkdir,pwd,sleep,stat,stty,touch,tty";

fn image(env: &TestEnv, rest: &str) {
    env.write("Dockerfile", format!("FROM base\nENV A=1 B=2\nWORKDIR /w\n{rest}"));
    env.ok(["build", "-q", "-t", "app", "--lint", "off", "--build-context", BASE, "."]);
}

fn run(env: &TestEnv, arguments: &[&str]) -> Finished {
    env.run([&["run", "--rm"], arguments].concat())
}

#[test]
fn the_image_says_what_runs_and_options_say_otherwise() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        image(&env, "ENTRYPOINT [\"sh\", \"-c\", \"echo $A $B $C $0 $1; pwd; exit 7\"]\nCMD [\"x\", \"y\"]\n");
        assert_eq!(run(&env, &["app"]).fails(7).stdout, "1 2 x y\n/w\n");
        let given = run(&env, &["-e", "B=3", "-e", "C=4", "-w", "/", "app", "p", "q"]).fails(7);
        assert_eq!(given.stdout, "1 3 4 p q\n/\n");
        let other = run(&env, &["--entrypoint", "id", "-u", "7:8", "app", "-u"]).success();
        assert_eq!(other.stdout, "7\n");
        let name =
            run(&env, &["--hostname", "box", "--entrypoint", "cat", "app", "/proc/sys/kernel/hostname"]).success();
        assert_eq!(name.stdout, "box\n");
    }
}

#[test]
fn nothing_that_is_written_stays_but_in_volumes() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        image(&env, "CMD [\"sh\", \"-c\", \"echo x > /new && ls /new\"]\n");
        run(&env, &["app"]).success();
        run(&env, &["app", "ls", "/new"]).fails(2);
        env.write("shared/one", "one\n");
        let shared = env.path("work/shared");
        let volume = format!("{}:/data", shared.display());
        run(&env, &["-v", &volume, "app", "sh", "-c", "cat /data/one && echo two > /data/two"]).success();
        assert_eq!(fs::read_to_string(shared.join("two")).unwrap(), "two\n");
        let read_only = run(&env, &["-v", &format!("{volume}:ro"), "app", "sh", "-c", "echo x > /data/three"]);
        assert_ne!(read_only.code, Some(0));
        assert!(!shared.join("three").exists());
        let missing = run(&env, &["-v", "/no/such/place:/data", "app"]).fails(125);
        assert!(missing.stderr.contains("does not exist"), "{}", missing.stderr);
    }
}

#[test]
fn what_cannot_run_ends_as_with_docker() {
    let env = TestEnv::root();
    image(&env, "RUN touch /plain\n");
    run(&env, &["app", "no-such-program"]).fails(127);
    run(&env, &["app", "/plain"]).fails(126);
    run(&env, &["app"]).fails(125);
    run(&env, &["no-such-image"]).fails(125);
    run(&env, &["app", "sh", "-c", "kill -9 $$"]).fails(137);
}

#[test]
fn input_is_read_where_it_is_asked_for() {
    let env = TestEnv::root();
    image(&env, "CMD [\"cat\"]\n");
    let with = |arguments: &[&str]| {
        let mut command = env.builder();
        command.args([&["run"], arguments].concat()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"hello\n").unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(with(&["-i", "app"]), "hello\n");
    assert_eq!(with(&["app"]), "");
}

#[test]
fn signals_reach_the_program_and_its_exit_code_comes_back() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        image(&env, "CMD [\"sh\", \"-c\", \"trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done\"]\n");
        let (code, _) = ended_by(&env, &[], "TERM");
        assert_eq!(code, Some(7));
        // Who does not listen is killed once its time is up.
        image(&env, "CMD [\"sh\", \"-c\", \"trap '' TERM; echo ready; while :; do sleep 0.05; done\"]\n");
        let (code, elapsed) = ended_by(&env, &["--stop-timeout", "1"], "TERM");
        assert_eq!(code, Some(137));
        assert!(elapsed >= Duration::from_millis(900), "{elapsed:?}");
    }
}

#[test]
fn only_term_asks_for_an_end() {
    let env = TestEnv::root();
    let script = "trap 'echo again' HUP INT QUIT; trap 'exit 9' USR1; echo ready; while :; do sleep 0.05; done";
    image(&env, &format!("CMD [\"sh\", \"-c\", \"{script}\"]\n"));
    let mut command = env.builder();
    command.args(["run", "--stop-timeout", "0", "app"]).stdout(Stdio::piped()).stdin(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut said = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
    let mut heard = || said.next().map(Result::unwrap_or_default);
    let send = |signal: &str| {
        let sent = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    };
    assert_eq!(heard().as_deref(), Some("ready"));
    for signal in ["HUP", "QUIT", "INT", "INT"] {
        send(signal);
        assert_eq!(heard().as_deref(), Some("again"), "{signal}");
    }
    // It would have been killed by now.
    std::thread::sleep(Duration::from_millis(300));
    send("USR1");
    assert_eq!(heard(), None);
    assert_eq!(child.wait().unwrap().code(), Some(9));
}

#[test]
fn who_insists_with_three_interrupts_waits_no_longer() {
    let env = TestEnv::root();
    image(&env, "CMD [\"sh\", \"-c\", \"trap '' INT; echo ready; while :; do sleep 0.05; done\"]\n");
    let begin = Instant::now();
    let (code, _) = ended_by(&env, &["--stop-timeout", "60"], "INT");
    assert_eq!(code, Some(137));
    assert!(begin.elapsed() < Duration::from_secs(30));
}

/// Runs the image, sends a signal once it says that it is ready, and returns its exit code.
fn ended_by(env: &TestEnv, arguments: &[&str], signal: &str) -> (Option<i32>, Duration) {
    let mut command = env.builder();
    command.args([&["run"], arguments, &["app"]].concat()).stdout(Stdio::piped()).stdin(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut ready = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
    let begin = Instant::now();
    // One SIGINT means what the program takes it for, three mean that it is to end.
    for _ in 0..if signal == "INT" { 3 } else { 1 } {
        let sent = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        std::thread::sleep(Duration::from_millis(100));
    }
    (child.wait().unwrap().code(), begin.elapsed())
}

#[test]
fn a_root_that_cannot_be_written_to_has_memory_and_volumes_that_can() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        image(&env, "RUN mkdir -p /d/e && echo hidden > /d/file\n");
        let refused = run(&env, &["--read-only", "app", "sh", "-c", "echo x > /new"]);
        assert!(refused.code != Some(0) && refused.stderr.contains("Read-only"), "{refused:?}");
        env.write("shared/one", "one\n");
        let volume = format!("{}:/d/e", env.path("work/shared").display());
        let said = run(
            &env,
            &[
                "--rm=true",
                "-i=false",
                "--read-only=true",
                "--tmpfs",
                "/d:size=1m",
                "--tmpfs",
                "/made/up",
                "-v",
                &volume,
                "app",
                "sh",
                "-c",
                "echo x > /d/x && echo y > /made/up/y && cat /d/x /made/up/y /d/e/one && ls /d && ! echo z > /w/z",
            ],
        );
        assert_eq!(said.success().stdout, "x\ny\none\ne\nx\n");
        let full = run(&env, &["--tmpfs=/d:size=64k", "app", "sh", "-c", "cat /dev/zero > /d/zeros"]);
        assert!(full.code == Some(1) && full.stderr.contains("No space"), "{full:?}");
        let locked = run(&env, &["--tmpfs=/d:ro", "app", "sh", "-c", "ls /d; echo x > /d/x"]);
        assert!(locked.code != Some(0) && locked.stdout.is_empty(), "{locked:?}");
    }
}

#[test]
fn variables_come_from_files_and_from_here() {
    let env = TestEnv::root();
    image(&env, "CMD [\"env\"]\n");
    let file = env.write("vars", "# said\n\n  X=from file\nY=1\nHERE\nUNSET\nQUOTED=\"as it is\"\n");
    let mut command = env.builder();
    command.args(["run", "--env-file", file.to_str().unwrap(), "-e", "Y=2", "-e", "HERE2", "app"]);
    let said = Finished::of(command.env("HERE", "here").env("HERE2", "too")).success().stdout;
    for line in ["X=from file", "Y=2", "HERE=here", "HERE2=too", "QUOTED=\"as it is\"", "A=1"] {
        assert!(said.lines().any(|found| found == line), "no `{line}`: {said}");
    }
    assert!(!said.contains("UNSET"), "{said}");
    for (line, expected) in [("A B=1", "contains whitespaces"), ("=1", "no variable name")] {
        let file = env.write("vars", line);
        let refused = run(&env, &["--env-file", file.to_str().unwrap(), "app"]).fails(125);
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    }
    run(&env, &["-e", "=1", "app"]).fails(125);
}

#[test]
fn what_is_for_container_managers_is_refused_with_a_reason() {
    let env = TestEnv::root();
    for (option, reason) in [
        (&["-d"][..], "no container manager"),
        (&["-p", "80:80"], "no network of its own"),
        (&["--name", "x"], "nothing of a run stays"),
        (&["--privileged"], "sandbox of a RUN step"),
        (&["--mount", "type=bind,src=/,dst=/x"], "--volume"),
    ] {
        let refused = run(&env, &[option, &["app"]].concat()).fails(125);
        assert!(refused.stderr.contains("is not supported") && refused.stderr.contains(reason), "{}", refused.stderr);
    }
    image(&env, "CMD [\"cat\", \"/proc/net/dev\"]\n");
    let said = run(&env, &["--network", "none", "app"]).success().stdout;
    let devices: Vec<&str> =
        said.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim()).collect();
    assert_eq!(devices, ["lo"], "{said}");
    // As with docker, nothing but the program ends in other figures.
    run(&env, &["--network=bridge", "app"]).fails(125);
    env.run(["--color", "never", "run", "--no-such-option", "app"]).fails(125);
    env.run(["images", "--no-such-option", "run"]).fails(2);
}

/// A session of tmux that ends with this.
struct Tmux {
    socket: String,
}

impl Tmux {
    fn start(socket: String, command: &str) -> Self {
        let tmux = Self { socket };
        tmux.ask(&["new-session", "-d", "-x", "90", "-y", "20", command]);
        tmux
    }

    fn ask(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux").args(["-S", &self.socket]).args(arguments).output().expect("tmux");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Types a line, and again where it got lost, until a text is on the screen.
    fn type_until(&self, line: &str, text: &str) {
        for _ in 0..20 {
            self.ask(&["send-keys", line, "Enter"]);
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_secs(1) {
                if self.ask(&["capture-pane", "-p"]).contains(text) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        self.wait_for(text);
    }

    /// Waits for a text on the screen.
    fn wait_for(&self, text: &str) -> String {
        let begin = Instant::now();
        loop {
            let screen = self.ask(&["capture-pane", "-p"]);
            if screen.contains(text) {
                return screen;
            }
            assert!(begin.elapsed() < Duration::from_secs(20), "no `{text}` on the screen:\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        self.ask(&["kill-server"]);
    }
}

#[test]
fn a_person_can_work_in_a_terminal() {
    if crate::support::peers::which("tmux").is_none() {
        assert!(std::env::var_os("BUILDER_TESTS_REQUIRE").is_none(), "tmux is missing");
        return;
    }
    let env = TestEnv::root();
    image(&env, "CMD [\"sh\"]\n");
    let mut builder = env.builder();
    builder.args(["run", "-it", "app"]);
    let quoted = |text: &std::ffi::OsStr| format!("'{}'", text.to_string_lossy());
    let mut words = vec!["env".to_owned(), "-i".to_owned()];
    for (name, value) in builder.get_envs() {
        words.extend(value.map(|value| format!("{}={}", name.to_string_lossy(), quoted(value))));
    }
    words.push(quoted(builder.get_program()));
    words.extend(builder.get_args().map(quoted));
    let socket = env.path("tmux").display().to_string();
    let command = format!("{}; echo code $?; sleep 60", words.join(" "));
    let tmux = Tmux::start(socket, &command);
    tmux.ask(&["send-keys", "echo begin-$((20+3)); tty; stty size; echo $TERM", "Enter"]);
    let screen = tmux.wait_for("begin-23");
    let screen = if screen.contains("xterm") { screen } else { tmux.wait_for("\nxterm") };
    assert!(screen.contains("/dev/pts/0"), "{screen}");
    assert!(screen.contains("20 90"), "{screen}");
    tmux.ask(&["send-keys", "echo console-$((30+4)) > /dev/console", "Enter"]);
    tmux.wait_for("console-34");
    // The program in front gets the key, and the shell stays.
    tmux.ask(&["send-keys", "echo sleeping-$((50+1)); sleep 60", "Enter"]);
    tmux.wait_for("sleeping-51");
    tmux.ask(&["send-keys", "C-c", ""]);
    // The key throws away what was typed and not read yet: the next line is typed until it is read.
    tmux.type_until("echo after-$((40+2))", "after-42");
    tmux.ask(&["resize-window", "-x", "70", "-y", "15"]);
    // The size comes by a signal, which may be later than what is typed.
    tmux.type_until("stty size", "15 70");
    tmux.ask(&["send-keys", "exit 9", "Enter"]);
    tmux.wait_for("code 9");
}
