use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use super::*;

/// A tar under construction, with names that well-behaved writers refuse.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    fn add(mut self, kind: EntryType, name: &str, link: &str, content: &[u8]) -> Self {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o640);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000);
        header.set_size(content.len() as u64);
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, name: &str, content: &str) -> Self {
        self.add(EntryType::Regular, name, "", content.as_bytes())
    }

    fn directory(self, name: &str) -> Self {
        self.add(EntryType::Directory, name, "", b"")
    }

    fn link(self, name: &str, target: &str) -> Self {
        self.add(EntryType::Symlink, name, target, b"")
    }

    fn hard(self, name: &str, target: &str) -> Self {
        self.add(EntryType::Link, name, target, b"")
    }

    fn pax(self, records: &[(&str, &str)]) -> Self {
        let mut text = String::new();
        for (key, value) in records {
            let rest = format!(" {key}={value}\n");
            let mut length = rest.len() + 1;
            while length != rest.len() + length.to_string().len() {
                length += 1;
            }
            text.push_str(&length.to_string());
            text.push_str(&rest);
        }
        self.add(EntryType::XHeader, "pax", "", text.as_bytes())
    }
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        fs::create_dir(outer.path().join("root")).unwrap();
        fs::write(outer.path().join("secret"), "outside").unwrap();
        Self(outer)
    }

    fn root(&self, path: &str) -> PathBuf {
        self.0.path().join("root").join(path)
    }

    fn extract(&self, tar: &Tar, directory: &str) -> Result<Extracted, ExtractError> {
        self.with(tar, directory, ExtractLimits::default())
    }

    fn with(&self, tar: &Tar, directory: &str, limits: ExtractLimits) -> Result<Extracted, ExtractError> {
        let mut bytes = tar.0.clone();
        bytes.extend([0; 1024]);
        let directory = Path::new(directory);
        let options = ExtractOptions { directory, owner: Some(own_ids()), created_mtime: Some(7), limits };
        extract(&RootDir::open(&self.root("")).unwrap(), &mut bytes.as_slice(), &options, &CancelToken::new())
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root(path)).unwrap()
    }
}

fn own_ids() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

#[test]
fn entries_merge_with_directories_and_replace_the_rest() {
    let place = Place::new();
    fs::create_dir_all(place.root("d/full/er")).unwrap();
    fs::create_dir_all(place.root("d/stays")).unwrap();
    fs::write(place.root("d/stays/kept"), "kept").unwrap();
    fs::write(place.root("d/file"), "old").unwrap();
    symlink("stays", place.root("d/link")).unwrap();
    let tar = Tar::default()
        .directory("./")
        .directory("stays/")
        .file("full", "file over directory")
        .directory("file")
        .file("file/inner", "directory over file")
        .directory("link/")
        .file("link/inner", "directory over link")
        .file("new/parent/x", "parents are made")
        .file(".wh.stays", "an ordinary name");
    place.extract(&tar, "/d").unwrap();
    assert_eq!(place.read("d/full"), "file over directory");
    assert_eq!(place.read("d/file/inner"), "directory over file");
    assert_eq!(place.read("d/link/inner"), "directory over link");
    assert_eq!(place.read("d/stays/kept"), "kept");
    assert_eq!(place.read("d/.wh.stays"), "an ordinary name");
    assert!(!place.root("d/stays/inner").exists());
    let mode_and_time = |path: &str| {
        let metadata = fs::metadata(place.root(path)).unwrap();
        (metadata.mode() & 0o7777, metadata.mtime())
    };
    assert_eq!(mode_and_time("d/stays"), (0o640, 1_000));
    assert_eq!(mode_and_time("d/file"), (0o640, 1_000), "times of directories come last");
    assert_eq!(mode_and_time("d/full"), (0o640, 1_000));
    assert_eq!(mode_and_time("d/new/parent"), (0o755, 7));
}

#[test]
fn links_in_the_archive_and_below_it_stay_inside() {
    let place = Place::new();
    fs::create_dir_all(place.root("usr/lib")).unwrap();
    symlink("usr/lib", place.root("lib")).unwrap();
    symlink("/opt/gone", place.root("dangling")).unwrap();
    let tar = Tar::default()
        .file("lib/through", "merged")
        .file("dangling/x", "made")
        .link("evil", "/")
        .file("evil/abs", "absolute")
        .link("climb", "../../../..")
        .file("climb/rel", "relative")
        .link("secret", "../secret")
        .file("secret", "replaced, not written through");
    place.extract(&tar, "/").unwrap();
    assert_eq!(place.read("usr/lib/through"), "merged");
    assert_eq!(place.read("opt/gone/x"), "made");
    assert_eq!((place.read("abs"), place.read("rel")), ("absolute".into(), "relative".into()));
    assert_eq!(fs::read_to_string(place.0.path().join("secret")).unwrap(), "outside");
    assert_eq!(fs::read_dir(place.0.path()).unwrap().count(), 2);
}

#[test]
fn names_that_climb_are_refused() {
    for name in ["../x", "a/../../x", "/../x"] {
        let error = Place::new().extract(&Tar::default().file(name, "x"), "/d/e").unwrap_err();
        assert_eq!(error.to_string(), format!("archive entry `{name}` leads out of the destination"));
    }
    let error = Place::new().extract(&Tar::default().hard("x", "../../secret"), "/d").unwrap_err();
    assert!(matches!(error, ExtractError::Escapes { .. }));
    let place = Place::new();
    place.extract(&Tar::default().file("/abs", "1").file("a/../b", "2"), "/d").unwrap();
    assert_eq!((place.read("d/abs"), place.read("d/b")), ("1".into(), "2".into()));
}

#[test]
fn hard_links_join_names_of_one_file() {
    let place = Place::new();
    fs::create_dir_all(place.root("d")).unwrap();
    fs::write(place.root("d/b"), "old").unwrap();
    let tar = Tar::default().file("a", "text").hard("b", "./a").hard("a", "a").link("l", "/d/a").hard("l2", "l");
    place.extract(&tar, "d").unwrap();
    let inode = |path: &str| fs::symlink_metadata(place.root(path)).unwrap().ino();
    assert_eq!(inode("d/a"), inode("d/b"));
    assert_eq!(inode("d/l"), inode("d/l2"), "a link itself has two names, not what it points to");
    assert!(place.extract(&Tar::default().hard("x", "missing"), "d").is_err());
}

#[test]
fn extension_records_give_times_and_long_names() {
    let place = Place::new();
    let long = format!("{}/x", "n".repeat(200));
    let tar = Tar::default()
        .add(EntryType::XGlobalHeader, "pax_global_header", "", b"19 comment=abcdefg\n")
        .pax(&[("path", &long), ("mtime", "12.5"), ("SCHILY.xattr.trusted.overlay.opaque", "y")])
        .file("short", "text")
        .pax(&[("mtime", "-1.25")])
        .file("early", "text");
    place.extract(&tar, "/").unwrap();
    let time = |path: &str| {
        let metadata = fs::metadata(place.root(path)).unwrap();
        (metadata.mtime(), metadata.mtime_nsec())
    };
    assert_eq!(time(&long), (12, 500_000_000));
    assert_eq!(time("early"), (-2, 750_000_000));
    let mut value = [0; 8];
    assert!(rustix::fs::getxattr(place.root(&long), "trusted.overlay.opaque", &mut value).is_err());
}

#[test]
fn limits_hold() {
    let place = Place::new();
    let tar = Tar::default().file("a", "12345").file("b", "12345");
    let limits = |entries, bytes| ExtractLimits { entries, bytes };
    assert!(place.with(&tar, "/", limits(2, 10)).is_ok());
    assert!(matches!(place.with(&tar, "/", limits(1, 10)), Err(ExtractError::TooManyEntries { limit: 1 })));
    assert!(matches!(place.with(&tar, "/", limits(2, 9)), Err(ExtractError::TooLarge { limit: 9 })));
    let huge = "x".repeat(2 << 20);
    let bomb = Tar::default().pax(&[("comment", &huge)]).file("a", "");
    assert!(matches!(place.extract(&bomb, "/"), Err(ExtractError::Malformed(_))));
    let truncated = Tar(tar.0[..514].to_vec());
    let mut bytes = truncated.0.as_slice();
    let options = ExtractOptions {
        directory: Path::new("t"),
        owner: Some(own_ids()),
        created_mtime: None,
        limits: ExtractLimits::default(),
    };
    let root = RootDir::open(&place.root("")).unwrap();
    assert!(extract(&root, &mut bytes, &options, &CancelToken::new()).is_err());
}

#[test]
fn a_sparse_file_counts_with_its_holes() {
    let place = Place::new();
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(EntryType::GNUSparse);
    header.as_gnu_mut().unwrap().name[..4].copy_from_slice(b"hole");
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.realsize.copy_from_slice(b"77777777777\0");
    gnu.sparse[0].offset.copy_from_slice(b"77777777777\0");
    gnu.sparse[0].numbytes.copy_from_slice(b"00000000000\0");
    header.set_cksum();
    let tar = Tar(header.as_bytes().to_vec());
    let limits = ExtractLimits { bytes: 1 << 20, ..ExtractLimits::default() };
    assert!(matches!(place.with(&tar, "/", limits), Err(ExtractError::TooLarge { .. })));
    assert!(fs::metadata(place.root("hole")).unwrap().len() <= (1 << 20) + 1);
}

#[test]
fn a_cancelled_extraction_stops() {
    let place = Place::new();
    let cancel = CancelToken::new();
    cancel.cancel();
    let options = ExtractOptions {
        directory: Path::new(""),
        owner: Some(own_ids()),
        created_mtime: None,
        limits: ExtractLimits::default(),
    };
    let tar = Tar::default().file("a", "text");
    let outcome = extract(&RootDir::open(&place.root("")).unwrap(), &mut tar.0.as_slice(), &options, &cancel);
    assert!(matches!(outcome, Err(ExtractError::Cancelled(_))));
    assert!(!place.root("a").exists());
}
