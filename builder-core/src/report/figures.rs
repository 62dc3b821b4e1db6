//! The figures of a report.

use serde::Serialize;

use super::analysis::{Analysis, File, Waste};
use super::paths::NO_LAYER;
use crate::digest::Digest;
use crate::image::{HistoryRow, ImageView, history};

/// An image's bytes. Layers are numbered from 1, bottom first.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ImageReport {
    /// The digest of the manifest.
    pub digest: Digest,
    /// The platform.
    pub platform: String,
    /// The bytes of the layers' blobs.
    pub stored: u64,
    /// The bytes of all files of all layers.
    pub bytes: u64,
    /// Those that the root filesystem shows, hard links counted once.
    pub kept: u64,
    /// Those that later layers deleted or replaced.
    pub wasted: u64,
    /// As `dive` defines it: for each path the smallest size that a layer has it with (0 where a layer deletes it),
    /// divided by all sizes that layers have it with; 1 where there are no bytes.
    pub efficiency: f64,
    /// The layers, bottom first.
    pub layers: Vec<LayerFigures>,
    /// What is wasted, the most bytes first.
    pub waste: Vec<WasteFigure>,
    /// The biggest files of all layers.
    pub biggest: Vec<FileFigure>,
}

/// A layer's bytes.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LayerFigures {
    /// Its number.
    pub number: usize,
    /// The digest of its blob.
    pub digest: Digest,
    /// Its diff ID.
    pub diff_id: Digest,
    /// By what instruction it was made; empty where nobody says.
    pub created_by: String,
    /// When it was made, RFC 3339; empty where nobody says.
    pub created: String,
    /// The bytes of its blob.
    pub stored: u64,
    /// The bytes of its files.
    pub bytes: u64,
    /// Those that the root filesystem of the image shows.
    pub kept: u64,
    /// Those that this layer or a later one deleted or replaced.
    pub wasted: u64,
    /// Its entries, whiteouts included.
    pub entries: u64,
    /// Its directories.
    pub directories: u64,
    /// Its files, links and the like, in places where nothing was.
    pub added: u64,
    /// Those in the place of something that layers below have.
    pub changed: u64,
    /// What layers below have and this one deletes, directories aside.
    pub hidden: u64,
    /// The bytes of layers below that this one deletes or replaces.
    pub hidden_bytes: u64,
    /// Its whiteouts of single names.
    pub whiteouts: u64,
    /// Its directories that hide all of what layers below have in them.
    pub opaque: u64,
    /// Its biggest files.
    pub biggest: Vec<FileFigure>,
}

/// A file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FileFigure {
    /// Its path, from `/`; what is no UTF-8 is replaced.
    pub path: String,
    /// Its bytes.
    pub bytes: u64,
    /// The layer that has it.
    pub layer: usize,
    /// The layer that deleted or replaced it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_by: Option<usize>,
}

/// How something was hidden.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hidden {
    /// It was deleted.
    Deleted,
    /// Something else came to its place.
    Replaced,
}

/// Bytes that a layer has for nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct WasteFigure {
    /// What was deleted or replaced, from `/`; directories end in `/`.
    pub path: String,
    /// How many files that are.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The layer that has them.
    pub layer: usize,
    /// The layer that made them useless.
    pub hidden_by: usize,
    /// How.
    pub how: Hidden,
}

/// By what a layer was made; of one that no instruction made, what is said of it.
fn made_by(row: &HistoryRow) -> String {
    if row.created_by.is_empty() { row.comment.clone() } else { row.created_by.clone() }
}

/// The number of a layer as people count.
fn number(layer: u16) -> usize {
    usize::from(layer) + 1
}

impl Analysis {
    /// Draws the figures up, with at most `top` files and paths in each list.
    pub fn report(&self, image: &ImageView, top: usize) -> ImageReport {
        let mut rows: Vec<HistoryRow> = history(image).into_iter().filter(|row| row.diff_id.is_some()).collect();
        rows.reverse();
        let ordered = self.by_size();
        let layers = image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids).enumerate();
        let layers: Vec<LayerFigures> = layers
            .map(|(index, (blob, diff_id))| {
                let row = rows.get(index);
                LayerFigures {
                    digest: blob.digest,
                    diff_id: *diff_id,
                    created_by: row.map(made_by).unwrap_or_default(),
                    created: row.map(|row| row.created.clone()).unwrap_or_default(),
                    stored: blob.size,
                    biggest: self.biggest(ordered.iter().filter(|file| usize::from(file.layer) == index), top),
                    ..self.layer_figures(index, *diff_id)
                }
            })
            .collect();
        let sum = |of: fn(&LayerFigures) -> u64| layers.iter().map(of).fold(0, u64::saturating_add);
        ImageReport {
            digest: image.digest,
            platform: image.config.platform().to_string(),
            stored: sum(|layer| layer.stored),
            bytes: sum(|layer| layer.bytes),
            kept: sum(|layer| layer.kept),
            wasted: sum(|layer| layer.wasted),
            efficiency: self.efficiency(),
            waste: self.waste(top),
            biggest: self.biggest(ordered.iter(), top),
            layers,
        }
    }

    fn layer_figures(&self, index: usize, id: Digest) -> LayerFigures {
        let counts = self.counts.get(index).copied().unwrap_or_default();
        let own = || self.files.iter().filter(|file| usize::from(file.layer) == index);
        let sum = |wasted: bool| {
            own().filter(|file| file.is_wasted() == wasted).map(|file| file.size).fold(0, u64::saturating_add)
        };
        let (kept, wasted) = (sum(false), sum(true));
        LayerFigures {
            number: index + 1,
            digest: id,
            diff_id: id,
            created_by: String::new(),
            created: String::new(),
            stored: 0,
            bytes: kept.saturating_add(wasted),
            kept,
            wasted,
            entries: counts.entries,
            directories: counts.directories,
            added: counts.added,
            changed: counts.changed,
            hidden: counts.hidden,
            hidden_bytes: counts.hidden_bytes,
            whiteouts: counts.whiteouts,
            opaque: counts.opaque,
            biggest: Vec::new(),
        }
    }

    /// Returns the efficiency as `dive` defines it, see [`ImageReport::efficiency`].
    #[expect(clippy::cast_precision_loss, reason = "a figure with three digits")]
    pub fn efficiency(&self) -> f64 {
        let (mut smallest, mut all) = (0_u128, 0_u128);
        for node in self.paths.nodes().iter().filter(|node| node.all > 0) {
            smallest += u128::from(node.smallest);
            all += u128::from(node.all);
        }
        if all == 0 { 1.0 } else { smallest as f64 / all as f64 }
    }

    /// Returns the bytes of the root filesystem.
    pub fn kept(&self) -> u64 {
        self.files.iter().filter(|file| !file.is_wasted()).map(|file| file.size).fold(0, u64::saturating_add)
    }

    /// The figures of one layer, without what only its image knows.
    #[cfg(test)]
    pub(super) fn figures_of(&self, index: usize) -> LayerFigures {
        self.layer_figures(index, Digest::of(b""))
    }

    /// All waste.
    #[cfg(test)]
    pub(super) fn waste_figures(&self) -> Vec<WasteFigure> {
        self.waste(usize::MAX)
    }

    /// All files that have bytes, the biggest first; of equals the lower layer's, by path.
    fn by_size(&self) -> Vec<&File> {
        let mut files: Vec<&File> = self.files.iter().filter(|file| file.size > 0).collect();
        files.sort_by_key(|file| (std::cmp::Reverse(file.size), file.layer, file.node));
        files
    }

    fn biggest<'f>(&self, files: impl Iterator<Item = &'f &'f File>, top: usize) -> Vec<FileFigure> {
        let figure = |file: &&File| FileFigure {
            path: self.shown(file.node, false),
            bytes: file.size,
            layer: number(file.layer),
            hidden_by: (file.hidden_by != NO_LAYER).then(|| number(file.hidden_by)),
        };
        files.take(top).map(figure).collect()
    }

    fn waste(&self, top: usize) -> Vec<WasteFigure> {
        let mut parts: Vec<&Waste> = self.waste.iter().filter(|part| part.bytes > 0).collect();
        parts.sort_by_key(|part| (std::cmp::Reverse(part.bytes), part.layer, part.node));
        let figure = |part: &Waste| WasteFigure {
            path: self.shown(part.node, part.is_directory),
            files: part.files,
            bytes: part.bytes,
            layer: number(part.layer),
            hidden_by: number(part.hidden_by),
            how: if part.is_replaced { Hidden::Replaced } else { Hidden::Deleted },
        };
        parts.into_iter().take(top).map(figure).collect()
    }

    fn shown(&self, node: u32, is_directory: bool) -> String {
        let path = self.paths.path(node);
        let end = if is_directory && !path.is_empty() { "/" } else { "" };
        format!("/{}{end}", String::from_utf8_lossy(&path))
    }
}
