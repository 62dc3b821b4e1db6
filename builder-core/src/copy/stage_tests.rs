//! A stage is read through the overlay of its layers, or straight from the one layer that has what is wanted. Keys and
//! layers must be the same, bit by bit, whichever way is taken.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use rustix::fs::{CWD, FileType, Mode, XattrFlags};

use super::tests::{digest_of, is_root, paths};
use super::*;
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::layer::OverlayFlavor;
use crate::snapshot::{CommitOptions, Snapshots, WrittenLayer};
use crate::store::{Owner, Store, StoreOptions};

fn through(mount: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", mount.as_raw_fd()))
}

/// A store with a chain of layers.
struct Stage {
    snapshots: Snapshots,
    chain: Vec<Digest>,
    _directory: tempfile::TempDir,
}

impl Stage {
    fn new(flavor: OverlayFlavor) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = StoreOptions { root: directory.path().join("store"), owner: Owner::Root };
        let snapshots = Snapshots::new(Store::open(&options).unwrap(), flavor);
        Self { snapshots, chain: Vec::new(), _directory: directory }
    }

    /// Adds a layer: a step in the root filesystem, then in the directory that the layer is made of.
    fn layer(&mut self, step: impl FnOnce(&Path), behind: impl FnOnce(&Path)) {
        let active = self.snapshots.begin(&self.chain).unwrap();
        step(&through(&active.mount(None).unwrap()));
        behind(active.upper());
        let layer = active.commit(&CommitOptions::default(), &CancelToken::new()).unwrap();
        self.chain.push(layer.diff_id);
    }

    /// All that comes of a copy: its digests, and the layers that it makes, either way.
    fn copied(&self, view: OwnedFd, sources: &[&str], exclude: &[String]) -> String {
        let root = RootDir::from_fd(view);
        let (tree, sources, cancel) = (CopyTree::Filesystem(&root), paths(sources), CancelToken::new());
        let selection = Selection::find(&tree, &sources, exclude, &cancel).unwrap();
        let content = content_digest(&tree, &sources, &selection, &cancel).unwrap();
        let times = times_digest(&selection, 1_000_000_000);
        let request = |root| CopyRequest { created_mtime: Some(7), ..CopyRequest::new(tree, &sources, root, "/to/") };

        let active = self.snapshots.begin(&[]).unwrap();
        let upper = RootDir::open(active.upper()).unwrap();
        run(&request(&upper), &selection, &cancel).unwrap();
        let laid_out = active.commit(&CommitOptions::default(), &cancel).unwrap().diff_id;

        let active = self.snapshots.begin(&[]).unwrap();
        let upper = RootDir::open(active.upper()).unwrap();
        let grafted = graft(request(&upper), &selection, &cancel).unwrap().map(|graft| {
            let graft = graft.learning();
            let layer = active
                .commit_graft(&graft, None, &cancel)
                .and_then(WrittenLayer::publish)
                .map(|layer| layer.diff_id)
                .ok();
            (layer, graft.content_digest())
        });
        format!("{content:?} {times:?} {laid_out} {grafted:?}")
    }
}

fn fill(root: &Path) {
    let at = |name: &str| root.join(name);
    fs::create_dir_all(at("tree/d/deep")).unwrap();
    fs::create_dir(at("tree/empty")).unwrap();
    for name in ["tree/f", "tree/d/g", "tree/d/deep/h", "outside"] {
        fs::write(at(name), name.repeat(50)).unwrap();
    }
    fs::write(at("tree/large"), vec![7; 3 << 20]).unwrap();
    fs::hard_link(at("tree/f"), at("tree/d/same")).unwrap();
    fs::hard_link(at("outside"), at("tree/d/half")).unwrap();
    symlink("/base/x", at("tree/absolute")).unwrap();
    symlink("../../../../base/x", at("tree/d/climber")).unwrap();
    fs::set_permissions(at("tree/f"), fs::Permissions::from_mode(0o4751)).unwrap();
    fs::set_permissions(at("tree/d"), fs::Permissions::from_mode(0o2770)).unwrap();
    std::os::unix::fs::chown(at("tree/d/g"), Some(3), Some(4)).unwrap();
    let old = fs::File::options().write(true).open(at("tree/d/g")).unwrap();
    old.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(500)).unwrap();
    drop(UnixListener::bind(at("tree/socket")).unwrap());
    // What stood there is gone, with all that was in it.
    fs::remove_dir_all(at("old")).unwrap();
    fs::create_dir(at("old")).unwrap();
    fs::write(at("old/z"), "z").unwrap();
    fs::remove_file(at("base/gone")).unwrap();
    fs::create_dir(at("nodes")).unwrap();
    for (name, kind) in [("fifo", FileType::Fifo), ("null", FileType::CharacterDevice)] {
        let device = if name == "null" { rustix::fs::makedev(1, 3) } else { 0 };
        rustix::fs::mknodat(CWD, at("nodes").join(name), kind, Mode::from_raw_mode(0o600), device).unwrap();
    }
}

#[test]
fn what_one_layer_has_alone_is_copied_as_through_the_overlay() {
    if !is_root("what_one_layer_has_alone_is_copied_as_through_the_overlay") {
        return;
    }
    for (flavor, marks) in [(OverlayFlavor::Trusted, "trusted.overlay."), (OverlayFlavor::User, "user.overlay.")] {
        let mut stage = Stage::new(flavor);
        let bottom = |root: &Path| {
            for name in ["base/x", "base/gone", "old/y"] {
                fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
                fs::write(root.join(name), "bottom").unwrap();
            }
        };
        stage.layer(bottom, |_| {});
        let behind = |upper: &Path| {
            let mark = |name: &str, attribute: &str| {
                let attributes = XattrFlags::empty();
                rustix::fs::setxattr(upper.join(name), attribute, b"value", attributes).unwrap();
            };
            // The overlay's own marks, which kernels leave behind, and others.
            for name in ["tree", "tree/f", "tree/d", "tree/d/deep/h"] {
                mark(name, &format!("{marks}origin"));
                mark(name, &format!("{marks}impure"));
            }
            mark("tree/d/g", "user.kept");
            mark("tree/d/deep", "user.kept");
            // A whiteout of nothing.
            let (kind, mode) = (FileType::CharacterDevice, Mode::empty());
            rustix::fs::mknodat(CWD, upper.join("old/stale"), kind, mode, 0).unwrap();
        };
        stage.layer(fill, behind);
        stage.layer(|root| fs::write(root.join("base/top"), "top").unwrap(), |_| {});

        let exclude = |patterns: &[&str]| patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>();
        let cases: &[(&[&str], &[&str], bool)] = &[
            (&["tree"], &[], true),
            (&["/tree/./d/../d/"], &["deep/h"], true),
            (&["tree"], &["**/d*", "!d/deep"], true),
            (&["old"], &[], true),
            (&["tree/d/g"], &[], true),
            (&["tree/f", "tree/d", "old", "nodes"], &[], true),
            (&["base/x"], &[], true),
            (&["base"], &[], false),
            (&["base/x", "tree"], &[], false),
            (&["tree/absolute"], &[], false),
            (&["tree/*"], &[], false),
            (&["."], &[], false),
        ];
        for (sources, patterns, is_alone) in cases {
            let snapshots = &stage.snapshots;
            let overlay = snapshots.view(&stage.chain).unwrap();
            let view = match plain_paths(&paths(sources)) {
                Some(plain) => snapshots.view_of(&stage.chain, &plain).unwrap(),
                None => snapshots.view(&stage.chain).unwrap(),
            };
            let on_disk = |view: &OwnedFd| {
                let disk = fs::metadata(stage.snapshots.store().root()).unwrap().dev();
                fs::metadata(through(view)).unwrap().dev() == disk
            };
            assert!(!on_disk(&overlay));
            assert_eq!(on_disk(&view), *is_alone, "{sources:?}");
            let exclude = exclude(patterns);
            let (direct, through) = (stage.copied(view, sources, &exclude), stage.copied(overlay, sources, &exclude));
            assert_eq!(direct, through, "{sources:?}");
        }
        let digest = |view| digest_of(&CopyTree::Filesystem(&RootDir::from_fd(view)), &paths(&["tree"]));
        let view = stage.snapshots.view_of(&stage.chain, &["tree".into()]).unwrap();
        assert!(fs::write(through(&view).join("new"), "").is_err(), "it is read only");
        let paths: Vec<PathBuf> = digest(view).sources.remove(0).entries.into_iter().map(|entry| entry.path).collect();
        assert!(paths.contains(&"tree/d/climber".into()) && paths.len() == 13, "{paths:?}");
    }
}
