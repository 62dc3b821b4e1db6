use std::fmt::Write as _;
use std::os::fd::OwnedFd;

use super::*;
use crate::fs::accounts::Identity;
use crate::sandbox::SandboxFile;

const ROOT_HOST: HostFacts = HostFacts {
    initial_user_namespace: true,
    own_nodes: true,
    mqueue: true,
    cgroup2: true,
    capabilities: 0x1ff_ffff_ffff,
};

fn spec(args: &[&str]) -> SandboxSpec {
    let root: OwnedFd = std::fs::File::open("/").unwrap().into();
    SandboxSpec::new(root, args.iter().map(ToString::to_string).collect())
}

fn render(plan: &SetupPlan) -> String {
    let mut text = String::new();
    for (slot, preparation) in &plan.preparations {
        writeln!(text, "prepare {slot:?} {preparation:?}").unwrap();
    }
    for operation in &plan.init {
        writeln!(text, "init {operation:?}").unwrap();
    }
    for operation in &plan.command {
        writeln!(text, "command {operation:?}").unwrap();
    }
    text
}

#[test]
fn root_with_the_network_of_the_host() {
    let spec = spec(&["/bin/sh", "-c", "make"])
        .env(vec![("PATH".into(), "/usr/bin:/bin".into()), ("A".into(), "b c".into())])
        .cwd("/work/src")
        .resolv_conf("nameserver 192.0.2.1\n");
    insta::assert_snapshot!(render(&plan(&spec, ROOT_HOST, 0).unwrap()));
}

#[test]
fn rootless_without_network_as_another_user() {
    let identity = Identity { uid: 1000, gid: 100, groups: vec![100, 20], home: "/home/u".into() };
    let spec = spec(&["tool"]).identity(identity).network(SandboxNetwork::None).files(vec![
        SandboxFile { target: "/dev/pipes/EOF".into(), content: b"#!/bin/sh\n".to_vec(), mode: 0o755 },
        SandboxFile { target: "/etc/extra".into(), content: b"x".to_vec(), mode: 0o600 },
    ]);
    let host =
        HostFacts { initial_user_namespace: false, own_nodes: false, mqueue: false, cgroup2: false, capabilities: 0 };
    insta::assert_snapshot!(render(&plan(&spec, host, 0).unwrap()));
}

#[test]
fn the_root_changes_before_any_path_of_the_image_is_touched() {
    let plan = plan(&spec(&["x"]), ROOT_HOST, 0).unwrap();
    let position = |wanted: fn(&SetupOp) -> bool| plan.init.iter().position(wanted).unwrap();
    let detached = position(|operation| matches!(operation, SetupOp::DetachOldRoot));
    let touches = position(|operation| {
        matches!(operation, SetupOp::Attach { .. } | SetupOp::Mask { .. } | SetupOp::CloneReadOnly { .. })
    });
    assert!(detached < touches);
}

#[test]
fn the_filter_comes_before_the_capability_that_it_takes_is_dropped() {
    let plan = plan(&spec(&["x"]), ROOT_HOST, 0).unwrap();
    let position = |wanted: fn(&SetupOp) -> bool| plan.command.iter().position(wanted).unwrap();
    assert!(
        position(|operation| matches!(operation, SetupOp::Seccomp { .. }))
            < position(|operation| matches!(operation, SetupOp::Uid(_)))
    );
}

#[test]
fn targets_outside_the_image_are_refused() {
    for target in ["", "/", "relative", "/proc/x", "/sys", "/a/../b", "/a//b", "/./a", "/a/"] {
        assert!(check_target("file", target).is_err(), "{target}");
    }
    for target in ["/a", "/etc/hosts", "/processes/x"] {
        assert!(check_target("file", target).is_ok(), "{target}");
    }
}

#[test]
fn a_zero_byte_is_refused_wherever_it_is() {
    assert!(matches!(plan(&spec(&["a\0b"]), ROOT_HOST, 0), Err(SandboxError::ZeroByte { .. })));
    assert!(matches!(plan(&spec(&["a"]).cwd("/a\0"), ROOT_HOST, 0), Err(SandboxError::ZeroByte { .. })));
    assert!(matches!(plan(&spec(&[]), ROOT_HOST, 0), Err(SandboxError::NoProgram)));
}
