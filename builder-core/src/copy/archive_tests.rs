use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};

use super::tests::{Fixture, is_root};

/// A tar with one file `name` that belongs to 12:13.
fn tar(name: &str, text: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(0o4640);
    header.set_uid(12);
    header.set_gid(13);
    header.set_mtime(77);
    builder.append_data(&mut header, name, text.as_bytes()).unwrap();
    builder.into_inner().unwrap()
}

fn fixture() -> Fixture {
    let fixture = Fixture { unpack: true, owner: Some((0, 0)), ..Fixture::new() };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar("zipped", "z")).unwrap();
    fs::create_dir(fixture.source("a")).unwrap();
    fs::write(fixture.source("a/one"), tar("in/one", "1")).unwrap();
    fs::write(fixture.source("a/two.txt"), gzip.finish().unwrap()).unwrap();
    fs::write(fixture.source("a/plain.tar"), "not a tar").unwrap();
    fs::write(fixture.source("empty.tar"), "").unwrap();
    symlink("a/one", fixture.source("linked")).unwrap();
    fixture
}

#[test]
fn archives_are_known_by_content_and_unpacked_as_directories() {
    if !is_root("archives_are_known_by_content_and_unpacked_as_directories") {
        return;
    }
    let table: &[(&[&str], &str, &[&str])] = &[
        (&["a/one"], "/x", &["x/", "x/in/", "x/in/one=1"]),
        (&["linked"], "/x/", &["x/", "x/in/", "x/in/one=1"]),
        (&["a/two.txt"], "/", &["zipped=z"]),
        (&["a/plain.tar"], "/x", &["x=not a tar"]),
        (&["empty.tar"], "/x/", &["x/", "x/empty.tar="]),
        (&["a/*"], "/x/", &["x/", "x/in/", "x/in/one=1", "x/plain.tar=not a tar", "x/zipped=z"]),
        (&["a/one", "f"], "/x/", &["x/", "x/f=f", "x/in/", "x/in/one=1"]),
    ];
    for (sources, destination, wanted) in table {
        let fixture = fixture();
        fixture.copy(sources, destination).unwrap();
        assert_eq!(fixture.tree(), *wanted, "{sources:?}");
    }
}

#[test]
fn archives_in_a_directory_and_archives_of_copy_stay_as_they_are() {
    let fixture = fixture();
    fixture.copy(&["a"], "/x").unwrap();
    assert_eq!(fs::read(fixture.root("x/one")).unwrap(), tar("in/one", "1"));
    let plain = Fixture { unpack: false, ..fixture };
    plain.copy(&["a/one"], "/y").unwrap();
    assert_eq!(fs::read(plain.root("y")).unwrap(), tar("in/one", "1"));
}

#[test]
fn entries_keep_what_the_archive_says_unless_an_owner_is_given() {
    if !is_root("entries_keep_what_the_archive_says_unless_an_owner_is_given") {
        return;
    }
    for (owner, entry, made) in [(None, (12, 13), (0, 0)), (Some((5, 6)), (5, 6), (5, 6))] {
        let fixture = Fixture { owner, mode: Some("700"), created_mtime: Some(9), ..fixture() };
        fixture.copy(&["a/one"], "/deep/x").unwrap();
        let look = |path: &str| {
            let metadata = fs::metadata(fixture.root(path)).unwrap();
            ((metadata.uid(), metadata.gid()), metadata.mode() & 0o7777, metadata.mtime())
        };
        assert_eq!(look("deep/x/in/one"), (entry, 0o4640, 77));
        assert_eq!(look("deep/x/in"), (made, 0o755, 9));
        assert_eq!(look("deep/x"), (made, 0o755, 9));
        assert_eq!(look("deep"), (made, 0o755, 9));
    }
}

#[test]
fn archives_go_through_links_at_the_destination() {
    if !is_root("archives_go_through_links_at_the_destination") {
        return;
    }
    let fixture = fixture();
    symlink("/real/place", fixture.root("dangling")).unwrap();
    fs::write(fixture.root("file"), "").unwrap();
    fixture.copy(&["a/one"], "/dangling").unwrap();
    assert_eq!(fs::read_to_string(fixture.root("real/place/in/one")).unwrap(), "1");
    let error = fixture.copy(&["a/one"], "/file").unwrap_err();
    assert_eq!(error.to_string(), "cannot copy to non-directory: /file");
}

#[test]
fn a_broken_archive_is_named() {
    let fixture = fixture();
    let bytes = tar("x", &"y".repeat(5000));
    fs::write(fixture.source("broken.tar"), &bytes[..1024]).unwrap();
    let error = fixture.copy(&["broken.tar"], "/x").unwrap_err();
    assert_eq!(error.to_string(), "cannot unpack `/broken.tar`");
}
