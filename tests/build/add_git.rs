//! `ADD` of git repositories, from `git daemon` and from `git http-backend` behind a web server.

use std::path::Path;

use crate::support::image::Image;
use crate::support::servers::{GitDaemon, Repository, Web};
use crate::support::{RunAs, TestEnv};

/// Tells whether a file below a directory holds some bytes.
pub fn holds(directory: &Path, wanted: &[u8]) -> bool {
    std::fs::read_dir(directory).unwrap().flatten().any(|entry| {
        let path = entry.path();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => holds(&path, wanted),
            kind if kind.is_file() => std::fs::read(path).unwrap().windows(wanted.len()).any(|window| window == wanted),
            _ => false,
        }
    })
}

/// Builds a Dockerfile of one ADD and returns the image.
fn add(env: &TestEnv, flags: &str, address: &str) -> Image {
    env.write("Dockerfile", format!("FROM scratch\nADD {flags} {address} /r/\n"));
    env.ok(["build", "-t", "app", "."]);
    Image::open(&env.store(), "app")
}

fn paths(image: &Image) -> Vec<String> {
    image.paths(0).into_iter().filter(|path| !path.starts_with("r/.git/")).collect()
}

struct Fixture {
    env: TestEnv,
    daemon: GitDaemon,
    repository: Repository,
    first: String,
    second: String,
}

/// A repository with a branch and a tag of one name, an annotated tag, a directory and a link out of it.
fn fixture(run_as: RunAs) -> Fixture {
    let env = TestEnv::new(run_as);
    let folder = env.path("repositories");
    let repository = Repository::new(folder.join("app"));
    let first = repository.commit(&[("file", "first"), ("sub/inner", "inner"), (".dockerignore", "*")]);
    repository.git(&["tag", "--annotate", "--message=x", "v1"]);
    repository.git(&["tag", "both"]);
    std::os::unix::fs::symlink("/etc", folder.join("app/away")).unwrap();
    let second = repository.commit(&[("file", "second")]);
    repository.git(&["branch", "both"]);
    let daemon = GitDaemon::start(&folder);
    Fixture { env, daemon, repository, first, second }
}

fn references(run_as: RunAs) {
    let Fixture { env, daemon, first, second, .. } = fixture(run_as);
    let url = daemon.url("app");
    let image = add(&env, "", &url);
    assert_eq!(image.file("r/file"), "second");
    assert!(image.layer(0).iter().filter(|entry| entry.kind == 'f').all(|entry| entry.mode == 0o644 && entry.uid == 0));
    assert!(!image.paths(0).iter().any(|path| path.contains(".git")), "{:?}", image.paths(0));
    for (suffix, content) in [
        ("#v1".to_owned(), "first"),
        ("#both".to_owned(), "second"),
        ("?tag=both".to_owned(), "first"),
        ("#refs/tags/both".to_owned(), "first"),
        (format!("#{first}"), "first"),
        (format!("?commit={second}"), "second"),
        (format!("?checksum={}&fetch-by-commit=true#main", &second[..7]), "second"),
    ] {
        assert_eq!(add(&env, "", &format!("{url}{suffix}")).file("r/file"), content, "{suffix}");
    }
    let image = add(&env, "--exclude=file", &format!("{url}#v1:sub"));
    assert_eq!(paths(&image), ["r", "r/inner"]);
    let image = add(&env, "--chown=3:4 --exclude=file", &format!("{url}?tag=v1&mtime=commit"));
    assert_eq!(paths(&image), ["r", "r/.dockerignore", "r/sub", "r/sub/inner"]);
    let inner = image.layer(0).into_iter().find(|entry| entry.path == "r/sub/inner").unwrap();
    // 2021-02-03 04:05:06.
    assert_eq!((inner.uid, inner.gid, inner.mtime), (3, 4, 1_612_325_106));
}

#[test]
fn branches_tags_commits_and_directories_are_added() {
    references(RunAs::Root);
}

#[test]
fn branches_tags_commits_and_directories_are_added_by_an_ordinary_user() {
    references(RunAs::Ordinary);
}

#[test]
fn a_kept_repository_says_where_it_came_from() {
    let Fixture { env, daemon, first, .. } = fixture(RunAs::Root);
    let url = daemon.url("app");
    let image = add(&env, "--keep-git-dir=true", &format!("{url}#v1"));
    assert_eq!(image.file("r/.git/HEAD").trim(), first);
    assert!(image.file("r/.git/config").contains(&url));
    assert!(!image.paths(0).iter().any(|path| path.contains("/logs")));
}

#[test]
fn what_is_not_there_is_said() {
    let Fixture { env, daemon, first, second, .. } = fixture(RunAs::Root);
    let url = daemon.url("app");
    for (flags, suffix, message) in [
        ("", "#nothing".to_owned(), "repository does not contain ref nothing".to_owned()),
        ("", "#:nothing".to_owned(), "failed to open subdir nothing: no such directory".to_owned()),
        ("", "#:file".to_owned(), "failed to open subdir file: it is no directory".to_owned()),
        ("", "#:away".to_owned(), "failed to open subdir away: no such directory".to_owned()),
        ("", format!("?checksum={first}#main"), format!("expected checksum to match {first}, got {second}")),
        (&format!("--checksum={first}"), "#main".to_owned(), format!("expected checksum to match {first}")),
        ("", "-nowhere".to_owned(), "failed to fetch remote git://".to_owned()),
    ] {
        env.write("Dockerfile", format!("FROM scratch\nADD {flags} {url}{suffix} /\n"));
        let refused = env.run(["build", "."]);
        assert_ne!(refused.code, Some(0));
        assert!(refused.stderr.contains(&message), "{suffix}: {}", refused.stderr);
    }
}

#[test]
fn the_same_commit_is_fetched_once_and_opened_by_a_token() {
    let env = TestEnv::root();
    let web = Web::start(&env.path(""));
    let repository = Repository::new(web.folder().join("git/private.git"));
    repository.commit(&[("file", "hidden")]);
    let url = web.url("git/private.git");
    env.write("token", "sesame\n");
    env.write("Dockerfile", format!("FROM scratch\nADD --keep-git-dir=true {url} /r/\n"));
    let refused = env.run(["build", "."]);
    assert!(refused.stderr.contains("GIT_AUTH_TOKEN"), "{}", refused.stderr);
    let secret = "id=GIT_AUTH_TOKEN.127.0.0.1,src=token";
    let built = env.ok(["build", "-t", "app", "--progress=plain", "--secret", secret, "."]);
    assert_eq!(Image::open(&env.store(), "app").file("r/file"), "hidden");
    assert!(!built.stderr.contains("sesame") && !built.stderr.contains("c2VzYW1l"));
    web.asked();
    env.ok(["build", "-t", "app", "--secret", secret, "."]);
    let asked = web.asked();
    assert!(asked.iter().all(|request| !request.path.ends_with("objects")), "{asked:?}");
    // One to ask which commit it is: the advertisement, and the references in the second version of the protocol.
    assert!(asked.len() <= 3, "{asked:?}");
    for value in [&b"sesame"[..], b"eC1hY2Nlc3MtdG9rZW46c2VzYW1l"] {
        assert!(!holds(&env.store(), value), "the store has the secret");
    }
}

#[test]
fn submodules_come_along_unless_told_not_to() {
    let env = TestEnv::root();
    let web = Web::start(&env.path(""));
    let inner = Repository::new(web.folder().join("git/inner.git"));
    inner.commit(&[("inside", "of a submodule")]);
    let outer = Repository::new(web.folder().join("git/outer.git"));
    outer.commit(&[("file", "outer")]);
    outer.git(&["submodule", "--quiet", "add", &web.url("git/inner.git"), "module"]);
    outer.commit(&[]);
    let url = web.url("git/outer.git");
    let image = add(&env, "", &url);
    assert_eq!(paths(&image), ["r", "r/.gitmodules", "r/file", "r/module", "r/module/inside"]);
    let image = add(&env, "", &format!("{url}?submodules=false"));
    assert_eq!(paths(&image), ["r", "r/.gitmodules", "r/file", "r/module"]);
}

#[test]
fn nothing_of_a_repository_runs_and_nothing_of_this_machine_is_read() {
    let Fixture { env, daemon, repository, .. } = fixture(RunAs::Root);
    let ran = env.path("out/ran");
    std::fs::create_dir_all(env.path("home")).unwrap();
    std::fs::write(
        env.path("home/.gitconfig"),
        format!("[core]\n\tpager = touch {0}\n[filter \"x\"]\n\tsmudge = touch {0}\n", ran.display()),
    )
    .unwrap();
    repository.commit(&[(".gitattributes", "* filter=x\n")]);
    // A submodule that is a path of this machine.
    repository.git(&["config", "--file", ".gitmodules", "submodule.m.path", "m"]);
    repository.git(&["config", "--file", ".gitmodules", "submodule.m.url", "file:///"]);
    let commit = repository.git(&["rev-parse", "HEAD"]);
    repository.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{commit},m")]);
    repository.git(&["add", ".gitmodules"]);
    repository.git(&["commit", "--quiet", "--message=x"]);
    env.write("Dockerfile", format!("FROM scratch\nADD {} /\n", daemon.url("app")));
    let refused = env.run(["build", "."]);
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("transport 'file' not allowed"), "{}", refused.stderr);
    assert!(!ran.exists());
    assert_eq!(std::fs::read_dir(env.store().join("work")).unwrap().count(), 0);
}
