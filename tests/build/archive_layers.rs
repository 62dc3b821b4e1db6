//! Archives of images: their bytes and their order, whichever way they are written.

use std::io::Read;
use std::os::unix::fs::FileExt;

use serde_json::Value;

use crate::support::peers::tool;
use crate::support::{TestEnv, noise};

const BUILD: [&str; 4] = ["build", "--timestamp=1000000000", "--build-context", "base=host:sh,cat"];

/// Layers of several blocks, one of them twice.
fn env() -> TestEnv {
    let env = TestEnv::root();
    let text: Vec<u8> = (0..400_000_u32).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
    env.write("mixed", [&text[..], &noise(3 << 20, 7)].concat());
    env.write("small", "small");
    env.write(
        "Dockerfile",
        "FROM base\nCOPY mixed /mixed\nCOPY small /small\nRUN cat /small > /x\nCOPY small /small\n",
    );
    env
}

fn write(env: &TestEnv, outputs: &[&str]) {
    let outputs = outputs.iter().flat_map(|output| ["-o", output]);
    env.ok(BUILD.into_iter().chain(outputs).chain(["."]));
}

fn piped(env: &TestEnv, output: &str) -> Vec<u8> {
    // Of a path nobody knows that it is the standard output, which gets the image's ID then.
    let quiet = (!output.contains("/dev/stdout")).then_some("-q");
    let output = env.builder().args(BUILD).args(quiet).args(["-o", output, "."]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Changes a byte of the largest blob of the store.
fn damage(env: &TestEnv) {
    let blobs = std::fs::read_dir(env.store().join("blobs/sha256")).unwrap().flatten();
    let largest = blobs.max_by_key(|blob| blob.metadata().unwrap().len()).unwrap().path();
    let blob = std::fs::File::options().read(true).write(true).open(largest).unwrap();
    let mut byte = [0];
    blob.read_exact_at(&mut byte, 3_000_000).unwrap();
    blob.write_all_at(&[!byte[0]], 3_000_000).unwrap();
}

/// What comes out of a pipe that has a name.
fn through_fifo(env: &TestEnv, output: &str) -> Vec<u8> {
    let fifo = env.path("home/fifo");
    let _there = rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0);
    let reader = std::thread::spawn({
        let fifo = fifo.clone();
        move || std::fs::read(fifo).unwrap()
    });
    write(env, &[&format!("{output},dest={}", fifo.display())]);
    reader.join().unwrap()
}

#[test]
fn what_is_damaged_is_mended_before_anything_goes_into_a_pipe() {
    let env = env();
    env.ok(BUILD.into_iter().chain(["-t", "app", "."]));
    for kind in ["oci", "docker"] {
        let output = format!("type={kind},compression=uncompressed");
        let expected = piped(&env, &format!("{output},dest=-"));
        for _ in 0..2 {
            damage(&env);
            assert!(piped(&env, &format!("{output},dest=-")) == expected, "{kind}");
            damage(&env);
            assert!(piped(&env, &format!("{output},dest=/dev/stdout")) == expected, "{kind}");
            damage(&env);
            assert!(through_fifo(&env, &output) == expected, "{kind}");
        }
    }
    let save = || env.builder().args(["save", "app"]).output().unwrap().stdout;
    let expected = save();
    let fifo = env.path("home/fifo");
    for _ in 0..2 {
        damage(&env);
        let path = fifo.clone();
        let reader = std::thread::spawn(move || std::fs::read(path).unwrap());
        env.ok(["save", "-o", fifo.to_str().unwrap(), "app"]);
        assert!(reader.join().unwrap() == expected);
    }
}

/// The files of an archive, in its order.
fn files(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.push((name, bytes));
    }
    files
}

fn document(files: &[(String, Vec<u8>)], name: &str) -> Value {
    let (_, bytes) = files.iter().find(|(found, _)| found == name).unwrap();
    serde_json::from_slice(bytes).unwrap()
}

fn path_of(descriptor: &Value) -> String {
    descriptor["digest"].as_str().unwrap().replace("sha256:", "blobs/sha256/")
}

#[test]
fn an_archive_has_the_same_bytes_in_a_file_and_through_a_pipe() {
    let env = env();
    let path = env.path("work/out.tar");
    for (kind, more) in [
        ("oci", ""),
        ("oci", ",compression=zstd"),
        ("oci", ",compression=zstd,compression-level=12"),
        ("oci", ",compression=uncompressed"),
        ("oci", ",compression=gzip,compression-level=1,force-compression=true"),
        ("docker", ",name=app:1"),
    ] {
        write(&env, &[&format!("type={kind},dest={}{more}", path.display())]);
        let written = std::fs::read(&path).unwrap();
        assert!(written == piped(&env, &format!("type={kind},dest=-{more}")), "{kind}{more}");
        let name = if kind == "docker" { ":app:1" } else { "" };
        tool("skopeo", &["inspect", &format!("{kind}-archive:{}{name}", path.display())]);
    }
    // Nothing is left beside it.
    let left = std::fs::read_dir(env.path("work")).unwrap().count();
    assert_eq!(left, ["Dockerfile", "mixed", "small", "out.tar"].len());
}

#[test]
fn layers_come_first_in_their_order_and_each_once() {
    let env = env();
    let path = env.path("work/out.tar");
    for compression in ["zstd", "gzip", "uncompressed"] {
        let platforms = format!("type=oci,compression={compression},dest={}", path.display());
        write(&env, &[&platforms]);
        let files = files(&std::fs::read(&path).unwrap());
        let index = document(&files, "index.json");
        let manifest = document(&files, &path_of(&index["manifests"][0]));
        let mut layers: Vec<String> = manifest["layers"].as_array().unwrap().iter().map(path_of).collect();
        assert_eq!(layers[2], layers[4], "the same layer twice");
        layers.truncate(4);
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names[..2], ["blobs/", "blobs/sha256/"]);
        assert_eq!(names[2..6], layers, "{compression}");
        assert_eq!(names[8..], ["index.json", "oci-layout"]);
        assert!(names[6] < names[7], "{names:?}");
        let config = document(&files, &path_of(&manifest["config"]));
        let sizes: Vec<u64> =
            manifest["layers"].as_array().unwrap().iter().map(|layer| layer["size"].as_u64().unwrap()).collect();
        assert_eq!(sizes[1], files[3].1.len() as u64);
        assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 5);
    }
}

#[test]
fn several_archives_are_written_at_once() {
    let env = env();
    let at = |name: &str| env.path("work").join(name).display().to_string();
    let forms = ["type=oci,compression=zstd", "type=docker,name=app:1", "type=oci"];
    let outputs: Vec<String> = (0..3).map(|n| format!("{},dest={}", forms[n], at(&n.to_string()))).collect();
    write(&env, &outputs.iter().map(String::as_str).collect::<Vec<_>>());
    for (n, form) in forms.iter().enumerate() {
        let alone = format!("{form},dest={}", at("alone"));
        write(&env, &[&alone]);
        assert!(std::fs::read(at(&n.to_string())).unwrap() == std::fs::read(at("alone")).unwrap(), "{form}");
    }
}
