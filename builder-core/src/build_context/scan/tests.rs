//! What a walk on several threads gives is held against a walk in the order of names.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::walk::walk;
use super::*;

/// The walk in the order of names, one after the other.
fn one_by_one(
    scanner: &Scanner<'_>,
    path: &Path,
    relative: &Path,
    filter: Filter<'_>,
) -> Result<Vec<Node>, ContextError> {
    check_depth(path, relative.components().count())?;
    let directory = scanner.open(path)?;
    let mut nodes = Vec::new();
    for name in entry::names(&directory).unwrap() {
        let (inner, inner_relative) = (path.join(&name), relative.join(&name));
        let Some(metadata) = entry::metadata_at(&directory, &name).unwrap() else { continue };
        let is_directory = metadata.kind == FileKind::Directory;
        let ignored = scanner.excluded(&inner, is_directory);
        let seen = inner_relative.to_string_lossy();
        let selected = filter.includes(&seen) && !filter.excludes(&seen);
        let below =
            is_directory && (!ignored || scanner.may_reinclude(&inner)) && (selected || filter.may_select_below(&seen));
        let children = if below { one_by_one(scanner, &inner, &inner_relative, filter)? } else { Vec::new() };
        if (selected && !ignored) || !children.is_empty() {
            nodes.push(Node { name, metadata, implied: !selected, children });
        }
    }
    Ok(nodes)
}

/// All that is known of nodes, but when they were last read.
fn shown(nodes: &[Node]) -> String {
    let mut text = String::new();
    for node in nodes {
        let metadata = Metadata { atime: (0, 0), ..node.metadata };
        text += &format!("({:?} {metadata:?} {} {})", node.name, node.implied, shown(&node.children));
    }
    text
}

fn patterns(lines: &[String]) -> Option<Patterns> {
    Patterns::new(lines.iter().map(String::as_str)).ok().filter(|patterns| !patterns.is_empty())
}

/// A name that patterns have much to say about.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("b"), Just("c.txt"), Just("d\u{e9}"), Just("e.o")].prop_map(str::to_owned)
}

fn path() -> impl Strategy<Value = String> {
    proptest::collection::vec(name(), 1..5).prop_map(|names| names.join("/"))
}

fn pattern() -> impl Strategy<Value = String> {
    let part = prop_oneof![name(), Just("*".to_owned()), Just("**".to_owned()), Just("*.o".to_owned())];
    let parts = proptest::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"));
    (any::<bool>(), parts).prop_map(|(again, pattern)| if again { format!("!{pattern}") } else { pattern })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_walk_on_several_threads_is_a_walk_in_order(
        files in proptest::collection::vec((path(), 0..4_u8), 0..60),
        rules in [0, 0, 1, 2, 3].map(|count| proptest::collection::vec(pattern(), 0..=count)),
        (alone, most) in (0..4_usize, 1..5_usize),
    ) {
        let place = tempfile::tempdir().unwrap();
        for (path, kind) in &files {
            let path = place.path().join(path);
            // What is in the way of another one stays.
            let _in_the_way = std::fs::create_dir_all(path.parent().unwrap());
            let _in_the_way = match kind {
                0 => std::fs::create_dir(&path),
                1 => symlink("a", &path),
                _ => std::fs::write(&path, &path.as_os_str().as_bytes()[..2]),
            };
        }
        std::fs::write(place.path().join(OsStr::from_bytes(b"\xff.o")), "").unwrap();
        let root = RootDir::open(place.path()).unwrap();
        let cancel = CancelToken::new();
        let rules = rules.map(|lines| patterns(&lines));
        let [_, _, include, exclude, ignore] = &rules;
        let scanner = Scanner { root: &root, ignore: ignore.as_ref(), cancel: &cancel };
        let filter = Filter { include: include.as_ref(), exclude: exclude.as_ref() };
        for base in ["", "a", "a/b"] {
            if !place.path().join(base).symlink_metadata().is_ok_and(|found| found.is_dir()) {
                continue;
            }
            let expected = one_by_one(&scanner, Path::new(base), Path::new(""), filter).unwrap();
            let found = walk(&scanner, Path::new(base), filter, alone, most).unwrap();
            prop_assert_eq!(shown(&found), shown(&expected), "below `{}`", base);
        }
    }
}

fn all(root: &RootDir) -> Result<Vec<Node>, ContextError> {
    let cancel = CancelToken::new();
    let scanner = Scanner { root, ignore: None, cancel: &cancel };
    walk(&scanner, Path::new(""), Filter::default(), 0, 3)
}

#[test]
fn of_several_errors_the_first_one_is_told() {
    let place = tempfile::tempdir().unwrap();
    // Neither is found before the other for being less deep, or among more names.
    let deep = "d/".repeat(MAX_TREE_DEPTH + 1);
    for first in ["b", "c", "e", "f"] {
        std::fs::create_dir_all(place.path().join(first).join(&deep)).unwrap();
    }
    for number in 0..40 {
        std::fs::write(place.path().join(format!("a{number}")), "").unwrap();
        std::fs::write(place.path().join(format!("c/{number}")), "").unwrap();
    }
    let root = RootDir::open(place.path()).unwrap();
    for _ in 0..5 {
        let ContextError::TooDeep { path, .. } = all(&root).unwrap_err() else { panic!() };
        assert!(path.starts_with("b"), "{}", path.display());
    }
}

#[test]
fn a_path_may_be_longer_than_the_system_takes() {
    let place = tempfile::tempdir().unwrap();
    let mut root = RootDir::open(place.path()).unwrap();
    let top = root.try_clone().unwrap();
    let name = "n".repeat(200);
    for _ in 0..60 {
        crate::fs::create::create_directory_at(&root, OsStr::new(&name)).unwrap();
        root = root.open_dir(Path::new(&name)).unwrap();
    }
    let mut nodes = all(&top).unwrap();
    for depth in 0..60 {
        assert_eq!(nodes.len(), 1, "{depth}");
        nodes = nodes.swap_remove(0).children;
    }
    assert!(nodes.is_empty());
    entry::remove_all_at(&top, OsStr::new(&name)).unwrap();
}

#[test]
fn what_goes_away_meanwhile_was_never_there() {
    let place = tempfile::tempdir().unwrap();
    for number in 0..300 {
        std::fs::create_dir_all(place.path().join(format!("stays/{number}"))).unwrap();
    }
    let root = RootDir::open(place.path()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let goes = place.path().join("goes");
            while !done.load(Ordering::Relaxed) {
                for number in 0..20 {
                    std::fs::create_dir_all(goes.join(format!("{number}/inner"))).unwrap();
                }
                std::fs::remove_dir_all(&goes).unwrap();
            }
        });
        let results: Vec<_> = (0..60).map(|_| all(&root)).collect();
        done.store(true, Ordering::Relaxed);
        for found in results {
            let found = found.unwrap();
            let stays = found.iter().find(|node| node.name == "stays").unwrap();
            assert_eq!(stays.children.len(), 300);
        }
    });
}

#[test]
fn a_walk_ends_when_it_is_cancelled() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(place.path().join("a/b")).unwrap();
    let root = RootDir::open(place.path()).unwrap();
    let cancel = CancelToken::new();
    cancel.cancel();
    let scanner = Scanner { root: &root, ignore: None, cancel: &cancel };
    let error = walk(&scanner, Path::new(""), Filter::default(), 0, 1).unwrap_err();
    assert!(matches!(error, ContextError::Cancelled(_)));
}
