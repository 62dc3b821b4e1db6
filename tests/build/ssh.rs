//! `RUN --mount=type=ssh`: real agents and keys, lent for listing and signing only.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::image::Image;
use crate::support::{Finished, RunAs, TestEnv};

const BASE: &str = "base=host:sh,cat,grep,ls,ssh-add,ssh-keygen,stat,test,true";

/// Accounts, without which ssh's programs do not run.
const ACCOUNTS: &str = "RUN echo root:x:0:0::/:/bin/sh > /etc/passwd\n";

fn build(env: &TestEnv, dockerfile: &str, extra: &[&str]) -> Finished {
    env.write("context/Dockerfile", dockerfile);
    let mut arguments = vec!["build", "--progress", "plain", "--lint", "off", "-t", "app", "--build-context", BASE];
    arguments.extend(extra);
    arguments.push("context");
    env.run(arguments)
}

/// Makes a key and returns its path.
fn key(env: &TestEnv, kind: &str, passphrase: &str) -> PathBuf {
    let path = env.path("work").join(format!("key-{kind}"));
    let arguments = ["-q", "-t", kind, "-N", passphrase, "-C", "the comment", "-f"];
    assert!(Command::new("ssh-keygen").args(arguments).arg(&path).status().expect("ssh-keygen").success());
    // Belongs to whom the tests build as.
    let _ = env.write("touch", "");
    path
}

struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    fn start(env: &TestEnv, key: &PathBuf) -> Self {
        let socket = env.path("work/agent.sock");
        let child = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn();
        let agent = Self { child: child.expect("ssh-agent"), socket };
        let begin = Instant::now();
        while !agent.socket.exists() {
            assert!(begin.elapsed() < Duration::from_secs(20), "the agent did not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        let added = Command::new("ssh-add").arg(key).env("SSH_AUTH_SOCK", &agent.socket).stderr(Stdio::null()).status();
        assert!(added.expect("ssh-add").success());
        agent
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A step that lists, signs, and tries what it must not do.
fn steps(public: &str) -> String {
    format!(
        "FROM base\n{ACCOUNTS}RUN echo '{public}' > /key.pub && echo data > /data\n\
         RUN --mount=type=ssh ssh-add -L | grep -F '{public}' && test $SSH_AUTH_SOCK = /run/buildkit/ssh_agent.0\n\
         RUN --mount=type=ssh test \"$(stat -c %F:%a:%u $SSH_AUTH_SOCK)\" = socket:600:0\n\
         RUN --mount=type=ssh ssh-keygen -Y sign -f /key.pub -n test /data && \
         echo 'me {public}' > /allowed && \
         ssh-keygen -Y verify -f /allowed -I me -n test -s /data.sig < /data\n\
         RUN --mount=type=ssh ! ssh-add -D && ! ssh-add -x < /dev/null; ssh-add -L\n\
         RUN ! test -e /run/buildkit\n"
    )
}

#[test]
fn an_agent_is_lent_and_stays_as_it_is() {
    let env = TestEnv::root();
    let key = key(&env, "rsa", "");
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let agent = Agent::start(&env, &key);
    let default = format!("default={}", agent.socket.display());
    build(&env, &steps(public.trim()), &["--ssh", &default]).success();
    let image = Image::open(&env.store(), "app");
    assert_eq!(image.layer_count(), 8);
    assert!((1..8).all(|layer| image.paths(layer).iter().all(|path| !path.contains("buildkit"))));
    let listed = Command::new("ssh-add").arg("-L").env("SSH_AUTH_SOCK", &agent.socket).output().expect("ssh-add");
    assert_eq!(String::from_utf8_lossy(&listed.stdout), public);
    // The caller's own agent, by its usual variable.
    let mut command = env.builder();
    let dockerfile = format!("FROM base\n{ACCOUNTS}RUN --mount=type=ssh,required,target=/s,mode=0666 ssh-add -L\n");
    env.write("context/Dockerfile", dockerfile);
    command.args(["build", "--build-context", BASE, "--ssh", "default", "context"]);
    Finished::of(command.env("SSH_AUTH_SOCK", &agent.socket)).success();
}

#[test]
fn keys_from_files_are_lent_too() {
    for (run_as, kind) in [(RunAs::Root, "ed25519"), (RunAs::Root, "ecdsa"), (RunAs::Ordinary, "ed25519")] {
        let env = TestEnv::new(run_as);
        let key = key(&env, kind, "");
        let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
        build(&env, &steps(public.trim()), &["--ssh", &format!("default={}", key.display())]).success();
    }
}

#[test]
fn what_cannot_be_lent_is_said() {
    let env = TestEnv::root();
    let dockerfile = "FROM base\nRUN --mount=type=ssh,id=mine,required true\n";
    let failed = build(&env, dockerfile, &[]).fails(2);
    assert!(failed.stderr.contains("no SSH key \"mine\" forwarded from the client"), "{}", failed.stderr);
    build(&env, "FROM base\nRUN --mount=type=ssh ! test -e $SSH_AUTH_SOCK\n", &[]).success();
    for (kind, passphrase, message) in
        [("rsa", "", "can only be lent by an agent"), ("ed25519", "a passphrase", "has a passphrase")]
    {
        let key = key(&env, kind, passphrase);
        let failed = build(&env, dockerfile, &["--ssh", &format!("mine={}", key.display())]).fails(2);
        assert!(failed.stderr.contains(message) && failed.stderr.contains("ssh-add"), "{}", failed.stderr);
    }
    let failed = build(&env, dockerfile, &["--ssh", "mine"]).fails(2);
    assert!(failed.stderr.contains("make sure SSH_AUTH_SOCK is set"), "{}", failed.stderr);
}
