//! What came of a build, as text.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::base::Known;
use crate::case::{Compare, Part};
use crate::listing::Tree;

const COMMENT: &str = "buildkit.dockerfile.v0";

/// What came of a build.
pub enum Outcome {
    /// The images, one for each platform.
    Images(Vec<Listing>),
    /// What a failed build said.
    Failed(String),
}

/// An image as text, by part.
pub struct Listing {
    platform: String,
    parts: BTreeMap<&'static str, String>,
}

const PARTS: [(&str, Part); 5] = [
    ("files", Part::Files),
    ("times", Part::Times),
    ("layers", Part::Layers),
    ("config", Part::Config),
    ("history", Part::History),
];

impl Outcome {
    /// The text that is compared and kept.
    pub fn text(&self, compare: &Compare) -> String {
        match self {
            Self::Failed(message) => format!("failed:\n{}\n", message.trim_end()),
            Self::Images(images) => images.iter().map(|image| image.text(compare, images.len() > 1)).collect(),
        }
    }
}

impl Listing {
    fn text(&self, compare: &Compare, several: bool) -> String {
        let mut text = String::new();
        if several || self.platform != "linux/amd64" {
            text += &format!("platform {}:\n", self.platform);
        }
        for (name, part) in PARTS {
            if compare.has(part) {
                text += &format!("{name}:\n{}", self.parts[name]);
            }
        }
        text
    }
}

fn json(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("json")
}

/// An OCI layout, and one manifest or index in it.
pub struct Layout {
    directory: PathBuf,
    top: Value,
}

impl Layout {
    /// Opens a layout; `name` is the image's where the layout has several.
    pub fn open(directory: &Path, name: Option<&str>) -> Self {
        let index = json(&directory.join("index.json"));
        let manifests = index["manifests"].as_array().expect("manifests");
        let named =
            |top: &&Value| name.is_none_or(|name| top["annotations"]["org.opencontainers.image.ref.name"] == name);
        let top = manifests.iter().find(named).unwrap_or_else(|| panic!("no {name:?} in {index:#}")).clone();
        Self { directory: directory.to_owned(), top }
    }

    fn blob(&self, descriptor: &Value) -> PathBuf {
        self.directory.join("blobs").join(descriptor["digest"].as_str().expect("digest").replace(':', "/"))
    }

    fn manifests(&self) -> Vec<Value> {
        let top = json(&self.blob(&self.top));
        match top["manifests"].as_array() {
            None => vec![top],
            Some(list) => {
                let images = list.iter().filter(|one| one["annotations"]["vnd.docker.reference.type"].is_null());
                images.map(|one| json(&self.blob(one))).collect()
            }
        }
    }

    fn layer(&self, descriptor: &Value) -> Box<dyn Read> {
        let file = File::open(self.blob(descriptor)).expect("layer");
        if descriptor["mediaType"].as_str().expect("media type").ends_with("gzip") {
            return Box::new(flate2::read::GzDecoder::new(file));
        }
        Box::new(file)
    }

    /// What an image of nothing but the base has.
    pub fn known(&self) -> Known {
        let manifest = &self.manifests()[0];
        let config = json(&self.blob(&manifest["config"]));
        let layers = manifest["layers"].as_array().expect("layers");
        let mut tree = Tree::default();
        for layer in layers {
            tree.apply(self.layer(layer));
        }
        let history = config["history"].as_array().map_or(0, Vec::len);
        let diff_ids = config["rootfs"]["diff_ids"].as_array().expect("diff_ids").clone();
        Known { layers: layers.len(), history, tree, diff_ids }
    }

    /// The images as text.
    pub fn outcome(&self, base: &Known) -> Outcome {
        Outcome::Images(self.manifests().iter().map(|manifest| self.listing(manifest, base)).collect())
    }

    fn listing(&self, manifest: &Value, base: &Known) -> Listing {
        let config = json(&self.blob(&manifest["config"]));
        // An image without layers may have none.
        let diff_ids = config["rootfs"]["diff_ids"].as_array().map_or(&[][..], Vec::as_slice);
        let on_base = base.layers > 0 && diff_ids.starts_with(&base.diff_ids);
        let (skipped, before) = if on_base { (base.layers, base.tree.clone()) } else { (0, Tree::default()) };
        let mut tree = before.clone();
        let mut layers = String::new();
        let all = manifest["layers"].as_array().map_or(&[][..], Vec::as_slice);
        for (index, layer) in all.iter().enumerate().skip(skipped) {
            layers += &format!("layer {}\n{}", index - skipped + 1, tree.apply(self.layer(layer)));
        }
        let parts = BTreeMap::from([
            ("files", tree.changes(&before, false)),
            ("times", tree.changes(&before, true)),
            ("layers", layers),
            ("config", shown_config(&config)),
            ("history", shown_history(&config, if on_base { base.history } else { 0 }, all.len() - skipped)),
        ]);
        let platform: Vec<&str> = ["os", "architecture", "variant"]
            .iter()
            .filter_map(|key| config[key].as_str())
            .filter(|part| !part.is_empty())
            .collect();
        Listing { platform: platform.join("/"), parts }
    }
}

fn shown_config(config: &Value) -> String {
    let mut text = config["author"].as_str().map(|author| format!("author {author:?}\n")).unwrap_or_default();
    let mut fields: Vec<(&String, &Value)> = config["config"].as_object().expect("config").iter().collect();
    fields.sort_by_key(|(name, _)| *name);
    for (name, value) in fields {
        let mut value = value.clone();
        value.sort_all_objects();
        text += &format!("{name} {value}\n");
    }
    text
}

fn shown_history(config: &Value, skipped: usize, layers: usize) -> String {
    let mut text = String::new();
    let mut with_layer = 0;
    for entry in config["history"].as_array().into_iter().flatten().skip(skipped) {
        let empty = entry["empty_layer"] == true;
        with_layer += usize::from(!empty);
        let line = entry["created_by"].as_str().unwrap_or_default();
        text += &format!("{} {:?}", if empty { "-" } else { "+" }, line).replace("\\\"", "\"").replace("\\\\", "\\");
        if entry["comment"] != COMMENT {
            text += &format!(" comment {}", entry["comment"]);
        }
        text += "\n";
    }
    if with_layer != layers {
        text += &format!("{layers} layers\n");
    }
    text
}
