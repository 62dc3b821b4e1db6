//! Random changes of a tree.

#[path = "more_edits.rs"]
mod more;

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// Numbers that look random and are the same each time (splitmix64).
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("small")
    }

    pub(super) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const DIRECTORIES: [&str; 5] = ["", "a", "b", "a/c", "b/c"];
const NAMES: [&str; 5] = ["x", "y", "z.txt", "w.log", "-odd name"];

fn place(numbers: &mut Numbers) -> String {
    let (directory, name) = (numbers.pick(&DIRECTORIES), numbers.pick(&NAMES));
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

pub(super) fn remove(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path).expect("remove"),
        Ok(_) => fs::remove_file(path).expect("remove"),
        Err(_) => {}
    }
}

/// Writes an archive of one file and one directory, with times before or after the epoch.
fn write_archive(path: &Path, text: &str, old: bool) {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o640);
    header.set_uid(3);
    header.set_mtime(if old { 100 } else { 2_000_000_000 });
    let mut archive = tar::Builder::new(Vec::new());
    header.set_size(0);
    header.set_entry_type(tar::EntryType::Directory);
    archive.append_data(&mut header.clone(), "in/", std::io::empty()).expect("directory");
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(text.len() as u64);
    archive.append_data(&mut header, "in/file", text.as_bytes()).expect("file");
    remove(path);
    let _without_parent = fs::write(path, archive.into_inner().expect("archive"));
}

/// Changes one thing in the tree, and tells what.
pub(super) fn edit_tree(root: &Path, numbers: &mut Numbers) -> String {
    let (from, to) = (place(numbers), place(numbers));
    let (path, other) = (root.join(&from), root.join(&to));
    fs::create_dir_all(path.parent().expect("parent")).expect("directory");
    fs::create_dir_all(other.parent().expect("parent")).expect("directory");
    match numbers.below(24) {
        18.. => more::edit(root, &from, &to, numbers),
        12.. => edit_further(root, &from, numbers),
        0 => {
            remove(&path);
            format!("remove {from}")
        }
        1 => {
            let directory = numbers.pick(&DIRECTORIES[1..]);
            remove(&root.join(directory));
            format!("remove {directory}/")
        }
        2 if path.exists() && from != to => {
            remove(&other);
            fs::rename(&path, &other).expect("rename");
            format!("rename {from} to {to}")
        }
        3 => {
            let mode = [0o644, 0o755, 0o600, 0o4711][numbers.below(4)];
            let is_link = fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink());
            if path.exists() && !is_link {
                fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("mode");
            }
            format!("chmod {mode:o} {from}")
        }
        4 => {
            let target = numbers.pick(&["x", "../a", "/a/x", "missing", "."]);
            remove(&path);
            symlink(target, &path).expect("link");
            format!("link {from} to {target}")
        }
        5 if path.is_file() && from != to => {
            remove(&other);
            let _of_a_link = fs::hard_link(&path, &other);
            format!("hard link {from} to {to}")
        }
        6 => {
            if let Ok(file) = fs::File::open(&path) {
                file.set_modified(std::time::SystemTime::now()).expect("time");
            }
            format!("touch {from}")
        }
        7 => {
            let directory = path.with_file_name("empty");
            let _there = fs::create_dir(&directory);
            let mode = [0o755, 0o711][numbers.below(2)];
            fs::set_permissions(&directory, PermissionsExt::from_mode(mode)).expect("mode");
            format!("directory {}", directory.display())
        }
        8 => {
            let rules = [
                "*.log",
                "a",
                "!a/x",
                "**/z*",
                "b/c",
                "!**/y",
                ".dockerignore",
                "",
                "*",
                "!b",
                "a/*",
                "!a/c",
                "# x",
                "X",
                "**",
                "!Dockerfile",
                "!**/x",
                "/b/x",
                "b/../a/x",
            ];
            let text: Vec<&str> = (0..numbers.below(4)).map(|_| numbers.pick(&rules)).collect();
            fs::write(root.join(".dockerignore"), text.join("\n")).expect("file");
            format!("ignore {text:?}")
        }
        _ => {
            let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
            if !is_file {
                remove(&path);
            }
            let content = format!("{}\n", numbers.below(4));
            fs::write(&path, &content).expect("file");
            format!("write {content:?} to {from}")
        }
    }
}

/// Changes one thing that few trees have.
fn edit_further(root: &Path, from: &str, numbers: &mut Numbers) -> String {
    let path = root.join(from);
    match numbers.below(6) {
        0 => {
            if let Ok(file) = fs::File::open(&path) {
                let old = std::time::Duration::from_secs([100, 500_000_000][numbers.below(2)]);
                file.set_modified(std::time::UNIX_EPOCH + old).expect("time");
            }
            format!("touch {from} to the past")
        }
        1 if path.is_file() => {
            // Of no concern to what is copied.
            let outside = root.with_file_name("outside");
            remove(&outside);
            let _of_a_link = fs::hard_link(&path, &outside);
            format!("hard link {from} to the outside")
        }
        2 => {
            let (directory, other) =
                (root.join(numbers.pick(&DIRECTORIES[1..])), root.join(numbers.pick(&["r", "b/r"])));
            if directory.is_dir() && !other.starts_with(&directory) {
                remove(&other);
                let _without_parent = fs::rename(&directory, &other);
            }
            format!("rename {} to {}", directory.display(), other.display())
        }
        3 => {
            let archive = root.join(numbers.pick(&["t.tar", "a/t.tar"]));
            let text = format!("{}\n", numbers.below(3));
            write_archive(&archive, &text, numbers.below(2) == 0);
            format!("archive {} of {text:?}", archive.display())
        }
        4 => {
            remove(&path);
            let size = [70_000, 1_500_000][numbers.below(2)];
            let content = [b'a', b'b'][numbers.below(2)];
            fs::write(&path, vec![content; size]).expect("file");
            format!("write {size} times {content} to {from}")
        }
        5 => {
            let name = std::ffi::OsStr::from_bytes([&b"\xff"[..], b"\xfe"][numbers.below(2)]);
            let odd = path.with_file_name(name);
            remove(&odd);
            fs::write(&odd, format!("{}\n", numbers.below(2))).expect("file");
            format!("write {}", odd.display())
        }
        _ => "nothing".to_owned(),
    }
}
