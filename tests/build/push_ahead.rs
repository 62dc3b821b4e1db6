//! Layers that are compressed and sent while later steps still run.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::support::fault_proxy::{Fault, FaultProxy, Rule};
use crate::support::peers::{Registry, tool};
use crate::support::{BASE, TestEnv, noise};

/// A layer of some size, and a step after it that runs until a file is there.
fn context(env: &TestEnv, last: &str) {
    env.write("noise", noise(3_000_000, 1));
    env.write("Dockerfile", format!("FROM base\nCOPY noise /noise\nRUN echo one > /one\n{last}\n"));
}

fn build(env: &TestEnv, arguments: &[&str]) -> Child {
    let base = format!("{BASE},sleep");
    let mut command = env.builder();
    command.args(["build", "--build-context", &base, "--lint=off", "--progress=plain"]).args(arguments).arg(".");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until something is so while a build runs.
fn wait_while_running(child: &mut Child, what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(child.try_wait().unwrap().is_none(), "the build ended before: {what}");
        assert!(begin.elapsed() < Duration::from_mins(1), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The uploads of a repository that a registry believes to be going on.
fn sessions(env: &TestEnv, repository: &str) -> usize {
    let path = env.path("registry/docker/registry/v2/repositories").join(repository).join("_uploads");
    // Debian's registry leaves an empty folder of an upload that it has forgotten.
    let is_going_on = |entry: &fs::DirEntry| entry.path().join("startedat").exists();
    fs::read_dir(path).map_or(0, |entries| entries.flatten().filter(is_going_on).count())
}

/// Reads an image that went through a proxy: the proxy knows no TLS, which skopeo tries first and for long.
fn copied(name: &str, proxy: &FaultProxy, registry: &Registry, to: &str) {
    let name = name.replace(proxy.address(), registry.address());
    tool("skopeo", &["copy", "-q", "--src-tls-verify=false", &format!("docker://{name}"), to]);
}

fn is_upload_end(request: &str) -> bool {
    request.starts_with("PUT ") && request.contains("/blobs/uploads/")
}

#[test]
fn layers_arrive_while_the_last_step_still_runs() {
    for output in ["--push", "-o=type=registry,compression=zstd", "-o=type=image,push=true,compression=uncompressed"] {
        let env = TestEnv::root();
        let registry = Registry::start(&env.path(""));
        let proxy = FaultProxy::start(registry.address(), Vec::new());
        context(&env, "RUN sleep 5");
        let names = [format!("{}/app:1", proxy.address()), format!("{}/other:2", proxy.address())];
        let mut child = build(&env, &[output, "-t", &names[0], "-t", &names[1]]);
        // The programs, the noise and the file; the last step has a layer, too, and there is a config.
        wait_while_running(&mut child, "three layers in both repositories", || {
            proxy.asked().iter().filter(|request| is_upload_end(request)).count() >= 3
                && proxy.asked().iter().filter(|request| request.contains("mount=sha256")).count() >= 3
        });
        assert!(proxy.asked().iter().all(|request| !request.contains("/manifests/")), "{output}");
        let output_of = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output_of.stderr).into_owned();
        assert!(output_of.status.success(), "{said}");
        assert!(said.contains("pushing layers"), "{said}");
        // What was sent ahead is not sent again, the config is, and the image is whole.
        let ends = proxy.asked().iter().filter(|request| is_upload_end(request)).count();
        assert_eq!(ends, 5, "{output}: {:#?}", proxy.asked());
        for (index, name) in names.iter().enumerate() {
            let to = format!("dir:{}", env.path(format!("out/{index}")).display());
            copied(name, &proxy, &registry, &to);
        }
        assert_eq!(sessions(&env, "app") + sessions(&env, "other"), 0);
    }
}

#[test]
fn a_failed_build_gives_up_what_it_was_sending() {
    for (last, code) in [("RUN sleep 2 && exit 3", Some(1)), ("RUN sleep 60", Some(130))] {
        let env = TestEnv::root();
        let registry = Registry::start(&env.path(""));
        // The registry takes no bytes: whatever is sent is being sent when the build ends.
        let proxy = FaultProxy::start(registry.address(), vec![Rule::always("PATCH", "/uploads/", Fault::Stall)]);
        context(&env, last);
        let name = format!("{}/app:1", proxy.address());
        let mut child = build(&env, &["--push", "-t", &name]);
        wait_while_running(&mut child, "an upload", || {
            proxy.asked().iter().any(|request| request.starts_with("PATCH "))
        });
        assert!(sessions(&env, "app") > 0);
        let begin = Instant::now();
        if code == Some(130) {
            tool("kill", &["-TERM", &child.id().to_string()]);
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), code, "{}", String::from_utf8_lossy(&output.stderr));
        assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
        let asked = proxy.asked();
        assert!(asked.iter().any(|request| request.starts_with("DELETE ")), "{asked:?}");
        assert!(asked.iter().all(|request| !request.contains("/manifests/")), "{asked:?}");
        assert_eq!(sessions(&env, "app"), 0, "{asked:?}");
        assert_eq!(entries(&env.store().join("work")), 0);
    }
}

fn entries(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

#[test]
fn a_registry_that_fails_is_told_of_at_the_end() {
    let env = TestEnv::root();
    context(&env, "RUN sleep 1");
    let child = build(&env, &["--push", "-t", "127.0.0.1:1/app:1"]);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("cannot reach the registry `127.0.0.1:1`"), "{said}");
    // What helps without a base is no help here.
    assert!(said.contains("does the registry run") && !said.contains("take the base from elsewhere"), "{said}");
    env.write("Dockerfile", "FROM 127.0.0.1:1/base:1\n");
    let said = env.run(["build", "."]).fails(4).stderr;
    assert!(said.contains("take the base from elsewhere"), "{said}");
}

#[test]
fn a_build_that_was_cached_is_pushed_as_well() {
    let env = TestEnv::root();
    let registry = Registry::start(&env.path(""));
    context(&env, "RUN sleep 0");
    let digest = |name: &str| {
        let name = format!("{}/{name}", registry.address());
        let output = build(&env, &["--push", "-t", &name]).wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        tool("skopeo", &["inspect", "--tls-verify=false", "--format={{.Digest}}", &format!("docker://{name}")])
    };
    assert_eq!(digest("first:1"), digest("second:1"));
}

#[test]
fn the_layers_of_the_base_are_there_before_the_steps_are_done() {
    let place = TestEnv::root();
    let registry = Registry::start(&place.path(""));
    context(&place, "RUN echo two > /two");
    let base = format!("{}/base:1", registry.address());
    let pushed = build(&place, &["--push", "-t", &base]).wait_with_output().unwrap();
    assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    let env = TestEnv::root();
    let elsewhere = Registry::start(&env.path(""));
    for (host, part) in [(registry.address(), "mount=sha256"), (elsewhere.address(), "digest=sha256")] {
        let proxy = FaultProxy::start(host, Vec::new());
        let from = if host == registry.address() { format!("{}/base:1", proxy.address()) } else { base.clone() };
        env.write("Dockerfile", format!("FROM {from}\nRUN sleep 5\n"));
        let name = format!("{}/app:1", proxy.address());
        let mut child = build(&env, &["--push", "--no-cache", "-t", &name]);
        wait_while_running(&mut child, "the four layers of the base", || {
            proxy.asked().iter().filter(|request| request.contains(part)).count() >= 4
        });
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // Each went once.
        let times = proxy.asked().iter().filter(|request| request.contains(part)).count();
        let own = if part.starts_with("mount") { 0 } else { 2 };
        assert_eq!(times, 4 + own, "{:#?}", proxy.asked());
        let to = format!("dir:{}", env.path(format!("out/{own}")).display());
        let server = if host == registry.address() { &registry } else { &elsewhere };
        copied(&name, &proxy, server, &to);
    }
}

#[test]
fn what_is_not_kept_here_is_not_made_again_where_the_registry_has_it() {
    let env = TestEnv::root();
    let registry = Registry::start(&env.path(""));
    let proxy = FaultProxy::start(registry.address(), Vec::new());
    context(&env, "RUN sleep 0");
    let name = format!("{}/app:1", proxy.address());
    let output = format!("type=image,push=true,store=false,name={name}");
    let pushed = || {
        let output = build(&env, &["-o", &output]).wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let sent = proxy.asked().iter().filter(|request| is_upload_end(request)).count();
        (said.contains("pushing layers"), sent)
    };
    let (ahead, sent) = pushed();
    assert!(ahead && sent >= 4, "{sent}");
    let digest = |name: &str| {
        tool("skopeo", &["inspect", "--tls-verify=false", "--format={{.Digest}}", &format!("docker://{name}")])
    };
    let direct = name.replace(proxy.address(), registry.address());
    let first = digest(&direct);
    // Nothing is ready to be sent while the steps run, and nothing is sent.
    assert_eq!(pushed(), (false, sent));
    assert_eq!(digest(&direct), first);
    // A registry that has none of it gets it all.
    let place = TestEnv::root();
    let other = Registry::start(&place.path(""));
    let elsewhere = format!("{}/app:1", other.address());
    let output = format!("type=image,push=true,store=false,name={elsewhere}");
    let built = build(&env, &["-o", &output]).wait_with_output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    assert_eq!(digest(&elsewhere), first);
}
