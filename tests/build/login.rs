//! Who we are to a registry with encryption and passwords, and where the password is never seen.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use crate::support::peers::{REGISTRY_PASSWORD, REGISTRY_USER, Registry};
use crate::support::{Finished, TestEnv};

/// A registry that guards itself, and a machine that trusts its certificate.
fn guarded() -> (TestEnv, Registry) {
    let env = TestEnv::root();
    let registry = Registry::start_guarded(&env.path(""));
    let trust = env.path("home/.config/containers/certs.d").join(registry.address());
    fs::create_dir_all(&trust).unwrap();
    fs::copy(env.path("ca.crt"), trust.join("ca.crt")).unwrap();
    (env, registry)
}

fn login(env: &TestEnv, server: &str, password: &str, configure: impl FnOnce(&mut Command)) -> Finished {
    let mut command = env.builder();
    command.args(["login", "-u", REGISTRY_USER, "--password-stdin", server]);
    configure(&mut command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Finished {
        command: "login".to_owned(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code(),
    }
}

#[test]
fn a_login_opens_a_registry_and_is_seen_nowhere() {
    let (env, registry) = guarded();
    let host = registry.address();
    let config = env.path("home/.docker/config.json");
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    fs::write(&config, r#"{"HttpHeaders": {"X-Kept": "1"}, "auths": {"other.example": {"auth": "YTpi"}}}"#).unwrap();
    let name = format!("{host}/team/app:1");
    env.write("a", "a");
    env.write("Dockerfile", "FROM scratch\nCOPY a /\n");
    env.ok(["build", "-t", &name, "."]);
    let refused = env.run(["push", &name]).fails(4);
    assert!(refused.stderr.contains(&format!("builder login {host}")), "{}", refused.stderr);
    let wrong = login(&env, host, "wrong-hunter3", |_| {}).fails(4);
    assert!(wrong.stderr.contains("does not know this user"), "{}", wrong.stderr);
    assert!(!fs::read_to_string(&config).unwrap().contains(host));
    let welcome = login(&env, host, REGISTRY_PASSWORD, |_| {}).success();
    assert_eq!(welcome.stdout, "Login Succeeded\n");
    let kept = fs::read_to_string(&config).unwrap();
    assert!(kept.contains("X-Kept") && kept.contains("other.example") && kept.contains(host), "{kept}");
    assert_eq!(fs::metadata(&config).unwrap().permissions().mode() & 0o777, 0o600);

    let mut said = Vec::new();
    for arguments in [
        &["push", "--progress", "rawjson", &name][..],
        &["rmi", &name],
        &["pull", "--progress", "plain", &name],
        &["build", "--pull", "--push", "--progress", "rawjson", "-t", &name, "."],
        &["pull", &format!("{host}/team/nothing:1")],
        &["registry", "tags", &format!("{host}/team/app")],
    ] {
        let finished = env.run(arguments);
        assert_eq!(
            finished.code,
            Some(if arguments.len() == 2 && arguments[0] == "pull" { 4 } else { 0 }),
            "{finished:?}"
        );
        said.push(format!("{}{}", finished.stdout, finished.stderr));
    }
    // `joe:secret-hunter2` as it is, and as it is sent.
    let secrets = ["hunter", "am9lOnNlY3JldC1odW50ZXIy"];
    for text in &said {
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "{text}");
    }
    for secret in secrets {
        let found = Command::new("grep").args(["-r", "-l", "-a", secret]).arg(env.store()).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    }
    assert_eq!(env.ok(["logout", host]).stdout, format!("Removing login credentials for {host}\n"));
    assert_eq!(env.ok(["logout", host]).stdout, format!("Not logged in to {host}\n"));
    assert!(!fs::read_to_string(&config).unwrap().contains(host));
    env.run(["pull", &name]).fails(4);
}

#[test]
fn certificates_that_nobody_vouches_for_are_refused_unless_told_to() {
    let (env, registry) = guarded();
    let host = registry.address();
    fs::remove_dir_all(env.path("home/.config")).unwrap();
    let elsewhere = host.replace("127.0.0.1", "localhost");
    // Without a certificate a registry of this machine is spoken to without encryption, which this one is not.
    login(&env, &elsewhere, REGISTRY_PASSWORD, |_| {}).fails(4);
    let conf = env.write("registries.conf", format!("[[registry]]\nlocation = \"{elsewhere}\"\ninsecure = true\n"));
    let told = login(&env, &elsewhere, REGISTRY_PASSWORD, |command| {
        command.env("CONTAINERS_REGISTRIES_CONF", &conf);
    });
    told.success();
    // An authority that is another one.
    let other = TestEnv::root();
    let _other_registry = Registry::start_guarded(&other.path(""));
    let trust = env.path("home/.config/containers/certs.d").join(host);
    fs::create_dir_all(&trust).unwrap();
    fs::copy(other.path("ca.crt"), trust.join("ca.crt")).unwrap();
    let refused = login(&env, host, REGISTRY_PASSWORD, |_| {}).fails(4);
    assert!(refused.stderr.contains("cannot make a trusted connection"), "{}", refused.stderr);
}

#[test]
fn credentials_come_from_podmans_file_and_from_helpers() {
    let (env, registry) = guarded();
    let host = registry.address();
    let file = env.path("home/auth.json");
    let with_file = |command: &mut Command| {
        command.env("REGISTRY_AUTH_FILE", &file);
    };
    login(&env, host, REGISTRY_PASSWORD, with_file).success();
    assert!(!env.path("home/.docker/config.json").exists());
    let name = format!("{host}/app:1");
    env.write("Dockerfile", "FROM scratch\nENV A=1\n");
    let mut build = env.builder();
    with_file(build.args(["build", "--push", "-t", &name, "."]));
    Finished::of(&mut build).success();
    fs::remove_file(&file).unwrap();

    // A helper keeps one credential in a file, and notes what it was asked.
    let bin = env.path("bin");
    fs::create_dir(&bin).unwrap();
    let program = bin.join("docker-credential-test");
    let kept = env.path("kept");
    let script = format!(
        "#!/bin/sh\nread -r line\necho \"$1 $line\" >> {log}\ncase $1 in\nstore) echo \"$line\" > {kept};;\nget) if [ -f {kept} ]; then \
         cat {kept}; else echo 'credentials not found in native keychain'; exit 1; fi;;\nerase) rm {kept};;\nesac\n",
        log = env.path("asked").display(),
        kept = kept.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let config = env.path("home/.docker/config.json");
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    fs::write(&config, r#"{"credsStore": "test"}"#).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let with_helper = |command: &mut Command| {
        command.env("PATH", &path);
    };
    let pull = || {
        let mut command = env.builder();
        with_helper(command.args(["pull", &name]));
        Finished::of(&mut command)
    };
    pull().fails(4);
    login(&env, host, REGISTRY_PASSWORD, with_helper).success();
    assert!(!fs::read_to_string(&config).unwrap().contains("\"auth\""), "the helper keeps it");
    pull().success();
    let mut logout = env.builder();
    with_helper(logout.args(["logout", host]));
    Finished::of(&mut logout).success();
    assert!(!kept.exists());
    pull().fails(4);
    // A helper that is not there is named.
    fs::write(&config, r#"{"credsStore": "nowhere"}"#).unwrap();
    let missing = pull().fails(4);
    assert!(missing.stderr.contains("docker-credential-nowhere"), "{}", missing.stderr);
}

#[test]
fn a_command_may_trust_a_registry_that_proves_nothing() {
    let env = TestEnv::root();
    let registry = Registry::start_guarded(&env.path(""));
    let host = registry.address();
    let output = |name: &str| format!("type=image,push=true,registry.insecure=true,name={host}/{name}:1");
    env.write("a", "a");
    env.write("Dockerfile", "FROM scratch\nCOPY a /\n");
    let token = format!("{REGISTRY_USER}:{REGISTRY_PASSWORD}");
    let encoded = crate::support::peers::tool("sh", &["-c", &format!("printf %s '{token}' | base64 -w0")]);
    let config = env.path("home/.docker/config.json");
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    fs::write(&config, format!(r#"{{"auths":{{"{host}":{{"auth":"{}"}}}}}}"#, encoded.trim())).unwrap();
    env.ok(["build", "-q", "-o", &output("one"), "."]);
    env.ok(["rmi", &format!("{host}/one:1")]);
    let (one, list) = (format!("{host}/one:1"), format!("{host}/list:1"));
    for (arguments, more) in
        [(&["create", &list, &one][..], &[][..]), (&["push", &list], &[]), (&["inspect", &one], &["-v"])]
    {
        let all = [&["manifest"], arguments, more].concat();
        let refused = env.run(&all).fails(4);
        assert!(refused.stderr.contains(host), "{}", refused.stderr);
        env.ok([&all[..], &["--insecure"]].concat());
    }
}

#[test]
fn a_password_in_a_name_is_shown_by_no_error() {
    let env = TestEnv::root();
    let name = "joe:hunter2@127.0.0.1:1/app:1";
    for arguments in [
        &["pull", name][..],
        &["push", name],
        &["run", name],
        &["rmi", name],
        &["untag", "app", name],
        &["tag", name, "other"],
        &["save", name],
        &["inspect", name],
        &["history", name],
        &["registry", "rm", name],
        &["manifest", "create", "list", name],
        &["login", "https://joe:hunter2@127.0.0.1:1"],
    ] {
        let failed = env.run(arguments);
        assert_ne!(failed.code, Some(0), "{arguments:?}");
        assert!(!format!("{}{}", failed.stdout, failed.stderr).contains("hunter2"), "{arguments:?}: {}", failed.stderr);
    }
}
