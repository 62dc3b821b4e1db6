use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};

use super::*;
use crate::sys::mount;

/// Numbers that look random and are the same each time (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

pub(in crate::snapshot) fn through(mount: &OwnedFd) -> PathBuf {
    Path::new("/proc/self/fd").join(mount.as_raw_fd().to_string())
}

/// One line an entry, with everything that a step could see but the number of links. Whiteouts are not seen.
pub(in crate::snapshot) fn lines(directory: &Path, prefix: &str, found: &mut Vec<String>) {
    let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    entries.sort();
    for name in entries {
        let path = directory.join(&name);
        let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
        if metadata.file_type().is_char_device() {
            continue;
        }
        let shown = format!("{prefix}/{}", name.to_string_lossy());
        let content = if metadata.is_file() { fs::read_to_string(&path).unwrap() } else { String::new() };
        found.push(format!(
            "{shown} {:o} {}:{} {}.{} {content}",
            metadata.mode(),
            metadata.uid(),
            metadata.gid(),
            metadata.mtime(),
            metadata.mtime_nsec()
        ));
        if metadata.is_dir() {
            lines(&path, &shown, found);
        }
    }
}

fn tree(lowers: &[PathBuf]) -> Vec<String> {
    let lowers: Vec<&Path> = lowers.iter().map(PathBuf::as_path).collect();
    let mount = mount::overlay(&lowers, None, false).unwrap();
    let mut found = Vec::new();
    lines(&through(&mount), "", &mut found);
    found
}

/// Makes, removes, replaces and changes things at a random place.
fn edit(root: &Path, numbers: &mut Numbers, round: u64) {
    for _ in 0..numbers.below(6) {
        let depth = 1 + numbers.below(3);
        let mut path = root.to_owned();
        for _ in 0..depth {
            path.push(["a", "b", "c", "d"][usize::try_from(numbers.below(4)).unwrap()]);
        }
        let remove = |path: &Path| match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path).unwrap(),
            Ok(_) => fs::remove_file(path).unwrap(),
            Err(_) => {}
        };
        match numbers.below(6) {
            0 => remove(&path),
            1 => {
                remove(&path);
                let _in_the_way = fs::create_dir_all(&path);
            }
            2 => {
                let _missing =
                    fs::set_permissions(&path, PermissionsExt::from_mode(0o700 + u32::try_from(round % 8).unwrap()));
            }
            3 => {
                remove(&path);
                let _missing = std::os::unix::fs::symlink(format!("to-{round}"), &path);
            }
            _ => {
                if !path.is_dir() {
                    remove(&path);
                    let _missing = path.parent().map(fs::create_dir_all);
                    let _in_the_way = fs::write(&path, format!("round {round}"));
                }
            }
        }
    }
}

#[test]
fn merged_layers_show_what_the_layers_show() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    for seed in 1..30 {
        let base = tempfile::tempdir().unwrap();
        let layers = random_layers(base.path(), seed);
        let expected = tree(&layers);
        // The lower, the middle and the upper layers: what hides something below has to stay in the latter.
        for (first, last) in [(7, 13), (3, 9), (0, 6)] {
            let into = made(base.path(), &format!("merged{first}"));
            merge(&layers[first..last], &into, OverlayFlavor::Trusted).unwrap();
            let mut shorter = layers.clone();
            shorter.splice(first..last, [into]);
            assert_eq!(tree(&shorter), expected, "seed {seed}, layers {first} to {last}");
        }
    }
}

fn made(base: &Path, name: &str) -> PathBuf {
    let path = base.join(name);
    fs::create_dir(&path).unwrap();
    path
}

/// Thirteen layers as random steps leave them, topmost first.
pub(in crate::snapshot) fn random_layers(base: &Path, seed: u64) -> Vec<PathBuf> {
    let mut numbers = Numbers(seed * 7_919);
    let mut layers: Vec<PathBuf> = vec![made(base, "bottom")];
    for round in 0..12 {
        let (upper, work) = (made(base, &format!("upper{round}")), made(base, &format!("work{round}")));
        {
            let lowers: Vec<&Path> = layers.iter().map(PathBuf::as_path).collect();
            let mount = mount::overlay(&lowers, Some((&upper, &work)), false).unwrap();
            edit(&through(&mount), &mut numbers, round);
        }
        layers.insert(0, upper);
    }
    layers
}
