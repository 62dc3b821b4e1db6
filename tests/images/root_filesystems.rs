//! `export` and `import`.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::shelf::{FIRST, build, shelf};
use crate::support::image::{Image, entries};
use crate::support::peers::tool;
use crate::support::servers::Web;
use crate::support::tree::Tree;
use crate::support::{BASE, Finished, RunAs, TestEnv};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// An image with much of what a root filesystem can have, in layers that hide something of each other.
fn rich(run_as: RunAs) -> TestEnv {
    let env = TestEnv::new(run_as);
    let path = env.write("noted", "with an attribute");
    tool("setfattr", &["-n", "user.note", "-v", "value", text(&path)]);
    let long = "a/".repeat(60) + "deep";
    env.write(
        "Dockerfile",
        format!(
            "FROM base\nRUN mkdir -p /d/sub /{long} && echo 1 > /d/a && ln /d/a /d/sub/hard && ln -s ../d/a /d/link && \
             echo gone > /d/gone && echo x > /d/sub/x && chmod 4755 /d/a && chmod 1777 /d/sub\n\
             COPY --chown=7:8 noted /d/\nRUN rm /d/gone && mv /d/sub/x /d/y && chown 5:6 /d/y && echo é > /d/ünï\n"
        ),
    );
    env.ok(["build", "-t", "rich", "--build-context", BASE, "."]);
    env
}

#[test]
fn the_root_filesystem_comes_out_and_goes_in_the_same() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = rich(run_as);
        let (first, second) = (env.path("out/first.tar"), env.path("out/second.tar"));
        env.ok(["export", "rich", "-o", text(&first)]);
        let bytes = fs::read(&first).unwrap();
        let said = env.builder().args(["export", "rich"]).stderr(Stdio::inherit()).output().unwrap();
        assert!(said.status.success() && said.stdout == bytes, "the same each time");
        // What is in it is what a container would see.
        let found = entries(&bytes[..]);
        let mut paths: Vec<&str> = found.iter().map(|entry| entry.path.as_str()).collect();
        let seen = Tree::of(&Image::open(&env.store(), "rich"));
        assert!(seen.0.keys().all(|path| paths.contains(&path.as_str())));
        assert_eq!(paths.len(), seen.0.len(), "{paths:?}");
        paths.retain(|path| path.contains(".wh."));
        assert_eq!(paths, [""; 0]);
        let entry = |path: &str| found.iter().find(|entry| entry.path == path).unwrap();
        assert_eq!((entry("d/a").mode, entry("d/sub").mode), (0o4755, 0o1777));
        assert_eq!((entry("d/sub/hard").kind, entry("d/sub/hard").link.as_str()), ('h', "d/a"));
        assert_eq!((entry("d/y").uid, entry("d/y").gid, entry("d/noted").uid), (5, 6, 7));
        assert_eq!(entry("d/link").link, "../d/a");
        let note = b"SCHILY.xattr.user.note=value";
        assert!(bytes.windows(note.len()).any(|window| window == note));
        // In and out again it is the same archive, by its digest.
        let id = env.ok(["import", text(&first), "flat:1"]).stdout;
        env.ok(["export", "flat:1", "-o", text(&second)]);
        assert!(fs::read(&second).unwrap() == bytes, "{run_as:?}");
        let layer = env.ok(["inspect", "-f", "{{index .RootFS.Layers 0}} {{.Id}}", "flat:1"]).stdout;
        let digest = tool("sha256sum", &[text(&first)]);
        assert_eq!(layer, format!("sha256:{} {id}", digest.split(' ').next().unwrap()));
        // Other tools read it.
        let listed = tool("tar", &["-tf", text(&first)]);
        assert!(listed.lines().any(|line| line == "d/sub/hard"), "{listed}");
    }
}

/// An archive with device nodes of every kind, one of them under two names.
const DEVICES: &str = "
import tarfile, sys
with tarfile.open(sys.argv[1], 'w', format=tarfile.USTAR_FORMAT) as archive:
    def add(name, kind, numbers=(0, 0), link='', mode=0o640):
        entry = tarfile.TarInfo(name)
        entry.type, (entry.devmajor, entry.devminor), entry.linkname, entry.mode = kind, numbers, link, mode
        entry.gid, entry.mtime = 5, 1000000000
        archive.addfile(entry)
    add('dev', tarfile.DIRTYPE, mode=0o755)
    add('dev/console', tarfile.CHRTYPE, (5, 1))
    add('dev/nothing', tarfile.CHRTYPE, (0, 0), mode=0o600)
    add('dev/other-console', tarfile.LNKTYPE, link='dev/console')
    add('dev/pipe', tarfile.FIFOTYPE)
    add('dev/sda', tarfile.BLKTYPE, (8, 0), mode=0o660)
    add('etc', tarfile.DIRTYPE, mode=0o755)
    add('etc/null', tarfile.CHRTYPE, (1, 3), mode=0o666)
";

#[test]
fn device_nodes_stay_whoever_imports_them() {
    let lines = |archive: &Path| -> Vec<String> {
        let listed = tool("tar", &["--full-time", "--numeric-owner", "-tvf", text(archive)]);
        listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        let (given, first, second) = (env.path("out/given.tar"), env.path("out/1.tar"), env.path("out/2.tar"));
        tool("python3", &["-c", DEVICES, text(&given)]);
        env.ok(["import", text(&given), "dev:1"]);
        env.ok(["export", "dev:1", "-o", text(&first)]);
        assert_eq!(lines(&first), lines(&given), "{run_as:?}");
        env.ok(["import", text(&first), "dev:2"]);
        env.ok(["export", "dev:2", "-o", text(&second)]);
        assert!(fs::read(&first).unwrap() == fs::read(&second).unwrap(), "{run_as:?}");
        // Through archives of images, too.
        let saved = env.path("out/saved.tar");
        env.ok(["save", "dev:1", "-o", text(&saved)]);
        let other = TestEnv::new(run_as);
        other.ok(["load", "-i", text(&saved)]);
        let said = other.builder().args(["export", "dev:1"]).output().unwrap().stdout;
        assert!(said == fs::read(&first).unwrap(), "{run_as:?}");
        // What a later layer has in their place is what counts.
        env.write("file", "file");
        env.write("Dockerfile", "FROM dev:1\nCOPY file /dev/sda\nCOPY file /etc/new\n");
        env.ok(["build", "-q", "-t", "dev:3", "-o", "type=image", "-o", "type=tar,dest=../out/3.tar", "."]);
        env.ok(["export", "dev:3", "-o", text(&second)]);
        let mut expected = lines(&given);
        for archive in [&second, &env.path("out/3.tar")] {
            let mut found = lines(archive);
            found.retain(|line| !line.ends_with("dev/sda") && !line.ends_with("etc/new") && !line.ends_with('/'));
            expected.retain(|line| !line.ends_with("dev/sda") && !line.ends_with('/'));
            assert_eq!(found, expected, "{run_as:?}");
            let listed = lines(archive).join("\n");
            assert!(listed.contains("4 ") && listed.contains("dev/sda") && !listed.contains("brw"), "{listed}");
        }
    }
}

#[test]
fn copies_between_stages_take_device_nodes_along() {
    let lines = |archive: &Path, below: &str| -> Vec<String> {
        let listed = tool("tar", &["--full-time", "--numeric-owner", "-tvf", text(archive)]);
        let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ").replace(below, "");
        let mut lines: Vec<String> = listed.lines().map(line).collect();
        lines.retain(|line| !line.ends_with('/') && !line.ends_with(' '));
        lines
    };
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        let (given, found) = (env.path("out/given.tar"), env.path("out/found.tar"));
        tool("python3", &["-c", DEVICES, text(&given)]);
        env.ok(["import", text(&given), "dev:1"]);
        // A further name of a node becomes a node of its own, as with BuildKit.
        let console = |line: String| match line.strip_suffix(" link to dev/console") {
            Some(_) => "crw-r----- 0/5 5,1 2001-09-09 01:46:40 dev/other-console".to_owned(),
            None => line,
        };
        let expected: Vec<String> = lines(&given, "").into_iter().map(console).collect();
        for (number, copy) in ["COPY", "COPY --link"].into_iter().enumerate() {
            let name = format!("copied:{number}");
            env.write("etc/null", "a file, which gives way");
            env.write(
                "Dockerfile",
                format!("FROM scratch\nCOPY etc /out/etc\n{copy} --from=dev:1 / /out/\n# {number}\n"),
            );
            let output = ["-o", "type=image", "-o", "type=tar,dest=../out/built.tar"];
            env.ok([&["build", "-q", "-t", &name][..], &output, &["."]].concat());
            env.ok(["export", &name, "-o", text(&found)]);
            assert_eq!(lines(&found, "out/"), expected, "{run_as:?} {copy}");
            assert_eq!(lines(&env.path("out/built.tar"), "out/"), expected, "{run_as:?} {copy}");
            // The same again, and from the image that has them now, and on another machine.
            let again = env.ok(["build", "-t", &name, "."]).stderr;
            assert!(again.contains("CACHED"), "{again}");
            env.write("Dockerfile", format!("FROM scratch\nCOPY --from={name} /out /out\n"));
            env.ok(["build", "-q", "-t", "second", "."]);
            env.ok(["export", "second", "-o", text(&found)]);
            assert_eq!(lines(&found, "out/"), expected, "{run_as:?} {copy}");
            let saved = env.path("out/saved.tar");
            env.ok(["save", "second", "-o", text(&saved)]);
            let other = TestEnv::new(run_as);
            other.ok(["load", "-i", text(&saved)]);
            other.ok(["export", "second", "-o", text(&other.path("out/found.tar"))]);
            assert_eq!(lines(&other.path("out/found.tar"), "out/"), expected, "{run_as:?} {copy}");
        }
        // Owner, mode, and what is excluded; a later source takes the place of a node.
        env.write("sda", "file");
        let dockerfile = "FROM dev:1 AS all\nCOPY sda /dev/sda\nFROM scratch\n\
                          COPY --chown=3:4 --chmod=600 --exclude=console --exclude=other* --from=all /dev /d/\n";
        env.write("Dockerfile", dockerfile);
        env.ok(["build", "-q", "-t", "some", "."]);
        env.ok(["export", "some", "-o", text(&found)]);
        let mut some = lines(&found, "");
        some.retain(|line| !line.starts_with('d'));
        let nodes: Vec<&str> = some.iter().map(String::as_str).filter(|line| line.starts_with('c')).collect();
        assert_eq!(nodes, ["crw------- 3/4 0,0 2001-09-09 01:46:40 d/nothing"], "{run_as:?}");
        assert!(some.iter().any(|line| line.starts_with('-') && line.ends_with("d/sda")), "{some:?}");
        // One of the same COPY, too: what the layer's archive has counts, and not only the files here.
        env.write("o/nothing", "file");
        env.write("p/nothing/inside", "file");
        let dockerfile = |later: &str, copy: &str| {
            format!("FROM dev:1 AS all\nCOPY {later} /{later}/\nFROM scratch\n{copy} --from=all /dev /{later} /x/\n")
        };
        for copy in ["COPY", "COPY --link"] {
            env.write("Dockerfile", dockerfile("o", copy));
            env.ok(["build", "-q", "-t", "later", "."]);
            let (saved, other) = (env.path("out/saved.tar"), TestEnv::new(run_as));
            env.ok(["save", "later", "-o", text(&saved)]);
            other.ok(["load", "-i", text(&saved)]);
            other.ok(["export", "later", "-o", text(&other.path("out/found.tar"))]);
            let later = lines(&other.path("out/found.tar"), "");
            assert!(
                later.iter().any(|line| line.starts_with('-') && line.ends_with("x/nothing")),
                "{run_as:?} {later:?}"
            );
            env.write("Dockerfile", dockerfile("p", copy));
            let failed = env.run(["build", "."]).fails(2).stderr;
            assert!(failed.contains("cannot copy to non-directory: /x/nothing"), "{run_as:?} {failed}");
        }
        // A node that nothing can be made of is in no layer by itself.
        for source in ["/dev/nothing", "/dev/n*"] {
            env.write("Dockerfile", format!("FROM scratch\nCOPY --from=dev:1 {source} /x/\n"));
            let failed = env.run(["build", "."]).fails(2).stderr;
            assert!(failed.contains("/dev/nothing") && failed.contains("Dockerfile:2"), "{failed}");
        }
        // Compared, they are files like any other.
        let diff = env.run(["diff", "dev:1", "some"]).stdout;
        for path in ["/dev/nothing", "/dev/console", "/d/nothing"] {
            assert!(diff.lines().any(|line| line.contains(path)), "{path}: {diff}");
        }
    }
}

#[test]
fn a_layer_with_device_nodes_whose_blob_is_cut_short_is_made_again() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        let (given, found) = (env.path("out/given.tar"), env.path("out/found.tar"));
        tool("python3", &["-c", DEVICES, text(&given)]);
        env.ok(["import", text(&given), "dev:1"]);
        env.write("Dockerfile", "FROM scratch\nCOPY --from=dev:1 / /out/\n");
        env.ok(["build", "-q", "-t", "app", "."]);
        let layer = env.ok(["inspect", "-f", "{{index .RootFS.Layers 0}}", "app"]).stdout;
        let blob = env.store().join("blobs/sha256").join(layer.trim().trim_start_matches("sha256:"));
        let whole = fs::metadata(&blob).unwrap().len();
        File::options().write(true).open(&blob).unwrap().set_len(700).unwrap();
        let said = env.ok(["build", "-t", "app", "."]).stderr;
        assert!(!said.contains("CACHED [1/1]") && fs::metadata(&blob).unwrap().len() == whole, "{run_as:?} {said}");
        env.ok(["export", "app", "-o", text(&found)]);
        assert!(tool("tar", &["-tf", text(&found)]).contains("out/dev/nothing"));
    }
}

#[test]
fn a_loaded_image_is_unpacked_for_its_export() {
    let env = shelf(RunAs::Root);
    let archive = env.path("out/app.tar");
    env.ok(["save", "--format", "oci", "-o", text(&archive), "app"]);
    let other = TestEnv::root();
    other.ok(["load", "-i", text(&archive)]);
    let out = |env: &TestEnv| env.builder().args(["export", "app", "-o", "-"]).output().unwrap().stdout;
    assert!(!out(&env).is_empty() && out(&env) == out(&other));
    for refused in [&["export", "app", "-o", "/"][..], &["export", "app", "--platform", "nonsense", "-o", "x"]] {
        env.run(refused);
    }
    assert!(!env.path("work/x").exists());
}

#[test]
fn the_image_of_a_platform_is_exported() {
    let env = TestEnv::root();
    env.write("linux-amd64", "a");
    env.write("linux-arm64", "b");
    let dockerfile = "FROM scratch\nARG TARGETOS\nARG TARGETARCH\nCOPY $TARGETOS-$TARGETARCH /\n";
    build(&env, dockerfile, FIRST, &["-t", "app", "--platform", "linux/amd64,linux/arm64"]);
    let names = |arguments: &[&str]| -> Vec<String> {
        let said = env.builder().args([&["export", "app"], arguments].concat()).output().unwrap();
        entries(&said.stdout[..]).into_iter().map(|entry| entry.path).collect()
    };
    assert_eq!(names(&[]), ["linux-amd64"]);
    assert_eq!(names(&["--platform", "linux/arm64"]), ["linux-arm64"]);
    let refused = env.run(["export", "app", "--platform", "linux/s390x"]).fails(2).stderr;
    assert!(refused.contains("linux/s390x"), "{refused}");
}

#[test]
fn an_import_is_changed_like_a_dockerfile_says() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = shelf(run_as);
        let archive = env.path("out/base.tar");
        env.ok(["export", "base:1", "-o", text(&archive)]);
        let mut import = env.builder();
        import.env("SOURCE_DATE_EPOCH", "1700000000").args(["import", "--platform", "linux/arm64/v8"]);
        for change in [
            "ENV A=1 B=$A",
            "ENV C=\"${A} two\"",
            "CMD [\"/big\", \"x\"]",
            "ENTRYPOINT [\"/run\"]",
            "EXPOSE 80 53/udp",
            "LABEL a.b=\"c d\"",
            "USER 7:8",
            "VOLUME /data",
            "WORKDIR /srv",
            "STOPSIGNAL SIGINT",
            "HEALTHCHECK --interval=5s CMD /big",
            "ONBUILD COPY . /srv",
        ] {
            import.args(["-c", change]);
        }
        import.args(["-m", "by hand", text(&archive), "imported:1"]);
        Finished::of(&mut import).success();
        insta::assert_snapshot!("imported", env.ok(["inspect", "imported:1"]).stdout);
        let history =
            env.ok(["history", "--format", "{{.Comment}}|{{.CreatedBy}}|{{.CreatedAt}}", "imported:1"]).stdout;
        assert_eq!(history, "by hand||2023-11-14T22:13:20Z\n");
        for (change, message) in [
            ("RUN make", "RUN is not a valid change command"),
            ("COPY a b", "COPY is not a valid change command"),
            ("STOPSIGNAL SIGNOPE", "invalid signal: SIGNOPE"),
            ("NONSENSE", "invalid change `NONSENSE`"),
        ] {
            let refused = env.run(["import", "--change", change, text(&archive), "no"]).fails(2).stderr;
            assert!(refused.contains(message), "{refused}");
        }
        env.run(["inspect", "no"]).fails(1);
    }
}

#[test]
fn archives_come_from_pipes_and_web_servers_in_any_compression() {
    let env = shelf(RunAs::Root);
    let archive = env.path("out/base.tar");
    env.ok(["export", "base:1", "-o", text(&archive)]);
    let web = Web::start(&env.path(""));
    let layer = |name: &str| env.ok(["inspect", "-f", "{{index .RootFS.Layers 0}}", name]).stdout;
    let mut layers = Vec::new();
    for program in ["cat", "gzip", "bzip2", "xz", "zstd"] {
        let packed = env.path("out/packed");
        let (from, to) = (File::open(&archive).unwrap(), File::create(&packed).unwrap());
        assert!(Command::new(program).stdin(from).stdout(to).status().unwrap().success());
        let mut import = env.builder();
        import.args(["import", "-", "piped"]).stdin(File::open(&packed).unwrap());
        Finished::of(&mut import).success();
        layers.push(layer("piped"));
        web.write("root.tar", fs::read(&packed).unwrap());
        env.ok(["import", &web.url("root.tar"), "fetched"]);
        layers.push(layer("fetched"));
        // Asked for again, it is fetched again.
        env.ok(["import", &web.url("root.tar"), "fetched"]);
    }
    layers.dedup();
    assert_eq!(layers.len(), 1, "{layers:?}");
    let comment = |name: &str| env.ok(["history", "--format", "{{.Comment}}", name]).stdout;
    assert_eq!(comment("piped"), "Imported from -\n");
    assert_eq!(comment("fetched"), format!("Imported from {}\n", web.url("root.tar")));
    let refused = env.run(["import", &web.url("missing.tar"), "no"]);
    assert!(refused.code != Some(0) && refused.stderr.contains("404"), "{refused:?}");
    // Without a name it is kept under its ID.
    let id = env.ok(["import", text(&archive)]).stdout;
    let image: Value = serde_json::from_str(&env.ok(["inspect", id.trim()]).stdout).unwrap();
    assert_eq!(image[0]["RepoTags"].as_array().unwrap().len(), 0);
    env.write("text", "no archive");
    let refused = env.run(["import", "text", "no"]);
    assert_ne!(refused.code, Some(0), "{refused:?}");
    env.run(["inspect", "no"]).fails(1);
}
