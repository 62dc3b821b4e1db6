//! `rmi`, `tag`, `untag`, `image prune`.

use crate::shelf::{SECOND, build, shelf};
use crate::support::{RunAs, TestEnv};

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
    assert_eq!(names(&env).len(), 4, "{:?}", names(&env));
    let removed = env.ok(["rmi", "one:2"]).stdout;
    assert!(removed.starts_with("Untagged: one:2\nUntagged: one:2@sha256:"), "{removed}");
    assert_eq!(names(&env), ["one:latest"; 2]);
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
    let refused = env.run(["image", "prune", "-a"]).fails(2).stderr;
    assert!(refused.contains("--force"), "{refused}");
    let said = env.ok(["image", "prune", "-a", "-f", "--filter", "label!=keep", "--filter", "until=1715000000"]).stdout;
    for line in ["Untagged: app:2", "Untagged: app:latest", "Untagged: example.org/team/app:latest", "Untagged: base:1"]
    {
        assert!(said.lines().any(|found| found == line), "{said}");
    }
    assert_eq!(names(&env), ["<none>:<none>", "kept:latest"]);
}

#[test]
fn an_image_that_is_damaged_does_not_hide_that_another_is_not_there() {
    let env = shelf(RunAs::Root);
    let digest = env.ok(["inspect", "-f", "{{.Id}}", "app"]).stdout;
    std::fs::remove_file(env.store().join("blobs/sha256").join(digest.trim().trim_start_matches("sha256:"))).unwrap();
    let said = env.run(["rmi", "nosuch"]).fails(1).stderr;
    assert!(said.contains("no such image: `nosuch`"), "{said}");
}
