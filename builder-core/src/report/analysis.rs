//! Layers laid on each other, entry by entry: who made which bytes, and who made them useless.

use super::paths::{NO_LAYER, Paths, ROOT, State, Way, path_buf, split};
use crate::layer::{LayerError, OPAQUE_WHITEOUT, WHITEOUT_PREFIX};

/// The most entries of one layer.
const MAX_ENTRIES: u64 = 10_000_000;
/// The most files of one image.
const MAX_FILES: usize = 3_000_000;

/// What an entry of a layer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EntryKind {
    /// A file with content.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// Another name of a file that is there.
    HardLink,
    /// A device or the like.
    Other,
}

/// An entry of a layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry<'e> {
    /// What it is.
    pub kind: EntryKind,
    /// Its path as the archive has it; `.wh.NAME` is a whiteout.
    pub path: &'e [u8],
    /// Where a link leads.
    pub link: &'e [u8],
    /// The size of a file's content, in bytes.
    pub size: u64,
}

/// The content of a file, whatever names it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    pub(super) layer: u16,
    /// The layer that took the last name away; [`NO_LAYER`] for none.
    pub(super) hidden_by: u16,
    /// How many names lead to it.
    names: u32,
    pub(super) size: u64,
    /// Its first path.
    pub(super) node: u32,
}

impl File {
    pub(super) fn is_wasted(&self) -> bool {
        self.hidden_by != NO_LAYER
    }
}

/// What is counted of a layer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) entries: u64,
    pub(super) directories: u64,
    pub(super) added: u64,
    pub(super) changed: u64,
    pub(super) hidden: u64,
    pub(super) hidden_bytes: u64,
    pub(super) whiteouts: u64,
    pub(super) opaque: u64,
}

/// Bytes of one layer that something in a layer made useless.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waste {
    /// What was deleted or replaced.
    pub(super) node: u32,
    pub(super) is_directory: bool,
    pub(super) is_replaced: bool,
    pub(super) layer: u16,
    pub(super) hidden_by: u16,
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// The layers of an image, laid on each other.
#[derive(Debug)]
pub struct Analysis {
    pub(super) paths: Paths,
    pub(super) files: Vec<File>,
    pub(super) counts: Vec<Counts>,
    pub(super) waste: Vec<Waste>,
    /// The layer that is being laid.
    layer: u16,
}

impl Default for Analysis {
    fn default() -> Self {
        Self::new()
    }
}

/// What hides something.
#[derive(Clone, Copy)]
struct Hiding {
    /// Whether something else comes to its place.
    is_replaced: bool,
    /// Whether what this layer has put there stays.
    only_lower: bool,
}

impl Analysis {
    /// Begins with an empty root filesystem.
    pub fn new() -> Self {
        Self { paths: Paths::new(), files: Vec::new(), counts: Vec::new(), waste: Vec::new(), layer: NO_LAYER }
    }

    /// Begins the next layer.
    ///
    /// # Errors
    /// [`LayerError::Limit`].
    pub fn begin_layer(&mut self) -> Result<(), LayerError> {
        let layer = u16::try_from(self.counts.len()).ok().filter(|layer| *layer < NO_LAYER);
        self.layer = layer.ok_or(LayerError::Limit { what: "layers below it", limit: u64::from(NO_LAYER) })?;
        self.counts.push(Counts::default());
        Ok(())
    }

    /// Lays one entry of the layer that was begun.
    ///
    /// # Errors
    /// [`LayerError`] for what no layer has.
    pub fn entry(&mut self, entry: &Entry<'_>) -> Result<(), LayerError> {
        self.count().entries += 1;
        if self.count().entries > MAX_ENTRIES {
            return Err(LayerError::Limit { what: "entries", limit: MAX_ENTRIES });
        }
        let names = split(entry.path)?;
        let Some((name, parent)) = names.split_last() else { return Ok(()) };
        if *name == OPAQUE_WHITEOUT.as_bytes() {
            self.count().opaque += 1;
            return self.hide_content(parent, entry.path);
        }
        if let Some(hidden) = name.strip_prefix(WHITEOUT_PREFIX.as_bytes()) {
            self.count().whiteouts += 1;
            return self.hide_name(parent, hidden, entry.path);
        }
        let parent = self.make_directory(parent, entry.path)?;
        let node = self.paths.child_or_new(parent, name)?;
        self.put(node, entry)
    }

    fn count(&mut self) -> &mut Counts {
        let layer = usize::from(self.layer);
        &mut self.counts[layer]
    }

    /// Finds the directory of an entry, and makes it where it is missing.
    fn make_directory(&mut self, path: &[&[u8]], shown: &[u8]) -> Result<u32, LayerError> {
        loop {
            match self.paths.directory(path, Way::Make(self.layer), shown)? {
                Ok(found) => return Ok(found.unwrap_or(ROOT)),
                // A file was there that has to be a directory now.
                Err(in_the_way) => {
                    self.hide(in_the_way, Hiding { is_replaced: true, only_lower: false });
                    self.paths.node_mut(in_the_way).smallest = 0;
                }
            }
        }
    }

    fn find_directory(&mut self, path: &[&[u8]], shown: &[u8]) -> Result<Option<u32>, LayerError> {
        Ok(self.paths.directory(path, Way::Follow, shown)?.unwrap_or(None))
    }

    fn put(&mut self, node: u32, entry: &Entry<'_>) -> Result<(), LayerError> {
        let layer = self.layer;
        let before = self.paths.node(node);
        let was_there = before.state != State::Absent;
        let was_directory = before.state == State::Directory;
        let is_from_below = was_there && before.made_in != layer;
        if entry.kind == EntryKind::Directory {
            self.count().directories += 1;
        } else if is_from_below {
            self.count().changed += 1;
        } else if !was_there {
            self.count().added += 1;
        }
        if was_there && !(was_directory && entry.kind == EntryKind::Directory) {
            self.hide(node, Hiding { is_replaced: true, only_lower: false });
        }
        let state = match entry.kind {
            EntryKind::Directory => State::Directory,
            EntryKind::Symlink => State::Symlink(Box::from(entry.link)),
            EntryKind::Other => State::Other,
            EntryKind::HardLink => self.linked(entry)?,
            EntryKind::File => self.new_file(node, entry.size)?,
        };
        self.paths.set(node, state);
        let node = self.paths.node_mut(node);
        node.made_in = layer;
        // A directory in the place of a file is the end of the file.
        let size = if entry.kind == EntryKind::File { entry.size } else { 0 };
        if entry.kind != EntryKind::Directory || (was_there && !was_directory) {
            node.smallest = node.smallest.min(size);
            node.all = node.all.saturating_add(size);
        }
        Ok(())
    }

    fn new_file(&mut self, node: u32, size: u64) -> Result<State, LayerError> {
        if self.files.len() >= MAX_FILES {
            return Err(LayerError::Limit { what: "files with those below it", limit: MAX_FILES as u64 });
        }
        let number = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        self.files.push(File { layer: self.layer, hidden_by: NO_LAYER, names: 1, size, node });
        Ok(State::File(number))
    }

    /// What another name of a file leads to.
    fn linked(&mut self, entry: &Entry<'_>) -> Result<State, LayerError> {
        let missing = || LayerError::MissingLinkTarget { path: path_buf(entry.path), target: path_buf(entry.link) };
        let names = split(entry.link).map_err(|_| missing())?;
        let (name, parent) = names.split_last().ok_or_else(missing)?;
        let parent = self.find_directory(parent, entry.path)?.ok_or_else(missing)?;
        let target = self.paths.child(parent, name).ok_or_else(missing)?;
        let state = self.paths.node(target).state.clone();
        match state {
            State::Absent | State::Directory => return Err(missing()),
            State::File(number) => self.files[number as usize].names += 1,
            State::Symlink(_) | State::Other => {}
        }
        Ok(state)
    }

    /// Hides what lower layers have at a name.
    fn hide_name(&mut self, parent: &[&[u8]], name: &[u8], shown: &[u8]) -> Result<(), LayerError> {
        if matches!(name, b"" | b"." | b"..") {
            return Ok(());
        }
        let Some(parent) = self.find_directory(parent, shown)? else { return Ok(()) };
        let Some(node) = self.paths.child(parent, name) else { return Ok(()) };
        if !self.paths.is_hidden_in(node, self.layer) {
            self.hide(node, Hiding { is_replaced: false, only_lower: true });
        }
        Ok(())
    }

    /// Hides what lower layers have in a directory.
    fn hide_content(&mut self, directory: &[&[u8]], shown: &[u8]) -> Result<(), LayerError> {
        let Some(directory) = self.find_directory(directory, shown)? else { return Ok(()) };
        if self.paths.is_hidden_in(directory, self.layer) {
            return Ok(());
        }
        let hiding = Hiding { is_replaced: false, only_lower: true };
        let children: Vec<u32> = self.paths.node(directory).live.values().copied().collect();
        let before = self.waste.len();
        for child in children {
            self.hide(child, hiding);
        }
        // To a person that is the content of one directory.
        let parts = self.waste.split_off(before);
        self.waste.extend(joined(&parts, directory));
        self.paths.node_mut(directory).hidden_in = self.layer;
        Ok(())
    }

    /// Takes what is at a path away, with what is below it.
    fn hide(&mut self, top: u32, hiding: Hiding) {
        let layer = self.layer;
        let is_directory = self.paths.node(top).state == State::Directory;
        let (mut parts, mut directories) = (Vec::new(), Vec::new());
        let mut stack = vec![top];
        while let Some(id) = stack.pop() {
            let node = self.paths.node_mut(id);
            if node.state == State::Absent || (hiding.only_lower && id != top && node.hidden_in == layer) {
                continue;
            }
            stack.extend(node.live.values());
            if hiding.only_lower {
                node.hidden_in = layer;
                if node.made_in == layer {
                    continue;
                }
            }
            if node.state == State::Directory {
                directories.push(id);
                continue;
            }
            if !(hiding.is_replaced && id == top) {
                node.smallest = 0;
                if node.made_in != layer {
                    self.count().hidden += 1;
                }
            }
            let wasted = self.take(id);
            parts.extend(wasted.map(|file| Waste {
                node: top,
                is_directory,
                is_replaced: hiding.is_replaced,
                layer: file.layer,
                hidden_by: layer,
                files: 1,
                bytes: file.size,
            }));
        }
        // What is below comes later in the list; a directory in which this layer has something stays.
        for id in directories.into_iter().rev() {
            if self.paths.node(id).live.is_empty() {
                self.paths.set(id, State::Absent);
            }
        }
        self.waste.extend(joined(&parts, top));
    }

    /// Takes one name away; returns the file where it was its last one.
    fn take(&mut self, id: u32) -> Option<File> {
        let layer = self.layer;
        let State::File(number) = self.paths.set(id, State::Absent) else { return None };
        let file = &mut self.files[number as usize];
        file.names = file.names.saturating_sub(1);
        if file.names > 0 {
            return None;
        }
        file.hidden_by = layer;
        let file = *file;
        if file.layer != layer {
            let counts = self.count();
            counts.hidden_bytes = counts.hidden_bytes.saturating_add(file.size);
        }
        Some(file)
    }
}

/// Joins what was wasted of the same layer by the same thing.
fn joined(parts: &[Waste], node: u32) -> Vec<Waste> {
    let mut by_layer: std::collections::BTreeMap<u16, Waste> = std::collections::BTreeMap::new();
    for part in parts {
        let is_directory = part.is_directory || part.node != node;
        let first = Waste { node, is_directory, files: 0, bytes: 0, ..*part };
        let sum = by_layer.entry(part.layer).or_insert(first);
        sum.files += part.files;
        sum.bytes = sum.bytes.saturating_add(part.bytes);
    }
    by_layer.into_values().collect()
}
