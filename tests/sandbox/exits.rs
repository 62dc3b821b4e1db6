//! How a process ends, and how one that cannot start is told.

use builder_core::sandbox::{Exit, SandboxError};

use crate::support::{Rootfs, skipped, try_run, with_init};

#[test]
fn exit_codes_and_signals_are_told_apart() {
    if skipped() {
        return;
    }
    let rootfs = Rootfs::new();
    for (script, exit) in [
        ("exit 0", Exit::Code(0)),
        ("exit 3", Exit::Code(3)),
        ("exit 255", Exit::Code(255)),
        ("exit 137", Exit::Code(137)),
        // The first process is spared by the signals of its own, as with docker.
        ("kill -9 $$; exit 5", Exit::Code(5)),
        ("kill -15 $$; exit 6", Exit::Code(6)),
        ("trap 'exit 7' TERM; kill -15 $$; exit 8", Exit::Code(7)),
        ("sh -c 'kill -9 $$'; exit $?", Exit::Code(137)),
    ] {
        assert_eq!(try_run(&rootfs.shell(script)).unwrap().exit, exit, "{script}");
    }
    for (script, exit) in [
        ("kill -9 $$", Exit::Signal(9)),
        ("kill -11 $$", Exit::Signal(11)),
        ("kill -15 $$", Exit::Signal(15)),
        ("sh -c 'kill -9 $$'", Exit::Signal(9)),
    ] {
        assert_eq!(try_run(&with_init(rootfs.shell(script))).unwrap().exit, exit, "{script}");
    }
}

#[test]
fn the_command_is_the_first_process_and_sees_no_other() {
    if skipped() {
        return;
    }
    let script = "echo $$; cd /proc; echo [0-9]*; cat /proc/1/comm; true";
    assert_eq!(try_run(&Rootfs::new().shell(script)).unwrap().stdout, "1\n1\nsh\n");
}

#[test]
fn a_program_that_cannot_start_says_why() {
    if skipped() {
        return;
    }
    let rootfs = Rootfs::new();
    let write = |name: &str, content: &str, mode: u32| {
        let path = rootfs.lower().join("bin").join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    };
    write("plain", "text", 0o644);
    write("broken", "\u{7f}ELF", 0o755);
    write("script", "#!/no/such/shell\n", 0o755);
    let error = |args: &[&str]| try_run(&rootfs.spec(args)).unwrap_err();
    assert!(matches!(error(&["absent"]), SandboxError::ProgramNotFound { searched: true, .. }));
    assert!(matches!(error(&["/bin/absent"]), SandboxError::ProgramNotFound { searched: false, .. }));
    assert!(matches!(error(&["plain"]), SandboxError::ProgramNotExecutable { .. }));
    assert!(matches!(error(&["/bin"]), SandboxError::ProgramNotExecutable { .. }));
    assert!(matches!(error(&["broken"]), SandboxError::ExecFormat { .. }));
    assert!(matches!(error(&["script"]), SandboxError::InterpreterNotFound { .. }));
}

#[test]
fn a_working_directory_that_is_a_file_is_told() {
    if skipped() {
        return;
    }
    let rootfs = Rootfs::new();
    let error = try_run(&rootfs.shell("true").cwd("/bin/busybox/x")).unwrap_err();
    assert!(error.to_string().contains("`/bin/busybox/x`"), "{error}");
}

#[test]
fn much_output_on_both_streams_arrives_complete_and_apart() {
    if skipped() {
        return;
    }
    let script = "yes out | head -c 5000000 & yes err | head -c 3000000 >&2; wait";
    let outcome = try_run(&Rootfs::new().shell(script)).unwrap();
    assert_eq!((outcome.stdout.len(), outcome.stderr.len()), (5_000_000, 3_000_000));
    assert!(!outcome.stdout.contains('e') && !outcome.stderr.contains('o'));
}

#[test]
fn daemons_that_hold_the_pipes_die_with_the_main_process() {
    if skipped() {
        return;
    }
    let begin = std::time::Instant::now();
    let script = "sleep 1000 & (setsid sleep 1000 &) ; trap '' TERM HUP; echo started";
    let outcome = try_run(&Rootfs::new().shell(script)).unwrap();
    assert_eq!((outcome.exit, outcome.stdout.as_str()), (Exit::Code(0), "started\n"));
    assert!(begin.elapsed().as_secs() < 10);
}

#[test]
fn orphans_are_collected_while_the_main_process_runs() {
    if skipped() {
        return;
    }
    let script = "for i in 1 2 3 4 5; do (true &) ; done; sleep 0.2; grep -l '^State:.Z' /proc/[0-9]*/status; true";
    assert_eq!(try_run(&Rootfs::new().shell(script)).unwrap().stdout, "");
}
