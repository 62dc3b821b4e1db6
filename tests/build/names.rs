//! What images are called, what a name proves, and images that have none.

use std::fs::File;
use std::path::Path;

use crate::support::TestEnv;
use crate::support::peers::{Registry, run_with_crun, tool};

/// The digest of nothing that these tests make.
const OTHER: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// Writes an archive with the files of another one, one of them changed.
fn rewritten(from: &Path, to: &Path, name: &str, change: impl Fn(&str) -> String) {
    let mut archive = tar::Archive::new(File::open(from).unwrap());
    let mut out = tar::Builder::new(File::create(to).unwrap());
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let (mut header, path) = (entry.header().clone(), entry.path().unwrap().into_owned());
        if path == Path::new(name) {
            let text = change(&std::io::read_to_string(&mut entry).unwrap());
            header.set_size(text.len() as u64);
            out.append_data(&mut header, path, text.as_bytes()).unwrap();
        } else if path != Path::new("index.json") || name == "index.json" {
            // Without an index, what is left is an archive as docker has always written it.
            out.append_data(&mut header, path, &mut entry).unwrap();
        }
    }
    out.into_inner().unwrap();
}

#[test]
fn an_archive_cannot_stand_in_for_what_a_digest_names() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    // Nobody listens there.
    env.ok(["build", "-t", "localhost:1/base:1", "."]);
    let (saved, evil) = (env.path("out/saved.tar"), env.path("out/evil.tar"));
    env.ok(["save", "-o", saved.to_str().unwrap(), "localhost:1/base:1"]);
    let pinned = format!("localhost:1/base@{OTHER}");
    for file in ["manifest.json", "index.json"] {
        rewritten(&saved, &evil, file, |text| text.replace("localhost:1/base:1", &pinned));
        let refused = env.run(["load", "-i", evil.to_str().unwrap()]).fails(2);
        assert!(refused.stderr.contains("cannot have a digest"), "{}", refused.stderr);
    }
    env.write("Dockerfile", format!("FROM {pinned}\n"));
    let refused = env.run(["build", "."]).fails(4);
    assert!(refused.stderr.contains("cannot reach the registry"), "{}", refused.stderr);
}

#[test]
fn no_command_gives_a_name_with_a_digest() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    env.ok(["build", "-t", "app", "."]);
    let pinned = format!("app@{OTHER}");
    let output = format!("type=oci,dest=x.tar,name={pinned}");
    for arguments in [
        &["build", "-t", &pinned, "."][..],
        &["build", "-o", &output, "."],
        &["build", "-t", OTHER, "."],
        &["tag", "app", &pinned],
        &["import", "Dockerfile", &pinned],
    ] {
        let refused = env.run(arguments).fails(2);
        assert!(refused.stderr.contains("invalid image reference"), "{}", refused.stderr);
    }
}

#[test]
fn what_was_pulled_by_digest_is_found_again_by_it() {
    let env = TestEnv::root();
    let registry = Registry::start(&env.path(""));
    env.write("base/Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    env.ok(["build", "-t", "base", "base"]);
    let target = format!("docker://{}/base:1", registry.address());
    tool("skopeo", &["copy", "--dest-tls-verify=false", &format!("oci:{}:base", env.store().display()), &target]);
    let manifest = tool("skopeo", &["inspect", "--tls-verify=false", "--raw", &target]);
    // An index above it, by the same registry.
    let digest_of = |text: &str| {
        let path = env.write("document", text);
        format!("sha256:{}", tool("sha256sum", &[path.to_str().unwrap()]).split(' ').next().unwrap())
    };
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let index = serde_json::json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest_of(&manifest),
            "size": manifest.len(), "platform": { "os": "linux", "architecture": architecture },
        }],
    });
    put(registry.address(), "/v2/base/manifests/both", &index.to_string());
    let other = TestEnv::root();
    let digests = [digest_of(&manifest), digest_of(&index.to_string())];
    for digest in &digests {
        other.write("Dockerfile", format!("FROM {}/base@{digest}\n", registry.address()));
        other.ok(["build", "-t", "child", "."]);
    }
    drop(registry);
    // What is not needed goes, and the proof is needed.
    other.ok(["rmi", "child"]);
    for digest in &digests {
        other.write("Dockerfile", other_from(&other, digest));
        other.ok(["build", "."]);
    }
}

/// The rows of `images`, without the header.
fn listed(env: &TestEnv) -> Vec<String> {
    env.ok(["images"]).stdout.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn an_image_without_a_name_is_reached_by_its_id() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM host\nRUN echo hello > /greeting\nCMD cat /greeting\n");
    let build = ["build", "-q", "--build-context", "host=host:sh,cat"];
    let id = env.ok(build.iter().chain(&["."])).stdout.trim().to_owned();
    // The same image again is the same record.
    env.ok(build.iter().chain(&["."]));
    assert_eq!(listed(&env).len(), 1);
    assert!(listed(&env)[0].starts_with("<none>       <none>"), "{:?}", listed(&env));
    let short = env.ok(["images", "-q"]).stdout.trim().to_owned();
    assert_eq!(short, id["sha256:".len()..][..12]);
    let inspected: serde_json::Value = serde_json::from_str(&env.ok(["inspect", &short]).stdout).unwrap();
    assert_eq!((&inspected[0]["Id"], inspected[0]["RepoTags"].as_array().unwrap().len()), (&id.clone().into(), 0));
    let manifest = inspected[0]["Descriptor"]["digest"].as_str().unwrap().to_owned();
    assert!(env.ok(["history", &manifest]).stdout.contains("RUN"));
    // Taking another image away leaves it.
    env.write("other/Dockerfile", "FROM scratch\nLABEL a=b\n");
    env.ok(["build", "-t", "other", "other"]);
    assert!(env.ok(["rmi", "other"]).stdout.contains("Deleted: sha256:"));
    let archive = env.path("out/saved.tar");
    env.ok(["save", "-o", archive.to_str().unwrap(), &id]);
    // With a name it is complete for other tools, and no longer among those without.
    env.ok(["tag", &short, "named"]);
    assert_eq!(run_with_crun(&env.store(), "named", &env.path("")), "hello\n");
    assert_eq!(listed(&env).len(), 1);
    env.ok(["rmi", &id]);
    assert_eq!(listed(&env), Vec::<String>::new());
    // An archive without names.
    let loaded = env.ok(["load", "-i", archive.to_str().unwrap()]).stdout;
    assert_eq!(loaded, format!("Loaded image ID: {id}\n"));
    assert!(listed(&env)[0].contains(&short), "{:?}", listed(&env));
    assert_eq!(env.ok(["rmi", &short]).stdout, format!("Deleted: {id}\n"));
    assert_eq!(std::fs::read_dir(env.store().join("blobs/sha256")).unwrap().count(), 0);
    env.run(["inspect", &short]).fails(1);
}

#[test]
fn an_image_whose_name_moves_on_stays_without_one() {
    let env = TestEnv::root();
    for text in ["one", "two", "two"] {
        env.write("Dockerfile", format!("FROM scratch\nLABEL is={text}\n"));
        env.ok(["build", "-t", "app", "."]);
    }
    let rows = listed(&env);
    assert!(rows.len() == 2 && rows[0].starts_with("app") && rows[1].starts_with("<none>"), "{rows:?}");
    let short = rows[1].split_whitespace().nth(2).unwrap();
    let inspected: serde_json::Value = serde_json::from_str(&env.ok(["inspect", short]).stdout).unwrap();
    assert_eq!(inspected[0]["Config"]["Labels"]["is"], "one");
    let json = env.ok(["images", "--format", "json"]).stdout;
    let row: serde_json::Value = serde_json::from_str(json.lines().nth(1).unwrap()).unwrap();
    assert_eq!((&row["Repository"], &row["Tag"]), (&"<none>".into(), &"<none>".into()));
    env.ok(["rmi", short]);
    assert_eq!(listed(&env).len(), 1);
}

/// The Dockerfile of the test above for another digest.
fn other_from(env: &TestEnv, digest: &str) -> String {
    let text = std::fs::read_to_string(env.path("work/Dockerfile")).unwrap();
    format!("{}@{digest}\n", text.split('@').next().unwrap())
}

/// Puts an index into a registry.
fn put(address: &str, path: &str, body: &str) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let length = body.len();
    let media_type = "application/vnd.oci.image.index.v1+json";
    write!(
        stream,
        "PUT {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 201"), "{reply}");
}
