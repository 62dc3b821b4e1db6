//! Carries out a COPY or ADD.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::content::split;
use super::select::{Selected, select};
use super::{CopyError, CopyOutcome, CopyRequest, place};
use crate::build_context::is_archive;
use crate::build_context::scan::Node;
use crate::cancel::CancelToken;
use crate::fs::PathContext;
use crate::fs::entry::{self, FileKind, Metadata, Xattrs};
use crate::fs::extract::{ExtractLimits, ExtractOptions, extract};
use crate::fs::root::NewDirectory;
use crate::layer::compression::decompress;
use crate::plan::op::CopySource;

/// Bytes moved between two looks at the cancellation.
const CHUNK: usize = 8 << 20;
/// Files from this size on are cloned where the file system can; for smaller ones the attempt costs more.
const CLONE_FROM: u64 = 64 * 1024;

/// Copies everything that a request names.
///
/// # Errors
/// [`CopyError`]; what was copied before stays in the destination.
pub fn run(request: &CopyRequest<'_>, cancel: &CancelToken) -> Result<CopyOutcome, CopyError> {
    let mut copier = Copier { request, cancel, outcome: CopyOutcome::default(), links: HashMap::new() };
    for (index, source) in request.sources.iter().enumerate() {
        cancel.check()?;
        match source {
            CopySource::Inline { name, content } => copier.inline(name, content)?,
            CopySource::Path { path, .. } => {
                for selected in select(&request.tree, index, path, cancel)? {
                    // Names of one file stay names of one file within one source.
                    copier.links.clear();
                    copier.selected(&selected)?;
                }
            }
        }
    }
    Ok(copier.outcome)
}

struct Copier<'r> {
    request: &'r CopyRequest<'r>,
    cancel: &'r CancelToken,
    outcome: CopyOutcome,
    /// The first copy of each file with several names: its path in the destination, free of links.
    links: HashMap<(u64, u64), PathBuf>,
}

/// Where an entry is put.
struct Target<'t> {
    directory: &'t OwnedFd,
    name: &'t OsStr,
    /// The path in the destination, free of links.
    path: PathBuf,
}

impl Copier<'_> {
    fn new_directory(&self) -> NewDirectory {
        NewDirectory {
            mode: self.request.mode.unwrap_or(0o755),
            owner: Some(self.request.owner.unwrap_or((0, 0))),
            mtime: self.request.created_mtime.map(|seconds| (seconds, 0)),
        }
    }

    fn owner(&self, metadata: &Metadata) -> (u32, u32) {
        let own = if self.request.tree.keeps_owner() { (metadata.uid, metadata.gid) } else { (0, 0) };
        self.request.owner.unwrap_or(own)
    }

    fn inline(&mut self, name: &str, content: &str) -> Result<(), CopyError> {
        let (place, name) = place::for_file(
            self.request.destination_root,
            self.request.destination,
            OsStr::new(name),
            self.new_directory(),
        )?;
        let target = Target { directory: &place.directory, name: &name, path: place.path.join(&name) };
        Self::make_way(&target)?;
        let mut file = create(&target)?;
        file.write_all(content.as_bytes()).at("write", &target.path)?;
        let mode = self.request.mode.unwrap_or(0o644);
        entry::set_attributes(&file, self.request.owner.unwrap_or((0, 0)), mode, &Xattrs::from_pairs([]))
            .at("set the attributes of", &target.path)?;
        if let Some(seconds) = self.request.created_mtime {
            entry::set_times(&file, (seconds, 0), (seconds, 0)).at("set times of", &target.path)?;
        }
        self.outcome.files += 1;
        self.outcome.bytes += content.len() as u64;
        Ok(())
    }

    fn selected(&mut self, selected: &Selected) -> Result<(), CopyError> {
        let (root, destination) = (self.request.destination_root, self.request.destination);
        if selected.is_directory() {
            let place = place::for_contents(root, destination, self.new_directory())?;
            self.outcome.directories += place.created.len() as u64;
            self.children(&selected.node, &selected.path, &place.directory, &place.path)?;
            let metadata = &selected.node.metadata;
            return Ok(
                entry::set_times(&place.directory, metadata.atime, metadata.mtime).at("set times of", &place.path)?
            );
        }
        if self.request.unpack && selected.node.metadata.kind == FileKind::File && self.is_archive(&selected.path)? {
            return self.unpack(selected);
        }
        let (place, name) = place::for_file(root, destination, &selected.name, self.new_directory())?;
        self.outcome.directories += place.created.len() as u64;
        let target = Target { directory: &place.directory, name: &name, path: place.path.join(&name) };
        self.entry(&selected.node, &selected.path, &target)
    }

    fn open_source(&self, path: &Path) -> Result<File, CopyError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW;
        Ok(self.request.tree.root().open_resolved(path, flags).at("open", path)?.into())
    }

    fn is_archive(&self, path: &Path) -> Result<bool, CopyError> {
        Ok(is_archive(self.open_source(path)?))
    }

    fn unpack(&mut self, selected: &Selected) -> Result<(), CopyError> {
        let place = place::for_contents(
            self.request.destination_root,
            self.request.destination,
            NewDirectory { mode: 0o755, ..self.new_directory() },
        )?;
        let file = self.open_source(&selected.path)?;
        let mut tar = decompress(file).at("read", &selected.path)?;
        let options = ExtractOptions {
            directory: &place.path,
            owner: self.request.owner,
            created_mtime: self.request.created_mtime,
            limits: ExtractLimits::default(),
        };
        let extracted = extract(self.request.destination_root, &mut tar, &options, self.cancel);
        let extracted = extracted.map_err(|source| match source {
            crate::fs::extract::ExtractError::Cancelled(cancelled) => CopyError::Cancelled(cancelled),
            source => CopyError::Archive { path: place::shown(&selected.path).display().to_string(), source },
        })?;
        self.outcome.archives += 1;
        self.outcome.bytes += extracted.bytes;
        self.outcome.files += extracted.entries;
        self.outcome.skipped_devices += extracted.skipped_devices.len() as u64;
        Ok(())
    }

    fn children(&mut self, node: &Node, from: &Path, directory: &OwnedFd, to: &Path) -> Result<(), CopyError> {
        for child in &node.children {
            self.cancel.check()?;
            let target = Target { directory, name: &child.name, path: to.join(&child.name) };
            self.entry(child, &from.join(&child.name), &target)?;
        }
        Ok(())
    }

    fn entry(&mut self, node: &Node, from: &Path, target: &Target<'_>) -> Result<(), CopyError> {
        let metadata = &node.metadata;
        if metadata.kind == FileKind::Directory {
            return self.directory(node, from, target);
        }
        Self::make_way(target)?;
        self.outcome.files += 1;
        if metadata.links > 1
            && let Some(first) = self.links.get(&metadata.identity)
        {
            let (parent, name) = split(first);
            let parent = self.request.destination_root.open_resolved(parent, OFlags::PATH).at("open", parent)?;
            rustix::fs::linkat(parent, name, target.directory, target.name, AtFlags::empty())
                .at("create hard link", &target.path)?;
            return Ok(());
        }
        match metadata.kind {
            FileKind::File => self.file(metadata, from, target)?,
            FileKind::Symlink => self.symlink(metadata, from, target)?,
            FileKind::Socket => {
                // What other builders make of a socket.
                let file = create(target)?;
                self.finish(&file, metadata, &Xattrs::from_pairs([]), target)?;
            }
            FileKind::Fifo => self.special(metadata, FileType::Fifo, target)?,
            FileKind::CharDevice => self.special(metadata, FileType::CharacterDevice, target)?,
            FileKind::BlockDevice => self.special(metadata, FileType::BlockDevice, target)?,
            FileKind::Directory => {}
        }
        if metadata.links > 1 {
            self.links.insert(metadata.identity, target.path.clone());
        }
        Ok(())
    }

    /// Takes away what is at the place of something that is no directory.
    fn make_way(target: &Target<'_>) -> Result<(), CopyError> {
        match entry::metadata_at(target.directory, target.name).at("examine", &target.path)? {
            None => Ok(()),
            Some(metadata) if metadata.kind == FileKind::Directory => {
                Err(CopyError::ReplaceDirectory { path: place::shown(&target.path) })
            }
            Some(_) => {
                Ok(rustix::fs::unlinkat(target.directory, target.name, AtFlags::empty()).at("replace", &target.path)?)
            }
        }
    }

    fn directory(&mut self, node: &Node, from: &Path, target: &Target<'_>) -> Result<(), CopyError> {
        match entry::metadata_at(target.directory, target.name).at("examine", &target.path)? {
            None => {
                rustix::fs::mkdirat(target.directory, target.name, Mode::from_raw_mode(0o700))
                    .at("create directory", &target.path)?;
                self.outcome.directories += 1;
            }
            Some(metadata) if metadata.kind == FileKind::Directory => {}
            Some(_) => return Err(CopyError::NonDirectory { path: place::shown(&target.path) }),
        }
        let directory = entry::open_directory_at(target.directory, target.name).at("open directory", &target.path)?;
        self.children(node, from, &directory, &target.path)?;
        let source =
            self.request.tree.root().open_resolved(from, OFlags::RDONLY | OFlags::DIRECTORY).at("open", from)?;
        self.finish(&directory, &node.metadata, &Xattrs::of_file(source), target)
    }

    fn file(&mut self, metadata: &Metadata, from: &Path, target: &Target<'_>) -> Result<(), CopyError> {
        let mut source = self.open_source(from)?;
        let mut file = create(target)?;
        self.outcome.bytes += self.data(metadata, &mut source, &mut file, target)?;
        self.finish(&file, metadata, &Xattrs::of_file(&source), target)
    }

    /// Copies bytes: by a clone, else inside the kernel, else through memory.
    fn data(
        &self,
        metadata: &Metadata,
        source: &mut File,
        file: &mut File,
        target: &Target<'_>,
    ) -> Result<u64, CopyError> {
        if metadata.size >= CLONE_FROM && rustix::fs::ioctl_ficlone(&*file, &*source).is_ok() {
            return Ok(metadata.size);
        }
        let mut total = 0;
        if metadata.size >= CLONE_FROM {
            // Not every pair of file systems can; the first call tells.
            while let Ok(count) = rustix::fs::copy_file_range(&*source, None, &*file, None, CHUNK) {
                self.cancel.check()?;
                total += count as u64;
                if count == 0 {
                    return Ok(total);
                }
            }
        }
        let size = usize::try_from(metadata.size).unwrap_or(CHUNK);
        let mut buffer = vec![0; size.clamp(4096, 1 << 20)];
        loop {
            let count = source.read(&mut buffer).at("read", &target.path)?;
            if count == 0 {
                return Ok(total);
            }
            self.cancel.check()?;
            file.write_all(&buffer[..count]).at("write", &target.path)?;
            total += count as u64;
        }
    }

    fn finish(
        &self,
        fd: impl AsFd,
        metadata: &Metadata,
        xattrs: &Xattrs,
        target: &Target<'_>,
    ) -> Result<(), CopyError> {
        let mode = self.request.mode.unwrap_or(metadata.mode);
        entry::set_attributes(&fd, self.owner(metadata), mode, xattrs).at("set the attributes of", &target.path)?;
        Ok(entry::set_times(&fd, metadata.atime, metadata.mtime).at("set times of", &target.path)?)
    }

    fn symlink(&self, metadata: &Metadata, from: &Path, target: &Target<'_>) -> Result<(), CopyError> {
        let (parent, name) = split(from);
        let directory = self.request.tree.root().open_resolved(parent, OFlags::PATH).at("open", parent)?;
        let link = entry::read_link_at(directory, name).at("read the link", from)?;
        rustix::fs::symlinkat(link.as_os_str(), target.directory, target.name).at("create link", &target.path)?;
        self.finish_by_name(metadata, target)
    }

    fn special(&self, metadata: &Metadata, kind: FileType, target: &Target<'_>) -> Result<(), CopyError> {
        let device = rustix::fs::makedev(metadata.device.0, metadata.device.1);
        let mode = Mode::from_raw_mode(self.request.mode.unwrap_or(metadata.mode));
        rustix::fs::mknodat(target.directory, target.name, kind, mode, device).at("create device", &target.path)?;
        // The mask of the process does not apply to what is copied.
        rustix::fs::chmodat(target.directory, target.name, mode, AtFlags::empty())
            .at("set the mode of", &target.path)?;
        self.finish_by_name(metadata, target)
    }

    fn finish_by_name(&self, metadata: &Metadata, target: &Target<'_>) -> Result<(), CopyError> {
        entry::set_owner_at(target.directory, target.name, self.owner(metadata))
            .at("set the owner of", &target.path)?;
        Ok(entry::set_times_at(target.directory, target.name, metadata.atime, metadata.mtime)
            .at("set times of", &target.path)?)
    }
}

fn create(target: &Target<'_>) -> Result<File, CopyError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(target.directory, target.name, flags, Mode::from_raw_mode(0o600));
    Ok(File::from(fd.at("create", &target.path)?))
}
