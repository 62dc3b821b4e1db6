//! What `--output` and `save -o` do to the place that they write to.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Finished, RunAs, TestEnv};

#[test]
fn a_directory_keeps_what_the_image_does_not_have() {
    let env = TestEnv::root();
    env.write("a", "a");
    for name in [".wh.thesis", ".wh..wh..opq", ".wh."] {
        env.write(name, "ordinary");
    }
    env.write("Dockerfile", "FROM scratch\nCOPY a .wh.thesis .wh..wh..opq .wh. /\nCOPY .wh..wh..opq /sub/\n");
    for kept in ["thesis", "sub/notes"] {
        let path = env.path("out/home").join(kept);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "precious").unwrap();
    }
    let home = env.path("out/home");
    env.ok(["build", "-q", "-o", home.to_str().unwrap(), "."]);
    for kept in ["thesis", "sub/notes"] {
        assert_eq!(fs::read_to_string(home.join(kept)).unwrap(), "precious", "{kept}");
    }
    for name in ["a", ".wh.thesis", ".wh..wh..opq", ".wh.", "sub/.wh..wh..opq"] {
        assert!(home.join(name).is_file(), "{name}");
    }
}

#[test]
fn a_directory_belongs_to_the_ordinary_user_who_asked_for_it() {
    let env = TestEnv::new(RunAs::Ordinary);
    env.write(
        "Dockerfile",
        "FROM base\nRUN mkdir /v && echo x >/v/f && ln -s f /v/l && chown -R 1000:1001 /v && chown -h 5:5 /v/l && \
         chmod 700 /v\n",
    );
    let out = env.path("out/tree");
    let context = "base=host:sh,mkdir,ln,chown,chmod";
    env.ok(["build", "-q", "--build-context", context, "-o", out.to_str().unwrap(), "."]);
    let user = fs::metadata(env.path("out")).unwrap().uid();
    for name in ["", "v", "v/f", "v/l"] {
        let metadata = fs::symlink_metadata(out.join(name)).unwrap();
        assert_eq!(metadata.uid(), user, "{name}");
    }
    assert_eq!(fs::metadata(out.join("v")).unwrap().permissions().mode() & 0o7777, 0o700);
    // A tar has numbers, and keeps them.
    let tar = env.path("out/tree.tar");
    env.ok(["build", "-q", "--build-context", context, "-o", &format!("type=tar,dest={}", tar.display()), "."]);
    let mut archive = tar::Archive::new(fs::File::open(tar).unwrap());
    let owner = archive.entries().unwrap().map(Result::unwrap).find_map(|entry| {
        (entry.path().unwrap() == Path::new("v/f"))
            .then(|| (entry.header().uid().unwrap(), entry.header().gid().unwrap()))
    });
    assert_eq!(owner, Some((1000, 1001)));
}

/// The ways to write a file: `build -o` and `save -o`, with the arguments for a path.
fn ways(path: &Path) -> [Vec<String>; 2] {
    let path = path.to_str().unwrap();
    [
        ["build", "-q", "-o", &format!("type=oci,dest={path}"), "."].map(str::to_owned).to_vec(),
        ["save", "-o", path, "app"].map(str::to_owned).to_vec(),
    ]
}

fn with_image() -> TestEnv {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nCOPY <<E /file\ntext\nE\n");
    env.ok(["build", "-q", "-t", "app", "."]);
    env
}

#[test]
fn who_replaces_the_file_of_somebody_else_has_it_then() {
    let env = TestEnv::new(RunAs::Ordinary);
    env.write("Dockerfile", "FROM scratch\nCOPY <<E /file\ntext\nE\n");
    env.ok(["build", "-q", "-t", "app", "."]);
    let user = fs::metadata(env.path("out")).unwrap().uid();
    let path = env.path("out/file");
    for arguments in ways(&path) {
        let _none = fs::remove_file(&path);
        fs::write(&path, "root's").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        env.ok(&arguments);
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.uid(), metadata.mode() & 0o777), (user, 0o640), "{arguments:?}");
        assert!(is_archive(&fs::read(&path).unwrap()));
    }
}

fn is_archive(bytes: &[u8]) -> bool {
    let mut archive = tar::Archive::new(bytes);
    let names: Vec<_> = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned()).collect();
    names.iter().any(|name| name == Path::new("index.json") || name == Path::new("manifest.json"))
}

#[test]
fn a_device_is_written_to_and_stays() {
    let env = with_image();
    let null = env.path("out/null");
    // A null device of this test's own; memory file systems may forbid using one, which still must not replace it.
    Finished::of(Command::new("mknod").arg(&null).args(["c", "1", "3"])).success();
    for arguments in ways(&null) {
        env.run(&arguments);
        let kind = fs::symlink_metadata(&null).unwrap().file_type();
        assert!(kind.is_char_device(), "{arguments:?}");
    }
    assert_eq!(fs::read_dir(env.path("out")).unwrap().count(), 1, "nothing is left behind");
}

#[test]
fn a_fifo_is_written_to_and_stays() {
    let env = with_image();
    let fifo = env.path("out/fifo");
    Finished::of(Command::new("mkfifo").arg(&fifo)).success();
    for arguments in ways(&fifo) {
        // Both ends open: the builder needs no other reader, and the test none of its own for a builder that
        // replaces the pipe.
        let reader = fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
        let mut builder = env.builder().args(&arguments).stdout(Stdio::null()).spawn().unwrap();
        let copy = reader.try_clone().unwrap();
        let read = std::thread::spawn(move || {
            let (mut copy, mut bytes) = (copy, Vec::new());
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let count = std::io::Read::read(&mut copy, &mut buffer).unwrap();
                if buffer[..count].ends_with(b"the end") {
                    bytes.extend_from_slice(&buffer[..count - 7]);
                    return bytes;
                }
                bytes.extend_from_slice(&buffer[..count]);
            }
        });
        assert!(builder.wait().unwrap().success(), "{arguments:?}");
        std::io::Write::write_all(&mut &reader, b"the end").unwrap();
        let bytes = read.join().unwrap();
        assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo(), "{arguments:?}");
        assert!(is_archive(&bytes), "{arguments:?}: {} bytes", bytes.len());
    }
}

#[test]
fn a_symbolic_link_is_followed_and_stays() {
    let env = with_image();
    fs::create_dir(env.path("out/there")).unwrap();
    for (link, target, existing) in [("link", "there/file", true), ("dangling", "there/new", false)] {
        let (link, target_path) = (env.path("out").join(link), env.path("out").join(target));
        symlink(target, &link).unwrap();
        for arguments in ways(&link) {
            if existing {
                fs::write(&target_path, "old").unwrap();
                fs::set_permissions(&target_path, fs::Permissions::from_mode(0o600)).unwrap();
                chown(&target_path, Some(5), Some(6)).unwrap();
            } else {
                let _absent = fs::remove_file(&target_path);
            }
            env.ok(&arguments);
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "{arguments:?}");
            assert!(is_archive(&fs::read(&target_path).unwrap()), "{arguments:?}");
            if existing {
                // Whose the file is and who may read it is not for us to change.
                let metadata = fs::metadata(&target_path).unwrap();
                assert_eq!((metadata.mode() & 0o777, metadata.uid(), metadata.gid()), (0o600, 5, 6), "{arguments:?}");
            }
        }
    }
}

#[test]
fn a_failed_output_leaves_the_old_file() {
    let env = with_image();
    let old = env.path("out/old");
    fs::write(&old, "old").unwrap();
    env.write("Dockerfile", "FROM nowhere.invalid/x\n");
    let output = format!("type=tar,dest={}", old.display());
    let failed = env.run(["build", "-q", "-o", &output, "."]);
    assert_ne!(failed.code, Some(0));
    assert_eq!(fs::read_to_string(&old).unwrap(), "old");
    assert_eq!(fs::read_dir(env.path("out")).unwrap().count(), 1, "nothing is left behind");
}

/// What a build cannot write is told before it builds: the step would leave its mark in the cache.
#[test]
fn places_that_cannot_be_written_are_told_before_the_build() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM base\nRUN echo built\n");
    fs::create_dir_all(env.path("work/directory")).unwrap();
    env.write("file", "");
    for (arguments, code, message, hint) in [
        (&["-o", ""][..], 2, "--output is empty", "write a directory"),
        (&["-o", "type=oci,dest="], 2, "`dest` is ``", "a file or directory"),
        (&["-o", "type=oci,dest=a", "-o", "type=tar,dest=./a"], 2, "both go to `./a`", "a place of its own"),
        (&["-o", "type=oci,dest=a", "-o", "a"], 2, "both go to `a`", "a place of its own"),
        (&["-o", "type=tar,dest=a", "--iidfile", "a"], 2, "and --iidfile both go to `a`", "a place of its own"),
        (&["--metadata-file", "file", "--iidfile", "file"], 2, "--iidfile and --metadata-file both", "of its own"),
        (&["-o", "-", "-o", "type=oci"], 2, "two outputs go to standard output", "`dest=FILE`"),
        (&["-o", "type=tar,dest=directory"], 2, "`directory` is a directory", "name the file"),
        (&["-o", "file"], 2, "`file` is not a directory", "name a directory"),
        (&["-o", "type=tar,dest=no/such/tar"], 3, "there is no directory `no/such`", "mkdir -p no/such"),
        (&["--iidfile", "no/id"], 3, "cannot write --iidfile to `no/id`: there is no directory `no`", "mkdir -p no"),
        (&["--metadata-file", "no/m"], 3, "there is no directory `no`", "mkdir -p no"),
        (&["--iidfile", "directory"], 2, "`directory` is a directory", "name the file"),
        (&["--ulimit", "nofil=1"], 2, "there is no limit `nofil`", "did you mean `nofile`?"),
        (&["--secret", "id=x,src=no"], 2, "secret `x`: cannot read the file `no`", "not from the context"),
        (&["--secret", "id=x"], 2, "there is neither a variable nor a file `x`", "--secret id=x,src=FILE"),
    ] {
        let all = [&["build", "--progress", "plain", "--build-context", "base=host:sh"], arguments, &["."]].concat();
        let failed = env.run(all).fails(code);
        for expected in [message, hint] {
            assert!(failed.stderr.contains(expected), "{arguments:?}: `{expected}` in {}", failed.stderr);
        }
        assert!(!failed.stderr.contains("built"), "{arguments:?}: {}", failed.stderr);
    }
    env.write("big", "x".repeat(500 * 1024 + 1));
    let failed = env.run(["build", "--secret", "id=x,src=big", "."]).fails(2);
    assert!(failed.stderr.contains("secret x too big. max size 500KB") && failed.stderr.contains("the file `big`"));
    // Two directories are one after the other in the same place, and a device takes all.
    env.ok(["build", "-q", "--build-context", "base=host:sh", "-o", "out", "-o", "out", "."]);
    let null = ["-o", "type=tar,dest=/dev/null", "--iidfile", "/dev/null"];
    env.ok([&["build", "-q", "--build-context", "base=host:sh"], &null[..], &["."]].concat());
}
