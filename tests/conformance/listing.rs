//! A root filesystem as text: what the layers of an image come to, path by path.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Read;
use std::sync::Arc;

use builder_core::digest::Digest;
use tar::EntryType;

/// Longest text of a file that is shown as it is.
const SHOWN: usize = 2000;

/// The latest time that a case or the base sets, in seconds since 1970; what is later is the time of a build.
const LATEST_GIVEN: u64 = 1_600_000_000;

/// What a path is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    kind: char,
    mode: u32,
    uid: u64,
    gid: u64,
    mtime: u64,
    link: String,
    device: (u32, u32),
    xattrs: BTreeMap<String, Vec<u8>>,
    content: Arc<[u8]>,
    inode: usize,
}

/// A root filesystem by path.
#[derive(Clone, Default, Debug)]
pub struct Tree {
    nodes: BTreeMap<String, Node>,
    inodes: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    path: String,
    node: Node,
    hard_link: bool,
}

fn read_entry(mut entry: tar::Entry<'_, impl Read>) -> Entry {
    let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    let path = path.trim_start_matches("./").trim_matches('/').to_owned();
    let link = entry.link_name_bytes().map(|name| String::from_utf8_lossy(&name).into_owned()).unwrap_or_default();
    let mut xattrs = BTreeMap::new();
    if let Some(extensions) = entry.pax_extensions().expect("extensions") {
        for extension in extensions.flatten() {
            if let Some(name) = extension.key().ok().and_then(|key| key.strip_prefix("SCHILY.xattr.")) {
                xattrs.insert(name.to_owned(), extension.value_bytes().to_vec());
            }
        }
    }
    let header = entry.header().clone();
    let kind = match header.entry_type() {
        EntryType::Directory => 'd',
        EntryType::Symlink => 'l',
        EntryType::Fifo => 'p',
        EntryType::Char => 'c',
        EntryType::Block => 'b',
        _ => 'f',
    };
    let device = if matches!(kind, 'c' | 'b') {
        (header.device_major().unwrap().unwrap_or(0), header.device_minor().unwrap().unwrap_or(0))
    } else {
        (0, 0)
    };
    let mut content = Vec::new();
    entry.read_to_end(&mut content).expect("content");
    let node = Node {
        kind,
        mode: header.mode().expect("mode") & 0o7777,
        uid: header.uid().expect("uid"),
        gid: header.gid().expect("gid"),
        mtime: header.mtime().expect("mtime"),
        link,
        device,
        xattrs,
        content: content.into(),
        inode: 0,
    };
    Entry { path, node, hard_link: header.entry_type() == EntryType::Link }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

impl Tree {
    /// Puts a layer on top, and returns what the layer holds as text.
    pub fn apply(&mut self, layer: impl Read) -> String {
        let mut archive = tar::Archive::new(layer);
        let entries: Vec<Entry> =
            archive.entries().expect("tar").map(|entry| read_entry(entry.expect("entry"))).collect();
        let mut lines = Vec::new();
        for entry in &entries {
            let (parent, name) = split(&entry.path);
            if name == ".wh..wh..opq" {
                let children: Vec<String> = self.children(parent);
                lines.extend(children.iter().map(|child| format!("- /{child}")));
                for child in &children {
                    self.remove(child);
                }
            } else if let Some(hidden) = name.strip_prefix(".wh.") {
                let path = if parent.is_empty() { hidden.to_owned() } else { format!("{parent}/{hidden}") };
                self.remove(&path);
                lines.push(format!("- /{path}"));
            }
        }
        for Entry { path, mut node, hard_link } in entries {
            if split(&path).1.starts_with(".wh.") {
                continue;
            }
            if hard_link {
                let target = node.link.trim_start_matches("./").trim_start_matches('/');
                node = self.nodes.get(target).unwrap_or_else(|| panic!("{path}: no {target} to link to")).clone();
            } else {
                self.inodes += 1;
                node.inode = self.inodes;
            }
            lines.push(format!("{} /{path}", node.kind));
            if node.kind != 'd' || self.nodes.get(&path).is_some_and(|before| before.kind != 'd') {
                self.remove(&path);
            }
            self.nodes.insert(path, node);
        }
        // A file that replaces something needs no whiteout, and may have one.
        let added: BTreeSet<String> =
            lines.iter().filter(|line| !line.starts_with(['-', 'd'])).map(|line| line[2..].to_owned()).collect();
        lines.retain(|line| !line.starts_with('-') || !added.contains(&line[2..]));
        lines.sort_by(|a, b| a[2..].cmp(&b[2..]).then(a.cmp(b)));
        lines.dedup();
        lines.iter().fold(String::new(), |text, line| text + line + "\n")
    }

    fn children(&self, parent: &str) -> Vec<String> {
        let prefix = if parent.is_empty() { String::new() } else { format!("{parent}/") };
        let below = self.nodes.keys().filter_map(|path| path.strip_prefix(&prefix));
        let mut names: Vec<String> = below
            .filter(|rest| !rest.is_empty())
            .map(|rest| prefix.clone() + rest.split('/').next().unwrap_or(rest))
            .collect();
        names.dedup();
        names
    }

    fn remove(&mut self, path: &str) {
        let below = format!("{path}/");
        self.nodes.retain(|other, _| other != path && !other.starts_with(&below));
    }

    /// What was added, changed and removed since `base`, a line for each path.
    pub fn changes(&self, base: &Self, times: bool) -> String {
        let mut first_of: BTreeMap<usize, &str> = BTreeMap::new();
        let mut text = String::new();
        let mut paths: Vec<&String> = self.nodes.keys().chain(base.nodes.keys()).collect();
        paths.sort();
        paths.dedup();
        for path in paths {
            match (self.nodes.get(path), base.nodes.get(path)) {
                (Some(node), before) => {
                    let first = *first_of.entry(node.inode).or_insert(path);
                    let same = before.is_some_and(|before| node.same(before, times)) && first == path;
                    // A layer may or may not have its root; it is as every root is.
                    let plain_root = path.is_empty() && node.mode == 0o755 && node.uid == 0 && node.gid == 0;
                    if !same && !plain_root {
                        let _ = writeln!(text, "{}", node.line(path, first, times));
                    }
                }
                (None, _) => {
                    if self.nodes.contains_key(split(path).0) || split(path).0.is_empty() {
                        let _ = writeln!(text, "- /{path}");
                    }
                }
            }
        }
        text
    }
}

impl Node {
    fn same(&self, other: &Self, times: bool) -> bool {
        let inode = other.inode;
        let mtime = if times { other.mtime } else { self.mtime };
        Self { inode, ..self.clone() } == Self { mtime, ..other.clone() }
    }

    fn line(&self, path: &str, first: &str, times: bool) -> String {
        let mut line = format!("{} {:04o} {}:{} /{path}", self.kind, self.mode, self.uid, self.gid);
        if times {
            line = format!("{line} @{}", shown_time(self.mtime));
        }
        if first != path {
            return format!("{line} = /{first}");
        }
        match self.kind {
            'l' => line += &format!(" -> {}", self.link),
            'c' | 'b' => line += &format!(" {}:{}", self.device.0, self.device.1),
            'f' => line += &shown(&self.content),
            _ => {}
        }
        for (name, value) in &self.xattrs {
            line += &format!(" [{name}={:?}]", String::from_utf8_lossy(value));
        }
        line
    }
}

fn shown(content: &[u8]) -> String {
    match std::str::from_utf8(content) {
        Ok(text) if text.len() <= SHOWN => format!(" {text:?}"),
        _ => format!(" {} bytes, sha256:{}", content.len(), Digest::of(content).hex()),
    }
}

fn shown_time(mtime: u64) -> String {
    if mtime > LATEST_GIVEN { "now".to_owned() } else { mtime.to_string() }
}
