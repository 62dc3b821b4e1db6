//! Writes what was selected into the destination.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustix::fs::{Mode, OFlags};

use super::data::{DataCopier, DataError};
use super::place::{Place, shown};
use super::{CopyError, CopyOutcome, CopyRequest};
use crate::build_context::scan::Node;
use crate::cancel::CancelToken;
use crate::fs::PathContext;
use crate::fs::create;
use crate::fs::entry::{self, FileKind, Metadata, Xattrs};
use crate::fs::root::RootDir;

/// Files of one directory that one thread copies at a time.
const FILES_AT_A_TIME: usize = 256;
/// With fewer files than this, other threads cost more than they bring.
const WORTH_THREADS: usize = 32;

/// Copies the files of one match of a source.
pub(super) struct Writer<'a> {
    request: &'a CopyRequest<'a>,
    /// The root that paths are seen from: the destination's, or what lies below it.
    root: &'a RootDir,
    cancel: &'a CancelToken,
    data: DataCopier,
    /// Files with several names: where the first one went. Links hold within one match, not across.
    linked: HashMap<(u64, u64), PathBuf>,
    /// Where it is writing, free of links.
    path: PathBuf,
    pub(super) outcome: CopyOutcome,
}

/// A directory of the source on its way.
struct Directory<'n> {
    node: &'n Node,
    /// Where it is in the source, and where it comes to.
    from: PathBuf,
    to: PathBuf,
    /// Whether it was not there before.
    created: bool,
}

impl<'a> Writer<'a> {
    pub(super) fn new(request: &'a CopyRequest<'a>, root: &'a RootDir, cancel: &'a CancelToken) -> Self {
        Self {
            request,
            root,
            cancel,
            data: DataCopier::new(),
            linked: HashMap::new(),
            path: PathBuf::new(),
            outcome: CopyOutcome::default(),
        }
    }

    /// Copies what a directory holds into another: first all directories, then the files on all cores, at last what
    /// directories are, so that neither a setgid bit nor missing permissions get in the way of what goes inside, and
    /// their times stay.
    pub(super) fn contents(&mut self, from: &Path, node: &Node, to: &Path) -> Result<(), CopyError> {
        let top = Directory { node, from: from.to_owned(), to: to.to_owned(), created: false };
        let mut directories = vec![top];
        self.directories(0, &mut directories)?;
        // The names of one file come one after the other: the first is copied, the others are links to it.
        let mut several = Several::default();
        several.look_at(node);
        let jobs: Vec<(&Directory<'_>, &[Node])> = directories
            .iter()
            .flat_map(|directory| directory.node.children.chunks(FILES_AT_A_TIME).map(move |nodes| (directory, nodes)))
            .collect();
        let alone = |node: &Node| !several.contains(node);
        let files = jobs.iter().map(|(_, nodes)| nodes.len()).sum::<usize>();
        if files < WORTH_THREADS {
            for (directory, nodes) in &jobs {
                self.files(directory, nodes, &alone)?;
            }
        } else {
            let (request, root, cancel) = (self.request, self.root, self.cancel);
            let copied: Result<Vec<CopyOutcome>, CopyError> = jobs
                .par_iter()
                .map_init(DataCopier::new, |data, (directory, nodes)| {
                    let mut writer = Writer::new(request, root, cancel);
                    std::mem::swap(&mut writer.data, data);
                    let copied = writer.files(directory, nodes, &alone);
                    std::mem::swap(&mut writer.data, data);
                    copied.map(|()| writer.outcome)
                })
                .collect();
            for outcome in copied? {
                self.outcome.add(outcome);
            }
        }
        if !several.is_empty() {
            for (directory, nodes) in &jobs {
                self.files(directory, nodes, &|node| several.contains(node))?;
            }
        }
        directories.iter().skip(1).rev().try_for_each(|directory| self.finish_directory(directory))
    }

    /// Makes the directories below one, parents first, and adds them to the list.
    fn directories(&mut self, at: usize, all: &mut Vec<Directory<'_>>) -> Result<(), CopyError> {
        let (node, from, to) = match all.get(at) {
            Some(directory) => (directory.node, directory.from.clone(), directory.to.clone()),
            None => return Ok(()),
        };
        let mut parent = None;
        for child in node.children.iter().filter(|child| child.metadata.kind == FileKind::Directory) {
            self.cancel.check()?;
            let opened = match &parent {
                Some(opened) => opened,
                None => parent.insert(self.open(&to)?),
            };
            self.path = to.join(&child.name);
            let created = self.make_directory(opened.as_fd(), &child.name)?;
            all.push(Directory { node: child, from: from.join(&child.name), to: self.path.clone(), created });
            self.directories(all.len() - 1, all)?;
        }
        Ok(())
    }

    fn open(&self, path: &Path) -> Result<OwnedFd, CopyError> {
        let opened = self.root.open_resolved(path, OFlags::RDONLY | OFlags::DIRECTORY);
        Ok(opened.at("open directory", shown(path))?)
    }

    fn open_source(&self, path: &Path) -> Result<OwnedFd, CopyError> {
        let opened = self.request.tree.root().open_resolved(path, OFlags::RDONLY | OFlags::DIRECTORY);
        opened.at("open directory", path).map_err(|error| CopyError::from(error).of_selected(path))
    }

    /// Makes a directory where there is none; tells whether it did.
    fn make_directory(&mut self, parent: BorrowedFd<'_>, name: &OsStr) -> Result<bool, CopyError> {
        match create::create_directory_at(parent, name) {
            Ok(()) => {
                self.outcome.directories += 1;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let existing = entry::metadata_at(parent, name).at("look at", shown(&self.path))?;
                if existing.is_none_or(|metadata| metadata.kind != FileKind::Directory) {
                    return Err(CopyError::NonDirectory { path: shown(&self.path) });
                }
                Ok(false)
            }
            Err(error) => Err(error).at("create directory", shown(&self.path))?,
        }
    }

    /// Copies those of some files of a directory that are asked for; directories among them are there already.
    fn files(
        &mut self,
        directory: &Directory<'_>,
        nodes: &[Node],
        wanted: &dyn Fn(&Node) -> bool,
    ) -> Result<(), CopyError> {
        let mut nodes =
            nodes.iter().filter(|node| node.metadata.kind != FileKind::Directory && wanted(node)).peekable();
        if nodes.peek().is_none() {
            return Ok(());
        }
        let (from, to) = (self.open_source(&directory.from)?, self.open(&directory.to)?);
        self.path.clone_from(&directory.to);
        for node in nodes {
            self.cancel.check()?;
            self.path.push(&node.name);
            let step = Step { from: from.as_fd(), node, to: to.as_fd(), name: &node.name };
            self.entry(&step).map_err(|error| error.of_selected(&directory.from.join(&node.name)))?;
            self.path.pop();
        }
        Ok(())
    }

    fn finish_directory(&mut self, directory: &Directory<'_>) -> Result<(), CopyError> {
        self.path.clone_from(&directory.to);
        let to = self.open(&directory.to)?;
        let metadata = &directory.node.metadata;
        if directory.node.implied && !directory.created {
            // A directory that is only on the way keeps what it has but for its mode, as with BuildKit.
            let mode = Mode::from_raw_mode(metadata.mode);
            return Ok(rustix::fs::fchmod(&to, mode).at("set the mode of", shown(&self.path))?);
        }
        let from = self.open_source(&directory.from)?;
        self.finish(&to, metadata, &Xattrs::of_file(&from))
    }

    /// Copies something that is no directory, under a name of its own.
    pub(super) fn single(&mut self, from: &OwnedFd, node: &Node, place: &Place, name: &OsStr) -> Result<(), CopyError> {
        self.path = place.path.join(name);
        self.entry(&Step { from: from.as_fd(), node, to: place.directory.as_fd(), name })
    }

    /// Writes a file that is given inline.
    pub(super) fn inline(&mut self, content: &str, place: &Place, name: &OsStr) -> Result<(), CopyError> {
        self.path = place.path.join(name);
        let mut file = self.create_file(place.directory.as_fd(), name)?;
        io::Write::write_all(&mut file, content.as_bytes()).at("write", shown(&self.path))?;
        let mode = self.request.mode.map_or(0o644, |change| change.apply(0o644, false));
        let owner = self.request.owner.unwrap_or((0, 0));
        entry::set_attributes(&file, owner, mode, &Xattrs::default()).at("set attributes of", shown(&self.path))?;
        if let Some(seconds) = self.request.created_mtime {
            entry::set_times(&file, (seconds, 0), (seconds, 0)).at("set times of", shown(&self.path))?;
        }
        self.outcome.files += 1;
        self.outcome.bytes += content.len() as u64;
        Ok(())
    }

    fn entry(&mut self, step: &Step<'_>) -> Result<(), CopyError> {
        match step.node.metadata.kind {
            // Those are made before anything else.
            FileKind::Directory => return Ok(()),
            FileKind::File => self.file(step)?,
            FileKind::Symlink => self.symlink(step)?,
            FileKind::Socket => self.socket(step)?,
            kind @ (FileKind::Fifo | FileKind::CharDevice | FileKind::BlockDevice) => self.special(step, kind)?,
        }
        self.outcome.files += 1;
        Ok(())
    }

    fn file(&mut self, step: &Step<'_>) -> Result<(), CopyError> {
        let identity = step.node.metadata.identity;
        if step.node.metadata.links > 1
            && let Some(first) = self.linked.get(&identity).cloned()
        {
            return self.hardlink(step, &first);
        }
        let (from, metadata) = entry::open_file_at(step.from, &step.node.name).at("open", &self.path)?;
        let mut from = File::from(from);
        let mut to = self.create_file(step.to, step.name)?;
        if metadata.size > 0 {
            let copied = self.data.copy(&mut from, &mut to, metadata.size, self.cancel);
            self.outcome.bytes += copied.map_err(|error| match error {
                DataError::Read(source) => path_error("read", &self.path, source),
                DataError::Write(source) => path_error("write", &shown(&self.path), source),
                DataError::Cancelled(cancelled) => cancelled.into(),
            })?;
        }
        let xattrs = Xattrs::of_file(&from);
        // Last of all that is read: what changes later does not concern the copy.
        let now = entry::metadata_of(&from).at("look at", &self.path)?;
        self.outcome.changed |= !now.is_unchanged_since(&step.node.metadata);
        self.finish(&to, &metadata, &xattrs)?;
        if metadata.links > 1 {
            self.linked.insert(identity, self.path.clone());
        }
        Ok(())
    }

    fn hardlink(&mut self, step: &Step<'_>, first: &Path) -> Result<(), CopyError> {
        if first == self.path {
            return Ok(());
        }
        let now = entry::metadata_at(step.from, &step.node.name).at("look at", &self.path)?;
        self.outcome.changed |= !now.is_some_and(|now| now.is_unchanged_since(&step.node.metadata));
        self.make_way(step.to, step.name)?;
        let parent = first.parent().unwrap_or(Path::new(""));
        let directory = self.open(parent)?;
        let name = first.file_name().unwrap_or_default();
        create::create_link_at(directory, name, step.to, step.name).at("link", shown(&self.path))?;
        Ok(())
    }

    fn symlink(&mut self, step: &Step<'_>) -> Result<(), CopyError> {
        let target = entry::read_link_at(step.from, &step.node.name).at("read link", &self.path)?;
        let create = || create::create_symlink_at(&target, step.to, step.name);
        self.replacing(step.to, step.name, create)?.at("create link", shown(&self.path))?;
        self.finish_at(step, None)
    }

    /// A socket means nothing without who made it; an empty file stands in its place.
    fn socket(&mut self, step: &Step<'_>) -> Result<(), CopyError> {
        let to = self.create_file(step.to, step.name)?;
        self.finish(&to, &step.node.metadata, &Xattrs::default())
    }

    fn special(&mut self, step: &Step<'_>, kind: FileKind) -> Result<(), CopyError> {
        self.make_way(step.to, step.name)?;
        let metadata = &step.node.metadata;
        create::create_special_at(step.to, step.name, kind, metadata.device).at("create device", shown(&self.path))?;
        self.finish_at(step, Some(self.request.mode_of(metadata)))
    }

    fn finish_at(&mut self, step: &Step<'_>, mode: Option<u32>) -> Result<(), CopyError> {
        let metadata = &step.node.metadata;
        let reference = entry::open_reference_at(step.from, &step.node.name).at("open", &self.path)?;
        let xattrs = Xattrs::of_reference(&reference);
        let now = entry::metadata_of(&reference).at("look at", &self.path)?;
        self.outcome.changed |= !now.is_unchanged_since(metadata);
        entry::set_attributes_at(step.to, step.name, self.request.owner_of(metadata), mode, &xattrs)
            .at("set attributes of", shown(&self.path))?;
        entry::set_times_at(step.to, step.name, metadata.atime, metadata.mtime)
            .at("set times of", shown(&self.path))?;
        Ok(())
    }

    fn finish(&self, to: impl AsFd, metadata: &Metadata, xattrs: &Xattrs) -> Result<(), CopyError> {
        entry::set_attributes(&to, self.request.owner_of(metadata), self.request.mode_of(metadata), xattrs)
            .at("set attributes of", shown(&self.path))?;
        Ok(entry::set_times(&to, metadata.atime, metadata.mtime).at("set times of", shown(&self.path))?)
    }

    fn create_file(&mut self, directory: BorrowedFd<'_>, name: &OsStr) -> Result<File, CopyError> {
        let created = self.replacing(directory, name, || create::create_file_at(directory, name))?;
        Ok(created.at("create", shown(&self.path))?)
    }

    /// Makes something, in the place of what is there already.
    fn replacing<T>(
        &mut self,
        directory: BorrowedFd<'_>,
        name: &OsStr,
        create: impl Fn() -> io::Result<T>,
    ) -> Result<io::Result<T>, CopyError> {
        match create() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.make_way(directory, name)?;
                Ok(create())
            }
            other => Ok(other),
        }
    }

    /// Takes away what a file replaces. A directory is not replaced.
    fn make_way(&mut self, directory: BorrowedFd<'_>, name: &OsStr) -> Result<(), CopyError> {
        let Some(existing) = entry::metadata_at(directory, name).at("look at", shown(&self.path))? else {
            return Ok(());
        };
        if existing.kind == FileKind::Directory {
            return Err(CopyError::ReplaceDirectory { path: shown(&self.path) });
        }
        Ok(entry::remove_at(directory, name).at("remove", shown(&self.path))?)
    }
}

/// The files that are selected under several names.
#[derive(Default)]
pub(super) struct Several {
    seen: HashMap<(u64, u64), bool>,
    any: bool,
}

impl Several {
    pub(super) fn look_at(&mut self, node: &Node) {
        for child in &node.children {
            if child.metadata.kind == FileKind::File && child.metadata.links > 1 {
                let seen = self.seen.entry(child.metadata.identity);
                seen.and_modify(|several| (*several, self.any) = (true, true)).or_insert(false);
            }
            self.look_at(child);
        }
    }

    fn is_empty(&self) -> bool {
        !self.any
    }

    pub(super) fn contains(&self, node: &Node) -> bool {
        self.any && self.seen.get(&node.metadata.identity).is_some_and(|several| *several)
    }
}

/// One entry on its way.
struct Step<'a> {
    from: BorrowedFd<'a>,
    node: &'a Node,
    to: BorrowedFd<'a>,
    name: &'a OsStr,
}

fn path_error(operation: &'static str, path: &Path, source: io::Error) -> CopyError {
    crate::fs::PathError { operation, path: path.to_owned(), source }.into()
}

/// Opens the directory that holds a selected path, and says what it is called there.
pub(super) fn open_parent(root: &RootDir, path: &Path) -> Result<(OwnedFd, OsString), CopyError> {
    let parent = path.parent().unwrap_or(Path::new(""));
    let opened = root.open_resolved(parent, OFlags::RDONLY | OFlags::DIRECTORY).at("open directory", parent)?;
    Ok((opened, path.file_name().unwrap_or_default().to_owned()))
}
