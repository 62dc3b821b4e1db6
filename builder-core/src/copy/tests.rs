use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use super::*;
use crate::cancel::CancelToken;
use crate::fs::entry::FileKind;
use crate::text::Span;

/// A source tree, a destination tree and the options of a copy between them.
pub(super) struct Fixture {
    pub(super) directory: tempfile::TempDir,
    pub(super) ignore: Option<&'static str>,
    pub(super) owner: Option<(u32, u32)>,
    pub(super) mode: Option<&'static str>,
    pub(super) exclude: Vec<String>,
    pub(super) unpack: bool,
    pub(super) created_mtime: Option<i64>,
}

impl Fixture {
    /// Makes the context of the specification's table: `f`, `d/g`, `d/s/h`, links `L` and `F`.
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let source = directory.path().join("source");
        fs::create_dir_all(source.join("d/s")).unwrap();
        for (path, text) in [("f", "f"), ("d/g", "g"), ("d/s/h", "h")] {
            fs::write(source.join(path), text).unwrap();
        }
        symlink("d", source.join("L")).unwrap();
        symlink("/d/g", source.join("F")).unwrap();
        fs::create_dir(directory.path().join("root")).unwrap();
        Self {
            directory,
            ignore: None,
            owner: None,
            mode: None,
            exclude: Vec::new(),
            unpack: false,
            created_mtime: None,
        }
    }

    pub(super) fn source(&self, path: &str) -> PathBuf {
        self.directory.path().join("source").join(path)
    }

    pub(super) fn root(&self, path: &str) -> PathBuf {
        self.directory.path().join("root").join(path)
    }

    pub(super) fn context(&self) -> Context {
        let patterns = self.ignore.map(|text| crate::dockerignore::parse(text).unwrap());
        Context::open(&self.source(""), patterns).unwrap()
    }

    pub(super) fn copy(&self, sources: &[&str], destination: &str) -> Result<CopyOutcome, CopyError> {
        self.run(CopyTree::Context(&self.context()), &paths(sources), destination)
    }

    pub(super) fn copy_from_stage(&self, sources: &[&str], destination: &str) -> Result<CopyOutcome, CopyError> {
        let stage = RootDir::open(&self.source("")).unwrap();
        self.run(CopyTree::Filesystem(&stage), &paths(sources), destination)
    }

    pub(super) fn run(
        &self,
        tree: CopyTree<'_>,
        sources: &[CopySource],
        destination: &str,
    ) -> Result<CopyOutcome, CopyError> {
        let root = RootDir::open(&self.root("")).unwrap();
        let mode = self.mode.map(ModeChange::parse).transpose().unwrap();
        let request = CopyRequest {
            owner: self.owner,
            mode: mode.as_ref(),
            unpack: self.unpack,
            created_mtime: self.created_mtime,
            ..CopyRequest::new(tree, sources, &root, destination)
        };
        let selection = Selection::find(&tree, sources, &self.exclude, &CancelToken::new())?;
        super::run(&request, &selection, &CancelToken::new())
    }

    /// Lists the destination: `dir/`, `file=content`, `link->target`.
    pub(super) fn tree(&self) -> Vec<String> {
        let mut lines = Vec::new();
        list(&self.root(""), "", &mut lines);
        lines
    }

    pub(super) fn digest(&self, sources: &[&str]) -> [u8; 32] {
        digest_of(&CopyTree::Context(&self.context()), &paths(sources)).digest
    }
}

pub(super) fn digest_of(tree: &CopyTree<'_>, sources: &[CopySource]) -> ContentDigest {
    let cancel = CancelToken::new();
    let selection = Selection::find(tree, sources, &[], &cancel).unwrap();
    content_digest(tree, sources, &selection, &cancel).unwrap()
}

pub(super) fn paths(sources: &[&str]) -> Vec<CopySource> {
    sources.iter().map(|path| CopySource::Path { path: (*path).to_owned(), span: Span::from_range(0..0) }).collect()
}

fn list(directory: &Path, prefix: &str, lines: &mut Vec<String>) {
    let mut names: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    for name in names {
        let (path, shown) = (directory.join(&name), format!("{prefix}{}", name.display()));
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            lines.push(format!("{shown}/"));
            list(&path, &format!("{shown}/"), lines);
        } else if kind.is_symlink() {
            lines.push(format!("{shown}->{}", fs::read_link(&path).unwrap().display()));
        } else if kind.is_file() {
            lines.push(format!("{shown}={}", fs::read_to_string(&path).unwrap()));
        } else {
            lines.push(format!("{shown}?"));
        }
    }
}

/// Owners and devices need root. Says so where there is none.
pub(super) fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        rustix::io::write(rustix::stdio::stderr(), format!("skipped {test}: it needs root\n").as_bytes()).unwrap();
    }
    root
}

#[test]
fn destinations_of_the_specification() {
    let table: &[(&[&str], &str, &[&str])] = &[
        (&["f"], "/w/x", &["w/", "w/x=f"]),
        (&["f"], "/w/x/", &["w/", "w/x/", "w/x/f=f"]),
        (&["d"], "/w/x", &["w/", "w/x/", "w/x/g=g", "w/x/s/", "w/x/s/h=h"]),
        (&["d/"], "/w/x", &["w/", "w/x/", "w/x/g=g", "w/x/s/", "w/x/s/h=h"]),
        (&["/d/."], "/w/x/", &["w/", "w/x/", "w/x/g=g", "w/x/s/", "w/x/s/h=h"]),
        (&["d/*"], "/w/x/", &["w/", "w/x/", "w/x/g=g", "w/x/h=h"]),
        (&["L"], "/w/x", &["w/", "w/x/", "w/x/g=g", "w/x/s/", "w/x/s/h=h"]),
        (&["L/g"], "/w/x/", &["w/", "w/x/", "w/x/g=g"]),
        (&["F"], "/w/x/", &["w/", "w/x/", "w/x/F=g"]),
        (&["F"], "/w/x", &["w/", "w/x=g"]),
        (&["f", "d"], "/w/x/", &["w/", "w/x/", "w/x/f=f", "w/x/g=g", "w/x/s/", "w/x/s/h=h"]),
        (&["../../f"], "/w/x", &["w/", "w/x=f"]),
        (&["f", "d/g"], "/x", &["x=g"]),
        (&["f"], "/", &["f=f"]),
        (&[""], "/", &["F->/d/g", "L->d", "d/", "d/g=g", "d/s/", "d/s/h=h", "f=f"]),
        (&["d"], "/", &["g=g", "s/", "s/h=h"]),
        (&["d/**"], "/", &["g=g", "h=h"]),
        (&["*/s/h"], "/", &["h=h"]),
        (&["L/*"], "/", &["g=g", "h=h"]),
        (&["[f]"], "/x", &["x=f"]),
        (&["?"], "/w/", &["w/", "w/F=g", "w/f=f", "w/g=g", "w/s/", "w/s/h=h"]),
        (&["none*"], "/w/x/", &[]),
        (&["f/*"], "/w/x/", &[]),
        (&["none*", "f"], "/w/x/", &["w/", "w/x/", "w/x/f=f"]),
    ];
    for (sources, destination, wanted) in table {
        let fixture = Fixture::new();
        fixture.copy(sources, destination).unwrap();
        assert_eq!(fixture.tree(), *wanted, "{sources:?} {destination}");
    }
}

#[test]
fn what_exists_decides_where_a_source_lands() {
    type Prepare = fn(&Fixture);
    type Wanted = Result<&'static [&'static str], &'static str>;
    let table: &[(Prepare, &str, &str, Wanted)] = &[
        (|at| fs::create_dir(at.root("x")).unwrap(), "f", "/x", Ok(&["x/", "x/f=f"])),
        (|at| fs::write(at.root("x"), "old").unwrap(), "f", "/x", Ok(&["x=f"])),
        (|at| symlink("gone/away", at.root("x")).unwrap(), "f", "/x", Ok(&["gone/", "gone/away=f", "x->gone/away"])),
        (
            |at| {
                fs::write(at.root("old"), "old").unwrap();
                symlink("/old", at.root("x")).unwrap();
            },
            "f",
            "/x",
            Ok(&["old=f", "x->/old"]),
        ),
        (
            |at| {
                fs::create_dir(at.root("y")).unwrap();
                symlink("/y", at.root("x")).unwrap();
            },
            "f",
            "/x",
            Ok(&["x->/y", "y/", "y/f=f"]),
        ),
        (
            |at| {
                fs::create_dir(at.root("y")).unwrap();
                symlink("../../../y", at.root("x")).unwrap();
            },
            "d",
            "/x",
            Ok(&["x->../../../y", "y/", "y/g=g", "y/s/", "y/s/h=h"]),
        ),
        (|at| symlink("/y/z", at.root("x")).unwrap(), "d/s", "/x", Ok(&["x->/y/z", "y/", "y/z/", "y/z/h=h"])),
        (|at| symlink("/y", at.root("x")).unwrap(), "f", "/x/deep/", Ok(&["x->/y", "y/", "y/deep/", "y/deep/f=f"])),
        (|at| fs::write(at.root("x"), "").unwrap(), "d", "/x", Err("cannot copy to non-directory: /x")),
        (|at| fs::write(at.root("x"), "").unwrap(), "d", "/x/", Err("cannot copy to non-directory: /x")),
        (|at| fs::write(at.root("x"), "").unwrap(), "f", "/x/", Err("cannot copy to non-directory: /x")),
        (|at| fs::write(at.root("x"), "").unwrap(), "f", "/x/y", Err("not a directory: /x/y")),
        (
            |at| fs::create_dir_all(at.root("x/f")).unwrap(),
            "f",
            "/x",
            Err("cannot replace to directory /x/f with file"),
        ),
        (
            |at| fs::create_dir_all(at.root("x/g")).unwrap(),
            "d",
            "/x",
            Err("cannot replace to directory /x/g with file"),
        ),
        (
            |at| {
                fs::create_dir(at.root("x")).unwrap();
                fs::write(at.root("x/s"), "").unwrap();
            },
            "d",
            "/x",
            Err("cannot copy to non-directory: /x/s"),
        ),
        (
            |at| {
                fs::create_dir_all(at.root("x")).unwrap();
                symlink("/x", at.root("x/s")).unwrap();
            },
            "d",
            "/x",
            Err("cannot copy to non-directory: /x/s"),
        ),
        (
            |at| {
                fs::create_dir_all(at.root("x/s")).unwrap();
                fs::write(at.root("x/kept"), "kept").unwrap();
                fs::write(at.root("x/s/kept"), "kept").unwrap();
                symlink("/x/kept", at.root("x/g")).unwrap();
            },
            "d",
            "/x",
            Ok(&["x/", "x/g=g", "x/kept=kept", "x/s/", "x/s/h=h", "x/s/kept=kept"]),
        ),
    ];
    for (number, (prepare, source, destination, wanted)) in table.iter().enumerate() {
        let fixture = Fixture::new();
        prepare(&fixture);
        match (fixture.copy(&[source], destination), wanted) {
            (Ok(_), Ok(wanted)) => assert_eq!(fixture.tree(), *wanted, "row {number}"),
            (Err(error), Err(wanted)) => assert_eq!(error.to_string(), *wanted, "row {number}"),
            (found, wanted) => panic!("row {number}: {found:?}, not {wanted:?}"),
        }
    }
}

#[test]
fn copying_twice_merges() {
    let fixture = Fixture::new();
    fixture.copy(&["d"], "/x/").unwrap();
    fixture.copy(&["d"], "/x").unwrap();
    fixture.copy(&["d/s", "d/s"], "/x").unwrap();
    assert_eq!(fixture.tree(), ["x/", "x/g=g", "x/h=h", "x/s/", "x/s/h=h"]);
}

#[test]
fn a_missing_source_is_named_with_what_may_be_meant() {
    let fixture = Fixture { ignore: Some("d/s\n"), ..Fixture::new() };
    fs::write(fixture.source("package.json"), "").unwrap();
    let table = [
        ("pakage.json", "\"/pakage.json\": not found", Some("did you mean `package.json`?")),
        ("no/where", "\"/no/where\": not found", None),
        ("f/x", "\"/f/x\": not found", None),
        (
            "d/s/h",
            "\"/d/s/h\": not found",
            Some("the file exists, but the ignore file of the build context excludes it"),
        ),
        ("L/s", "\"/L/s\": not found", Some("the file exists, but the ignore file of the build context excludes it")),
        ("[", "syntax error in pattern `[`", None),
    ];
    for (source, message, hint) in table {
        let error = fixture.copy(&["f", source], "/x/").unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.help().as_deref(), hint, "{source}");
        assert_eq!(error.source_index(), Some(1));
        assert_eq!(fixture.tree(), Vec::<String>::new(), "nothing is written before all sources are known");
    }
}

#[test]
fn what_stands_before_a_wildcard_must_be_there() {
    for (ignore, source, wanted) in [
        (None, "none/*", "\"/none\": not found"),
        (None, "d/none/x*", "\"/d/none\": not found"),
        (Some("d"), "d/*", "\"/d\": not found"),
    ] {
        let fixture = Fixture { ignore, ..Fixture::new() };
        assert_eq!(fixture.copy(&[source], "/w/x/").unwrap_err().to_string(), wanted, "{source}");
    }
}

#[test]
fn wildcards_can_be_escaped() {
    let fixture = Fixture::new();
    for name in ["a*b", "a?b", "[x", r"a\b", "aXb"] {
        fs::write(fixture.source(name), name).unwrap();
    }
    for (source, wanted) in [(r"a\*b", "a*b"), (r"a\?b", "a?b"), ("[[]x", "[x"), (r"a\b", r"a\b"), (r"\[x", "[x")] {
        fixture.copy(&[source], "/x").unwrap();
        assert_eq!(fs::read_to_string(fixture.root("x")).unwrap(), wanted, "{source}");
    }
}

#[test]
fn ignore_files_hide_and_show_again() {
    let table: &[(&str, &str, &[&str])] = &[
        ("**", "", &[]),
        ("*\n!d", "", &["d/", "d/g=g", "d/s/", "d/s/h=h"]),
        ("*\n!d/s/h", "", &["d/", "d/s/", "d/s/h=h"]),
        ("**\n!d/g", "d", &["g=g"]),
        ("d/s/*", "d", &["g=g", "s/"]),
        ("d/g", "d", &["s/", "s/h=h"]),
        ("L\nF\nd/s", "*", &["f=f", "g=g"]),
        ("*\n!d/s/h", "*", &["s/", "s/h=h"]),
        ("d\n!d/s/h", "d/*", &["h=h"]),
    ];
    for (patterns, source, wanted) in table {
        let fixture = Fixture { ignore: Some(patterns), ..Fixture::new() };
        fixture.copy(&[source], "/").unwrap();
        assert_eq!(fixture.tree(), *wanted, "{patterns:?} {source}");
    }
    let fixture = Fixture { ignore: Some("**"), ..Fixture::new() };
    fixture.copy_from_stage(&["f"], "/").unwrap();
    assert_eq!(fixture.tree(), ["f=f"], "other stages are not filtered");
}

#[test]
fn modes_and_times_come_along() {
    let fixture = Fixture::new();
    let set = |path: &str, mode, time| {
        fs::set_permissions(fixture.source(path), fs::Permissions::from_mode(mode)).unwrap();
        let file = fs::File::open(fixture.source(path)).unwrap();
        entry_times(&file, (time, 123_456_789));
    };
    set("d/g", 0o4751, 1000);
    set("d/s/h", 0o2640, 1001);
    set("d/s", 0o3705, 1002);
    set("d", 0o700, 1003);
    fs::create_dir(fixture.root("old")).unwrap();
    fs::set_permissions(fixture.root("old"), fs::Permissions::from_mode(0o711)).unwrap();
    fixture.copy(&["d"], "/new/x").unwrap();
    fixture.copy(&["d"], "/old").unwrap();
    let look = |path: &str| {
        let metadata = fs::symlink_metadata(fixture.root(path)).unwrap();
        (metadata.mode() & 0o7777, metadata.mtime(), metadata.mtime_nsec())
    };
    for top in ["new/x", "old"] {
        assert_eq!(look(&format!("{top}/g")), (0o4751, 1000, 123_456_789));
        assert_eq!(look(&format!("{top}/s/h")), (0o2640, 1001, 123_456_789));
        assert_eq!(look(&format!("{top}/s")), (0o3705, 1002, 123_456_789));
    }
    assert_eq!(look("new/x"), (0o755, 1003, 123_456_789), "mode of a new directory, time of the source");
    assert_eq!(look("old"), (0o711, 1003, 123_456_789), "own mode, time of the source");
    assert_eq!(look("new").0, 0o755);
}

pub(super) fn entry_times(file: &fs::File, time: (i64, u32)) {
    crate::fs::entry::set_times(file, time, time).unwrap();
}

#[test]
fn chmod_reaches_files_and_directories_but_not_links() {
    let fixture = Fixture { mode: Some("4711"), ..Fixture::new() };
    symlink("g", fixture.source("d/link")).unwrap();
    fixture.copy(&["d"], "/a/b").unwrap();
    for (path, mode) in [("a", 0o711), ("a/b", 0o711), ("a/b/g", 0o4711), ("a/b/s", 0o4711), ("a/b/s/h", 0o4711)] {
        assert_eq!(fs::metadata(fixture.root(path)).unwrap().mode() & 0o7777, mode, "{path}");
    }
    assert_eq!(fs::read_link(fixture.root("a/b/link")).unwrap(), Path::new("g"));
}

#[test]
fn owners_follow_the_tree_or_the_request() {
    if !is_root("owners_follow_the_tree_or_the_request") {
        return;
    }
    let table = [(false, None, (0, 0), (0, 0)), (true, None, (7, 8), (0, 0)), (true, Some((5, 6)), (5, 6), (5, 6))];
    for (stage, owner, copied, made) in table {
        let fixture = Fixture { owner, ..Fixture::new() };
        symlink("nowhere", fixture.source("d/link")).unwrap();
        for path in ["d", "d/g", "d/s", "d/s/h", "d/link"] {
            std::os::unix::fs::lchown(fixture.source(path), Some(7), Some(8)).unwrap();
        }
        fs::create_dir(fixture.root("old")).unwrap();
        std::os::unix::fs::lchown(fixture.root("old"), Some(3), Some(4)).unwrap();
        let copy = if stage { Fixture::copy_from_stage } else { Fixture::copy };
        copy(&fixture, &["d"], "/new/x").unwrap();
        copy(&fixture, &["d/g"], "/old").unwrap();
        let look = |path: &str| {
            let metadata = fs::symlink_metadata(fixture.root(path)).unwrap();
            (metadata.uid(), metadata.gid())
        };
        for path in ["new/x/g", "new/x/s", "new/x/s/h", "new/x/link", "old/g"] {
            assert_eq!(look(path), copied, "{path} {owner:?}");
        }
        assert_eq!((look("new"), look("new/x"), look("old")), (made, made, (3, 4)), "{owner:?}");
    }
}

#[test]
fn special_files_and_attributes_come_along() {
    if !is_root("special_files_and_attributes_come_along") {
        return;
    }
    let fixture = Fixture::new();
    let source = RootDir::open(&fixture.source("d")).unwrap();
    crate::fs::create::create_special_at(&source, "pipe".as_ref(), FileKind::Fifo, (0, 0)).unwrap();
    crate::fs::create::create_special_at(&source, "null".as_ref(), FileKind::CharDevice, (1, 3)).unwrap();
    crate::fs::create::create_special_at(&source, "whiteout".as_ref(), FileKind::CharDevice, (0, 0)).unwrap();
    fs::set_permissions(fixture.source("d/pipe"), fs::Permissions::from_mode(0o642)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(fixture.source("d/socket")).unwrap();
    let capability: &[u8] = &[1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let set = |path: &str, name: &str, value: &[u8]| {
        rustix::fs::setxattr(fixture.source(path), name, value, rustix::fs::XattrFlags::empty())
    };
    let attributes = set("d/g", "security.capability", capability).is_ok() && set("d/s", "user.mark", b"1").is_ok();
    set("d/g", "trusted.overlay.opaque", b"y").unwrap();
    fixture.copy_from_stage(&["d"], "/").unwrap();
    assert_eq!(fixture.tree(), ["g=g", "null?", "pipe?", "s/", "s/h=h", "socket="]);
    let look = |path: &str| fs::symlink_metadata(fixture.root(path)).unwrap();
    assert!(look("pipe").file_type().is_fifo());
    assert_eq!(look("pipe").mode() & 0o7777, 0o642);
    assert_eq!(look("null").rdev(), rustix::fs::makedev(1, 3));
    let get = |path: &str, name: &str| {
        let mut value = [0; 64];
        rustix::fs::getxattr(fixture.root(path), name, &mut value).map(|length| value[..length].to_vec())
    };
    if attributes {
        assert_eq!(get("g", "security.capability").unwrap(), capability);
        assert_eq!(get("s", "user.mark").unwrap(), b"1");
    }
    assert!(get("g", "trusted.overlay.opaque").is_err());
    fixture.copy(&["d/pipe"], "/pipe2").unwrap();
    assert!(look("pipe2").file_type().is_fifo());
}

#[test]
fn hard_links_hold_within_a_source() {
    let fixture = Fixture::new();
    fs::hard_link(fixture.source("d/g"), fixture.source("d/s/g2")).unwrap();
    fs::hard_link(fixture.source("d/g"), fixture.source("g3")).unwrap();
    fixture.copy(&["d", "g3"], "/x/").unwrap();
    let inode = |path: &str| fs::metadata(fixture.root(path)).unwrap().ino();
    assert_eq!(inode("x/g"), inode("x/s/g2"));
    assert_ne!(inode("x/g"), inode("x/g3"), "not across sources");
    fixture.copy(&["[dg]*"], "/y/").unwrap();
    assert_eq!(inode("y/g"), inode("y/s/g2"));
    assert_ne!(inode("y/g"), inode("y/g3"), "not across matches");
}

#[test]
fn a_replaced_file_is_not_linked_to() {
    let fixture = Fixture::new();
    for directory in ["1", "2", "3"] {
        fs::create_dir(fixture.source(directory)).unwrap();
    }
    fs::write(fixture.source("1/x"), "first").unwrap();
    fs::write(fixture.source("2/x"), "second").unwrap();
    fs::hard_link(fixture.source("1/x"), fixture.source("3/y")).unwrap();
    fixture.copy(&["[123]"], "/o/").unwrap();
    assert_eq!(fixture.tree(), ["o/", "o/x=second", "o/y=first"]);
}

#[test]
fn hostile_links_stay_inside() {
    let fixture = Fixture::new();
    fs::write(fixture.directory.path().join("secret"), "outside").unwrap();
    symlink("../secret", fixture.source("up")).unwrap();
    symlink(fixture.directory.path(), fixture.source("out")).unwrap();
    for source in ["up", "out/secret", "out", "../secret", "out/s*"] {
        assert!(matches!(fixture.copy(&[source], "/"), Err(CopyError::NotFound { .. })), "{source}");
    }
    symlink(fixture.directory.path(), fixture.root("trap")).unwrap();
    symlink("../../../../..", fixture.root("climb")).unwrap();
    fixture.copy(&["f"], "/trap/planted").unwrap();
    fixture.copy(&["f"], "/climb/planted").unwrap();
    assert!(!fixture.directory.path().join("planted").exists());
    assert!(fixture.root("planted").exists());
    fixture.copy(&[""], "/all").unwrap();
    assert_eq!(fs::read_link(fixture.root("all/up")).unwrap(), Path::new("../secret"));
}

#[test]
fn inline_files_come_last() {
    let fixture = Fixture { created_mtime: Some(99), mode: None, ..Fixture::new() };
    let inline = |name: &str, content: &str| CopySource::Inline { name: name.into(), content: content.into() };
    let mut sources = vec![inline("a", "one"), inline("f", "two")];
    sources.extend(paths(&["f"]));
    fixture.run(CopyTree::Context(&fixture.context()), &sources, "/x/").unwrap();
    fixture.run(CopyTree::Context(&fixture.context()), &[inline("a", "three")], "/y").unwrap();
    assert_eq!(fixture.tree(), ["x/", "x/a=one", "x/f=two", "y=three"]);
    let metadata = fs::metadata(fixture.root("y")).unwrap();
    assert_eq!((metadata.mode() & 0o7777, metadata.mtime()), (0o644, 99));
    assert_eq!(fs::metadata(fixture.root("x")).unwrap().mtime(), 99);
}

#[test]
fn a_workdir_belongs_to_its_user_and_leaves_alone_what_exists() {
    let fixture = Fixture::new();
    let root = RootDir::open(&fixture.root("")).unwrap();
    let (uid, gid) = if is_root("owner of a workdir") { (5, 6) } else { (0, 0) };
    let identity = Identity { uid, gid, groups: vec![gid], home: "/".into() };
    if !rustix::process::geteuid().is_root() {
        return;
    }
    fs::create_dir(fixture.root("a")).unwrap();
    make_workdir(&root, Path::new("/a/b/c"), &identity, Some(44)).unwrap();
    make_workdir(&root, Path::new("/a/b/c"), &Identity { uid: 9, ..identity.clone() }, None).unwrap();
    let look = |path: &str| {
        let metadata = fs::metadata(fixture.root(path)).unwrap();
        (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777)
    };
    assert_eq!((look("a/b"), look("a/b/c")), ((5, 6, 0o755), (5, 6, 0o755)));
    assert_eq!(look("a").0, 0);
    assert_eq!(fs::metadata(fixture.root("a/b/c")).unwrap().mtime(), 44);
    fs::write(fixture.root("file"), "").unwrap();
    let error = make_workdir(&root, Path::new("/file/x"), &identity, None).unwrap_err();
    assert_eq!(error.to_string(), "not a directory: /file/x");
}

#[test]
fn a_cancelled_copy_says_so() {
    let fixture = Fixture::new();
    let cancel = CancelToken::new();
    let root = RootDir::open(&fixture.root("")).unwrap();
    let (context, sources) = (fixture.context(), paths(&["d"]));
    let tree = CopyTree::Context(&context);
    let selection = Selection::find(&tree, &sources, &[], &cancel).unwrap();
    cancel.cancel();
    let error = super::run(&CopyRequest::new(tree, &sources, &root, "/x"), &selection, &cancel).unwrap_err();
    assert!(error.is_cancelled());
    assert!(content_digest(&tree, &sources, &selection, &cancel).unwrap_err().is_cancelled());
    assert!(Selection::find(&tree, &sources, &[], &cancel).unwrap_err().is_cancelled());
}

#[test]
fn an_overlay_keeps_what_is_below_and_takes_what_is_copied() {
    if !is_root("an_overlay_keeps_what_is_below_and_takes_what_is_copied") {
        return;
    }
    let fixture = Fixture::new();
    let at = |name: &str| fixture.directory.path().join(name);
    for name in ["lower/usr/lib", "lower/x", "upper", "work"] {
        fs::create_dir_all(at(name)).unwrap();
    }
    symlink("usr/lib", at("lower/lib")).unwrap();
    fs::write(at("lower/x/f"), "below").unwrap();
    let mounted = crate::sys::mount::overlay(&[&at("lower")], Some((&at("upper"), &at("work"))), false);
    let root = RootDir::from_fd(mounted.unwrap());
    let (context, owner) = (fixture.context(), Some((5, 6)));
    let tree = CopyTree::Context(&context);
    for (source, destination) in [("f", "/lib/new/"), ("f", "/x"), ("d", "/x")] {
        let sources = paths(&[source]);
        let request = CopyRequest { owner, ..CopyRequest::new(tree, &sources, &root, destination) };
        let selection = Selection::find(&tree, &sources, &[], &CancelToken::new()).unwrap();
        super::run(&request, &selection, &CancelToken::new()).unwrap();
    }
    drop(root);
    let mut lines = Vec::new();
    list(&at("upper"), "", &mut lines);
    assert_eq!(
        lines,
        ["usr/", "usr/lib/", "usr/lib/new/", "usr/lib/new/f=f", "x/", "x/f=f", "x/g=g", "x/s/", "x/s/h=h"]
    );
    assert_eq!(fs::metadata(at("upper/x")).unwrap().uid(), 0);
    assert_eq!(fs::metadata(at("upper/x/f")).unwrap().uid(), 5);
    assert_eq!(fs::read_to_string(at("lower/x/f")).unwrap(), "below");
}

#[test]
fn a_change_after_the_selection_is_told() {
    type Change = fn(&Fixture);
    let table: &[(&str, Change, bool)] = &[
        ("nothing", |_| (), false),
        ("read", |at| _ = fs::read(at.source("d/g")).unwrap(), false),
        ("other file", |at| fs::write(at.source("f"), "changed").unwrap(), false),
        ("new file, which is not copied", |at| fs::write(at.source("d/new"), "").unwrap(), false),
        ("content", |at| fs::write(at.source("d/s/h"), "longer").unwrap(), true),
        (
            "content, size and time as before",
            |at| {
                let file = fs::File::options().write(true).open(at.source("d/g")).unwrap();
                let modified = file.metadata().unwrap().modified().unwrap();
                std::io::Write::write_all(&mut &file, b"x").unwrap();
                file.set_modified(modified).unwrap();
            },
            true,
        ),
        ("mode", |at| fs::set_permissions(at.source("d/g"), fs::Permissions::from_mode(0o600)).unwrap(), true),
        (
            "another file in its place",
            |at| {
                fs::write(at.source("other"), "g").unwrap();
                fs::rename(at.source("other"), at.source("d/g")).unwrap();
            },
            true,
        ),
        (
            "another link",
            |at| {
                fs::remove_file(at.source("d/link")).unwrap();
                symlink("s", at.source("d/link")).unwrap();
            },
            true,
        ),
    ];
    for (name, change, changed) in table {
        let fixture = Fixture::new();
        symlink("g", fixture.source("d/link")).unwrap();
        // Beyond one tick of the kernel's clock.
        std::thread::sleep(std::time::Duration::from_millis(20));
        let root = RootDir::open(&fixture.root("")).unwrap();
        let (context, sources, cancel) = (fixture.context(), paths(&["d"]), CancelToken::new());
        let tree = CopyTree::Context(&context);
        let selection = Selection::find(&tree, &sources, &[], &cancel).unwrap();
        change(&fixture);
        let outcome = super::run(&CopyRequest::new(tree, &sources, &root, "/"), &selection, &cancel).unwrap();
        assert_eq!(outcome.changed, *changed, "{name}");
        assert!(!fixture.root("new").exists(), "{name}");
    }
}

#[test]
fn many_files_are_copied_as_few_are() {
    let fixture = Fixture::new();
    let many = |name: &str| fixture.source(&format!("many/{name}"));
    for directory in ["a/b", "c"] {
        fs::create_dir_all(many(directory)).unwrap();
    }
    for number in 0..600 {
        fs::write(many(&format!("{}/{number}", ["a", "a/b", "c"][number % 3])), number.to_string()).unwrap();
    }
    fs::hard_link(many("a/0"), many("c/0")).unwrap();
    fs::hard_link(many("c/2"), many("a/b/2")).unwrap();
    fs::hard_link(many("c/5"), fixture.source("outside")).unwrap();
    fs::set_permissions(many("a"), fs::Permissions::from_mode(0o555)).unwrap();
    let outcome = fixture.copy(&["many"], "/x").unwrap();
    assert_eq!((outcome.files, outcome.directories, outcome.changed), (602, 4, false));
    let mut source = Vec::new();
    list(&many(""), "", &mut source);
    let mut copied = Vec::new();
    list(&fixture.root("x"), "", &mut copied);
    assert_eq!(source, copied);
    let inode = |path: &str| fs::metadata(fixture.root(path)).unwrap().ino();
    assert_eq!((inode("x/a/0"), inode("x/a/b/2")), (inode("x/c/0"), inode("x/c/2")));
    assert_eq!(fs::metadata(fixture.root("x/c/5")).unwrap().nlink(), 1);
    for path in ["a", "a/b", "c", "c/5"] {
        let (from, to) = (fs::metadata(many(path)).unwrap(), fs::metadata(fixture.root("x").join(path)).unwrap());
        assert_eq!((from.mode(), from.mtime(), from.mtime_nsec()), (to.mode(), to.mtime(), to.mtime_nsec()), "{path}");
    }
    fs::set_permissions(many("a"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(fixture.root("x/a"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn holes_stay_holes() {
    let fixture = Fixture::new();
    let file = fs::File::create(fixture.source("sparse")).unwrap();
    file.set_len(64 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"middle", 32 << 20).unwrap();
    fixture.copy(&["sparse"], "/").unwrap();
    let copied = fs::read(fixture.root("sparse")).unwrap();
    assert_eq!((copied.len(), &copied[32 << 20..][..7]), (64 << 20, &b"middle\0"[..]));
    assert!(copied.iter().filter(|byte| **byte != 0).count() == 6);
    assert!(fs::metadata(fixture.root("sparse")).unwrap().blocks() < 1000);
}

#[test]
fn the_name_of_an_inline_file_leads_nowhere() {
    let fixture = Fixture::new();
    let outside = fixture.directory.path().join("outside");
    fs::write(&outside, "kept").unwrap();
    let absolute = outside.to_str().unwrap();
    for name in [absolute, "../outside", "../../outside", "../new", "a/b", "..", ".", "", "/"] {
        let sources = [CopySource::Inline { name: name.into(), content: "escaped".into() }];
        let error = fixture.run(CopyTree::Context(&fixture.context()), &sources, "/x/").unwrap_err();
        let CopyError::Path(error) = error else { panic!("{name}: {error}") };
        assert!(
            error.source.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<crate::fs::name::NotAName>),
            "{name}: {error}"
        );
    }
    assert_eq!(fs::read_to_string(&outside).unwrap(), "kept");
    assert!(!fixture.directory.path().join("new").exists() && !fixture.root("outside").exists());
    assert_eq!(fs::read_dir(fixture.root("")).unwrap().count(), 0);
}

#[test]
fn what_is_gone_or_something_else_after_the_selection_is_told_with_its_name() {
    type Change = fn(&Fixture);
    let changes: [(&str, Change); 5] = [
        ("link", |at| {
            fs::remove_file(at.source("d/g")).unwrap();
            symlink("s/h", at.source("d/g")).unwrap();
        }),
        ("gone", |at| fs::remove_file(at.source("d/g")).unwrap()),
        ("directory", |at| {
            fs::remove_file(at.source("d/g")).unwrap();
            fs::create_dir(at.source("d/g")).unwrap();
        }),
        ("directory becomes a link", |at| {
            fs::rename(at.source("d/s"), at.source("elsewhere")).unwrap();
            symlink("../elsewhere", at.source("d/s")).unwrap();
        }),
        ("link becomes a file", |at| {
            fs::remove_file(at.source("d/link")).unwrap();
            fs::write(at.source("d/link"), "").unwrap();
        }),
    ];
    for (name, change) in changes {
        let fixture = Fixture::new();
        symlink("g", fixture.source("d/link")).unwrap();
        let root = RootDir::open(&fixture.root("")).unwrap();
        let (context, sources, cancel) = (fixture.context(), paths(&["d"]), CancelToken::new());
        let tree = CopyTree::Context(&context);
        let selection = Selection::find(&tree, &sources, &[], &cancel).unwrap();
        change(&fixture);
        let copied = super::run(&CopyRequest::new(tree, &sources, &root, "/x/"), &selection, &cancel).unwrap_err();
        let digested = super::content_digest(&tree, &sources, &selection, &cancel).unwrap_err();
        for error in [copied, digested] {
            let said = error.to_string();
            assert!(matches!(error, CopyError::Changed { .. }), "{name}: {said}");
            assert!(said.starts_with("`d/") && said.ends_with("changed while it was read"), "{name}: {said}");
        }
    }
}
