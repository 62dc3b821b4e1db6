//! A look inside an image that came out: its config, and its layers as lists of entries.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// One entry of a layer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The path without a leading slash.
    pub path: String,
    /// `f`, `d`, `l`, `h`, `p`, `c` or `b`.
    pub kind: char,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Whole seconds since 1970.
    pub mtime: u64,
    /// Target of a link.
    pub link: String,
    /// Content of a file.
    pub content: Vec<u8>,
}

/// An image read from an OCI layout directory.
pub struct Image {
    layout: PathBuf,
    /// The manifest.
    pub manifest: Value,
    /// The config.
    pub config: Value,
    /// The digest of the manifest.
    pub digest: String,
}

impl Image {
    /// Reads the image with this `org.opencontainers.image.ref.name`.
    #[track_caller]
    pub fn open(layout: &Path, name: &str) -> Self {
        let index: Value = json(&layout.join("index.json"));
        let descriptor = index["manifests"]
            .as_array()
            .expect("manifests")
            .iter()
            .find(|descriptor| descriptor["annotations"]["org.opencontainers.image.ref.name"] == name)
            .unwrap_or_else(|| panic!("no image `{name}` in {index:#}"));
        let digest = descriptor["digest"].as_str().expect("digest").to_owned();
        let manifest = json(&blob(layout, &digest));
        let config = json(&blob(layout, manifest["config"]["digest"].as_str().expect("config digest")));
        Self { layout: layout.to_owned(), manifest, config, digest }
    }

    /// The number of layers.
    pub fn layer_count(&self) -> usize {
        self.manifest["layers"].as_array().expect("layers").len()
    }

    /// The entries of a layer, in the order of the archive.
    #[track_caller]
    pub fn layer(&self, index: usize) -> Vec<Entry> {
        let descriptor = &self.manifest["layers"][index];
        let file = File::open(blob(&self.layout, descriptor["digest"].as_str().expect("digest"))).expect("layer");
        entries(builder_core::layer::compression::decompress(file).expect("layer"))
    }

    /// The paths of a layer.
    #[track_caller]
    pub fn paths(&self, index: usize) -> Vec<String> {
        self.layer(index).into_iter().map(|entry| entry.path).collect()
    }

    /// The content of a file in the topmost layer that has it.
    #[track_caller]
    pub fn file(&self, path: &str) -> String {
        let entry = (0..self.layer_count()).rev().flat_map(|index| self.layer(index)).find(|entry| entry.path == path);
        String::from_utf8(entry.unwrap_or_else(|| panic!("no `{path}`")).content).expect("text")
    }
}

/// Reads all entries of a tar archive.
#[track_caller]
pub fn entries(reader: impl Read) -> Vec<Entry> {
    let mut archive = tar::Archive::new(reader);
    let mut found = Vec::new();
    for entry in archive.entries().expect("tar") {
        let mut entry = entry.expect("entry");
        let path = entry.path().expect("path").to_string_lossy().trim_end_matches('/').to_owned();
        let link = entry.link_name().expect("link").map(|l| l.to_string_lossy().into_owned()).unwrap_or_default();
        let header = entry.header();
        let kind = match header.entry_type() {
            tar::EntryType::Directory => 'd',
            tar::EntryType::Symlink => 'l',
            tar::EntryType::Link => 'h',
            tar::EntryType::Fifo => 'p',
            tar::EntryType::Char => 'c',
            tar::EntryType::Block => 'b',
            _ => 'f',
        };
        let (mode, uid, gid) = (header.mode().expect("mode"), header.uid().expect("uid"), header.gid().expect("gid"));
        let mtime = header.mtime().expect("mtime");
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("content");
        found.push(Entry { path, kind, mode, uid, gid, mtime, link, content });
    }
    found
}

fn blob(layout: &Path, digest: &str) -> PathBuf {
    layout.join("blobs").join(digest.replace(':', "/"))
}

#[track_caller]
fn json(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("json")
}
