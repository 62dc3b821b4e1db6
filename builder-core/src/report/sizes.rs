//! The bytes of layers by directory, as a tree that is small enough for a picture.

use std::collections::HashMap;

use serde::Serialize;

use super::analysis::Analysis;
use super::paths::{NO_LAYER, ROOT};

/// What a part of a picture stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SizeKind {
    /// A layer: the root of its files.
    Layer,
    /// A directory.
    Directory,
    /// A file.
    File,
    /// All that is too small to be shown by itself.
    Rest,
}

/// A part of a picture.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SizeNode {
    /// The part that it is in, by its place in the list; none for a layer.
    pub parent: Option<usize>,
    /// The layer, from 1.
    pub layer: usize,
    /// What it stands for.
    pub kind: SizeKind,
    /// Its name, empty for a layer and for what is not shown by itself; what is no UTF-8 is replaced.
    pub name: String,
    /// Its bytes, and of those that are below it.
    pub bytes: u64,
    /// How many of them are wasted.
    pub wasted: u64,
    /// The number of files.
    pub files: u64,
    /// Of a file: the layer that deleted or replaced it.
    pub hidden_by: Option<usize>,
}

/// The parts of a picture, each after the one that it is in; one for each layer, bottom first, at the least.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SizeTree {
    /// The parts.
    pub nodes: Vec<SizeNode>,
}

/// Sums of what one layer has at or below a path.
#[derive(Clone, Copy, Default)]
struct Sum {
    bytes: u64,
    wasted: u64,
    files: u64,
    depth: u32,
    hidden_by: Option<u16>,
    /// How many of the files are at the path itself.
    own_files: u64,
}

impl Sum {
    /// Whether it is a file, and was no directory before in the same layer.
    fn is_file(&self) -> bool {
        self.own_files == self.files
    }
}

impl Analysis {
    /// Returns the bytes by layer and directory, with at most `limit` files and directories; what is smaller than
    /// those is put together, directory by directory.
    pub fn sizes(&self, limit: usize) -> SizeTree {
        let sums = self.sums();
        let mut chosen: Vec<((u16, u32), Sum)> = sums
            .iter()
            .filter(|((_, node), sum)| *node != ROOT && sum.bytes > 0)
            .map(|(key, sum)| (*key, *sum))
            .collect();
        // A directory is at least as large as what is in it: with it first, everything that is chosen has its place.
        chosen.sort_by_key(|((layer, node), sum)| (std::cmp::Reverse(sum.bytes), sum.depth, *layer, *node));
        chosen.truncate(limit);
        let mut nodes = Vec::new();
        let mut places: HashMap<(u16, u32), usize> = HashMap::new();
        for layer in 0..u16::try_from(self.counts.len()).unwrap_or(NO_LAYER) {
            let sum = sums.get(&(layer, ROOT)).copied().unwrap_or_default();
            places.insert((layer, ROOT), nodes.len());
            nodes.push(node(None, layer, SizeKind::Layer, String::new(), &sum));
        }
        let mut rests: Vec<Sum> = nodes.iter().map(rest_of).collect();
        for ((layer, id), sum) in chosen {
            let Some(parent) = places.get(&(layer, self.paths.node(id).parent)).copied() else { continue };
            places.insert((layer, id), nodes.len());
            let kind = if sum.is_file() { SizeKind::File } else { SizeKind::Directory };
            let name = String::from_utf8_lossy(self.paths.name(id)).into_owned();
            nodes.push(node(Some(parent), layer, kind, name, &sum));
            rests.push(if sum.is_file() { Sum::default() } else { sum });
            let rest = &mut rests[parent];
            rest.bytes = rest.bytes.saturating_sub(sum.bytes);
            rest.wasted = rest.wasted.saturating_sub(sum.wasted);
            rest.files = rest.files.saturating_sub(sum.files);
        }
        for (parent, rest) in rests.iter().enumerate().filter(|(_, rest)| rest.bytes > 0) {
            let layer = u16::try_from(nodes[parent].layer - 1).unwrap_or(NO_LAYER);
            nodes.push(node(Some(parent), layer, SizeKind::Rest, String::new(), rest));
        }
        SizeTree { nodes }
    }

    /// What each layer has at and below each path.
    fn sums(&self) -> HashMap<(u16, u32), Sum> {
        let mut sums: HashMap<(u16, u32), Sum> = HashMap::new();
        for file in &self.files {
            let depth = |mut id: u32| {
                let mut depth = 0;
                while id != ROOT {
                    depth += 1;
                    id = self.paths.node(id).parent;
                }
                depth
            };
            let (mut id, mut depth) = (file.node, depth(file.node));
            loop {
                let sum = sums.entry((file.layer, id)).or_default();
                sum.bytes = sum.bytes.saturating_add(file.size);
                sum.wasted = sum.wasted.saturating_add(if file.is_wasted() { file.size } else { 0 });
                sum.files += 1;
                sum.depth = depth;
                if id == file.node {
                    sum.own_files += 1;
                    sum.hidden_by = Some(file.hidden_by).filter(|layer| *layer != NO_LAYER);
                }
                if id == ROOT {
                    break;
                }
                id = self.paths.node(id).parent;
                depth -= 1;
            }
        }
        sums
    }
}

fn node(parent: Option<usize>, layer: u16, kind: SizeKind, name: String, sum: &Sum) -> SizeNode {
    SizeNode {
        parent,
        layer: usize::from(layer) + 1,
        kind,
        name,
        bytes: sum.bytes,
        wasted: sum.wasted,
        files: sum.files,
        hidden_by: sum.hidden_by.filter(|_| kind == SizeKind::File).map(|layer| usize::from(layer) + 1),
    }
}

fn rest_of(node: &SizeNode) -> Sum {
    Sum { bytes: node.bytes, wasted: node.wasted, files: node.files, ..Sum::default() }
}
