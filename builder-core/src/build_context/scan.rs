//! The one place that decides which files of a tree a COPY may see.

mod walk;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::OFlags;

use super::ContextError;
use crate::cancel::CancelToken;
use crate::dockerignore::Patterns;
use crate::fs::PathContext;
use crate::fs::entry::{self, FileKind, MAX_TREE_DEPTH, Metadata};
use crate::fs::root::RootDir;

/// A file or directory with all that is visible below it, children sorted by name.
#[derive(Debug)]
pub struct Node {
    /// The name in its directory; empty for the root.
    pub name: OsString,
    /// What was there when it was looked at.
    pub metadata: Metadata,
    /// Whether the filter does not select this directory, but something below it.
    pub implied: bool,
    /// What a directory holds.
    pub children: Vec<Node>,
}

/// What of a directory is selected, by path relative to that directory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// Where given, only what matches.
    pub include: Option<&'a Patterns>,
    /// Nothing that matches.
    pub exclude: Option<&'a Patterns>,
}

impl Filter<'_> {
    fn includes(&self, path: &str) -> bool {
        self.include.is_none_or(|patterns| patterns.matches(path, false))
    }

    fn excludes(&self, path: &str) -> bool {
        self.exclude.is_some_and(|patterns| patterns.matches(path, false))
    }

    /// Tells whether something below a directory may be selected.
    fn may_select_below(&self, path: &str) -> bool {
        let included = self.includes(path) || self.include.is_some_and(|patterns| patterns.may_match_below(path));
        let kept = !self.excludes(path) || self.exclude.is_some_and(|patterns| patterns.may_reinclude_below(path));
        included && kept
    }
}

/// Looks at a tree through ignore patterns.
#[derive(Clone, Copy, Debug)]
pub struct Scanner<'a> {
    /// The root of the tree.
    pub root: &'a RootDir,
    /// What is hidden, by path relative to the root.
    pub ignore: Option<&'a Patterns>,
    /// Stops the scan.
    pub cancel: &'a CancelToken,
}

impl Scanner<'_> {
    /// Tells whether an existing path, free of links, is visible. A directory is if it is not excluded or
    /// something below it is visible.
    ///
    /// # Errors
    /// [`ContextError`] where a directory cannot be read.
    pub fn visible(&self, path: &Path, metadata: &Metadata) -> Result<bool, ContextError> {
        if metadata.is_whiteout() {
            return Ok(false);
        }
        let directory = metadata.kind == FileKind::Directory;
        if path.as_os_str().is_empty() || !self.excluded(path, directory) {
            return Ok(true);
        }
        if !directory || !self.may_reinclude(path) {
            return Ok(false);
        }
        self.any_below(self.open(path)?, path, 0)
    }

    /// Reads a path, free of links, with all that is visible below it and that a filter selects there. The
    /// filter has no say about the path itself.
    ///
    /// # Errors
    /// [`ContextError`] where a directory cannot be read or is too deep.
    pub fn node(&self, path: &Path, metadata: Metadata, filter: Filter<'_>) -> Result<Node, ContextError> {
        let children = match metadata.kind {
            FileKind::Directory => walk::children(self, path, filter)?,
            _ => Vec::new(),
        };
        Ok(Node { name: path.file_name().unwrap_or_default().to_owned(), metadata, implied: false, children })
    }

    fn open(&self, path: &Path) -> Result<OwnedFd, ContextError> {
        Ok(self.root.open_resolved(path, OFlags::RDONLY | OFlags::DIRECTORY).at("open directory", path)?)
    }

    fn any_below(&self, directory: impl AsFd, path: &Path, depth: usize) -> Result<bool, ContextError> {
        check_depth(path, depth)?;
        for name in entry::names(&directory).at("list directory", path)? {
            self.cancel.check()?;
            let inner = path.join(&name);
            let Some(metadata) = entry::metadata_at(&directory, &name).at("look at", &inner)? else { continue };
            let is_directory = metadata.kind == FileKind::Directory;
            if !self.excluded(&inner, is_directory) {
                return Ok(true);
            }
            if is_directory && self.may_reinclude(&inner) {
                let opened = entry::open_directory_at(&directory, &name).at("open directory", &inner)?;
                if self.any_below(opened, &inner, depth + 1)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn excluded(&self, path: &Path, is_directory: bool) -> bool {
        self.ignore.is_some_and(|patterns| patterns.matches(&path.to_string_lossy(), is_directory))
    }

    fn may_reinclude(&self, path: &Path) -> bool {
        self.ignore.is_some_and(|patterns| patterns.may_reinclude_below(&path.to_string_lossy()))
    }
}

fn check_depth(path: &Path, depth: usize) -> Result<(), ContextError> {
    if depth > MAX_TREE_DEPTH {
        return Err(ContextError::TooDeep { path: path.to_owned(), limit: MAX_TREE_DEPTH });
    }
    Ok(())
}
