//! What RUN steps are allowed, given and limited to.

use crate::support::{Finished, RunAs, TestEnv};

const BASE: &str = "base=host:sh,cat,grep,ls,mknod,mount,sleep,stat,tail,test,true,uname";

fn build(env: &TestEnv, dockerfile: &str, extra: &[&str]) -> Finished {
    env.write("Dockerfile", dockerfile);
    let mut arguments = vec!["build", "--progress", "plain", "--lint", "off", "--build-context", BASE];
    arguments.extend(extra);
    arguments.push(".");
    env.run(arguments)
}

#[test]
fn the_hosts_network_by_name_must_be_allowed() {
    let env = TestEnv::root();
    let dockerfile = "FROM base\nRUN --network=host true\n";
    let failed = build(&env, dockerfile, &[]).fails(2);
    assert!(failed.stderr.contains("entitlement network.host is not allowed"), "{}", failed.stderr);
    assert!(failed.stderr.contains("--allow network.host"), "{}", failed.stderr);
    build(&env, dockerfile, &["--allow", "network.host"]).success();
    build(&env, dockerfile, &["--network", "host"]).success();
}

#[test]
fn no_network_is_loopback_alone_by_flag_and_by_option() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        let alone = "test \"$(tail -n +3 /proc/net/dev | grep -v lo: | cat)\" = \"\"";
        build(&env, &format!("FROM base\nRUN --network=none {alone}\n"), &[]).success();
        let default = format!("FROM base\nRUN --network=default {alone}\nRUN {alone}\n");
        build(&env, &default, &["--network", "none"]).success();
    }
}

#[test]
fn a_step_with_all_privileges_must_be_allowed() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        let usual = "RUN grep 'CapBnd:\t00000000a80425fb' /proc/self/status && grep 'Seccomp:\t2' /proc/self/status\n";
        let all = "RUN --security=insecure ! grep 'CapBnd:\t00000000a80425fb' /proc/self/status \
                   && grep 'Seccomp:\t0' /proc/self/status && mount -t tmpfs none /tmp && ! grep ' /proc/sys ' /proc/mounts\n";
        let dockerfile = format!("FROM base\nRUN --security=sandbox true\n{usual}{all}{usual}");
        let failed = build(&env, &dockerfile, &[]).fails(2);
        assert!(failed.stderr.contains("entitlement security.insecure is not allowed"), "{}", failed.stderr);
        build(&env, &dockerfile, &["--allow", "security.insecure"]).success();
        if run_as == RunAs::Root {
            let devices = "FROM base\nRUN --security=insecure test -b /dev/loop0 && test -c /dev/loop-control \
                           && ls /dev/loop-control && mknod /tmp/n c 1 3 && echo x > /tmp/n\n";
            build(&env, devices, &["--allow", "security.insecure"]).success();
        }
    }
    let failed = build(&TestEnv::root(), "FROM base\n", &["--allow", "everything"]).fails(2);
    assert!(failed.stderr.contains("unknown entitlement `everything`"), "{}", failed.stderr);
}

#[test]
fn devices_belong_to_the_labs() {
    let failed = build(&TestEnv::root(), "FROM base\nRUN --device=gpu true\n", &[]).fails(2);
    assert!(failed.stderr.contains("only supported in Dockerfile frontend labs"), "{}", failed.stderr);
}

#[test]
fn steps_are_given_hosts_limits_shared_memory_and_a_name() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        let dockerfile = "\
FROM base
RUN grep '^10.1.2.3\tdb$' /etc/hosts && grep '^::7\tsix$' /etc/hosts && grep '^127.0.0.1\thost.docker.internal$' /etc/hosts
RUN test \"$(ulimit -Sn):$(ulimit -Hn)\" = 100:200 && test \"$(ulimit -c)\" = 0
RUN grep ' /dev/shm .*size=16384k' /proc/mounts
RUN test \"$(uname -n)\" = box && grep '^127.0.0.1\tlocalhost box$' /etc/hosts
";
        let flags = [
            "--add-host",
            "db:10.1.2.3",
            "--add-host",
            "six=[::7]",
            "--add-host",
            "host.docker.internal:host-gateway",
            "--ulimit",
            "nofile=100:200",
            "--ulimit",
            "core=0",
            "--shm-size",
            "16m",
            "--build-arg",
            "BUILDKIT_SANDBOX_HOSTNAME=box",
        ];
        build(&env, dockerfile, &flags).success();
        let again =
            build(&env, dockerfile, &flags.map(|flag| if flag == "db:10.1.2.3" { "db:10.9.9.9" } else { flag }));
        assert_eq!(again.success().stderr.matches(" CACHED").count(), 5, "another address runs nothing again");
    }
    for (flags, message) in [
        (["--add-host", "db"], "invalid host `db`"),
        (["--add-host", "db:nowhere"], "invalid IP address in add-host"),
        (["--ulimit", "nofile"], "invalid ulimit `nofile`"),
        (["--shm-size", "big"], "invalid shm-size value: big"),
        (["--memory", "0"], "must be > 0"),
        (["--memory", "1m"], "minimum memory limit allowed is 6MB"),
        (["--memory-swap", "64m"], "--memory must be given"),
    ] {
        let failed = build(&TestEnv::root(), "FROM base\n", &flags).fails(2);
        assert!(failed.stderr.contains(message), "{}", failed.stderr);
    }
}

#[test]
fn an_ordinary_user_cannot_set_limits_by_control_groups() {
    let failed = build(&TestEnv::new(RunAs::Ordinary), "FROM base\nRUN true\n", &["--memory", "64m"]).fails(2);
    assert!(failed.stderr.contains("can only be set by root"), "{}", failed.stderr);
}

#[test]
fn a_working_directory_that_cannot_be_made_has_its_own_error() {
    let env = TestEnv::root();
    let failed = build(&env, "FROM base\nWORKDIR /bin/sh/x\n", &[]).fails(2);
    assert!(failed.stderr.contains("error[workdir-failed]"), "{}", failed.stderr);
    assert!(failed.stderr.contains("cannot make the working directory: not a directory"), "{}", failed.stderr);
}

#[test]
fn nodes_of_the_host_are_out_of_reach() {
    use std::os::unix::fs::MetadataExt;
    let env = TestEnv::root();
    let state = || {
        ["/dev/null", "/dev/full", "/dev/random", "/dev/zero", "/dev/tty"].map(|path| {
            let metadata = std::fs::metadata(path).unwrap();
            (metadata.mode(), metadata.uid(), metadata.ctime(), metadata.ctime_nsec())
        })
    };
    let before = state();
    env.write("Dockerfile", "FROM base\nRUN chmod 666 /dev/full /dev/zero; chown 5:5 /dev/random; chmod 600 /dev/tty\nRUN chmod 777 /proc/keys; echo x > /dev/null && cat /dev/null && stat -c %a /dev/full > /mode\n");
    env.ok(["build", "-t", "app", "--build-context", "base=host:sh,cat,chmod,chown,stat", "."]);
    assert_eq!(before, state());
    assert_eq!(crate::support::image::Image::open(&env.store(), "app").file("mode"), "666\n");
}
