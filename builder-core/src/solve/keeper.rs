//! Filesystems from elsewhere, kept in the store by what they are and not by where they came from.
//!
//! The same file or commit is there already, whatever name led to it: then nothing is fetched. `--no-cache` has no
//! say in it, as with BuildKit: whether something changed is asked each time anyway.
//!
//! Spec: dockerfile-semantics 15.2, rows "HTTP" and "Git".

#[cfg(feature = "registry")]
use std::cell::Cell;
use std::fs;
#[cfg(feature = "registry")]
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{StepError, StepLayer, StepResult};
use crate::cache::{CacheKey, KeyBuilder, KeyPart};
use crate::fs::PathContext;
#[cfg(feature = "registry")]
use crate::fs::entry;
use crate::remote::{GitMtime, GitSource, HttpSource, RemoteSource, without_credentials};
use crate::snapshot::{CommitOptions, Snapshots};
use crate::source::{Outside, git};
use crate::store::CacheRecord;

/// The mode of a file from a web server.
#[cfg(feature = "registry")]
const FILE_MODE: u32 = 0o600;

/// A filesystem from elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The filesystem.
    pub result: StepResult,
    /// When its content was made, where somebody says so: the time of the commit, or `Last-Modified`. Seconds since
    /// 1970.
    pub modified: Option<i64>,
}

/// Tells what a fetch does.
pub struct Watch<'w> {
    /// Is called once, when something is really fetched.
    pub begin: &'w dyn Fn(),
    /// Is told bytes so far and in all.
    pub progress: &'w dyn Fn(u64, Option<u64>),
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

/// Fetches filesystems and keeps them.
#[derive(Clone, Copy, Debug)]
pub struct Keeper<'a> {
    /// Where filesystems are kept.
    pub snapshots: &'a Snapshots,
    /// How to fetch.
    pub outside: Outside<'a>,
    /// Times are set back to this where they are later, seconds since 1970.
    pub clamp: Option<i64>,
    /// The time that new layers are said to be made at, seconds and nanoseconds since 1970.
    pub now: (i64, u32),
}

type Key = (CacheKey, Vec<KeyPart>);

impl Keeper<'_> {
    /// Returns the filesystem of a source.
    ///
    /// # Errors
    /// [`StepError::Source`] where it cannot be had.
    pub fn get(&self, source: &RemoteSource, watch: &Watch<'_>) -> Result<Kept, StepError> {
        match source {
            RemoteSource::Http(source) => self.http(source, watch),
            RemoteSource::Git(source) => self.git(source, watch),
        }
    }

    #[cfg(not(feature = "registry"))]
    #[expect(clippy::unused_self, reason = "the other one needs it")]
    fn http(&self, _: &HttpSource, _: &Watch<'_>) -> Result<Kept, StepError> {
        Err(StepError::Source(crate::source::SourceError::Unsupported("web servers")))
    }

    #[cfg(feature = "registry")]
    fn http(&self, source: &HttpSource, watch: &Watch<'_>) -> Result<Kept, StepError> {
        let key = |record: &crate::store::HttpRecord| {
            let mut key = self.key("http");
            key.text("name", &source.name)
                .text("digest", &record.digest.to_string())
                .number("modified", record.modified);
            key.finish()
        };
        let is_here = |record: &crate::store::HttpRecord| Ok(self.find(&key(record)).ok().flatten().is_some());
        let begun = Cell::new(false);
        let progress = |current, total| {
            if !begun.replace(true) {
                (watch.begin)();
            }
            (watch.progress)(current, total);
        };
        let file = crate::source::http::fetch(source, &self.outside, &is_here, &progress)?;
        let (key, modified) = (key(&file.record), file.record.modified);
        if let Some(result) = self.find(&key)? {
            return Ok(Kept { result, modified });
        }
        let Some((_work, path)) = file.fetched else {
            return Err(StepError::MissingInput(without_credentials(&source.url)));
        };
        let result = self.make(&key, |upper| {
            let name = crate::fs::name::single_name(std::ffi::OsStr::new(&source.name)).at("create", &source.name)?;
            let place = upper.join(name);
            fs::rename(&path, &place).at("rename", &path)?;
            fs::set_permissions(&place, fs::Permissions::from_mode(FILE_MODE)).at("set the mode of", &place)?;
            let time = (modified.unwrap_or(0), 0);
            let opened = fs::File::open(&place).at("open", &place)?;
            entry::set_times(&opened, time, time).at("set the times of", &place)?;
            Ok(())
        })?;
        Ok(Kept { result, modified })
    }

    fn git(&self, source: &GitSource, watch: &Watch<'_>) -> Result<Kept, StepError> {
        let store = self.outside.store;
        let commit = git::resolve(source, &self.outside)?;
        let mut key = self.key("git");
        key.text("commit", &commit.commit)
            .text("directory", source.subdir.as_deref().unwrap_or_default())
            .text("submodules", if source.submodules { "yes" } else { "no" })
            .text("times", if source.mtime == GitMtime::Commit { "commit" } else { "checkout" });
        if source.keep_git_dir {
            key.text("kept repository", &without_credentials(&source.remote))
                .text("kept reference", commit.reference.as_deref().unwrap_or_default());
        }
        let key = key.finish();
        if let Some(result) = self.find(&key)?
            && let Some(time) = store.remote_time(&commit.commit)?
        {
            return Ok(Kept { result, modified: Some(time) });
        }
        (watch.begin)();
        let mut modified = None;
        let result = self.make(&key, |upper| {
            modified = Some(git::checkout(source, &commit, upper, &self.outside)?);
            Ok(())
        })?;
        if let Some(time) = modified {
            store.put_remote_time(&commit.commit, time)?;
        }
        Ok(Kept { result, modified })
    }

    /// Returns the directory that holds the files of a filesystem that [`Keeper::get`] or [`Keeper::unpacked`] made.
    ///
    /// # Errors
    /// [`StepError::Snapshot`].
    pub fn directory(&self, result: &StepResult) -> Result<PathBuf, StepError> {
        let directory = self.snapshots.directories(&result.diff_ids)?.into_iter().next();
        directory.ok_or_else(|| StepError::MissingInput("a filesystem with files".to_owned()))
    }

    /// Returns what the archive in a filesystem of one file holds, with the newest time in it. Owners are those of
    /// the archive.
    ///
    /// # Errors
    /// [`StepError::Context`] where it cannot be unpacked.
    pub fn unpacked(&self, file: &StepResult, name: &str) -> Result<Kept, StepError> {
        let mut key = self.key("archive");
        key.digest("file", &file.content.0).text("name", name);
        let key = key.finish();
        let id = format!("archive {:?}", key.0);
        if let Some(result) = self.find(&key)? {
            return Ok(Kept { result, modified: self.outside.store.remote_time(&id)? });
        }
        let path = self.directory(file)?.join(name);
        let mut modified = None;
        let result = self.make(&key, |upper| {
            let file = fs::File::open(&path).at("open", &path)?;
            let mut plain = crate::layer::compression::decompress(file)
                .map_err(|error| StepError::Context(crate::build_context::ContextError::Stream(error)))?;
            modified = crate::build_context::unpack(&mut plain, upper, self.outside.cancel)?.newest;
            Ok(())
        })?;
        if let Some(time) = modified {
            self.outside.store.put_remote_time(&id, time)?;
        }
        Ok(Kept { result, modified })
    }

    fn key(&self, kind: &str) -> KeyBuilder {
        let mut key = KeyBuilder::new(kind);
        key.number("source date epoch", self.clamp);
        key
    }

    fn find(&self, key: &Key) -> Result<Option<StepResult>, StepError> {
        let Some(record) = self.outside.store.cache_record(&key.0.0)? else { return Ok(None) };
        let usable = self.snapshots.has(&[record.diff_id])? || self.snapshots.adopt(&[], &record.diff_id)?;
        Ok(usable.then(|| result(&record, self.clamp.is_some(), true)))
    }

    fn make(&self, key: &Key, fill: impl FnOnce(&Path) -> Result<(), StepError>) -> Result<StepResult, StepError> {
        let active = self.snapshots.begin(&[])?;
        fill(active.upper())?;
        let layer = active.commit(&CommitOptions { clamp: self.clamp, blob: false }, self.outside.cancel)?;
        let record = CacheRecord {
            diff_id: layer.diff_id,
            content: layer.content,
            size: layer.size,
            created: self.now,
            parts: serde_json::to_string(&key.1).unwrap_or_default(),
        };
        self.outside.store.put_cache_record(&key.0.0, &record)?;
        Ok(result(&record, self.clamp.is_some(), false))
    }
}

fn result(record: &CacheRecord, clamped: bool, cached: bool) -> StepResult {
    StepResult {
        diff_ids: [record.diff_id].into(),
        content: crate::cache::FilesystemContent::empty()
            .with_layer(&record.content, clamped.then_some(&record.diff_id)),
        layer: Some(StepLayer {
            diff_id: record.diff_id,
            content: record.content,
            size: record.size,
            created: record.created,
        }),
        cached,
        keys: std::sync::Arc::from([]),
    }
}
