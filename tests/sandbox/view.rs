//! What a process in a sandbox sees.

use builder_core::fs::accounts::Identity;
use builder_core::sandbox::{SandboxFile, SandboxNetwork};

use crate::support::{Rootfs, output, skipped, try_run, with_init};

#[test]
fn capabilities_are_those_of_docker() {
    if skipped() {
        return;
    }
    let rootfs = Rootfs::new();
    // Not from a shell: that of busybox ignores SIGQUIT.
    let status = output(&rootfs.spec(&["cat", "/proc/self/status"]));
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!(field("CapBnd:"), "00000000a80425fb");
    assert_eq!(field("CapEff:"), "00000000a80425fb");
    assert_eq!(field("CapPrm:"), "00000000a80425fb");
    assert_eq!(field("CapInh:"), "0000000000000000");
    assert_eq!(field("CapAmb:"), "0000000000000000");
    assert_eq!(field("NoNewPrivs:"), "0");
    assert_eq!(field("Seccomp:"), "2");
    assert_eq!(field("SigIgn:"), "0000000000000000");
    assert_eq!(field("SigBlk:"), "0000000000000000");
}

#[test]
fn another_user_has_its_groups_and_no_capabilities() {
    if skipped() {
        return;
    }
    let rootfs = Rootfs::new();
    let identity = Identity { uid: 1000, gid: 100, groups: vec![100, 20], home: "/home/u".into() };
    let spec = rootfs
        .shell("id -u; id -g; id -G; echo $HOME; pwd; grep -E 'Cap(Eff|Prm|Bnd)' /proc/self/status")
        .identity(identity)
        .cwd("/made/here");
    let expected = "1000\n100\n100 20\n/home/u\n/made/here\n\
        CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\n";
    assert_eq!(output(&spec), expected);
    assert_eq!(rootfs.changes(), ["made", "made/here"]);
    let made = std::fs::metadata(rootfs.upper().join("made/here")).unwrap();
    assert_eq!(
        (std::os::unix::fs::MetadataExt::uid(&made), std::os::unix::fs::MetadataExt::mode(&made) & 0o7777),
        (1000, 0o755)
    );
}

#[test]
fn there_are_no_processes_but_its_own_and_the_init() {
    if skipped() {
        return;
    }
    let script = "ls /proc | grep '^[0-9]*$' | tr '\\n' ' '; cat /proc/1/comm /proc/1/cmdline";
    let listed = output(&with_init(Rootfs::new().shell(script)));
    let (processes, init) = listed.split_once("init").unwrap();
    assert!(processes.split_whitespace().count() <= 6 && processes.starts_with("1 2 "), "{listed}");
    // The command line of the builder may hold build arguments.
    assert_eq!(init.trim_matches(['\n', '\0']), "", "{listed}");
}

#[test]
fn the_memory_of_the_builder_cannot_be_read_through_the_init() {
    if skipped() {
        return;
    }
    let script = "cat /proc/1/environ /proc/1/fd/0; head -c 1 /proc/1/mem; ls /proc/1/cwd/";
    let outcome = try_run(&with_init(Rootfs::new().shell(script))).unwrap();
    assert_eq!(outcome.stdout, "", "{outcome:?}");
    assert_eq!(outcome.stderr.matches("ermission denied").count(), 4, "{outcome:?}");
}

#[test]
fn names_come_from_the_specification() {
    if skipped() {
        return;
    }
    let rootfs = Rootfs::new();
    std::fs::write(rootfs.lower().join("etc/hosts"), "of the image\n").unwrap();
    let text = output(
        &rootfs.shell("hostname; cat /etc/hosts /etc/resolv.conf; echo x 2>/dev/null >/etc/hosts || echo read-only"),
    );
    assert_eq!(
        text,
        "buildkitsandbox\n127.0.0.1\tlocalhost buildkitsandbox\n::1\tlocalhost ip6-localhost ip6-loopback\n\
         nameserver 192.0.2.53\nread-only\n"
    );
    assert_eq!(rootfs.changes(), [""; 0]);
}

#[test]
fn the_environment_is_the_given_one_with_path_and_home() {
    if skipped() {
        return;
    }
    let rootfs = Rootfs::new();
    let spec = rootfs.spec(&["/bin/env"]).env(vec![("A".into(), "b=c d".into())]);
    assert_eq!(
        output(&spec),
        "A=b=c d\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nHOME=/root\n"
    );
    let spec = rootfs.spec(&["env"]).env(vec![("PATH".into(), "/nowhere:/bin".into()), ("HOME".into(), "/h".into())]);
    assert_eq!(output(&spec), "PATH=/nowhere:/bin\nHOME=/h\n");
}

#[test]
fn kernel_files_are_masked_or_read_only() {
    if skipped() {
        return;
    }
    let script = "head -c 1 /proc/kcore | wc -c; head -c 1 /proc/keys | wc -c; ls /sys/firmware | wc -l
        for file in /proc/sys/kernel/hostname /proc/sysrq-trigger /sys/kernel/uevent_helper /sys/x; do
            (echo x > $file) 2>/dev/null && echo written $file
        done; true";
    assert_eq!(output(&Rootfs::new().shell(script)), "0\n0\n0\n");
}

#[test]
fn devices_are_the_usual_ones_and_work() {
    if skipped() {
        return;
    }
    let script = "ls /dev; echo x > /dev/null; head -c 3 /dev/zero | wc -c; head -c 3 /dev/urandom | wc -c
        readlink /dev/stdout; df -m /dev/shm | tail -1 | awk '{print $2}'; stat -c %a /dev/shm /dev/null
        (echo x > /dev/full) 2>/dev/null || echo full; echo hello > /dev/stderr; cat";
    let outcome = try_run(&Rootfs::new().shell(script)).unwrap();
    let expected = "fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n3\n3\n\
        /proc/self/fd/1\n64\n1777\n666\nfull\n";
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), (expected, "hello\n"));
}

#[test]
fn without_a_network_there_is_a_working_loopback_only() {
    if skipped() {
        return;
    }
    let script = "ls /sys/class/net; ip -o addr show lo | grep -o 'inet 127.0.0.1/8'
        (echo hello | nc -l -p 4321) & sleep 0.3; nc 127.0.0.1 4321 </dev/null";
    let text = output(&Rootfs::new().shell(script).network(SandboxNetwork::None));
    assert!(text.starts_with("lo\n") && text.contains("inet 127.0.0.1/8") && text.ends_with("hello\n"), "{text}");
}

#[test]
fn mounts_of_the_host_are_not_seen() {
    if skipped() {
        return;
    }
    let text = output(&Rootfs::new().shell("awk '{print $5}' /proc/self/mountinfo | sort -u | tr '\\n' ' '"));
    for mount in text.split_whitespace() {
        let known = ["/dev", "/etc", "/proc", "/sys"].iter().any(|prefix| mount.starts_with(prefix));
        assert!(mount == "/" || known, "{mount} in {text}");
    }
}

#[test]
fn scripts_can_be_run_and_files_leave_nothing_behind() {
    if skipped() {
        return;
    }
    let rootfs = Rootfs::new();
    let files = [
        SandboxFile { target: "/dev/pipes/EOF".into(), content: b"#!/bin/sh\necho ran $0\n".to_vec(), mode: 0o755 },
        SandboxFile { target: "/run/secrets/key".into(), content: b"secret\n".to_vec(), mode: 0o400 },
    ];
    let spec = rootfs.spec_with_files(
        &["/bin/sh", "-c", "/dev/pipes/EOF; cat /run/secrets/key; stat -c %a /run/secrets/key"],
        &files,
    );
    assert_eq!(output(&spec), "ran /dev/pipes/EOF\nsecret\n400\n");
    assert_eq!(rootfs.changes(), [""; 0]);
}

#[test]
fn changes_land_in_the_upper_directory_alone() {
    if skipped() {
        return;
    }
    let rootfs = Rootfs::new();
    std::fs::write(rootfs.lower().join("etc/old"), "").unwrap();
    assert_eq!(output(&rootfs.shell("umask; touch /new /dev/shm/x /dev/y; rm /etc/old; mkdir /d")), "0022\n");
    assert_eq!(rootfs.changes(), ["d", "etc", "etc/old", "new"]);
    assert!(rootfs.lower().join("etc/old").exists());
}

#[test]
fn a_dangerous_call_is_refused_and_chroot_is_not() {
    if skipped() {
        return;
    }
    let outcome = try_run(
        &Rootfs::new()
            .shell("mount -t tmpfs x /tmp; unshare -m true; hostname other; dmesg; chroot / /bin/echo chroot works"),
    )
    .unwrap();
    assert_eq!(outcome.stdout, "chroot works\n", "{outcome:?}");
    assert!(outcome.stderr.lines().count() >= 4, "{outcome:?}");
}
