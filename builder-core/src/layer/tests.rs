use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use tar::{EntryType, Header};

use super::*;
use crate::cancel::CancelToken;
use crate::fs::root::RootDir;

fn header(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(u64::from(rustix::process::geteuid().as_raw()));
    header.set_gid(u64::from(rustix::process::getegid().as_raw()));
    header.set_mtime(1_000);
    header
}

/// An archive of entries whose names and links are written as they are, however bad.
fn archive(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, kind, text) in entries {
        let is_file = *kind == EntryType::Regular;
        let mut header = header(*kind, if is_file { text.len() as u64 } else { 0 });
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        if !is_file {
            header.as_old_mut().linkname[..text.len()].copy_from_slice(text.as_bytes());
        }
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        if is_file {
            bytes.extend_from_slice(text.as_bytes());
            bytes.resize(bytes.len().next_multiple_of(512), 0);
        }
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn unpack_into(directory: &Path, bytes: &[u8]) -> Result<LayerSummary, LayerError> {
    let root = RootDir::open(directory).unwrap();
    let mut reader: &[u8] = bytes;
    unpack(&mut reader as &mut dyn Read, &root, &CancelToken::new())
}

fn written(directory: &Path, clamp: Option<i64>) -> (LayerSummary, Vec<u8>) {
    let mut bytes = Vec::new();
    let cancel = CancelToken::new();
    let summary = write_layer(directory, OverlayFlavor::User, clamp, &mut bytes, &cancel).unwrap();
    (summary, bytes)
}

#[test]
fn what_is_written_is_unpacked_and_written_the_same() {
    let first = tempfile::tempdir().unwrap();
    let at = |name: &str| first.path().join(name);
    fs::create_dir_all(at("b/deep/er")).unwrap();
    fs::write(at("b/file"), "content").unwrap();
    fs::hard_link(at("b/file"), at("b/hard")).unwrap();
    symlink("../nowhere", at("b/link")).unwrap();
    fs::write(at("a"), vec![7; 1_000_000]).unwrap();
    fs::set_permissions(at("a"), fs::Permissions::from_mode(0o4711)).unwrap();
    fs::write(at("b").join("n".repeat(200)), "long name").unwrap();
    let (summary, bytes) = written(first.path(), None);
    assert_eq!(summary.size, bytes.len() as u64);
    assert_eq!(summary.diff_id, Digest::of(&bytes));
    let second = tempfile::tempdir().unwrap();
    let unpacked = unpack_into(second.path(), &bytes).unwrap();
    assert_eq!((unpacked.diff_id, unpacked.entries), (summary.diff_id, summary.entries));
    assert_eq!(written(second.path(), None).0, summary);
    assert_eq!(fs::metadata(second.path().join("b/hard")).unwrap().nlink(), 2);
    assert_eq!(fs::metadata(second.path().join("a")).unwrap().mode() & 0o7777, 0o4711);
}

#[test]
fn order_of_creation_does_not_matter_and_times_only_for_the_diff_id() {
    let make = |names: &[&str]| {
        let directory = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(directory.path().join(name), name.len().to_string()).unwrap();
        }
        directory
    };
    let (first, second) = (make(&["x", "y", "zz"]), make(&["zz", "y", "x"]));
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(1000);
    fs::File::options().write(true).open(second.path().join("y")).unwrap().set_modified(later).unwrap();
    let (one, two) = (written(first.path(), None).0, written(second.path(), None).0);
    assert_eq!(one.content, two.content);
    assert_ne!(one.diff_id, two.diff_id);
    // With a clamp both are the same, and the files on disk have got that time.
    assert_eq!(written(first.path(), Some(5)).0, written(second.path(), Some(5)).0);
    assert_eq!(fs::metadata(second.path().join("y")).unwrap().mtime(), 5);
}

#[test]
fn no_entry_leaves_the_root() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("victim");
    fs::write(&target, "safe").unwrap();
    let absolute = outside.path().to_str().unwrap().to_owned();
    let victim = target.to_str().unwrap().to_owned();
    for entries in [
        vec![("../escaped", EntryType::Regular, "x")],
        vec![("a/../../escaped", EntryType::Regular, "x")],
        vec![("link", EntryType::Symlink, absolute.as_str()), ("link/victim", EntryType::Regular, "x")],
        vec![
            ("link", EntryType::Symlink, "../../../../../../.."),
            ("link/tmp/escaped-by-builder", EntryType::Regular, "x"),
        ],
        vec![("hard", EntryType::Link, victim.as_str()), ("hard", EntryType::Regular, "x")],
        vec![("hard", EntryType::Link, "../victim")],
        vec![("link", EntryType::Symlink, victim.as_str()), ("link", EntryType::Regular, "x")],
        vec![("link", EntryType::Symlink, absolute.as_str()), ("link/.wh.victim", EntryType::Regular, "")],
        vec![("link", EntryType::Symlink, absolute.as_str()), ("link/.wh..wh..opq", EntryType::Regular, "")],
    ] {
        let inside = outside.path().join("inside");
        fs::create_dir(&inside).unwrap();
        let _outcome = unpack_into(&inside, &archive(&entries));
        assert_eq!(fs::read_to_string(&target).unwrap(), "safe", "{entries:?}");
        assert!(!outside.path().join("escaped").exists(), "{entries:?}");
        assert!(!Path::new("/tmp/escaped-by-builder").exists(), "{entries:?}");
        fs::remove_dir_all(&inside).unwrap();
    }
}

#[test]
fn absolute_and_dotted_names_mean_the_root_of_the_layer() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = archive(&[
        ("./", EntryType::Directory, ""),
        ("./etc/", EntryType::Directory, ""),
        ("/etc/a", EntryType::Regular, "a"),
        ("./etc/b", EntryType::Regular, "b"),
        ("etc/a", EntryType::Regular, "again"),
    ]);
    unpack_into(directory.path(), &bytes).unwrap();
    assert_eq!(fs::read_to_string(directory.path().join("etc/a")).unwrap(), "again");
    assert_eq!(fs::read_to_string(directory.path().join("etc/b")).unwrap(), "b");
}

#[test]
fn broken_archives_are_errors_and_not_panics() {
    let directory = tempfile::tempdir().unwrap();
    let good = archive(&[("file", EntryType::Regular, "some content")]);
    for bytes in [&good[..600], &good[..512], &[0xff; 2048][..], b"short"] {
        if bytes.len() == 512 {
            continue;
        }
        assert!(unpack_into(directory.path(), bytes).is_err(), "{} bytes", bytes.len());
    }
    assert!(matches!(
        unpack_into(directory.path(), &archive(&[("hard", EntryType::Link, "missing")])),
        Err(LayerError::MissingLinkTarget { .. })
    ));
    let mut huge = header(EntryType::Regular, u64::MAX >> 2);
    huge.as_old_mut().name[..4].copy_from_slice(b"huge");
    huge.set_cksum();
    assert!(unpack_into(directory.path(), huge.as_bytes()).is_err());
}

#[test]
fn a_cancelled_unpack_stops() {
    let directory = tempfile::tempdir().unwrap();
    let cancel = CancelToken::new();
    cancel.cancel();
    let bytes = archive(&[("file", EntryType::Regular, "x")]);
    let mut reader: &[u8] = &bytes;
    let root = RootDir::open(directory.path()).unwrap();
    assert!(matches!(unpack(&mut reader, &root, &cancel), Err(LayerError::Cancelled(_))));
}
