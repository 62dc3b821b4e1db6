//! Carries out one COPY or ADD.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Seek;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use rustix::fs::OFlags;

use super::graft::CopyGraft;
use super::place::{self, Place, shown};
use super::select::{Selected, Selection};
use super::write::{Writer, open_parent};
use super::{CopyError, CopyOutcome, CopyRequest, CopyTree};
use crate::build_context::is_archive;
use crate::build_context::scan::Node;
use crate::cancel::CancelToken;
use crate::fs::PathContext;
use crate::fs::entry::{self, FileKind, Time};
use crate::fs::extract::{ExtractError, ExtractLimits, ExtractOptions, extract};
use crate::fs::root::{Inherit, NewDirectory, RootDir};
use crate::layer::compression::decompress;
use crate::plan::mode::ModeChange;
use crate::plan::op::CopySource;

/// Copies what the sources of a request name. Sources come in the order they are written, inline files last.
///
/// # Errors
/// [`CopyError`] for the first source that cannot be copied.
pub fn run(request: &CopyRequest<'_>, selection: &Selection, cancel: &CancelToken) -> Result<CopyOutcome, CopyError> {
    let mut copier = Copier::new(request, cancel);
    for source in &selection.sources {
        for found in source {
            copier.selected(found)?;
        }
    }
    for source in request.sources {
        if let CopySource::Inline { name, content } = source {
            let name = OsStr::new(name);
            let (place, own) =
                place::for_file(request.destination_root, request.destination, name, copier.new_directory())?;
            copier.note(&place);
            let mut writer = Writer::new(request, request.destination_root, cancel);
            writer.inline(content, &place, &own)?;
            copier.outcome.add(writer.outcome);
        }
    }
    copier.finish()
}

/// Makes the destination of a COPY ready and returns its files as entries of a layer's archive. There is nothing
/// where what is in the destination has a say: then nothing is made either, and [`run`] has to copy.
///
/// # Errors
/// [`CopyError`] where the destination cannot be made.
pub fn graft<'a>(
    request: CopyRequest<'a>,
    selection: &'a Selection,
    cancel: &'a CancelToken,
) -> Result<Option<CopyGraft<'a>>, CopyError> {
    let ([source], [CopySource::Path { .. } | CopySource::Parents { .. }]) = (&*selection.sources, request.sources)
    else {
        return Ok(None);
    };
    let [found] = &**source else { return Ok(None) };
    // Whether a file is an archive is seen by reading it.
    if request.unpack && !found.is_directory() {
        return Ok(None);
    }
    let mut copier = Copier::new(&request, cancel);
    let (root, new) = (request.destination_root, copier.new_directory());
    let tree = request.tree.root();
    let (place, name, from) = if found.is_directory() {
        let place = place::for_contents(root, request.destination, new)?;
        let opened = tree.open_resolved(&found.path, OFlags::RDONLY | OFlags::DIRECTORY);
        (place, None, opened.at("open directory", &found.path)?)
    } else {
        let (place, name) = place::for_file(root, request.destination, &found.name, new)?;
        (place, Some(name), open_parent(tree, &found.path)?.0)
    };
    let is_new = place.created.contains(&place.path);
    let fits = is_new
        || match &name {
            None => fits(&place.directory, &found.node.children, &place.path)?,
            // Only the root of a filesystem is no entry of a layer, that would have to show a new time.
            Some(name) => {
                place.path.as_os_str().is_empty()
                    && !is_directory(&place.directory, name, Path::new(name))?.unwrap_or(false)
            }
        };
    if !fits {
        return Ok(None);
    }
    copier.note(&place);
    if name.is_none() {
        copier.take_times(place.path.clone(), found);
    }
    let has_time = copier.times.contains_key(&place.path);
    copier.finish()?;
    if !has_time && !is_new {
        // What comes into a directory puts it into the layer.
        entry::touch(&place.directory).at("set times of", shown(&place.path))?;
    }
    let changed = AtomicBool::new(false);
    Ok(Some(CopyGraft { request, found, from, directory: place.path, name, cancel, changed, learned: None }))
}

/// Tells whether everything that is selected takes no other place in a directory than a copy would give it: nothing
/// is in the way, and no directory that is there keeps what it has.
fn fits(directory: impl AsFd, nodes: &[Node], path: &Path) -> Result<bool, CopyError> {
    for node in nodes {
        let inner = path.join(&node.name);
        let selected = node.metadata.kind == FileKind::Directory;
        let fits = match is_directory(&directory, &node.name, &inner)? {
            None => true,
            Some(existing) if existing != selected || node.implied => false,
            Some(false) => true,
            Some(true) => {
                let opened = entry::open_directory_at(&directory, &node.name).at("open directory", shown(&inner))?;
                fits(opened, &node.children, &inner)?
            }
        };
        if !fits {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Tells whether a name is that of a directory; nothing where there is no such name.
fn is_directory(directory: impl AsFd, name: &OsStr, path: &Path) -> Result<Option<bool>, CopyError> {
    let found = entry::metadata_at(directory, name).at("look at", shown(path))?;
    Ok(found.map(|found| found.kind == FileKind::Directory))
}

struct Copier<'a> {
    request: &'a CopyRequest<'a>,
    cancel: &'a CancelToken,
    /// Access and change times that directories get once nothing is put into them any more.
    times: BTreeMap<PathBuf, (Time, Time)>,
    /// Directories that were made: nothing is in them but what was copied.
    made: BTreeSet<PathBuf>,
    outcome: CopyOutcome,
}

impl<'a> Copier<'a> {
    fn new(request: &'a CopyRequest<'a>, cancel: &'a CancelToken) -> Self {
        let (times, made) = (BTreeMap::new(), BTreeSet::new());
        Self { request, cancel, times, made, outcome: CopyOutcome::default() }
    }

    /// The root to write a place through: an overlay has no say about what is in a directory that was just made, and
    /// takes its time.
    fn root_of(&self, place: &Place) -> &'a RootDir {
        let direct = self.request.upper.filter(|_| !self.request.unpack && self.made.contains(&place.path));
        direct.unwrap_or(self.request.destination_root)
    }

    /// A directory that is there, and empty, is as good as one that was made, once the layer has it.
    fn use_empty(&mut self, place: &Place) -> Result<(), CopyError> {
        let known = self.request.upper.is_none() || self.made.contains(&place.path);
        if known || !entry::names(&place.directory).at("list directory", shown(&place.path))?.is_empty() {
            return Ok(());
        }
        let metadata = entry::metadata_of(&place.directory).at("look at", shown(&place.path))?;
        entry::set_times(&place.directory, metadata.atime, metadata.mtime).at("set times of", shown(&place.path))?;
        self.made.insert(place.path.clone());
        Ok(())
    }

    fn new_directory(&self) -> NewDirectory {
        NewDirectory {
            mode: self.request.mode.and_then(ModeChange::of_created).unwrap_or(0o755),
            owner: Some(self.request.owner.unwrap_or((0, 0))),
            mtime: self.request.created_mtime.map(|seconds| (seconds, 0)),
            // As with `BuildKit`, which leaves what the kernel makes of a directory where nobody says anything else.
            inherit: match (self.request.mode, self.request.owner) {
                (Some(_), _) => Inherit::Nothing,
                (None, Some(_)) => Inherit::Bit,
                (None, None) => Inherit::BitAndGroup,
            },
        }
    }

    fn selected(&mut self, found: &Selected) -> Result<(), CopyError> {
        let root = self.request.destination_root;
        if found.is_directory() {
            let place = place::for_contents(root, self.request.destination, self.new_directory())?;
            self.note(&place);
            self.use_empty(&place)?;
            // Links hold within one match: every match is a copy of its own.
            let mut writer = Writer::new(self.request, self.root_of(&place), self.cancel);
            writer.contents(&found.path, &found.node, &place.path)?;
            self.outcome.add(writer.outcome);
            if let Some(devices) = self.request.devices {
                devices.put(self.request, &found.path, &place.path)?;
            }
            self.take_times(place.path, found);
            return Ok(());
        }
        let (directory, _) = open_parent(self.request.tree.root(), &found.path)?;
        if self.request.unpack && found.node.metadata.kind == FileKind::File {
            let opened = entry::open_file_at(&directory, &found.node.name).at("open", &found.path);
            let opened = opened.map_err(|error| CopyError::from(error).of_selected(&found.path))?;
            let mut file = File::from(opened.0);
            if is_archive(&file) {
                file.rewind().at("read", &found.path)?;
                self.archive(&file, &found.path)?;
                let now = entry::metadata_of(&file).at("look at", &found.path)?;
                self.outcome.changed |= !now.is_unchanged_since(&found.node.metadata);
                return Ok(());
            }
        }
        let (place, name) = place::for_file(root, self.request.destination, &found.name, self.new_directory())?;
        self.note(&place);
        let mut writer = Writer::new(self.request, self.request.destination_root, self.cancel);
        writer.single(&directory, &found.node, &place, &name).map_err(|error| error.of_selected(&found.path))?;
        self.outcome.add(writer.outcome);
        Ok(())
    }

    fn archive(&mut self, file: &File, path: &Path) -> Result<(), CopyError> {
        let root = self.request.destination_root;
        // `--chmod` has no say in what an archive holds, and that includes the directories it needs.
        let new = NewDirectory { mode: 0o755, ..self.new_directory() };
        let place = place::for_contents(root, self.request.destination, new)?;
        self.note(&place);
        let failed = |source| match source {
            ExtractError::Cancelled(cancelled) => CopyError::Cancelled(cancelled),
            source => CopyError::Archive { path: shown(path).display().to_string(), source },
        };
        // To an archive the destination is the root of all: its links lead nowhere else.
        let inside = root.open_dir(&place.path)?;
        let options = ExtractOptions {
            directory: Path::new(""),
            owner: self.request.owner,
            created_mtime: self.request.created_mtime,
            limits: ExtractLimits::default(),
        };
        let mut plain = decompress(file).map_err(|error| failed(ExtractError::Malformed(error)))?;
        let extracted = extract(&inside, &mut plain, &options, self.cancel).map_err(failed)?;
        self.outcome.archives += 1;
        self.outcome.files += extracted.entries;
        self.outcome.bytes += extracted.bytes;
        self.outcome.skipped_devices += extracted.skipped_devices.len() as u64;
        Ok(())
    }

    /// A directory takes the times of the one whose content came into it. The root of a context has none of its own:
    /// they would say when somebody unpacked or cloned it.
    fn take_times(&mut self, place: PathBuf, found: &Selected) {
        if found.path.as_os_str().is_empty() && matches!(self.request.tree, CopyTree::Context(_)) {
            return;
        }
        let metadata = &found.node.metadata;
        self.times.insert(place, (metadata.atime, metadata.mtime));
    }

    fn note(&mut self, place: &Place) {
        self.outcome.directories += place.created.len() as u64;
        self.made.extend(place.created.iter().cloned());
        if let Some(seconds) = self.request.created_mtime {
            for created in &place.created {
                self.times.insert(created.clone(), ((seconds, 0), (seconds, 0)));
            }
        }
    }

    fn finish(self) -> Result<CopyOutcome, CopyError> {
        for (path, (atime, mtime)) in &self.times {
            self.request.destination_root.set_directory_times(path, *atime, *mtime).at("set times of", shown(path))?;
        }
        Ok(self.outcome)
    }
}
