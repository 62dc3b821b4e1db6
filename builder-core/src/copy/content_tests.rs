use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::tests::{Fixture, digest_of, entry_times, is_root, paths};
use super::*;

#[test]
fn digests_change_exactly_when_a_copy_would() {
    type Change = fn(&Fixture);
    let table: &[(&str, Change, &str, bool)] = &[
        ("touch", |at| entry_times(&fs::File::open(at.source("d/g")).unwrap(), (5, 5)), "d", false),
        ("chmod", |at| fs::set_permissions(at.source("d/g"), fs::Permissions::from_mode(0o777)).unwrap(), "d", true),
        (
            "chmod of the top",
            |at| fs::set_permissions(at.source("d"), fs::Permissions::from_mode(0o700)).unwrap(),
            "d",
            false,
        ),
        (
            "chmod of a directory",
            |at| fs::set_permissions(at.source("d/s"), fs::Permissions::from_mode(0o700)).unwrap(),
            "d",
            true,
        ),
        ("content", |at| fs::write(at.source("d/s/h"), "i").unwrap(), "d", true),
        ("other file", |at| fs::write(at.source("f"), "changed").unwrap(), "d", false),
        ("rename inside", |at| fs::rename(at.source("d/g"), at.source("d/k")).unwrap(), "d", true),
        ("rename of a match", |at| fs::rename(at.source("d/g"), at.source("d/k")).unwrap(), "d/*", true),
        ("new file", |at| fs::write(at.source("d/new"), "").unwrap(), "d", true),
        ("new empty directory", |at| fs::create_dir(at.source("d/new")).unwrap(), "d", true),
        ("new link", |at| symlink("g", at.source("d/new")).unwrap(), "d", true),
        ("content behind a link", |at| fs::write(at.source("d/g"), "i").unwrap(), "F", true),
        (
            "link led elsewhere",
            |at| {
                fs::remove_file(at.source("L")).unwrap();
                symlink("d/s", at.source("L")).unwrap();
            },
            "L",
            true,
        ),
    ];
    for (name, change, source, changes) in table {
        let fixture = Fixture::new();
        let before = fixture.digest(&[source]);
        change(&fixture);
        assert_eq!(before != fixture.digest(&[source]), *changes, "{name}");
    }
}

/// A copy keeps names of one file together where all of them are selected by one source.
#[test]
fn one_file_with_two_names_is_not_two_equal_files() {
    let fixture = Fixture::new();
    let put = |name: &str, link: Option<&str>| {
        let _there = fs::remove_file(fixture.source(name));
        match link {
            Some(first) => fs::hard_link(fixture.source(first), fixture.source(name)).unwrap(),
            None => fs::write(fixture.source(name), "same").unwrap(),
        }
    };
    for name in ["d/x1", "d/x2", "d/x3"] {
        put(name, None);
    }
    let digests = || (fixture.digest(&["d"]), fixture.digest(&["d/x*"]));
    let (separate, each) = digests();
    put("d/x2", Some("d/x1"));
    let (two, each_of_two) = digests();
    put("d/x3", Some("d/x1"));
    let (three, _) = digests();
    put("d/x2", None);
    let (others, each_of_others) = digests();
    let distinct: std::collections::BTreeSet<_> = [&separate, &two, &three, &others].into_iter().collect();
    assert_eq!(distinct.len(), 4);
    // Matches of a pattern are copied one by one.
    assert_eq!((&each_of_two, &each_of_others), (&each, &each));
    put("d/x3", None);
    fs::hard_link(fixture.source("d/x1"), fixture.source("outside")).unwrap();
    assert_eq!(digests(), (separate, each));
}

#[test]
fn digests_see_through_the_ignore_file() {
    let all = Fixture::new();
    let some = Fixture { ignore: Some("d/s"), ..Fixture::new() };
    assert_ne!(all.digest(&["d"]), some.digest(&["d"]));
    let before = some.digest(&["d"]);
    fs::write(some.source("d/s/h"), "hidden change").unwrap();
    assert_eq!(before, some.digest(&["d"]));
    fs::remove_dir_all(all.source("d/s")).unwrap();
    assert_eq!(before, all.digest(&["d"]), "a hidden file is one that is not there");
}

#[test]
fn digests_do_not_know_where_a_directory_was() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.source("elsewhere")).unwrap();
    let before = fixture.digest(&["d"]);
    fs::rename(fixture.source("d"), fixture.source("elsewhere/e")).unwrap();
    assert_eq!(before, fixture.digest(&["elsewhere/e"]));
    assert_ne!(fixture.digest(&["f"]), fixture.digest(&["elsewhere"]));
}

#[test]
fn owners_count_only_where_they_are_kept() {
    if !is_root("owners_count_only_where_they_are_kept") {
        return;
    }
    let fixture = Fixture::new();
    let stage = RootDir::open(&fixture.source("")).unwrap();
    let kept = || digest_of(&CopyTree::Filesystem(&stage), &paths(&["d"]));
    let (context, filesystem) = (fixture.digest(&["d"]), kept());
    std::os::unix::fs::lchown(fixture.source("d/g"), Some(7), Some(8)).unwrap();
    assert_eq!(context, fixture.digest(&["d"]));
    assert_ne!(filesystem.digest, kept().digest);
    let changed: Vec<_> = filesystem.sources[0]
        .entries
        .iter()
        .zip(&kept().sources[0].entries)
        .filter(|(before, after)| before.digest != after.digest)
        .map(|(before, _)| before.path.display().to_string())
        .collect();
    assert_eq!(changed, ["d", "d/g"], "digests of entries tell what changed");
}

#[test]
fn the_encoding_is_version_3() {
    let fixture = Fixture::new();
    for (path, mode) in [("d/g", 0o644), ("d/s/h", 0o644), ("d/s", 0o755), ("f", 0o644)] {
        fs::set_permissions(fixture.source(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    let mut sources = paths(&["d", "?"]);
    sources.push(CopySource::Inline { name: "i".into(), content: "inline".into() });
    let digest = || {
        let context = fixture.context();
        digest_of(&CopyTree::Context(&context), &sources)
    };
    let found = digest();
    let hex = blake3::Hash::from(found.digest).to_hex();
    // A change here makes every cache of COPY steps useless: raise CONTENT_VERSION with it.
    assert_eq!(
        (CONTENT_VERSION, hex.as_str()),
        (3, "6e48316e2ecba7e4b2d16d6daf85bcb29a408be7926b0a18807827931bf65b50")
    );
    let counts: BTreeMap<_, _> =
        found.sources.iter().map(|source| (source.path.as_str(), (source.entries.len(), source.bytes))).collect();
    assert_eq!(counts, BTreeMap::from([("d", (4, 2)), ("?", (10, 6)), ("i", (1, 6))]));
}

#[test]
fn a_file_among_many_has_the_digest_that_it_has_alone() {
    let fixture = Fixture::new();
    for (directory, count) in [("many", 2100), ("one", 1)] {
        fs::create_dir(fixture.source(directory)).unwrap();
        for number in 0..count {
            fs::write(fixture.source(&format!("{directory}/{number}")), "same").unwrap();
        }
    }
    fs::hard_link(fixture.source("many/7"), fixture.source("outside")).unwrap();
    let context = fixture.context();
    let entries = |source: &str| digest_of(&CopyTree::Context(&context), &paths(&[source])).sources.remove(0).entries;
    let alone = entries("one")[1].digest;
    let among = entries("many");
    assert_eq!(among.len(), 2101);
    assert!(among[1..].iter().all(|entry| entry.digest == alone));
}
