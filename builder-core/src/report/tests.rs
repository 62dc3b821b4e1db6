//! The arithmetic of layers, against a model that keeps a map of paths and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::read::{entries, lay_on};
use super::{Analysis, Entry, EntryKind, Hidden, ReportError, SizeKind};
use crate::cancel::CancelToken;
use crate::layer::LayerError;

/// An entry of a layer that is made up.
#[derive(Clone, Debug)]
enum Made {
    File(String, u64),
    Directory(String),
    HardLink(String, String),
    Whiteout(String),
    Opaque(String),
}

fn lay(analysis: &mut Analysis, made: &Made) -> Result<(), LayerError> {
    let whiteout = |path: &str| match path.rsplit_once('/') {
        Some((parent, name)) => format!("{parent}/.wh.{name}"),
        None => format!(".wh.{path}"),
    };
    let (kind, path, link, size) = match made {
        Made::File(path, size) => (EntryKind::File, path.clone(), "", *size),
        Made::Directory(path) => (EntryKind::Directory, format!("./{path}/"), "", 0),
        Made::HardLink(path, target) => (EntryKind::HardLink, path.clone(), target.as_str(), 0),
        Made::Whiteout(path) => (EntryKind::File, whiteout(path), "", 0),
        Made::Opaque(path) => (EntryKind::File, format!("{path}/.wh..wh..opq"), "", 0),
    };
    analysis.entry(&Entry { kind, path: path.as_bytes(), link: link.as_bytes(), size })
}

/// What a path is in the model; files by number.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Thing {
    Directory,
    File(usize),
}

#[derive(Default)]
struct Model {
    paths: BTreeMap<String, Thing>,
    /// Paths that the present layer made.
    own: BTreeSet<String>,
    sizes: Vec<u64>,
}

impl Model {
    fn below<'m>(&'m self, path: &'m str) -> impl Iterator<Item = String> + 'm {
        let inside = format!("{path}/");
        self.paths.keys().filter(move |other| *other == path || other.starts_with(&inside)).cloned()
    }

    fn remove(&mut self, path: &str) {
        let gone: Vec<String> = self.below(path).collect();
        for path in gone {
            self.paths.remove(&path);
        }
    }

    /// Removes what lower layers have at a path; directories stay that hold something of this one.
    fn hide(&mut self, path: &str) {
        let all: Vec<String> = self.below(path).collect();
        for path in all {
            let inside = format!("{path}/");
            let holds = self.own.contains(&path)
                || self.own.iter().any(|own| own.starts_with(&inside) && self.paths.contains_key(own));
            if !holds {
                self.paths.remove(&path);
            }
        }
    }

    fn put(&mut self, path: &str, thing: Thing) {
        for (end, _) in path.match_indices('/') {
            let parent = &path[..end];
            if !matches!(self.paths.get(parent), Some(Thing::Directory)) {
                self.remove(parent);
                self.paths.insert(parent.to_owned(), Thing::Directory);
                self.own.insert(parent.to_owned());
            }
        }
        if !(thing == Thing::Directory && self.paths.get(path) == Some(&Thing::Directory)) {
            self.remove(path);
        }
        self.paths.insert(path.to_owned(), thing);
        self.own.insert(path.to_owned());
    }

    /// Applies an entry; tells whether it can be one.
    fn apply(&mut self, made: &Made) -> bool {
        match made {
            Made::File(path, size) => {
                self.sizes.push(*size);
                self.put(path, Thing::File(self.sizes.len() - 1));
            }
            Made::Directory(path) => self.put(path, Thing::Directory),
            Made::HardLink(path, target) => {
                let Some(Thing::File(number)) = self.paths.get(target).copied() else { return false };
                let related = |one: &str, other: &str| one == other || one.starts_with(&format!("{other}/"));
                if related(path, target) || related(target, path) {
                    return false;
                }
                self.put(path, Thing::File(number));
            }
            Made::Whiteout(path) => self.hide(path),
            Made::Opaque(path) => {
                let inside = format!("{path}/");
                let children: Vec<String> = self
                    .paths
                    .keys()
                    .filter(|other| other.starts_with(&inside) && !other[inside.len()..].contains('/'))
                    .cloned()
                    .collect();
                for child in children {
                    self.hide(&child);
                }
            }
        }
        true
    }

    /// The bytes of the root filesystem, each file once.
    fn bytes(&self) -> u64 {
        let shown: BTreeSet<usize> = self
            .paths
            .values()
            .filter_map(|thing| match thing {
                Thing::File(number) => Some(*number),
                Thing::Directory => None,
            })
            .collect();
        shown.into_iter().map(|number| self.sizes[number]).sum()
    }
}

fn path() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop_oneof![Just("a"), Just("b"), Just("c")], 1..4).prop_map(|names| names.join("/"))
}

fn made() -> impl Strategy<Value = Made> {
    prop_oneof![
        4 => (path(), 0_u64..1000).prop_map(|(path, size)| Made::File(path, size)),
        2 => path().prop_map(Made::Directory),
        2 => (path(), path()).prop_map(|(path, target)| Made::HardLink(path, target)),
        2 => path().prop_map(Made::Whiteout),
        1 => path().prop_map(Made::Opaque),
    ]
}

proptest! {
    #[test]
    fn own_bytes_without_waste_are_the_root_filesystem(
        layers in proptest::collection::vec(proptest::collection::vec(made(), 0..14), 1..6)
    ) {
        let (mut analysis, mut model) = (Analysis::new(), Model::default());
        for layer in &layers {
            analysis.begin_layer().unwrap();
            model.own.clear();
            for made in layer {
                if model.apply(made) {
                    lay(&mut analysis, made).unwrap();
                }
            }
        }
        prop_assert_eq!(analysis.kept(), model.bytes());
        let figures: Vec<_> = (0..layers.len()).map(|index| analysis.figures_of(index)).collect();
        let sum = |of: fn(&super::LayerFigures) -> u64| figures.iter().map(of).sum::<u64>();
        prop_assert_eq!(sum(|layer| layer.bytes), model.sizes.iter().sum::<u64>());
        prop_assert_eq!(sum(|layer| layer.bytes) - sum(|layer| layer.wasted), model.bytes());
        prop_assert_eq!(sum(|layer| layer.kept), model.bytes());
        // Each wasted byte is in the list once, by whoever made it useless.
        let waste = analysis.waste_figures();
        prop_assert_eq!(waste.iter().map(|part| part.bytes).sum::<u64>(), sum(|layer| layer.wasted));
        for (index, layer) in figures.iter().enumerate() {
            let by = |wanted: bool| waste.iter()
                .filter(|part| part.hidden_by == index + 1 && (part.layer != index + 1) == wanted)
                .map(|part| part.bytes).sum::<u64>();
            prop_assert_eq!(by(true), layer.hidden_bytes);
        }
        prop_assert!((0.0..=1.0).contains(&analysis.efficiency()));
        // However small the picture is, its layers have all bytes, and its parts those of what they are in.
        for limit in [0, 2, 1000] {
            let tree = analysis.sizes(limit);
            let roots = tree.nodes.iter().filter(|node| node.parent.is_none());
            prop_assert_eq!(roots.map(|node| node.bytes).sum::<u64>(), sum(|layer| layer.bytes));
            for (index, node) in tree.nodes.iter().enumerate() {
                let inside = tree.nodes.iter().filter(|other| other.parent == Some(index));
                let (count, bytes) = inside.fold((0, 0), |(count, bytes), other| (count + 1, bytes + other.bytes));
                prop_assert!(count == 0 || bytes == node.bytes, "{:?}", node);
            }
            let shown = tree.nodes.iter().filter(|node| matches!(node.kind, SizeKind::File | SizeKind::Directory));
            prop_assert!(shown.count() <= limit);
        }
    }
}

/// Lays layers that are written as `+path size`, `/path`, `=path target`, `-path`, `!path`.
fn laid(layers: &[&[Made]]) -> Analysis {
    let mut analysis = Analysis::new();
    for layer in layers {
        analysis.begin_layer().unwrap();
        layer.iter().for_each(|made| lay(&mut analysis, made).unwrap());
    }
    analysis
}

fn file(path: &str, size: u64) -> Made {
    Made::File(path.to_owned(), size)
}

#[test]
fn what_later_layers_make_useless_is_named() {
    let gone = |path: &str| Made::Whiteout(path.to_owned());
    let analysis = laid(&[
        &[file("big", 1000), file("d/x", 10), file("d/e/y", 20), file("keep", 7)],
        &[file("big", 900), file("own", 3)],
        &[gone("d"), gone("own"), file("keep", 8), file("twice", 5), file("twice", 6)],
    ]);
    let waste: Vec<_> = analysis
        .waste_figures()
        .into_iter()
        .map(|part| (part.path, part.files, part.bytes, part.layer, part.hidden_by, part.how))
        .collect();
    assert_eq!(
        waste,
        [
            ("/big".to_owned(), 1, 1000, 1, 2, Hidden::Replaced),
            ("/d/".to_owned(), 2, 30, 1, 3, Hidden::Deleted),
            ("/keep".to_owned(), 1, 7, 1, 3, Hidden::Replaced),
            ("/twice".to_owned(), 1, 5, 3, 3, Hidden::Replaced),
            ("/own".to_owned(), 1, 3, 2, 3, Hidden::Deleted),
        ]
    );
    let third = analysis.figures_of(2);
    assert_eq!((third.added, third.changed, third.hidden, third.whiteouts), (1, 1, 3, 2));
    assert_eq!((third.bytes, third.kept, third.wasted, third.hidden_bytes), (19, 14, 5, 40));
    assert_eq!(analysis.kept(), 900 + 8 + 6);
    // big 900 of 1900, d/x 0 of 10, d/e/y 0 of 20, keep 7 of 15, own 0 of 3, twice 5 of 11.
    let expected = f64::from(900 + 7 + 5) / f64::from(1900 + 10 + 20 + 15 + 3 + 11);
    assert!((analysis.efficiency() - expected).abs() < 1e-12);
}

#[test]
fn a_file_is_there_as_long_as_it_has_a_name() {
    let link = |path: &str, target: &str| Made::HardLink(path.to_owned(), target.to_owned());
    let gone = |path: &str| Made::Whiteout(path.to_owned());
    let layers: [&[Made]; 3] = [&[file("a", 100), link("b", "a")], &[gone("a")], &[gone("b")]];
    assert_eq!(laid(&layers[..2]).kept(), 100);
    let all = laid(&layers);
    assert_eq!((all.kept(), all.waste_figures()[0].hidden_by), (0, 3));
}

#[test]
fn entries_go_where_links_of_lower_layers_lead() {
    let mut analysis = laid(&[&[file("usr/bin/tool", 10)]]);
    let symlink = |path: &'static str, link: &'static str| Entry {
        kind: EntryKind::Symlink,
        path: path.as_bytes(),
        link: link.as_bytes(),
        size: 0,
    };
    analysis.entry(&symlink("bin", "usr/bin")).unwrap();
    analysis.entry(&symlink("out", "../../../usr/bin/../bin")).unwrap();
    analysis.entry(&symlink("loop", "/loop")).unwrap();
    analysis.begin_layer().unwrap();
    lay(&mut analysis, &file("bin/tool", 11)).unwrap();
    lay(&mut analysis, &file("out/other", 12)).unwrap();
    assert_eq!((analysis.kept(), analysis.figures_of(1).changed), (23, 1));
    assert_eq!(analysis.waste_figures()[0].path, "/usr/bin/tool");
    let looped = lay(&mut analysis, &file("loop/x", 1));
    assert!(matches!(looped, Err(LayerError::TooManyLinks { .. })), "{looped:?}");
}

#[test]
fn what_is_no_layer_is_refused() {
    let mut analysis = laid(&[&[file("a", 1)]]);
    let mut refused =
        |kind, path: &[u8], link: &[u8]| analysis.entry(&Entry { kind, path, link, size: 0 }).unwrap_err();
    assert!(matches!(refused(EntryKind::File, b"../x", b""), LayerError::Escape { .. }));
    assert!(matches!(refused(EntryKind::File, &[b'x'; 256], b""), LayerError::Escape { .. }));
    assert!(matches!(refused(EntryKind::File, &b"x/".repeat(2049), b""), LayerError::Escape { .. }));
    assert!(matches!(refused(EntryKind::HardLink, b"b", b"c"), LayerError::MissingLinkTarget { .. }));
    let cut = [0x41; 700];
    let cancel = CancelToken::new();
    assert!(matches!(
        entries(&mut &cut[..], &mut |entry, size| lay_on(&mut analysis, entry, size), &cancel),
        Err(LayerError::Read(_))
    ));
    cancel.cancel();
    let cancelled = entries(&mut &cut[..], &mut |entry, size| lay_on(&mut analysis, entry, size), &cancel).unwrap_err();
    assert!(matches!(&cancelled, LayerError::Cancelled(_)), "{cancelled:?}");
    assert!(ReportError::Layer { digest: crate::digest::Digest::of(b""), source: cancelled }.is_cancelled());
}

#[test]
fn taking_the_same_away_again_and_again_takes_no_longer() {
    // Quadratic, this would take minutes.
    let mut analysis = Analysis::new();
    analysis.begin_layer().unwrap();
    for n in 0..20_000 {
        lay(&mut analysis, &file(&format!("d/{n}"), 1)).unwrap();
    }
    lay(&mut analysis, &file("d", 1)).unwrap();
    analysis.begin_layer().unwrap();
    for n in 0..20_000 {
        lay(&mut analysis, &file(&format!("e/{n}"), 1)).unwrap();
    }
    let begin = std::time::Instant::now();
    for _ in 0..20_000 {
        lay(&mut analysis, &Made::Directory("d".to_owned())).unwrap();
        lay(&mut analysis, &file("d", 1)).unwrap();
        lay(&mut analysis, &Made::Whiteout("e".to_owned())).unwrap();
        lay(&mut analysis, &Made::Opaque("e".to_owned())).unwrap();
    }
    assert!(begin.elapsed() < std::time::Duration::from_secs(10), "{:?}", begin.elapsed());
    assert_eq!(analysis.kept(), 20_001);
}
