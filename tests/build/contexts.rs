//! Where files come from: ignore files, standard input, named contexts.

use std::io::Write;
use std::process::Stdio;

use crate::support::TestEnv;
use crate::support::image::Image;

fn piped(env: &TestEnv, arguments: &[&str], input: &[u8]) -> std::process::Output {
    let mut command = env.builder();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn the_ignore_file_hides_and_shows_again() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nCOPY . /\n");
    env.write(".dockerignore", "**/*.log\nsecret\n!secret/kept\nDockerfile*\n.dockerignore\n");
    for file in ["a", "a.log", "d/b.log", "d/c", "secret/hidden", "secret/kept"] {
        env.write(file, file);
    }
    env.ok(["build", "-t", "app", "."]);
    let paths = Image::open(&env.store(), "app").paths(0);
    assert_eq!(paths, ["a", "d", "d/c", "secret", "secret/kept"]);
    // The one beside the Dockerfile wins over the one of the context.
    env.write("other/Dockerfile", "FROM scratch\nCOPY . /\n");
    env.write("other/Dockerfile.dockerignore", "**\n!a\n");
    env.ok(["build", "-t", "app", "-f", "other/Dockerfile", "."]);
    assert_eq!(Image::open(&env.store(), "app").paths(0), ["a"]);
}

#[test]
fn an_ignored_source_is_said_to_be_ignored() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nCOPY secret /\n");
    env.write(".dockerignore", "secret\n");
    env.write("secret", "x");
    let refused = env.run(["build", "."]).fails(2);
    assert!(refused.stderr.contains("\"/secret\": not found"), "{}", refused.stderr);
    assert!(refused.stderr.contains("ignore file"), "{}", refused.stderr);
}

#[test]
fn a_dockerfile_on_standard_input_has_an_empty_context() {
    let env = TestEnv::root();
    let dockerfile = b"FROM base\nRUN echo x > /x\nCOPY <<EOT /inline\ntext\nEOT\n";
    let output = piped(&env, &["build", "-t", "app", "--build-context", "base=host:sh", "-"], dockerfile);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(Image::open(&env.store(), "app").file("inline"), "text\n");
    let output = piped(&env, &["build", "-"], b"FROM scratch\nCOPY file /\n");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no build context"));
    env.write("file", "content");
    let output = piped(&env, &["build", "-t", "app", "-f", "-", "."], b"FROM scratch\nCOPY file /\n");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(Image::open(&env.store(), "app").file("file"), "content");
}

#[test]
fn a_compressed_tar_on_standard_input_is_the_context() {
    let env = TestEnv::root();
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, content) in [("Dockerfile", "FROM scratch\nCOPY data/file /\n"), ("data/file", "from the tar")] {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    let bytes = archive.into_inner().unwrap().finish().unwrap();
    let output = piped(&env, &["build", "-t", "app", "-"], &bytes);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(Image::open(&env.store(), "app").file("file"), "from the tar");
}

#[test]
fn a_directory_is_a_named_context_and_a_base() {
    let env = TestEnv::root();
    env.write("extra/etc/motd", "hello\n");
    env.write("Dockerfile", "FROM extra\nCOPY --from=extra /etc/motd /copy\n");
    env.ok(["build", "-t", "app", "--build-context", "extra=extra", "."]);
    let image = Image::open(&env.store(), "app");
    assert_eq!(image.paths(0), ["etc", "etc/motd"]);
    assert_eq!(image.file("copy"), "hello\n");
    assert!(image.layer(0).iter().all(|entry| entry.uid == 0 && entry.gid == 0));
}

#[test]
fn a_named_context_stands_in_for_a_stage() {
    let env = TestEnv::root();
    env.write("given/file", "given\n");
    env.write("Dockerfile", "FROM nowhere AS deps\nRUN false\nFROM scratch\nCOPY --from=deps /file /\n");
    env.ok(["build", "-t", "app", "--build-context", "deps=given", "."]);
    assert_eq!(Image::open(&env.store(), "app").file("file"), "given\n");
}

#[test]
fn symbolic_links_of_a_context_do_not_leave_it() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nCOPY link /\n");
    std::os::unix::fs::symlink("../../../../../../../../etc/passwd", env.path("work/link")).unwrap();
    let refused = env.run(["build", "."]).fails(2);
    assert!(refused.stderr.contains("not found"), "{}", refused.stderr);
}
