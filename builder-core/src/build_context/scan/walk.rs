//! Reads a tree on all cores: every directory is a piece of work of its own, and one with very many names is several.
//!
//! The result, and the error where there is one, are those of one walk in the order of names. Pieces know a path and
//! hold no descriptor while they wait, so a thread has few of them open, however deep or wide a tree is; and nothing
//! waits inside of something else, so no stack grows. Most trees are small: threads are started for the others only.

use std::cell::Cell;
use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use rustix::fs::OFlags;

use super::{Filter, Node, Scanner, check_depth};
use crate::build_context::ContextError;
use crate::fs::PathContext;
use crate::fs::entry::{self, FileKind};
use crate::fs::root::RootDir;

/// How many names are looked at before other threads are asked for help: with fewer they cost more than they save.
const NAMES_ALONE: usize = 512;
/// Of how many names a piece is at most.
const NAMES_OF_PIECE: usize = 512;
/// More threads than these wait for each other in the kernel.
const MAX_THREADS: usize = 16;
/// The system takes paths of less than 4096 bytes; what is longer is opened in steps.
const MAX_PATH_BYTES: usize = 4000;

/// Reads what is visible below a directory, as [`Scanner::node`] gives it.
pub(super) fn children(scanner: &Scanner<'_>, path: &Path, filter: Filter<'_>) -> Result<Vec<Node>, ContextError> {
    walk(scanner, path, filter, NAMES_ALONE, NAMES_OF_PIECE)
}

pub(super) fn walk(
    scanner: &Scanner<'_>,
    path: &Path,
    filter: Filter<'_>,
    alone: usize,
    most: usize,
) -> Result<Vec<Node>, ContextError> {
    let base = if path.as_os_str().is_empty() { 0 } else { path.to_string_lossy().len() + 1 };
    let names_matter = scanner.ignore.is_some() || filter.include.is_some() || filter.exclude.is_some();
    let walk =
        Walk { scanner, filter, base, names_matter, alone, most, queue: Mutex::default(), changed: Condvar::new() };
    walk.lock().add(Work::Directory(path.to_owned(), 0));
    std::thread::scope(|scope| {
        let has_help = Cell::new(false);
        walk.work(&|| {
            if has_help.replace(true) {
                return;
            }
            for _ in 1..std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS) {
                // Without another thread it takes longer.
                let thread = std::thread::Builder::new().name("scan".to_owned());
                let _thread = thread.spawn_scoped(scope, || walk.work(&|| {}));
            }
        });
    });
    let mut parts = std::mem::take(&mut walk.lock().parts);
    Ok(assembled(&mut parts, 0)?.unwrap_or_default())
}

struct Walk<'a> {
    scanner: &'a Scanner<'a>,
    filter: Filter<'a>,
    /// Where in a path, as text, that part begins which the filter sees.
    base: usize,
    /// Whether anything depends on what a file is called.
    names_matter: bool,
    alone: usize,
    most: usize,
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// A piece of work.
enum Work {
    /// A directory, and how deep it is.
    Directory(PathBuf, usize),
    /// Some names of one.
    Names(Arc<Directory>, Vec<OsString>),
}

struct Directory {
    opened: OwnedFd,
    path: PathBuf,
    depth: usize,
}

/// What came out of a piece.
#[derive(Default)]
struct Part {
    nodes: Vec<Node>,
    /// Which of them are directories whose inside is another piece, and whether they count though nothing is in them.
    inner: Vec<(usize, bool)>,
    /// The number of the first of those pieces; the others follow.
    first: usize,
    /// How many pieces this one was divided into, instead.
    pieces: usize,
    /// How many names were found.
    seen: usize,
    /// The directory went away.
    gone: bool,
    /// What came after the last node.
    failure: Option<ContextError>,
}

#[derive(Default)]
struct Queue {
    /// Pieces that keep a directory open: they come first.
    names: Vec<(usize, Work)>,
    directories: Vec<(usize, Work)>,
    /// What came out, by the number of the piece.
    parts: Vec<Option<Part>>,
    /// How many threads are at work.
    busy: usize,
    /// How many have nothing to do at the moment.
    waiting: usize,
    /// How many names were found.
    seen: usize,
}

impl Queue {
    fn add(&mut self, work: Work) {
        let number = self.parts.len();
        self.parts.push(None);
        match work {
            Work::Directory(..) => self.directories.push((number, work)),
            Work::Names(..) => self.names.push((number, work)),
        }
    }

    fn is_empty(&self) -> bool {
        self.names.is_empty() && self.directories.is_empty()
    }

    fn next(&mut self) -> Option<(usize, Work)> {
        self.names.pop().or_else(|| self.directories.pop())
    }
}

/// Says that a thread is at work, whatever becomes of that.
struct Busy<'a>(&'a Walk<'a>);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.busy -= 1;
        let (is_over, is_awaited) = (queue.is_empty() && queue.busy == 0, queue.waiting > 0);
        drop(queue);
        // The others are woken by those who finish after this.
        match is_awaited {
            true if is_over => self.0.changed.notify_all(),
            true => self.0.changed.notify_one(),
            false => {}
        }
    }
}

impl Walk<'_> {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works until nothing is left to do; `help` is asked for more threads.
    fn work(&self, help: &dyn Fn()) {
        let mut queue = self.lock();
        loop {
            queue = if let Some((number, work)) = queue.next() {
                queue.busy += 1;
                let is_large = queue.seen > self.alone && !queue.is_empty();
                drop(queue);
                let busy = Busy(self);
                if is_large {
                    help();
                }
                self.piece(number, work);
                drop(busy);
                self.lock()
            } else if queue.busy == 0 {
                return;
            } else {
                queue.waiting += 1;
                let mut woken = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                woken.waiting -= 1;
                woken
            };
        }
    }

    fn piece(&self, number: usize, work: Work) {
        let mut more = Vec::new();
        let outcome = match work {
            Work::Directory(path, depth) => self.directory(path, depth, &mut more),
            Work::Names(directory, names) => Ok(self.names(&directory, names, &mut more)),
        };
        let mut part = outcome.unwrap_or_else(|error| Part { failure: Some(error), ..Part::default() });
        let mut queue = self.lock();
        part.first = queue.parts.len();
        queue.seen += part.seen;
        if let Some(slot) = queue.parts.get_mut(number) {
            *slot = Some(part);
        }
        for work in more {
            queue.add(work);
        }
    }

    fn directory(&self, path: PathBuf, depth: usize, more: &mut Vec<Work>) -> Result<Part, ContextError> {
        self.scanner.cancel.check()?;
        check_depth(&path, depth)?;
        // One that went away since it was seen was never there.
        let is_gone = |error: &std::io::Error| depth > 0 && error.kind() == std::io::ErrorKind::NotFound;
        let gone = Part { gone: true, ..Part::default() };
        let opened = match open(self.scanner.root, &path) {
            Err(error) if is_gone(&error) => return Ok(gone),
            other => other.at("open directory", &path)?,
        };
        let names = match entry::names_of_opened(&opened) {
            Err(error) if is_gone(&error) => return Ok(gone),
            other => other.at("list directory", &path)?,
        };
        let (directory, seen) = (Directory { opened, path, depth }, names.len());
        if seen <= self.most {
            return Ok(Part { seen, ..self.names(&directory, names, more) });
        }
        let directory = Arc::new(directory);
        let mut names = names.into_iter();
        while names.len() > 0 {
            more.push(Work::Names(Arc::clone(&directory), names.by_ref().take(self.most).collect()));
        }
        Ok(Part { pieces: more.len(), seen, ..Part::default() })
    }

    /// Looks at names of a directory.
    fn names(&self, directory: &Directory, names: Vec<OsString>, more: &mut Vec<Work>) -> Part {
        let mut part = Part { nodes: Vec::with_capacity(names.len()), ..Part::default() };
        let mut text = directory.path.to_string_lossy().into_owned();
        if !text.is_empty() {
            text.push('/');
        }
        let prefix = text.len();
        for name in names {
            text.truncate(prefix);
            match self.entry(directory, name, &mut text, &mut part, more) {
                Ok(()) => {}
                Err(error) => {
                    part.failure = Some(error);
                    break;
                }
            }
        }
        // There may be very many of them.
        part.nodes.shrink_to_fit();
        part
    }

    /// Looks at one; `text` is the path of the directory.
    fn entry(
        &self,
        directory: &Directory,
        name: OsString,
        text: &mut String,
        part: &mut Part,
        more: &mut Vec<Work>,
    ) -> Result<(), ContextError> {
        self.scanner.cancel.check()?;
        let inner = |name: &OsStr| directory.path.join(name);
        // A file that went away since the listing was never there.
        let found = match entry::metadata_at(&directory.opened, &name) {
            Ok(Some(found)) if !found.is_whiteout() => found,
            Ok(_) => return Ok(()),
            Err(error) => return Err(error).at("look at", inner(&name))?,
        };
        let is_directory = found.kind == FileKind::Directory;
        let (mut ignored, mut selected, mut below) = (false, true, is_directory);
        if self.names_matter {
            text.push_str(&name.to_string_lossy());
            let seen = text.get(self.base..).unwrap_or_default();
            ignored = self.scanner.ignore.is_some_and(|patterns| patterns.matches(text, is_directory));
            selected = self.filter.includes(seen) && !self.filter.excludes(seen);
            below = is_directory
                && (!ignored || self.scanner.ignore.is_some_and(|patterns| patterns.may_reinclude_below(text)))
                && (selected || self.filter.may_select_below(seen));
        }
        let counts = selected && !ignored;
        if below {
            more.push(Work::Directory(inner(&name), directory.depth + 1));
            part.inner.push((part.nodes.len(), counts));
        }
        if counts || below {
            part.nodes.push(Node { name, metadata: found, implied: !selected, children: Vec::new() });
        }
        Ok(())
    }
}

/// Opens a directory by its path, free of links, however long that is.
fn open(root: &RootDir, path: &Path) -> std::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    if path.as_os_str().len() <= MAX_PATH_BYTES {
        return root.open_resolved(path, flags);
    }
    let (mut at, mut step) = (None::<RootDir>, PathBuf::new());
    for component in path {
        if step.as_os_str().len() + component.as_bytes().len() >= MAX_PATH_BYTES {
            at = Some(RootDir::from_fd(at.as_ref().unwrap_or(root).open_resolved(&step, OFlags::PATH | flags)?));
            step.clear();
        }
        step.push(component);
    }
    at.as_ref().unwrap_or(root).open_resolved(&step, flags)
}

/// Puts the parts below one together, in the order of names; nothing where its directory is gone.
fn assembled(parts: &mut [Option<Part>], number: usize) -> Result<Option<Vec<Node>>, ContextError> {
    let Some(part) = parts.get_mut(number).and_then(Option::take) else { return Ok(None) };
    let (mut nodes, pieces) = (part.nodes, part.first..part.first + part.pieces);
    nodes.reserve_exact(parts.get(pieces.clone()).into_iter().flatten().flatten().map(|piece| piece.nodes.len()).sum());
    for piece in pieces {
        nodes.append(&mut assembled(parts, piece)?.unwrap_or_default());
    }
    let mut nothing = Vec::new();
    for (piece, (index, counts)) in (part.first..).zip(part.inner) {
        let children = assembled(parts, piece)?;
        if !children.as_ref().is_some_and(|children| counts || !children.is_empty()) {
            nothing.push(index);
        }
        if let Some(node) = nodes.get_mut(index) {
            node.children = children.unwrap_or_default();
        }
    }
    if let Some(failure) = part.failure {
        return Err(failure);
    }
    if !nothing.is_empty() {
        let mut index = 0..;
        nodes.retain(|_| index.next().is_none_or(|index| nothing.binary_search(&index).is_err()));
    }
    nodes.shrink_to_fit();
    Ok((!part.gone).then_some(nodes))
}
