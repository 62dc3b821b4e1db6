//! Changes that leave much as it was: other names, other kinds, other owners and attributes.

use std::ffi::OsStr;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{DIRECTORIES, Numbers, remove};

/// Runs a tool that may well fail: there may be nothing to change.
fn attempt(program: &str, arguments: &[&OsStr]) {
    let _done = Command::new(program).args(arguments).output();
}

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

/// Puts a copy with the same bytes, mode and times in the place of a name.
fn copy_over(from: &Path, to: &Path) {
    let found = fs::metadata(from).expect("file");
    let content = fs::read(from).expect("file");
    remove(to);
    fs::write(to, content).expect("file");
    fs::set_permissions(to, found.permissions()).expect("mode");
    let file = fs::File::options().write(true).open(to).or_else(|_| fs::File::open(to)).expect("file");
    file.set_modified(found.modified().expect("time")).expect("time");
}

/// All that is in a tree, sorted.
fn all(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        found.push(entry.path());
        if is_directory {
            found.extend(all(&entry.path()));
        }
    }
    found.sort();
    found
}

pub(super) fn edit(root: &Path, from: &str, to: &str, numbers: &mut Numbers) -> String {
    let (path, other) = (root.join(from), root.join(to));
    let directory = root.join(numbers.pick(&DIRECTORIES[1..]));
    match numbers.below(12) {
        kind @ 6.. => edit_kind(root, from, &directory, kind, numbers),
        0 => {
            // Of a file with several names, one becomes a copy: the same bytes, another layer.
            let linked: Vec<PathBuf> = all(root)
                .into_iter()
                .filter(|path| fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.nlink() > 1))
                .collect();
            if linked.is_empty() {
                return "no hard link".to_owned();
            }
            let path = &linked[numbers.below(linked.len())];
            let beside = path.with_file_name("beside");
            copy_over(path, &beside);
            fs::rename(&beside, path).expect("rename");
            format!("a copy in the place of the hard link {}", path.display())
        }
        1 if is_file(&path) && from != to => {
            copy_over(&path, &other);
            format!("copy {from} to {to}")
        }
        2 if is_file(&path) && from != to => {
            // What was a copy, maybe.
            remove(&other);
            let _of_a_link = fs::hard_link(&path, &other);
            format!("hard link {from} to {to}")
        }
        3 => {
            let mode = [0o755, 0o700, 0o1777, 0o2755][numbers.below(4)];
            if directory.is_dir() {
                fs::set_permissions(&directory, PermissionsExt::from_mode(mode)).expect("mode");
            }
            format!("chmod {mode:o} {}", directory.display())
        }
        4 => {
            let owner = [0, 7, 100_000][numbers.below(3)];
            let _absent = lchown(&path, Some(owner), Some(owner));
            format!("chown {owner} {from}")
        }
        5 => {
            // The capability cap_net_bind_service, or none; or an attribute that layers do not have.
            let value = "0x0100000200040000000000000000000000000000";
            let (name, set) =
                [("security.capability", true), ("security.capability", false), ("user.note", true)][numbers.below(3)];
            let name = OsStr::new(name);
            let arguments: &[&OsStr] = if set {
                &["-h".as_ref(), "-n".as_ref(), name, "-v".as_ref(), value.as_ref()]
            } else {
                &["-x".as_ref(), name]
            };
            attempt("setfattr", &[arguments, &[path.as_os_str()]].concat());
            format!("setfattr {set} {} {from}", name.display())
        }
        _ => "nothing".to_owned(),
    }
}

/// Makes something else of a path, or of a directory's name.
fn edit_kind(root: &Path, from: &str, directory: &Path, kind: usize, numbers: &mut Numbers) -> String {
    let path = root.join(from);
    match kind {
        6 => {
            // A file, a link and a directory take each other's places.
            remove(&path);
            let kind = numbers.below(3);
            match kind {
                0 => fs::write(&path, "x").expect("file"),
                1 => symlink("a", &path).expect("link"),
                _ => {
                    fs::create_dir(&path).expect("directory");
                    fs::write(path.join("x"), format!("{}\n", numbers.below(2))).expect("file");
                }
            }
            format!("{} in the place of {from}", ["a file", "a link", "a directory"][kind])
        }
        7 => {
            let (small, large) = (directory.join("x"), directory.join("X"));
            let (from, to) = if small.exists() { (small, large) } else { (large, small) };
            if fs::symlink_metadata(&from).is_ok() {
                remove(&to);
                fs::rename(&from, &to).expect("rename");
            }
            format!("rename {} to {}", from.display(), to.display())
        }
        8 => {
            let name = OsStr::from_bytes([&b"d\xff"[..], b"\xc3\x28", b"\xc3\xa9", b"e\xcc\x81"][numbers.below(4)]);
            let odd = root.join(name);
            if odd.exists() {
                remove(&odd);
            } else if directory.is_dir() {
                fs::rename(directory, &odd).expect("rename");
            } else {
                fs::create_dir(&odd).expect("directory");
                fs::write(odd.join("x"), "odd").expect("file");
            }
            format!("directory {}", odd.display())
        }
        9 => {
            // Mostly nothing, or the same as bytes.
            remove(&path);
            let mut file = fs::File::create(&path).expect("file");
            let size = [300_000, 2_000_000][numbers.below(2)];
            if numbers.below(2) == 0 {
                file.set_len(size).expect("length");
                file.seek(SeekFrom::Start(size / 2)).expect("seek");
                file.write_all(b"middle").expect("file");
            } else {
                file.write_all(&vec![0; usize::try_from(size).expect("small")]).expect("file");
            }
            format!("{size} bytes with holes in {from}")
        }
        10 => {
            // Names that no step reads: a fifo would keep it waiting.
            let (fifo, socket) = (path.with_file_name("fifo"), path.with_file_name("socket"));
            let target = if numbers.below(2) == 0 { fifo } else { socket };
            if fs::symlink_metadata(&target).is_ok() {
                remove(&target);
            } else if target.ends_with("fifo") {
                attempt("mkfifo", &["-m".as_ref(), "640".as_ref(), target.as_os_str()]);
            } else {
                let _bound = UnixListener::bind(&target);
            }
            format!("{}", target.display())
        }
        11 => {
            let text = ["", "*.log\n", "a\n!a/x\n", "**\n!x\n"][numbers.below(4)];
            let file = root.join("Dockerfile.dockerignore");
            if text.is_empty() {
                remove(&file);
            } else {
                fs::write(&file, text).expect("file");
            }
            format!("Dockerfile.dockerignore {text:?}")
        }
        _ => "nothing".to_owned(),
    }
}
