//! `--parents` and `--exclude`: what is selected, and what the digest of it depends on.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::tests::Fixture;
use super::*;
use crate::cancel::CancelToken;
use crate::text::Span;

fn parents(sources: &[(&str, &str)]) -> Vec<CopySource> {
    let source = |(base, pattern): &(&str, &str)| CopySource::Parents {
        base: (*base).to_owned(),
        pattern: (*pattern).to_owned(),
        span: Span::from_range(0..0),
    };
    sources.iter().map(source).collect()
}

fn excluding(patterns: &[&str]) -> Fixture {
    Fixture { exclude: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(), ..Fixture::new() }
}

/// Adds `t/a1/c/e/x`, `t/a2/c/e/y`, `t/a2/c/f` and links into them.
fn deep(fixture: Fixture) -> Fixture {
    for path in ["t/a1/c/e/x", "t/a2/c/e/y", "t/a2/c/f"] {
        let path = fixture.source(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
    }
    symlink("t/a1", fixture.source("short")).unwrap();
    fixture
}

fn copied(fixture: &Fixture, sources: &[(&str, &str)]) -> Result<Vec<String>, CopyError> {
    fixture.run(CopyTree::Context(&fixture.context()), &parents(sources), "/o")?;
    Ok(fixture.tree())
}

#[test]
fn parents_repeat_what_leads_to_a_match() {
    type Case<'c> = (&'c [(&'c str, &'c str)], &'c [&'c str]);
    let table: &[Case<'_>] = &[
        (&[("/", "d/s/h")], &["o/", "o/d/", "o/d/s/", "o/d/s/h=h"]),
        (&[("d", "s/h")], &["o/", "o/s/", "o/s/h=h"]),
        (&[("/", "d")], &["o/", "o/d/", "o/d/g=g", "o/d/s/", "o/d/s/h=h"]),
        (&[("/", "**/h")], &["o/", "o/d/", "o/d/s/", "o/d/s/h=h"]),
        (&[("/", "d/*")], &["o/", "o/d/", "o/d/g=g", "o/d/s/", "o/d/s/h=h"]),
        (&[("d", "")], &["o/", "o/g=g", "o/s/", "o/s/h=h"]),
        // A link is copied as a link and not gone through.
        (&[("/", "short")], &["o/", "o/short->t/a1"]),
        (&[("/", "short/c")], &["o/"]),
        (&[("/", "no*thing")], &["o/"]),
        (&[("d", "no*thing")], &["o/"]),
        (&[("/no*thing", "x")], &[]),
        // Where the pivot is, links and wildcards are gone through.
        (&[("short", "c/e")], &["o/", "o/c/", "o/c/e/", "o/c/e/x="]),
        (&[("/t/a*", "c/**/e")], &["o/", "o/c/", "o/c/e/", "o/c/e/x=", "o/c/e/y="]),
        (&[("/t/a*", "c/f"), ("d", "g")], &["o/", "o/c/", "o/c/f=", "o/g=g"]),
    ];
    for (sources, wanted) in table {
        assert_eq!(copied(&deep(Fixture::new()), sources).unwrap(), *wanted, "{sources:?}");
    }
}

#[test]
fn parents_must_exist_where_there_is_no_wildcard() {
    for (base, pattern, missing) in
        [("/", "d/nothing", "/d/nothing"), ("d", "nothing", "/d/nothing"), ("nothing", "g", "/nothing/g")]
    {
        let error = copied(&Fixture::new(), &[(base, pattern)]).unwrap_err();
        assert_eq!(error.to_string(), format!("\"{missing}\": not found"));
    }
    let ignored = Fixture { ignore: Some("d/g"), ..Fixture::new() };
    let error = copied(&ignored, &[("/", "d/g")]).unwrap_err();
    assert!(matches!(error, CopyError::NotFound { ignored: true, .. }), "{error}");
    let error = copied(&Fixture::new(), &[("/", "d/[")]).unwrap_err();
    assert_eq!((error.to_string(), error.source_index()), ("syntax error in pattern `d/[`".to_owned(), Some(0)));
}

#[test]
fn a_directory_on_the_way_keeps_what_it_has_but_its_mode() {
    let fixture = Fixture::new();
    let mode = |path: &str| fs::metadata(fixture.root(path)).unwrap().mode() & 0o7777;
    fs::set_permissions(fixture.source("d"), fs::Permissions::from_mode(0o2710)).unwrap();
    fs::set_permissions(fixture.source("d/s"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::create_dir_all(fixture.root("o/d")).unwrap();
    rustix::fs::utimensat(rustix::fs::CWD, fixture.source("d"), &times(7), rustix::fs::AtFlags::empty()).unwrap();
    copied(&fixture, &[("/", "d/s/h")]).unwrap();
    assert_eq!((mode("o/d"), mode("o/d/s")), (0o2710, 0o700));
    assert_ne!(fs::metadata(fixture.root("o/d")).unwrap().mtime(), 7, "the time is that of what went in");
    let new = Fixture::new();
    rustix::fs::utimensat(rustix::fs::CWD, new.source("d"), &times(7), rustix::fs::AtFlags::empty()).unwrap();
    copied(&new, &[("/", "d/s/h")]).unwrap();
    assert_eq!(fs::metadata(new.root("o/d")).unwrap().mtime(), 7);
}

fn times(seconds: i64) -> rustix::fs::Timestamps {
    let time = rustix::fs::Timespec { tv_sec: seconds, tv_nsec: 0 };
    rustix::fs::Timestamps { last_access: time, last_modification: time }
}

#[test]
fn excludes_are_relative_to_what_is_copied() {
    let table: &[(&[&str], &[&str], &[&str])] = &[
        (&["s"], &["d"], &["o/", "o/g=g"]),
        (&["d/s"], &["d"], &["o/", "o/g=g", "o/s/", "o/s/h=h"]),
        (&["h"], &["d"], &["o/", "o/g=g", "o/s/", "o/s/h=h"]),
        (&["**/h"], &["d"], &["o/", "o/g=g", "o/s/"]),
        (&["*"], &["d"], &["o/"]),
        (&["/s/"], &["d"], &["o/", "o/g=g", "o/s/", "o/s/h=h"]),
        (&["*", "!s/h"], &["d"], &["o/", "o/s/", "o/s/h=h"]),
        (&["*", "!g"], &["d"], &["o/", "o/g=g"]),
        (&["s/*", "g"], &["/d/"], &["o/", "o/s/"]),
        (&["d"], &["."], &["o/", "o/F->/d/g", "o/L->d", "o/f=f"]),
        // A file that is named or matched itself is not asked.
        (&["f", "*"], &["f"], &["o=f"]),
        (&["g", "s"], &["d/*"], &["o/", "o/g=g", "o/h=h"]),
    ];
    for (patterns, sources, wanted) in table {
        let fixture = excluding(patterns);
        let destination = if *sources == ["d/*"] { "/o/" } else { "/o" };
        fixture.copy(sources, destination).unwrap();
        assert_eq!(fixture.tree(), *wanted, "{patterns:?}");
    }
    let fixture = excluding(&["**/h", "d/s"]);
    assert_eq!(copied(&fixture, &[("/", "d")]).unwrap(), ["o/", "o/d/", "o/d/g=g"]);
}

#[test]
fn digests_cover_what_is_selected_and_nothing_else() {
    let fixture = Fixture::new();
    let digest = |sources: &[CopySource], exclude: &[&str]| {
        let context = fixture.context();
        let tree = CopyTree::Context(&context);
        let exclude: Vec<String> = exclude.iter().map(|pattern| (*pattern).to_owned()).collect();
        let selection = Selection::find(&tree, sources, &exclude, &CancelToken::new()).unwrap();
        content_digest(&tree, sources, &selection, &CancelToken::new()).unwrap().digest
    };
    let (whole, part) = (super::tests::paths(&["d"]), parents(&[("/", "d/s")]));
    let (all, without, below) = (digest(&whole, &[]), digest(&whole, &["g"]), digest(&part, &[]));
    fs::write(fixture.source("d/g"), "changed").unwrap();
    assert_ne!(all, digest(&whole, &[]));
    assert_eq!((without, below), (digest(&whole, &["g"]), digest(&part, &[])));
    // The mode of a directory on the way is copied, so it counts.
    fs::set_permissions(fixture.source("d"), fs::Permissions::from_mode(0o711)).unwrap();
    assert_ne!(below, digest(&part, &[]));
    assert_ne!(digest(&whole, &["*", "!s/h"]), digest(&whole, &["g"]), "a directory on the way is not one copied");
}
