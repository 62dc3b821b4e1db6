//! What a container would see: the layers of an image, one on the other.

use std::collections::BTreeMap;

use super::image::{Entry, Image};

/// The root filesystem of an image by path, whiteouts and replaced files taken out.
pub struct Tree(pub BTreeMap<String, Entry>);

impl Tree {
    /// Puts the layers of an image on each other.
    #[track_caller]
    pub fn of(image: &Image) -> Self {
        let mut tree = Self(BTreeMap::new());
        for index in 0..image.layer_count() {
            let entries = image.layer(index);
            for entry in &entries {
                tree.hide(&entry.path);
            }
            for entry in entries {
                tree.put(entry);
            }
        }
        tree
    }

    fn hide(&mut self, path: &str) {
        let (parent, name) = path.rsplit_once('/').map_or(("", path), |(parent, name)| (parent, name));
        let join = |name: &str| if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") };
        if name == ".wh..wh..opq" {
            self.0.retain(|path, _| !is_below(path, parent));
        } else if let Some(hidden) = name.strip_prefix(".wh.") {
            let hidden = join(hidden);
            self.0.retain(|path, _| *path != hidden && !is_below(path, &hidden));
        }
    }

    fn put(&mut self, entry: Entry) {
        if entry.path.rsplit('/').next().is_some_and(|name| name.starts_with(".wh.")) {
            return;
        }
        if entry.kind != 'd' {
            self.0.retain(|path, _| !is_below(path, &entry.path));
        }
        self.0.insert(entry.path.clone(), entry);
    }

    /// One line an entry: `d 0755 0:0 path`, `f 0644 0:0 path=content`, `l path->target`.
    pub fn lines(&self) -> Vec<String> {
        self.0.values().map(line).collect()
    }

    /// The lines of everything below a directory.
    pub fn below(&self, directory: &str) -> Vec<String> {
        self.0.values().filter(|entry| is_below(&entry.path, directory)).map(line).collect()
    }

    /// The line of one path.
    #[track_caller]
    pub fn line(&self, path: &str) -> String {
        line(self.0.get(path).unwrap_or_else(|| panic!("no `{path}` in {:#?}", self.lines())))
    }
}

fn is_below(path: &str, directory: &str) -> bool {
    directory.is_empty() || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

fn line(entry: &Entry) -> String {
    let Entry { path, kind, mode, uid, gid, link, .. } = entry;
    match kind {
        'l' => format!("l {path}->{link}"),
        'h' => format!("h {path}={link}"),
        'f' => format!("f {mode:04o} {uid}:{gid} {path}={}", String::from_utf8_lossy(&entry.content).trim_end()),
        kind => format!("{kind} {mode:04o} {uid}:{gid} {path}"),
    }
}

/// The `created_by` of the last entry of an image's history.
#[track_caller]
pub fn last_step(image: &Image) -> String {
    let history = image.config["history"].as_array().expect("history");
    history.last().expect("an entry")["created_by"].as_str().expect("text").to_owned()
}
