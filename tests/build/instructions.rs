//! Instructions, as they show in the image.

use crate::support::image::{Entry, Image};
use crate::support::tree::Tree;
use crate::support::{RunAs, TestEnv};

const BASE: &str = "base=host:sh,cat,ls,mkdir,ln,rm,chmod,id,env,touch,mv";

fn build(dockerfile: &str, files: &[(&str, &str)]) -> (TestEnv, Image) {
    let env = TestEnv::root();
    env.write("Dockerfile", dockerfile);
    for (name, content) in files {
        env.write(name, content);
    }
    env.ok(["build", "-t", "app", "--build-context", BASE, "."]);
    let image = Image::open(&env.store(), "app");
    (env, image)
}

fn entry(image: &Image, path: &str) -> Entry {
    (0..image.layer_count())
        .rev()
        .flat_map(|layer| image.layer(layer))
        .find(|entry| entry.path == path)
        .unwrap_or_else(|| panic!("no `{path}`"))
}

#[test]
fn config_and_history_are_as_buildkit_writes_them() {
    let (_env, image) = build(
        "FROM base\nARG A=1\nENV X=y Z=\"a b\"\nLABEL k=v\nEXPOSE 80 53/udp\nVOLUME /data\nUSER 1:2\nWORKDIR /w\n\
         STOPSIGNAL SIGTERM\nSHELL [\"/bin/sh\", \"-ec\"]\nHEALTHCHECK --interval=1m30s CMD true\nMAINTAINER me\n\
         ENTRYPOINT [\"cat\"]\nCMD [\"a\", \"b c\"]\nONBUILD RUN echo child\nRUN true\nRUN [\"id\"]\n",
        &[],
    );
    let config = &image.config["config"];
    assert_eq!(config["Env"][1], "X=y");
    assert_eq!(config["Env"][2], "Z=a b");
    assert_eq!(config["Cmd"][1], "b c");
    assert_eq!(config["Entrypoint"][0], "cat");
    assert_eq!(config["User"], "1:2");
    assert_eq!(config["WorkingDir"], "/w");
    assert_eq!(config["OnBuild"][0], "RUN echo child");
    assert_eq!(config["ArgsEscaped"], true);
    assert_eq!(config["Healthcheck"]["Interval"], 90_000_000_000_i64);
    assert_eq!(image.config["author"], "me");
    let history: Vec<&str> =
        image.config["history"].as_array().unwrap().iter().map(|h| h["created_by"].as_str().unwrap()).collect();
    assert_eq!(
        history[1..],
        [
            "ARG A=1",
            "ENV X=y Z=a b",
            "LABEL k=v",
            "EXPOSE [53/udp 80/tcp]",
            "VOLUME [/data]",
            "USER 1:2",
            "WORKDIR /w",
            "STOPSIGNAL SIGTERM",
            "SHELL [/bin/sh -ec]",
            "HEALTHCHECK {Test:[CMD-SHELL true] Interval:1m30s Timeout:0s StartPeriod:0s StartInterval:0s Retries:0}",
            "MAINTAINER me",
            "ENTRYPOINT [\"cat\"]",
            "CMD [\"a\" \"b c\"]",
            "RUN |1 A=1 /bin/sh -ec true # buildkit",
            "RUN |1 A=1 id # buildkit",
        ]
    );
    let layers = image.config["history"].as_array().unwrap().iter().filter(|h| h["empty_layer"] != true).count();
    assert_eq!(layers, image.layer_count());
    let workdir = entry(&image, "w");
    assert_eq!((workdir.uid, workdir.gid, workdir.mode), (1, 2, 0o755));
}

#[test]
fn copies_land_where_docker_puts_them() {
    let files = [("f", "f"), ("d/g", "g"), ("d/s/h", "h")];
    for (operands, expected) in [
        ("f x", vec!["w/x"]),
        ("f x/", vec!["w/x", "w/x/f"]),
        ("d x", vec!["w/x", "w/x/g", "w/x/s", "w/x/s/h"]),
        ("d/* x/", vec!["w/x", "w/x/g", "w/x/h"]),
        ("f d x/", vec!["w/x", "w/x/f", "w/x/g", "w/x/s", "w/x/s/h"]),
        ("../../f x", vec!["w/x"]),
        ("[\"f\", \"a b\"]", vec!["w/a b"]),
        ("no*match x/", vec![]),
    ] {
        let (_env, image) = build(&format!("FROM scratch\nWORKDIR /w\nCOPY {operands}\n"), &files);
        let paths = image.paths(1).into_iter().filter(|path| path != "w").collect::<Vec<_>>();
        if expected.is_empty() {
            assert!(!paths.iter().any(|path| path.ends_with('f')), "{operands}: {paths:?}");
        } else {
            assert_eq!(paths, expected, "{operands}");
        }
    }
}

#[test]
fn owners_and_modes_are_those_that_were_asked_for() {
    let (_env, image) = build(
        "FROM base\nRUN mkdir -p /etc && echo 'app:x:7:8::/home/app:/bin/sh' > /etc/passwd && echo 'team:x:9:' > /etc/group\n\
         COPY --chown=app:team --chmod=4750 f /a/b\nCOPY f /plain\nCOPY --chown=1234 f /number\nUSER app\nCOPY f /user\n\
         RUN id > /tmp/id; echo $HOME >> /tmp/id\n",
        &[("f", "f")],
    );
    let owned = entry(&image, "a/b");
    assert_eq!((owned.uid, owned.gid, owned.mode), (7, 9, 0o4750));
    assert_eq!(entry(&image, "a").uid, 7);
    assert_eq!((entry(&image, "plain").uid, entry(&image, "user").uid), (0, 0));
    assert_eq!((entry(&image, "number").uid, entry(&image, "number").gid), (1234, 1234));
    assert_eq!(image.file("tmp/id"), "uid=7(app) gid=8 groups=8\n/home/app\n");
}

#[test]
fn removed_and_replaced_files_leave_whiteouts() {
    let (_env, image) = build(
        "FROM base\nRUN mkdir /d /e && echo a > /d/a && echo b > /d/b && echo c > /e/c\n\
         RUN rm /d/a && rm -r /e && mkdir /e && echo new > /e/new\n",
        &[],
    );
    let paths = image.paths(2);
    assert!(paths.contains(&"d/.wh.a".to_owned()) && !paths.contains(&"d/b".to_owned()), "{paths:?}");
    assert!(paths.contains(&"e/new".to_owned()), "{paths:?}");
    assert!(paths.iter().any(|path| path == "e/.wh..wh..opq" || path == "e/.wh.c"), "{paths:?}");
}

#[test]
fn nothing_of_the_sandbox_reaches_a_layer() {
    let step = "RUN cat /etc/hosts /etc/resolv.conf /proc/self/status > /dev/null\n";
    let (_env, image) = build(&format!("FROM base\n{step}{step}"), &[]);
    assert!(image.paths(1).iter().all(|path| matches!(path.as_str(), "dev" | "proc" | "sys")));
    assert_eq!(image.paths(2), Vec::<String>::new());
}

#[test]
fn heredocs_run_as_scripts_with_their_interpreter_and_as_files() {
    let (_env, image) = build(
        "FROM base\nARG WHO=world\nRUN <<EOT\necho one > /one\necho two > /two\nEOT\nRUN <<EOT\n#!/usr/bin/cat\nnot a script\nEOT\n\
         RUN cat <<A > /both && cat <<'B' >> /both\n$WHO\nA\n$WHO\nB\nCOPY <<EOT <<'RAW' /files/\nhello $WHO\nEOT\nhello $WHO\nRAW\n",
        &[],
    );
    assert_eq!((image.file("one"), image.file("two")), ("one\n".to_owned(), "two\n".to_owned()));
    assert_eq!(image.file("both"), "world\n$WHO\n");
    assert_eq!(image.file("files/EOT"), "hello world\n");
    assert_eq!(image.file("files/RAW"), "hello $WHO\n");
}

#[test]
fn archives_are_unpacked_by_add_and_copied_by_copy() {
    let env = TestEnv::root();
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(5);
    header.set_mode(0o640);
    header.set_uid(3);
    archive.append_data(&mut header, "dir/file", &b"inner"[..]).unwrap();
    let bytes = archive.into_inner().unwrap();
    for (name, program) in [("a.tar.xz", "xz"), ("a.tar.bz2", "bzip2"), ("a.tar.zst", "zstd"), ("a.tar.gz", "gzip")] {
        let plain = env.write("plain.tar", &bytes);
        let packed = std::process::Command::new(program).arg("-c").arg(&plain).output().unwrap();
        env.write(name, packed.stdout);
    }
    env.write("Dockerfile", "FROM scratch\nADD a.tar.xz /xz\nADD a.tar.bz2 /bz2\nADD a.tar.zst /zst/\nADD a.tar.gz plain.tar /all/\nCOPY plain.tar /copied\n");
    env.ok(["build", "-t", "app", "."]);
    let image = Image::open(&env.store(), "app");
    for path in ["xz/dir/file", "bz2/dir/file", "zst/dir/file", "all/dir/file"] {
        let file = entry(&image, path);
        assert_eq!((file.content.as_slice(), file.mode, file.uid), (&b"inner"[..], 0o640, 3), "{path}");
    }
    assert_eq!(entry(&image, "copied").kind, 'f');
}

#[test]
fn triggers_of_a_base_run_in_its_child_and_only_there() {
    let env = TestEnv::root();
    env.write("base/Dockerfile", "FROM base\nONBUILD COPY f /\nONBUILD RUN cat /f > /g\nONBUILD ENV T=1\n");
    env.write("child/Dockerfile", "FROM parent\nRUN echo $T > /t\n");
    env.write("child/f", "content\n");
    env.ok(["build", "-t", "parent", "--build-context", BASE, "base"]);
    env.ok(["build", "-t", "child", "child"]);
    let image = Image::open(&env.store(), "child");
    assert_eq!((image.file("g"), image.file("t")), ("content\n".to_owned(), "1\n".to_owned()));
    assert!(image.config["config"]["OnBuild"].is_null());
}

#[test]
fn a_step_without_network_sees_loopback_alone() {
    let (_env, image) = build("FROM base\nRUN --network=none cat /proc/net/dev > /devices\n", &[]);
    let devices = image.file("devices");
    assert_eq!(devices.lines().skip(2).count(), 1, "{devices}");
    assert!(devices.contains("lo:"), "{devices}");
}

#[test]
fn links_modes_and_attributes_survive_from_stage_to_stage() {
    let (_env, image) = build(
        "FROM base AS a\nRUN mkdir /t && echo x > /t/f && ln /t/f /t/hard && ln -s f /t/soft && chmod 2755 /t && chmod 4711 /t/f\n\
         FROM scratch\nCOPY --from=a /t /t\n",
        &[],
    );
    let layer = image.layer(0);
    let kinds: Vec<(&str, char)> = layer.iter().map(|e| (e.path.as_str(), e.kind)).collect();
    assert_eq!(kinds, [("t", 'd'), ("t/f", 'f'), ("t/hard", 'h'), ("t/soft", 'l')]);
    assert_eq!((layer[1].mode, layer[2].link.as_str(), layer[3].link.as_str()), (0o4711, "t/f", "f"));
}

#[test]
fn root_has_the_groups_that_the_image_gives_it() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = TestEnv::new(run_as);
        let files = "RUN mkdir -p /etc && echo root:x:0:50::/root:/bin/sh > /etc/passwd && \\\n\
                     printf 'root:x:0:\\nstaff:x:50:\\nwheel:x:10:root\\n' > /etc/group\n";
        let asked = "RUN id -u > /ids && id -g >> /ids && id -G >> /ids\nRUN echo > /made\n";
        for user in ["", "USER root\n", "USER 0\n"] {
            let image = env.image(&format!("FROM base\n{files}{user}{asked}"));
            assert_eq!(image.file("ids"), "0\n50\n50 10\n", "{run_as:?} {user}");
            assert!(Tree::of(&image).line("made").starts_with("f 0644 0:50 made"), "{run_as:?} {user}");
        }
        let image = env.image(&format!("FROM base\n{asked}"));
        assert_eq!(image.file("ids"), "0\n0\n0\n", "{run_as:?}");
    }
}
