use std::fs;
use std::os::unix::fs::symlink;

use rustix::fs::{CWD, Mode, XattrFlags};

use super::super::merge::tests::{lines, random_layers, through};
use super::*;

/// What is at a path of one tree.
fn seen(root: &Path, path: &Path) -> Vec<String> {
    let mut found = Vec::new();
    if root.join(path).is_dir() {
        lines(&root.join(path), "", &mut found);
    } else {
        found.push(fs::read_to_string(root.join(path)).unwrap());
    }
    found
}

/// The paths of everything below a directory that is seen.
fn paths(root: &Path, below: &Path, found: &mut Vec<PathBuf>) {
    for name in fs::read_dir(root.join(below)).unwrap().map(|entry| entry.unwrap().file_name()) {
        let path = below.join(name);
        let Ok(metadata) = fs::symlink_metadata(root.join(&path)) else { continue };
        found.push(path.clone());
        if metadata.is_dir() {
            paths(root, &path, found);
        }
    }
}

#[test]
fn what_one_layer_has_alone_is_what_the_overlay_shows() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (mut alone, mut several) = (0, 0);
    for seed in 1..60 {
        let base = tempfile::tempdir().unwrap();
        let layers = random_layers(base.path(), seed);
        let lowers: Vec<&Path> = layers.iter().map(PathBuf::as_path).collect();
        let mount = mount::overlay(&lowers, None, false).unwrap();
        let overlay = through(&mount);
        let mut all = Vec::new();
        paths(&overlay, Path::new(""), &mut all);
        // Also what some layer has and the filesystem has not.
        for layer in &layers {
            paths(layer, Path::new(""), &mut all);
        }
        for path in all {
            let Some(found) = sole(&layers, std::slice::from_ref(&path), OverlayFlavor::Trusted) else {
                several += 1;
                continue;
            };
            alone += 1;
            assert!(!overlay.join(&path).is_symlink() && overlay.join(&path).exists(), "{seed} {}", path.display());
            assert_eq!(seen(found, &path), seen(&overlay, &path), "seed {seed}, {}", path.display());
            assert_eq!(
                fs::metadata(found.join(&path)).unwrap().permissions(),
                fs::metadata(overlay.join(&path)).unwrap().permissions()
            );
        }
    }
    assert!(alone > 100 && several > 100, "{alone} {several}");
}

#[test]
fn no_layer_has_alone_what_others_have_a_part_of() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let base = tempfile::tempdir().unwrap();
    let layers: Vec<PathBuf> = ["top", "middle", "bottom"].map(|name| base.path().join(name)).to_vec();
    let put = |path: &str| {
        let path = base.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    };
    let files = [
        "top/both/x",
        "bottom/both/y",
        "top/only/x",
        "bottom/deep/a/b/x",
        "middle/deep/a/c/x",
        "top/deep/file",
        "top/opaque/x",
        "bottom/opaque/y",
        "bottom/gone/x",
        "middle/file",
        "bottom/file/x",
        "top/again/x",
        "bottom/again/y",
        "middle/strange/x",
    ];
    files.into_iter().for_each(put);
    fs::create_dir_all(base.path().join("middle/links")).unwrap();
    symlink("../only", base.path().join("middle/links/to")).unwrap();
    let whiteout = |path: &str| {
        rustix::fs::mknodat(CWD, base.path().join(path), rustix::fs::FileType::CharacterDevice, Mode::empty(), 0)
            .unwrap();
    };
    whiteout("top/gone");
    whiteout("middle/again");
    let mark = |path: &str, name: &str, value: &[u8]| {
        rustix::fs::setxattr(base.path().join(path), name, value, XattrFlags::empty()).unwrap();
    };
    mark("top/opaque", "trusted.overlay.opaque", b"y");
    let found = |path: &str| {
        let found = sole(&layers, &[PathBuf::from(path)], OverlayFlavor::Trusted)?;
        Some(found.file_name().unwrap().to_str().unwrap().to_owned())
    };
    let cases = [
        ("", None),
        ("both", None),
        ("both/x", Some("top")),
        ("both/y", Some("bottom")),
        ("only", Some("top")),
        ("deep", None),
        ("deep/a", None),
        ("deep/a/b", Some("bottom")),
        ("deep/a/c", Some("middle")),
        ("deep/file", Some("top")),
        ("deep/file/x", None),
        ("opaque", Some("top")),
        ("opaque/y", None),
        ("gone", None),
        ("gone/x", None),
        ("file", Some("middle")),
        ("file/x", None),
        ("again", Some("top")),
        ("again/y", None),
        ("links", Some("middle")),
        ("links/to", None),
        ("links/to/x", None),
        ("nowhere", None),
        ("strange", Some("middle")),
    ];
    for (path, expected) in cases {
        assert_eq!(found(path).as_deref(), expected, "{path}");
    }
    let of = |paths: &[&str]| {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        sole(&layers, &paths, OverlayFlavor::Trusted).is_some()
    };
    assert!(of(&["only", "both/x"]) && !of(&["only", "links"]) && !of(&[]));
    // The marks of a user's mounts mean nothing here, and marks that are not known mean that the kernel is asked.
    mark("middle/links", "user.overlay.opaque", b"x");
    assert!(of(&["links"]));
    mark("middle/strange", "trusted.overlay.opaque", b"x");
    assert!(!of(&["strange"]));
    mark("bottom", "trusted.overlay.opaque", b"x");
    assert!(!of(&["only"]));
}
