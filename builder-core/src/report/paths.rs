//! The paths of an image's layers, with what is at each of them once the layers so far lie on each other.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::layer::LayerError;

/// The most paths of one image: some ten times what large ones have.
const MAX_PATHS: usize = 3_000_000;
/// The most bytes of their names.
const MAX_NAME_BYTES: usize = 256 << 20;
/// The longest path of an entry, in bytes; the kernel's own limit.
const MAX_PATH: usize = 4096;
/// The longest name of a file, in bytes; the kernel's own limit.
const MAX_NAME: usize = 255;
/// Symbolic links on the way to an entry; the kernel's own limit.
const MAX_LINKS: usize = 40;

/// The number of the root.
pub(super) const ROOT: u32 = 0;
/// A layer that is none.
pub(super) const NO_LAYER: u16 = u16::MAX;

/// What is at a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Nothing.
    Absent,
    /// A directory.
    Directory,
    /// A name of a file, by its number.
    File(u32),
    /// A symbolic link, and where it leads.
    Symlink(Box<[u8]>),
    /// A device or the like.
    Other,
}

/// One path.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) parent: u32,
    name: Arc<[u8]>,
    /// What is in it, and what was: apart, so that who takes a directory away looks at what is there only.
    pub(super) live: BTreeMap<Arc<[u8]>, u32>,
    gone: BTreeMap<Arc<[u8]>, u32>,
    pub(super) state: State,
    /// The last layer that put something here.
    pub(super) made_in: u16,
    /// The last layer that hid what was below here.
    pub(super) hidden_in: u16,
    /// The smallest size that a layer has it with, and all sizes together. For the efficiency.
    pub(super) smallest: u64,
    pub(super) all: u64,
}

impl Node {
    fn new(parent: u32, name: Arc<[u8]>) -> Self {
        Self {
            parent,
            name,
            live: BTreeMap::new(),
            gone: BTreeMap::new(),
            state: State::Absent,
            made_in: NO_LAYER,
            hidden_in: NO_LAYER,
            smallest: u64::MAX,
            all: 0,
        }
    }
}

/// All paths that any layer has.
#[derive(Debug)]
pub(super) struct Paths {
    nodes: Vec<Node>,
    name_bytes: usize,
}

/// What to do on the way to a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Directories are there, or there is nothing to find.
    Follow,
    /// Directories that are missing are made, in this layer.
    Make(u16),
}

impl Paths {
    pub(super) fn new() -> Self {
        let root = Node { state: State::Directory, ..Node::new(ROOT, Arc::from([])) };
        Self { nodes: vec![root], name_bytes: 0 }
    }

    pub(super) fn node(&self, id: u32) -> &Node {
        &self.nodes[id as usize]
    }

    pub(super) fn node_mut(&mut self, id: u32) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Finds a name in a directory, whether something is there or was.
    pub(super) fn child(&self, parent: u32, name: &[u8]) -> Option<u32> {
        let node = self.node(parent);
        node.live.get(name).or_else(|| node.gone.get(name)).copied()
    }

    /// Finds or makes a name in a directory; what is new is absent.
    pub(super) fn child_or_new(&mut self, parent: u32, name: &[u8]) -> Result<u32, LayerError> {
        if let Some(known) = self.child(parent, name) {
            return Ok(known);
        }
        self.name_bytes += name.len();
        if self.nodes.len() >= MAX_PATHS {
            return Err(LayerError::Limit { what: "paths with those below it", limit: MAX_PATHS as u64 });
        }
        if self.name_bytes > MAX_NAME_BYTES {
            return Err(LayerError::Limit { what: "bytes of names with those below it", limit: MAX_NAME_BYTES as u64 });
        }
        let id = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let name: Arc<[u8]> = Arc::from(name);
        self.nodes.push(Node::new(parent, Arc::clone(&name)));
        self.node_mut(parent).gone.insert(name, id);
        Ok(id)
    }

    /// Puts something at a path, or takes it away; returns what was there.
    pub(super) fn set(&mut self, id: u32, state: State) -> State {
        let node = self.node_mut(id);
        let (parent, name) = (node.parent, Arc::clone(&node.name));
        let is_absent = state == State::Absent;
        let before = std::mem::replace(&mut node.state, state);
        if (before == State::Absent) != is_absent {
            let parent = self.node_mut(parent);
            if is_absent {
                parent.live.remove(&name);
                parent.gone.insert(name, id);
            } else {
                parent.gone.remove(&name);
                parent.live.insert(name, id);
            }
        }
        before
    }

    /// Goes to a directory, following links as a container would see them. `Err` of a node is one that stands in the
    /// way: with [`Way::Make`] the caller takes it away and asks again.
    pub(super) fn directory(
        &mut self,
        path: &[&[u8]],
        way: Way,
        shown: &[u8],
    ) -> Result<Result<Option<u32>, u32>, LayerError> {
        let mut rest: VecDeque<Box<[u8]>> = path.iter().map(|name| Box::from(*name)).collect();
        let (mut at, mut links) = (ROOT, 0);
        while let Some(name) = rest.pop_front() {
            if &*name == b".." {
                at = self.node(at).parent;
                continue;
            }
            let next = match way {
                Way::Make(_) => self.child_or_new(at, &name)?,
                Way::Follow => match self.child(at, &name) {
                    Some(next) => next,
                    None => return Ok(Ok(None)),
                },
            };
            match (&self.node(next).state, way) {
                (State::Directory, _) => at = next,
                (State::Symlink(target), _) => {
                    links += 1;
                    if links > MAX_LINKS || rest.len() > MAX_PATH {
                        return Err(LayerError::TooManyLinks { path: path_buf(shown) });
                    }
                    if target.starts_with(b"/") {
                        at = ROOT;
                    }
                    let names = target.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".");
                    let names: Vec<Box<[u8]>> = names.map(Box::from).collect();
                    for name in names.into_iter().rev() {
                        check_name(&name, shown)?;
                        rest.push_front(name);
                    }
                }
                (State::Absent, Way::Make(layer)) => {
                    self.set(next, State::Directory);
                    self.node_mut(next).made_in = layer;
                    at = next;
                }
                (State::Absent, Way::Follow) => return Ok(Ok(None)),
                (State::File(_) | State::Other, Way::Follow) => return Ok(Ok(None)),
                (State::File(_) | State::Other, Way::Make(_)) => return Ok(Err(next)),
            }
        }
        Ok(Ok(Some(at)))
    }

    /// Returns the path of a node, without a leading slash.
    pub(super) fn path(&self, id: u32) -> Vec<u8> {
        let mut names = Vec::new();
        let mut at = id;
        while at != ROOT {
            names.push(Arc::clone(&self.node(at).name));
            at = self.node(at).parent;
        }
        names.reverse();
        names.join(&b'/')
    }

    /// Returns the name of a node.
    pub(super) fn name(&self, id: u32) -> &[u8] {
        &self.node(id).name
    }

    /// Tells whether a layer has hidden what is below a node, or below a directory that the node is in.
    pub(super) fn is_hidden_in(&self, id: u32, layer: u16) -> bool {
        let mut at = id;
        loop {
            if self.node(at).hidden_in == layer {
                return true;
            }
            if at == ROOT {
                return false;
            }
            at = self.node(at).parent;
        }
    }
}

/// Splits the path of an entry into names; none for the root itself.
pub(super) fn split(path: &[u8]) -> Result<Vec<&[u8]>, LayerError> {
    if path.len() > MAX_PATH || path.contains(&0) {
        return Err(LayerError::Escape { path: path_buf(path) });
    }
    let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".").collect();
    for name in &names {
        if *name == b".." {
            return Err(LayerError::Escape { path: path_buf(path) });
        }
        check_name(name, path)?;
    }
    Ok(names)
}

fn check_name(name: &[u8], path: &[u8]) -> Result<(), LayerError> {
    if name.len() > MAX_NAME { Err(LayerError::Escape { path: path_buf(path) }) } else { Ok(()) }
}

pub(super) fn path_buf(path: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(path))
}
