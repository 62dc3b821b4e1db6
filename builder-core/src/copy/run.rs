//! Carries out one COPY or ADD.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Seek;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::place::{self, Place, shown};
use super::select::{Selected, Selection};
use super::write::{Writer, open_parent};
use super::{CopyError, CopyOutcome, CopyRequest};
use crate::build_context::is_archive;
use crate::cancel::CancelToken;
use crate::fs::PathContext;
use crate::fs::entry::{self, FileKind, Time};
use crate::fs::extract::{ExtractError, ExtractLimits, ExtractOptions, extract};
use crate::fs::root::NewDirectory;
use crate::layer::compression::decompress;
use crate::plan::mode::ModeChange;
use crate::plan::op::CopySource;

/// Copies what the sources of a request name. Sources come in the order they are written, inline files last.
///
/// # Errors
/// [`CopyError`] for the first source that cannot be copied.
pub fn run(request: &CopyRequest<'_>, selection: &Selection, cancel: &CancelToken) -> Result<CopyOutcome, CopyError> {
    let mut copier = Copier { request, cancel, times: BTreeMap::new(), outcome: CopyOutcome::default() };
    for source in &selection.sources {
        for found in source {
            // Links hold within one match: every match is a copy of its own.
            let mut writer = Writer::new(request, cancel);
            copier.selected(found, &mut writer)?;
            copier.add(writer.outcome);
        }
    }
    let mut writer = Writer::new(request, cancel);
    for source in request.sources {
        if let CopySource::Inline { name, content } = source {
            let name = OsStr::new(name);
            let (place, own) =
                place::for_file(request.destination_root, request.destination, name, copier.new_directory())?;
            copier.note(&place);
            writer.inline(content, &place, &own)?;
        }
    }
    copier.add(writer.outcome);
    copier.finish()
}

struct Copier<'a> {
    request: &'a CopyRequest<'a>,
    cancel: &'a CancelToken,
    /// Access and change times that directories get once nothing is put into them any more.
    times: BTreeMap<PathBuf, (Time, Time)>,
    outcome: CopyOutcome,
}

impl Copier<'_> {
    fn new_directory(&self) -> NewDirectory {
        NewDirectory {
            mode: self.request.mode.and_then(ModeChange::of_created).unwrap_or(0o755),
            owner: Some(self.request.owner.unwrap_or((0, 0))),
            mtime: self.request.created_mtime.map(|seconds| (seconds, 0)),
        }
    }

    fn selected(&mut self, found: &Selected, writer: &mut Writer<'_>) -> Result<(), CopyError> {
        let root = self.request.destination_root;
        if found.is_directory() {
            let place = place::for_contents(root, self.request.destination, self.new_directory())?;
            self.note(&place);
            let opened = self.request.tree.root().open_resolved(&found.path, OFlags::RDONLY | OFlags::DIRECTORY);
            writer.contents(&opened.at("open directory", &found.path)?, &found.node, &place)?;
            let metadata = &found.node.metadata;
            self.times.insert(place.path, (metadata.atime, metadata.mtime));
            return Ok(());
        }
        let (directory, _) = open_parent(self.request.tree.root(), &found.path)?;
        if self.request.unpack && found.node.metadata.kind == FileKind::File {
            let opened = entry::open_file_at(&directory, &found.node.name).at("open", &found.path)?;
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
        writer.single(&directory, &found.node, &place, &name)
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

    fn note(&mut self, place: &Place) {
        self.outcome.directories += place.created.len() as u64;
        if let Some(seconds) = self.request.created_mtime {
            for created in &place.created {
                self.times.insert(created.clone(), ((seconds, 0), (seconds, 0)));
            }
        }
    }

    fn add(&mut self, outcome: CopyOutcome) {
        self.outcome.files += outcome.files;
        self.outcome.directories += outcome.directories;
        self.outcome.bytes += outcome.bytes;
        self.outcome.changed |= outcome.changed;
    }

    fn finish(self) -> Result<CopyOutcome, CopyError> {
        for (path, (atime, mtime)) in &self.times {
            self.request.destination_root.set_directory_times(path, *atime, *mtime).at("set times of", shown(path))?;
        }
        Ok(self.outcome)
    }
}
