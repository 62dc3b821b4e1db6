//! `rmi`, `tag`, `untag`, `image prune`.

use std::time::{Duration, Instant};

use crate::shelf::{SECOND, THIRD, build, shelf};
use crate::support::peers::tool;
use crate::support::{Finished, RunAs, TestEnv};

fn names(env: &TestEnv) -> Vec<String> {
    let said = env.ok(["images", "--format", "{{.Repository}}:{{.Tag}}"]).stdout;
    said.lines().map(str::to_owned).collect()
}

fn id(env: &TestEnv, name: &str) -> String {
    env.ok(["images", "-q", "--no-trunc", name]).stdout.lines().next().unwrap().to_owned()
}

#[test]
fn a_name_goes_and_the_image_with_its_last() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = shelf(run_as);
        let app = id(&env, "app");
        assert_eq!(env.ok(["rmi", "app:2"]).stdout, "Untagged: app:2\n");
        assert_eq!(env.ok(["image", "rm", "app"]).stdout, "Untagged: app:latest\n");
        assert_eq!(
            env.ok(["rmi", "example.org/team/app"]).stdout,
            format!("Untagged: example.org/team/app:latest\nDeleted: {app}\n")
        );
        assert_eq!(names(&env), ["<none>:<none>", "base:1"]);
        env.run(["rmi", &app]).fails(1);
    }
}

#[test]
fn an_id_means_the_image_and_force_all_its_names() {
    let env = shelf(RunAs::Root);
    let app = id(&env, "app");
    let refused = env.run(["rmi", &app[7..19]]).fails(1).stderr;
    assert!(refused.contains("must be forced") && refused.contains("app:2, app:latest, example.org"), "{refused}");
    let removed = env.ok(["rmi", "-f", &app[7..19]]).stdout;
    assert_eq!(removed.lines().count(), 4, "{removed}");
    assert!(removed.ends_with(&format!("Deleted: {app}\n")), "{removed}");
    // One name is no conflict.
    let base = id(&env, "base:1");
    assert_eq!(env.ok(["rmi", &base]).stdout, format!("Untagged: base:1\nDeleted: {base}\n"));
    let unnamed = env.ok(["images", "-q"]).stdout;
    env.ok(["rmi", unnamed.trim()]);
    assert_eq!(names(&env), [""; 0]);
    assert_eq!(std::fs::read_dir(env.store().join("blobs/sha256")).unwrap().count(), 0);
}

#[test]
fn one_that_is_missing_keeps_the_others_from_nothing() {
    let env = shelf(RunAs::Root);
    let finished = env.run(["rmi", "nobody", "app:2", "nothing"]).fails(1);
    assert_eq!(finished.stdout, "Untagged: app:2\n");
    for name in ["nobody", "nothing"] {
        assert!(finished.stderr.contains(&format!("no such image: `{name}`")), "{}", finished.stderr);
    }
    let forced = env.ok(["rmi", "-f", "nobody", "base:1"]);
    assert!(forced.stderr.contains("no such image: `nobody`") && forced.stdout.contains("Untagged: base:1"));
}

#[test]
fn a_digest_goes_with_the_last_tag_of_its_repository() {
    let env = TestEnv::root();
    env.write("Dockerfile", "FROM scratch\nLABEL a=b\n");
    env.ok(["build", "-t", "one", "-t", "one:2", "-o", "type=image,\"name=one,one:2\",name-canonical=true", "."]);
    // A name with a digest is listed where there is no tag beside it.
    assert_eq!(names(&env), ["one:2", "one:latest"]);
    let removed = env.ok(["rmi", "one:2"]).stdout;
    assert!(removed.starts_with("Untagged: one:2\nUntagged: one:2@sha256:"), "{removed}");
    assert_eq!(names(&env), ["one:latest"]);
    let removed = env.ok(["rmi", "one"]).stdout;
    assert!(removed.starts_with("Untagged: one:latest\nUntagged: one:latest@sha256:"), "{removed}");
    assert!(removed.lines().last().unwrap().starts_with("Deleted: sha256:"), "{removed}");
    assert_eq!(names(&env), [""; 0]);
}

#[test]
fn names_come_and_go_and_the_image_stays() {
    let env = shelf(RunAs::Root);
    let app = id(&env, "app");
    env.ok(["image", "tag", "app", "one:1", "example.org/two"]);
    assert_eq!(id(&env, "one:1"), app);
    assert_eq!(env.ok(["untag", "app", "one:1", "app:2"]).stdout, "Untagged: one:1\nUntagged: app:2\n");
    let refused = env.run(["untag", "app", "base:1"]).fails(1).stderr;
    assert!(refused.contains("no such image: `base:1`"), "{refused}");
    let all = env.ok(["untag", &app]).stdout;
    assert_eq!(all.lines().count(), 3, "{all}");
    assert_eq!(names(&env), ["<none>:<none>", "<none>:<none>", "base:1"]);
    env.ok(["tag", &app, "back"]);
    assert_eq!(env.ok(["inspect", "-f", "{{.Id}}", "back"]).stdout.trim(), app);
    for bad in ["Bad", "x@sha256:0000000000000000000000000000000000000000000000000000000000000000"] {
        env.run(["tag", "base:1", bad]).fails(2);
    }
}

#[test]
fn prune_removes_what_has_no_name() {
    for run_as in [RunAs::Root, RunAs::Ordinary] {
        let env = shelf(run_as);
        let unnamed = env.ok(["images", "-q", "--no-trunc", "-f", "dangling=true"]).stdout;
        for kept in ["until=2024-01-01T00:00:00Z", "label=kind=app", "label!=team"] {
            let said = env.ok(["image", "prune", "-f", "--filter", kept]).stdout;
            assert_eq!(said, "Total reclaimed space: 0B\n", "{kept}");
        }
        let said = env.ok(["image", "prune", "-f", "--filter", "label=kind=other"]).stdout;
        assert!(said.starts_with(&format!("Deleted: {unnamed}Total reclaimed space: ")), "{said}");
        assert!(!said.contains(" 0B"), "{said}");
        assert_eq!(names(&env).len(), 4);
        env.run(["image", "prune", "--filter", "reference=app"]).fails(2);
    }
}

#[test]
fn prune_of_all_has_to_be_meant() {
    let env = shelf(RunAs::Root);
    build(&env, "FROM scratch\nLABEL keep=yes\n", SECOND, &["-t", "kept"]);
    let before = names(&env);
    // Whoever is on the other side is asked, terminal or not; the end of the input is no yes.
    let answered = |arguments: &[&str], answer: &str| {
        let mut command = env.builder();
        command.args(arguments).stdin(std::fs::File::open(env.write("answer", answer)).unwrap());
        Finished::of(&mut command).success()
    };
    for command in
        [&["image", "prune"][..], &["image", "prune", "-a"], &["system", "prune"], &["system", "prune", "-a"]]
    {
        for answer in ["", "\n", "n\n", "N", "nonsense", "yy\n"] {
            let said = answered(command, answer);
            assert_eq!((&*said.stdout, names(&env)), ("", before.clone()), "{command:?} {answer:?}");
            assert!(said.stderr.contains("[y/N]"), "{}", said.stderr);
            assert_eq!(said.stderr.contains("--force"), answer.is_empty(), "{}", said.stderr);
        }
    }
    let cached = env.ok(["cache", "ls", "-q"]).stdout;
    assert_eq!(answered(&["cache", "prune", "--all"], "").stdout, "");
    assert_eq!(env.ok(["cache", "ls", "-q"]).stdout, cached);
    let said = answered(&["image", "prune"], "y\n").stdout;
    assert!(said.starts_with("Deleted: sha256:") && names(&env).len() == before.len() - 1, "{said}");
    build(&env, "FROM base:1\nLABEL kind=other\nCOPY other /\n", THIRD, &[]);
    let said = env.ok(["image", "prune", "-a", "-f", "--filter", "label!=keep", "--filter", "until=1715000000"]).stdout;
    for line in ["Untagged: app:2", "Untagged: app:latest", "Untagged: example.org/team/app:latest", "Untagged: base:1"]
    {
        assert!(said.lines().any(|found| found == line), "{said}");
    }
    assert_eq!(names(&env), ["<none>:<none>", "kept:latest"]);
}

/// An archive with an empty image under many names.
const MANY_NAMES: &str = "
import hashlib, io, json, sys, tarfile
tar = b'\\0' * 1024
config = json.dumps({'architecture': 'amd64', 'os': 'linux', 'rootfs': {'type': 'layers', 'diff_ids': [
    'sha256:' + hashlib.sha256(tar).hexdigest()]}}).encode()
names = ['many:%d' % number for number in range(int(sys.argv[2]))]
manifest = json.dumps([{'Config': 'c.json', 'RepoTags': names, 'Layers': ['l.tar']}]).encode()
with tarfile.open(sys.argv[1], 'w') as archive:
    for name, content in ('c.json', config), ('l.tar', tar), ('manifest.json', manifest):
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
";

#[test]
fn thousands_of_names_take_a_moment() {
    let env = TestEnv::root();
    let archive = |count: &str| {
        let path = env.path("out").join(count).display().to_string();
        tool("python3", &["-c", MANY_NAMES, &path, count]);
        path
    };
    let (many, too_many) = (archive("3000"), archive("10001"));
    let every: Vec<String> = (0..3000).map(|number| format!("many:{number}")).collect();
    let moment = |arguments: &[&str]| {
        let begun = Instant::now();
        let said = env.ok(arguments).stdout;
        // A second or two, also where other tests run; one write a name takes more than a minute.
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?} took {:?}", &arguments[..2], begun.elapsed());
        said
    };
    assert_eq!(moment(&["load", "-i", &many]).lines().count(), 3000);
    let index = || std::fs::read_to_string(env.store().join("index.json")).unwrap().matches("\"digest\"").count();
    assert_eq!(index(), 3000);
    assert_eq!(moment(&["images"]).lines().count(), 3001);
    let id = id(&env, "many:7");
    assert_eq!(moment(&["rmi", "-f", &id]).lines().count(), 3001);
    assert_eq!(index(), 0);
    moment(&["load", "-q", "-i", &many]);
    let by_name: Vec<&str> = ["rmi"].into_iter().chain(every.iter().map(String::as_str)).collect();
    assert!(moment(&by_name).ends_with(&format!("Deleted: {id}\n")));
    moment(&["load", "-q", "-i", &many]);
    assert_eq!(moment(&["untag", "many:1"]).lines().count(), 3000);
    assert_eq!(names(&env), ["<none>:<none>"]);
    moment(&["load", "-q", "-i", &many]);
    let pruned = moment(&["image", "prune", "-af"]);
    assert!(
        pruned.contains("\nTotal reclaimed space: ") && !pruned.ends_with(" 0B\n"),
        "{}",
        &pruned[pruned.len() - 60..]
    );
    assert_eq!(index(), 0);
    // An archive of so many names that were saved is loaded again.
    let almost = archive("9999");
    moment(&["load", "-q", "-i", &almost]);
    let saved = env.path("out/saved.tar").display().to_string();
    let every: Vec<String> = (0..9999).map(|number| format!("many:{number}")).collect();
    let save: Vec<&str> = ["save", "-o", &saved].into_iter().chain(every.iter().map(String::as_str)).collect();
    moment(&save);
    assert_eq!(moment(&["load", "-i", &saved]).lines().count(), 9999);
    let refused = env.run(["load", "-i", &too_many]).fails(2).stderr;
    assert!(refused.contains("the archive gives its images 10001 names, at most 10000 are supported"), "{refused}");
}
