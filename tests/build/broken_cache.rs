//! Shared caches that turn out to be broken when it comes to their layers: the build goes on without them, whatever
//! it makes. And images whose layers stayed in a cache.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use builder_core::builder::{BuildOptions, Builder, BuilderOptions, ContextSource};
use builder_core::cache::shared::CacheOrigin;
use builder_core::cancel::CancelToken;
use builder_core::event::{Event, EventSink};
use builder_core::store::Owner;
use serde_json::Value;

use crate::shared_cache::{BASE, Machines, steps_run};
use crate::support::image::Image;
use crate::support::peers::{Registry, tool};
use crate::support::{RunAs, TestEnv};

/// Changes the manifest of a cache in a layout, and writes it as whoever made it would have.
fn edit(cache: &Path, change: impl FnOnce(&mut Value, &mut Value)) {
    let read = |path: &Path| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let blob = |digest: &Value| cache.join("blobs/sha256").join(digest.as_str().unwrap().trim_start_matches("sha256:"));
    let index_path = cache.join("index.json");
    let mut index = read(&index_path);
    let mut manifest = read(&blob(&index["manifests"][0]["digest"]));
    let mut document = read(&blob(&manifest["config"]["digest"]));
    change(&mut manifest, &mut document);
    let put = |value: &Value, descriptor: &mut Value| {
        let bytes = value.to_string();
        descriptor["digest"] = builder_core::digest::Digest::of(bytes.as_bytes()).to_string().into();
        descriptor["size"] = bytes.len().into();
        fs::write(blob(&descriptor["digest"]), bytes).unwrap();
    };
    put(&document, &mut manifest["config"]);
    put(&manifest, &mut index["manifests"][0]);
    fs::write(&index_path, index.to_string()).unwrap();
}

/// Swaps the blobs of two layers, as far as the manifest says.
fn swap(manifest: &mut Value) {
    let layers = manifest["layers"].as_array_mut().unwrap();
    let last = layers.len() - 1;
    layers.swap(last, last - 1);
}

/// Removes the layers of a registry's repositories; the documents of caches and images stay.
fn remove_layers(data: &Path) {
    let blobs = data.join("registry/docker/registry/v2/blobs/sha256");
    for blob in fs::read_dir(blobs).unwrap().flat_map(|entry| fs::read_dir(entry.unwrap().path()).unwrap()) {
        let file = blob.unwrap().path().join("data");
        let mut start = [0; 2];
        let is_gzip = fs::File::open(&file).unwrap().read_exact(&mut start).is_ok() && start == [0x1f, 0x8b];
        if is_gzip {
            fs::remove_file(file).unwrap();
        }
    }
}

/// The files of an image in a registry, as another tool has them.
fn pulled(machines: &Machines, reference: &str, name: &str) -> Image {
    let layout = machines.place(name);
    let to = format!("oci:{}:app", layout.display());
    tool("skopeo", &["copy", "--src-tls-verify=false", &format!("docker://{reference}"), &to]);
    let image = Image::open(&layout, "app");
    unpacks(&layout, &machines.place(&format!("{name}-scratch")));
    image
}

/// Every layer has the diff ID that the config says: `umoci` looks, unless it is zstd, which it does not know.
fn unpacks(layout: &Path, scratch: &Path) {
    let is_zstd = fs::read_dir(layout.join("blobs/sha256")).unwrap().any(|blob| {
        let mut start = [0; 4];
        let read = fs::File::open(blob.unwrap().path()).unwrap().read_exact(&mut start);
        read.is_ok() && start == [0x28, 0xb5, 0x2f, 0xfd]
    });
    if is_zstd {
        return;
    }
    let image = format!("{}:app", layout.display());
    tool("umoci", &["unpack", "--image", &image, scratch.to_str().unwrap()]);
}

#[test]
fn a_push_of_what_a_cache_no_longer_has_is_built_again() {
    let machines = Machines::new(RunAs::Root);
    let registry = Registry::start(&machines.env.path("home"));
    let (cache, app) = (format!("{}/del:c", registry.address()), format!("{}/other:x", registry.address()));
    machines.build("one", &["--cache-to", &format!("type=registry,ref={cache},mode=max")]).success();
    remove_layers(&machines.env.path("home"));
    let pushed = machines.build("two", &["-t", &app, "--push", "--cache-from", &cache]).success();
    assert!(pushed.stderr.contains("is not used any more"), "{}", pushed.stderr);
    assert!(steps_run(&pushed) > 0, "{}", pushed.stderr);
    assert_eq!(pulled(&machines, &app, "pulled").file("both"), "one\ntwo\n");
}

#[test]
fn outputs_and_caches_straight_from_a_broken_directory_are_built_again() {
    let machines = Machines::new(RunAs::Root);
    let registry = Registry::start(&machines.env.path("home"));
    let cache = machines.place("cache");
    let (to, from) =
        (format!("type=local,dest={},mode=max", cache.display()), format!("type=local,src={}", cache.display()));
    machines.build("one", &["--cache-to", &to]).success();
    edit(&cache, |manifest, _| {
        for layer in manifest["layers"].as_array().unwrap() {
            let name = layer["digest"].as_str().unwrap().trim_start_matches("sha256:");
            fs::remove_file(cache.join("blobs/sha256").join(name)).unwrap();
        }
    });
    let app = format!("{}/z:2", registry.address());
    for (machine, output) in [
        ("push", format!("type=registry,name={app}")),
        ("image", format!("type=image,name={app},push=true,compression=zstd,force-compression=true")),
        ("plain", format!("type=image,name={app},push=true,compression=uncompressed")),
    ] {
        let built = machines.build(machine, &["-o", &output, "--cache-from", &from]).success();
        assert!(built.stderr.contains("is not used any more"), "{}", built.stderr);
        assert_eq!(pulled(&machines, &app, &format!("pulled-{machine}")).file("both"), "one\ntwo\n");
    }
    // A cache is written from what the other one had, or from what was made instead.
    let other = machines.place("other");
    let to_other = format!("type=local,dest={},mode=max,ignore-error=false", other.display());
    let built = machines.build("cache-only", &["--cache-from", &from, "--cache-to", &to_other]).success();
    assert!(built.stderr.contains("is not used any more"), "{}", built.stderr);
    let from_other = format!("type=local,src={}", other.display());
    let last = machines.build("last", &["-t", "app", "--cache-from", &from_other]).success();
    assert_eq!(steps_run(&last), 0, "{}", last.stderr);
    assert_eq!(machines.image("last").file("both"), "one\ntwo\n");
}

#[test]
fn a_cache_is_copied_into_another_one() {
    let machines = Machines::new(RunAs::Root);
    let registry = Registry::start(&machines.env.path("home"));
    let cache = machines.place("cache");
    machines.build("one", &["--cache-to", &format!("type=local,dest={},mode=max", cache.display())]).success();
    let from = format!("type=local,src={}", cache.display());
    let local = machines.place("copied");
    let reference = format!("{}/copied:c", registry.address());
    let into = [
        (
            format!("type=local,dest={},mode=max,ignore-error=false", local.display()),
            format!("type=local,src={}", local.display()),
        ),
        (
            format!("type=local,dest={}-z,mode=max,compression=zstd,ignore-error=false", local.display()),
            format!("type=local,src={}-z", local.display()),
        ),
        (format!("type=registry,ref={reference},mode=max,ignore-error=false"), reference),
    ];
    for (number, (to, copied)) in into.into_iter().enumerate() {
        let built = machines.build(&format!("two-{number}"), &["--cache-from", &from, "--cache-to", &to]).success();
        assert_eq!(steps_run(&built), 0, "{}", built.stderr);
        let machine = format!("three-{number}");
        let built = machines.build(&machine, &["-t", "app", "--cache-from", &copied]).success();
        assert_eq!(steps_run(&built), 0, "{}", built.stderr);
        assert_eq!(machines.image(&machine).file("both"), "one\ntwo\n");
    }
}

#[test]
fn swapped_layers_are_not_pushed() {
    let machines = Machines::new(RunAs::Root);
    let registry = Registry::start(&machines.env.path("home"));
    let cache = machines.place("cache");
    machines.build("one", &["--cache-to", &format!("type=local,dest={},mode=max", cache.display())]).success();
    let from = format!("type=local,src={}", cache.display());
    let app = format!("{}/lied:x", registry.address());
    // The document says which blob a layer is.
    edit(&cache, |manifest, _| swap(manifest));
    let built = machines.build("two", &["-t", &app, "--push", "--cache-from", &from]).success();
    assert!(built.stderr.contains("cannot be used: its manifest has other layers"), "{}", built.stderr);
    assert_eq!(pulled(&machines, &app, "pulled-two").file("both"), "one\ntwo\n");
    // One that does not say so, or lies, is found out when the layers are read.
    edit(&cache, |_, document| {
        for layer in document["layers"].as_array_mut().unwrap() {
            layer.as_object_mut().unwrap().remove("blob");
        }
    });
    let built = machines.build("three", &["-t", &app, "--push", "--cache-from", &from]).success();
    assert!(built.stderr.contains("is not used any more"), "{}", built.stderr);
    assert_eq!(pulled(&machines, &app, "pulled-three").file("both"), "one\ntwo\n");
    // From a registry, too, where nothing else says what a layer is.
    let reference = format!("{}/lie:c", registry.address());
    tool(
        "skopeo",
        &[
            "copy",
            "--dest-tls-verify=false",
            &format!("oci:{}:latest", cache.display()),
            &format!("docker://{reference}"),
        ],
    );
    let built = machines.build("four", &["-t", &app, "--push", "--cache-from", &reference]).success();
    assert!(built.stderr.contains("is not used any more"), "{}", built.stderr);
    assert_eq!(pulled(&machines, &app, "pulled-four").file("both"), "one\ntwo\n");
}

#[test]
fn a_push_that_needs_another_form_fetches_what_it_makes_it_of() {
    let machines = Machines::new(RunAs::Root);
    let registry = Registry::start(&machines.env.path("home"));
    let (cache, app) = (format!("{}/c:c", registry.address()), format!("{}/a:x", registry.address()));
    machines.build("one", &["--cache-to", &format!("type=registry,ref={cache},mode=max")]).success();
    for (machine, form) in
        [("two", "compression=zstd"), ("three", "compression=uncompressed"), ("four", "compression=gzip")]
    {
        let output = format!("type=image,name={app},push=true,{form}");
        let built = machines.build(machine, &["-o", &output, "--cache-from", &cache]).success();
        assert_eq!(steps_run(&built), 0, "{}", built.stderr);
        // The same once more: the blobs that were fetched are here now, and the files are not.
        machines.build(machine, &["-o", &output, "--cache-from", &cache]).success();
        assert_eq!(pulled(&machines, &app, &format!("pulled-{machine}")).file("both"), "one\ntwo\n");
    }
}

#[test]
fn an_image_without_a_name_gets_its_layers_when_somebody_wants_them() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let machines = Machines::new(run_as);
        let cache = machines.place("cache");
        machines.build("one", &["--cache-to", &format!("type=local,dest={},mode=max", cache.display())]).success();
        let from = format!("type=local,src={}", cache.display());
        let built = |machine: &str| {
            let root = machines.place(machine).display().to_string();
            let arguments =
                ["--root", &root, "build", "-q", "--timestamp", "1000", "--lint", "off", "--build-context", BASE];
            let id = machines.env.ok(arguments.into_iter().chain(["--cache-from", &from, "."])).stdout;
            (root, id.trim().to_owned())
        };
        let (root, id) = built("tag");
        machines.env.ok(["--root", &root, "tag", &id, "app"]);
        assert_eq!(machines.image("tag").file("both"), "one\ntwo\n");
        let (root, id) = built("run");
        assert_eq!(machines.env.ok(["--root", &root, "run", &id, "cat", "/both"]).stdout, "one\ntwo\n");
        let (root, id) = built("save");
        let archive = machines.place("saved.tar").display().to_string();
        machines.env.ok(["--root", &root, "save", "-o", &archive, &id]);
        // Where they are gone, somebody is told what to do.
        let (root, id) = built("gone");
        fs::remove_dir_all(&cache).unwrap();
        for command in [&["tag", &id, "app"][..], &["run", &id, "cat", "/both"], &["save", "-o", &archive, &id]] {
            let failed = machines.env.run([&["--root", &root], command].concat());
            assert_ne!(failed.code, Some(0));
            assert!(failed.stderr.contains("build -t NAME"), "{command:?}: {}", failed.stderr);
        }
    }
}

#[test]
fn an_image_without_a_name_is_pushed_and_fetched_from_a_registry() {
    let machines = Machines::new(RunAs::Root);
    let registry = Registry::start(&machines.env.path("home"));
    let (base, cache) = (format!("{}/base:1", registry.address()), format!("{}/cache:1", registry.address()));
    machines.env.write("base.Dockerfile", "FROM base\nRUN mkdir /of-base\n");
    machines.build("one", &["-f", "base.Dockerfile", "-o", &format!("type=registry,name={base}")]).success();
    machines.env.write("Dockerfile", format!("FROM {base}\nRUN echo one > /one\nCOPY file /file\n"));
    machines.build("one", &["--cache-to", &format!("type=registry,ref={cache},mode=max")]).success();
    let idfile = machines.place("id").display().to_string();
    let unnamed = machines.build("two", &["--cache-from", &cache, "--iidfile", &idfile]).success();
    assert!(unnamed.stderr.contains("fetched 0 layers"), "{}", unnamed.stderr);
    let id = fs::read_to_string(&idfile).unwrap();
    let root = machines.place("two").display().to_string();
    let app = format!("{}/app:1", registry.address());
    machines.env.ok(["--root", &root, "push", &id, &app]);
    assert_eq!(pulled(&machines, &app, "pulled").file("file"), "two\n");
}

/// Collects the warnings of a build.
#[derive(Default)]
struct Warnings(Mutex<Vec<String>>);

impl EventSink for Warnings {
    fn emit(&self, event: Event) {
        if let Event::Warning { diagnostic, .. } = event {
            self.0.lock().unwrap().push(diagnostic.message);
        }
    }
}

#[test]
fn caches_that_never_answer_cost_one_short_wait_and_a_warning_each() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nCOPY file /\n");
    env.write("file", "text");
    let mut options = BuilderOptions::new(env.store(), Owner::Root);
    options.registry.lookup_timeout = Duration::from_millis(500);
    let builder = Builder::open(options).unwrap();
    let silent: Vec<TcpListener> = (0..4).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let mut build = BuildOptions::new(ContextSource::Directory(env.path("work")));
    for listener in &silent {
        let reference = format!("{}/x:y", listener.local_addr().unwrap());
        build.cache_from.push(CacheOrigin::Registry(reference.parse().unwrap()));
    }
    let (warnings, begin) = (Warnings::default(), Instant::now());
    let outcome = builder.build(&build, &warnings, &CancelToken::new(), None).unwrap();
    let elapsed = begin.elapsed();
    assert_eq!(outcome.steps_run, 1);
    // Four waits one after the other would take two seconds.
    assert!(elapsed < Duration::from_millis(1900), "{elapsed:?}");
    let warnings = warnings.0.into_inner().unwrap();
    assert_eq!(warnings.len(), 4, "{warnings:?}");
    assert!(warnings.iter().all(|warning| warning.contains("did not answer within 0.5 s")), "{warnings:?}");
}

#[test]
fn a_step_that_fails_on_a_lie_runs_again_without_the_cache() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let machines = Machines::new(run_as);
        let cache = machines.place("cache");
        machines.build("one", &["--cache-to", &format!("type=local,dest={},mode=max", cache.display())]).success();
        let from = format!("type=local,src={}", cache.display());
        // The last step has to run on what the cache says of the others.
        let dockerfile = fs::read_to_string(machines.env.path("work/Dockerfile")).unwrap();
        machines.env.write("Dockerfile", dockerfile.replace("> /both", "> /other"));
        edit(&cache, |_, document| {
            let layers = document["layers"].as_array().unwrap().len() as u64;
            for record in document["records"].as_array_mut().unwrap() {
                record["layer"] = ((record["layer"].as_u64().unwrap() + 1) % layers).into();
            }
        });
        let built = machines.build("two", &["-t", "app", "--cache-from", &from]).success();
        assert!(built.stderr.contains("is not used any more: the layer that it has for"), "{}", built.stderr);
        assert_eq!(machines.image("two").file("other"), "one\ntwo\n");
        // Nothing of it stays.
        let alone = machines.build("two", &["-t", "app"]).success();
        assert_eq!(steps_run(&alone), 0, "{}", alone.stderr);
        assert_eq!(machines.image("two").file("other"), "one\ntwo\n");
    }
}

#[test]
fn a_step_that_fails_by_itself_is_not_blamed_on_the_cache() {
    let machines = Machines::new(RunAs::Root);
    let cache = machines.place("cache");
    machines.build("one", &["--cache-to", &format!("type=local,dest={},mode=max", cache.display())]).success();
    let from = format!("type=local,src={}", cache.display());
    let dockerfile = fs::read_to_string(machines.env.path("work/Dockerfile")).unwrap();
    machines.env.write("Dockerfile", format!("{dockerfile}RUN cat /none\n"));
    let failed = machines.build("two", &["-t", "app", "--cache-from", &from]).fails(1);
    assert!(!failed.stderr.contains("is not used any more"), "{}", failed.stderr);
    assert_eq!(steps_run(&failed), 0, "{}", failed.stderr);
}

#[test]
fn a_cache_is_not_blamed_for_the_times_of_another_machine() {
    let machines = Machines::new(RunAs::Root);
    let cache = machines.place("cache");
    let build = |machine: &str, options: &[&str]| {
        let root = machines.place(machine).display().to_string();
        let always = ["--root", &root, "build", "--progress", "plain", "--build-context", BASE];
        machines.env.run(always.iter().chain(options).chain(&["."]))
    };
    // On the first machine the second copy leaves out what is there already, on the second it would not.
    machines.env.write(".dockerignore", "Dockerfile*\n.dockerignore\n");
    machines.env.write("Dockerfile", "FROM base\nCOPY file /d/\nCOPY . /d/\nRUN cat /d/file\n");
    build("one", &["--cache-to", &format!("type=local,dest={},mode=max", cache.display())]).success();
    fs::File::open(machines.env.path("work/file")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    machines.env.write("Dockerfile", "FROM base\nCOPY file /d/\nCOPY . /d/\nRUN cat /none\n");
    let failed = build("two", &["--cache-from", &format!("type=local,src={}", cache.display())]).fails(1);
    assert_eq!(failed.stderr.matches(" CACHED").count(), 3, "{}", failed.stderr);
    assert!(!failed.stderr.contains("is not used any more"), "{}", failed.stderr);
}

#[test]
fn a_cache_that_cannot_be_used_is_told_of_and_counted_nowhere() {
    let machines = Machines::new(RunAs::Root);
    let from = format!("type=local,src={}", machines.place("none").display());
    let built = machines.build("one", &["-t", "app", "--cache-from", &from]).success();
    assert!(built.stderr.contains("cannot be used") && !built.stderr.contains("fetched 0"), "{}", built.stderr);
    let options = ["-t", "app", "--cache-from", &from, "--no-cache-filter", "none", "-q"];
    let quiet = machines.build("two", &options).success();
    assert!(quiet.stderr.contains("cannot be used"), "{}", quiet.stderr);
    assert!(quiet.stderr.contains("names no stage of the Dockerfile: `none`"), "{}", quiet.stderr);
}

type Lie = (&'static str, &'static dyn Fn(&mut Value));

#[test]
fn what_a_cache_says_of_its_layers_is_held_against_them() {
    let machines = Machines::new(RunAs::Root);
    let registry = Registry::start(&machines.env.path("home"));
    let lies: [Lie; 6] = [
        ("a size", &|document| document["layers"][0]["size"] = 12_345.into()),
        ("an absurd size", &|document| document["layers"][2]["size"] = u64::MAX.into()),
        ("a content", &|document| document["layers"][1]["content"] = "7".repeat(64).into()),
        ("a time", &|document| document["records"][0]["created"] = serde_json::json!([i64::MAX, 0])),
        ("a part of a second", &|document| {
            document["records"][1]["created"] = serde_json::json!([5, 4_000_000_000_u64]);
        }),
        ("a time before all others", &|document| document["records"][2]["created"] = serde_json::json!([i64::MIN, 0])),
    ];
    let right = machines.build("right", &["-t", "app"]).success();
    assert!(steps_run(&right) > 0);
    for (compression, count) in [("gzip", lies.len()), ("uncompressed", 2)] {
        for (number, (lie, change)) in lies.iter().take(count).enumerate() {
            let name = |what: &str| format!("{what}-{number}-{compression}");
            let cache = machines.place(&name("cache"));
            let to = format!("type=local,dest={},mode=max,compression={compression}", cache.display());
            machines.build("one", &["--cache-to", &to]).success();
            edit(&cache, |_, document| change(document));
            let from = format!("type=local,src={}", cache.display());
            let built = machines.build(&name("two"), &["-t", "app", "--cache-from", &from]).success();
            let warned = built.stderr.contains("is not used any more") || built.stderr.contains("cannot be used");
            assert!(warned, "{lie} {compression}: {}", built.stderr);
            assert_eq!(machines.manifest(&name("two")), machines.manifest("right"), "{lie} {compression}");
            // Neither does it go on to a layout or a registry.
            let (app, layout) = (format!("{}/{}:x", registry.address(), name("app")), machines.place(&name("layout")));
            let layers = format!("type=oci,tar=false,compression={compression},dest={}", layout.display());
            let built = machines.build(&name("three"), &["-t", "app", "-o", &layers, "--cache-from", &from]).success();
            let image = format!("{}:latest", layout.display());
            tool("umoci", &["unpack", "--image", &image, machines.place(&name("unpacked")).to_str().unwrap()]);
            assert!(steps_run(&built) > 0, "{lie} {compression}: {}", built.stderr);
            let pushed = format!("type=registry,name={app},compression={compression}");
            machines.build(&name("four"), &["-o", &pushed, "--cache-from", &from]).success();
            assert_eq!(pulled(&machines, &app, &name("pulled")).file("both"), "one\ntwo\n", "{lie} {compression}");
        }
    }
}
