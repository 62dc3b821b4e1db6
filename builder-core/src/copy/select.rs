//! From the text of a source to the files it names.

use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::{CopyError, CopyTree};
use crate::build_context::scan::{Filter, Node, Scanner};
use crate::cancel::CancelToken;
use crate::dockerignore::Patterns;
use crate::fs::PathContext;
use crate::fs::entry::{self, FileKind, Metadata};
use crate::fs::root::{Follow, is_missing};
use crate::glob::{Glob, has_wildcard};
use crate::plan::op::CopySource;

/// How alike two names must be for one to be suggested for the other.
const SIMILAR_ENOUGH: f64 = 0.7;

/// One file or directory that a source names.
#[derive(Debug)]
pub(super) struct Selected {
    /// The last component as written or matched, not that of a link's target; empty for the root.
    pub(super) name: OsString,
    /// Where it is, free of links, relative to the root of the tree.
    pub(super) path: PathBuf,
    /// It, and all that is visible below.
    pub(super) node: Node,
}

impl Selected {
    pub(super) fn is_directory(&self) -> bool {
        self.node.metadata.kind == FileKind::Directory
    }
}

/// What the sources of one COPY or ADD name, and what was there when it was found.
#[derive(Debug)]
pub struct Selection {
    /// By source; nothing for inline files.
    pub(super) sources: Vec<Vec<Selected>>,
}

impl Selection {
    /// Finds everything that the sources name, so that a missing one leaves no half of a copy. What matches
    /// `exclude` below a directory is left out; a file that is named itself is not asked, as with BuildKit.
    ///
    /// # Errors
    /// [`CopyError`] for the first source that is missing, or where a directory cannot be read.
    pub fn find(
        tree: &CopyTree<'_>,
        sources: &[CopySource],
        exclude: &[String],
        cancel: &CancelToken,
    ) -> Result<Self, CopyError> {
        let excluded = patterns(0, exclude)?;
        let exclude = Some(&excluded).filter(|patterns| !patterns.is_empty());
        let find = |(index, source): (usize, &CopySource)| {
            let scanner = Scanner { root: tree.root(), ignore: tree.ignore(), cancel };
            let filter = Filter { include: None, exclude };
            let selector = Selector { scanner, index, filter };
            match source {
                CopySource::Path { path, .. } => selector.select(path),
                CopySource::Parents { base, pattern, .. } => selector.with_parents(base, pattern),
                CopySource::Inline { .. } => Ok(Vec::new()),
            }
        };
        Ok(Self { sources: sources.iter().enumerate().map(find).collect::<Result<_, _>>()? })
    }
}

pub(super) fn patterns(index: usize, texts: &[String]) -> Result<Patterns, CopyError> {
    Patterns::new(texts.iter().map(String::as_str))
        .map_err(|error| CopyError::BadPattern { index, pattern: error.pattern })
}

/// Returns where everything is that these sources name, as long as no link is on the way. Nothing where that is seen only
/// by looking.
pub fn plain_paths(sources: &[CopySource]) -> Option<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for source in sources {
        match source {
            CopySource::Path { path, .. } if !has_wildcard(path) && !path.contains('\\') => {
                paths.push(clean(path).iter().collect());
            }
            CopySource::Inline { .. } => {}
            CopySource::Path { .. } | CopySource::Parents { .. } => return None,
        }
    }
    Some(paths)
}

/// Takes `.` and empty components out and lets `..` climb no higher than the root.
fn clean(path: &str) -> Vec<&str> {
    let mut components = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => _ = components.pop(),
            other => components.push(other),
        }
    }
    components
}

/// Takes the escapes out of a path without wildcards.
fn unescape(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut chars = path.chars();
    while let Some(next) = chars.next() {
        plain.push(if next == '\\' { chars.next().unwrap_or('\\') } else { next });
    }
    plain
}

/// Takes a source apart: the directory that is looked into, and the pattern of what is looked for there.
pub(super) fn prefix_of(source: &str) -> (String, String) {
    let components = clean(source);
    let last = components.len().saturating_sub(1);
    let first = components.iter().position(|component| has_wildcard(component)).unwrap_or(last);
    let (prefix, pattern) = components.split_at(first);
    (prefix.join("/"), pattern.join("/"))
}

enum Lookup {
    Found(PathBuf, Metadata),
    Missing,
    Ignored,
}

struct Selector<'a> {
    scanner: Scanner<'a>,
    index: usize,
    filter: Filter<'a>,
}

impl Selector<'_> {
    /// Finds what a source names, in lexical order. A pattern may name nothing at all.
    fn select(&self, source: &str) -> Result<Vec<Selected>, CopyError> {
        let components = clean(source);
        match components.iter().position(|component| has_wildcard(component)) {
            None => self.literal(&components).map(|found| vec![found]),
            Some(first) => {
                let (prefix, patterns) = components.split_at(first);
                self.wildcard(prefix, patterns)
            }
        }
    }

    /// Finds what a pattern names below each directory that `base` names, with what leads to it.
    fn with_parents(&self, base: &str, pattern: &str) -> Result<Vec<Selected>, CopyError> {
        if !has_wildcard(base) && !has_wildcard(pattern) {
            self.require(&clean(&format!("{base}/{pattern}")))?;
        }
        if pattern.is_empty() {
            return self.select(base);
        }
        let include = patterns(self.index, &[pattern.to_owned()])?;
        let filter = Filter { include: Some(&include), exclude: self.filter.exclude };
        Selector { scanner: self.scanner, index: self.index, filter }.select(base)
    }

    fn literal(&self, components: &[&str]) -> Result<Selected, CopyError> {
        let (path, resolved, metadata) = self.require(components)?;
        self.selected(&path, resolved, metadata)
    }

    /// Looks for a path without wildcards that must exist: how it is written, where it is, what it is.
    fn require(&self, components: &[&str]) -> Result<(PathBuf, PathBuf, Metadata), CopyError> {
        let written = components.join("/");
        let mut path = PathBuf::from(&written);
        let mut found = self.look_up(&path)?;
        if matches!(found, Lookup::Missing) && written.contains('\\') {
            // `\*` names a file called `*`; but a file whose name has a backslash is found first.
            path = PathBuf::from(unescape(&written));
            found = self.look_up(&path)?;
        }
        match found {
            Lookup::Found(resolved, metadata) => Ok((path, resolved, metadata)),
            Lookup::Missing => Err(self.not_found(&path, false)),
            Lookup::Ignored => Err(self.not_found(&path, true)),
        }
    }

    fn selected(&self, written: &Path, path: PathBuf, metadata: Metadata) -> Result<Selected, CopyError> {
        let node = self.scanner.node(&path, metadata, self.filter)?;
        Ok(Selected { name: written.file_name().unwrap_or_default().to_owned(), path, node })
    }

    fn look_up(&self, path: &Path) -> Result<Lookup, CopyError> {
        let resolved = match self.scanner.root.resolve(path, Follow::Yes) {
            Err(error) if is_missing(&error.source) => return Ok(Lookup::Missing),
            other => other?,
        };
        let Some(metadata) = resolved.metadata.filter(|metadata| !metadata.is_whiteout()) else {
            return Ok(Lookup::Missing);
        };
        for link in &resolved.links {
            if self.scanner.ignore.is_some_and(|patterns| patterns.matches(&link.to_string_lossy(), false)) {
                return Ok(Lookup::Ignored);
            }
        }
        if self.scanner.visible(&resolved.path, &metadata)? {
            Ok(Lookup::Found(resolved.path, metadata))
        } else {
            Ok(Lookup::Ignored)
        }
    }

    fn wildcard(&self, prefix: &[&str], patterns: &[&str]) -> Result<Vec<Selected>, CopyError> {
        let globs: Result<Vec<Glob>, _> = patterns.iter().map(|pattern| Glob::new(pattern)).collect();
        let globs = globs.map_err(|_| CopyError::BadPattern { index: self.index, pattern: patterns.join("/") })?;
        // A pattern may match nothing, but what stands before it must be there, as with BuildKit.
        let (_, base, metadata) = self.require(prefix)?;
        if metadata.kind != FileKind::Directory {
            return Ok(Vec::new());
        }
        let directory = self.scanner.root.open_resolved(&base, OFlags::RDONLY | OFlags::DIRECTORY);
        let directory = directory.at("open directory", &base)?;
        let mut matches = Vec::new();
        if globs.iter().any(|glob| glob.most_slashes() > 0) {
            let joined = patterns.join("/");
            let glob =
                Glob::new(&joined).map_err(|_| CopyError::BadPattern { index: self.index, pattern: joined.clone() })?;
            self.descend_across(directory, &base, "", &glob, &mut matches)?;
        } else {
            self.descend(directory, &base, &globs, &mut matches)?;
        }
        let mut selected = Vec::new();
        for matched in matches {
            match self.look_up(&matched)? {
                Lookup::Found(path, metadata) => selected.push(self.selected(&matched, path, metadata)?),
                // The name itself is visible, so it is a link to something that is not.
                Lookup::Missing => return Err(self.not_found(&matched, false)),
                Lookup::Ignored => return Err(self.not_found(&matched, true)),
            }
        }
        Ok(selected)
    }

    fn descend(
        &self,
        directory: impl AsFd,
        path: &Path,
        globs: &[Glob],
        matches: &mut Vec<PathBuf>,
    ) -> Result<(), CopyError> {
        let Some((glob, rest)) = globs.split_first() else { return Ok(()) };
        for name in entry::names(&directory).at("list directory", path)? {
            self.scanner.cancel.check()?;
            if !glob.matches(&name.to_string_lossy()) {
                continue;
            }
            let inner = path.join(&name);
            let Some(metadata) = entry::metadata_at(&directory, &name).at("look at", &inner)? else { continue };
            if rest.is_empty() {
                if self.scanner.visible(&inner, &metadata)? {
                    matches.push(inner);
                }
            } else if metadata.kind == FileKind::Directory {
                let opened = entry::open_directory_at(&directory, &name).at("open directory", &inner)?;
                self.descend(opened, &inner, rest, matches)?;
            }
        }
        Ok(())
    }

    /// Does the same for a pattern with a class that has the slash: it may name more components than it shows.
    fn descend_across(
        &self,
        directory: impl AsFd,
        path: &Path,
        written: &str,
        glob: &Glob,
        matches: &mut Vec<PathBuf>,
    ) -> Result<(), CopyError> {
        for name in entry::names(&directory).at("list directory", path)? {
            self.scanner.cancel.check()?;
            let inner = path.join(&name);
            let written = format!("{written}{}", name.to_string_lossy());
            let Some(metadata) = entry::metadata_at(&directory, &name).at("look at", &inner)? else { continue };
            if glob.matches(&written) && self.scanner.visible(&inner, &metadata)? {
                matches.push(inner.clone());
            }
            let slashes = written.matches('/').count();
            if metadata.kind == FileKind::Directory && slashes < glob.most_slashes() {
                let opened = entry::open_directory_at(&directory, &name).at("open directory", &inner)?;
                self.descend_across(opened, &inner, &format!("{written}/"), glob, matches)?;
            }
        }
        Ok(())
    }

    fn not_found(&self, path: &Path, ignored: bool) -> CopyError {
        let similar = if ignored { None } else { self.similar(path) };
        CopyError::NotFound { index: self.index, path: format!("/{}", path.display()), ignored, similar }
    }

    /// Finds a visible name in the same directory that is spelled almost the same. That it cannot be found
    /// is no reason for another error.
    fn similar(&self, path: &Path) -> Option<String> {
        let (parent, wanted) = (path.parent()?, path.file_name()?.to_string_lossy());
        let Lookup::Found(resolved, _) = self.look_up(parent).ok()? else { return None };
        let names = self.scanner.root.names(&resolved).ok()?;
        let mut best: Option<(f64, OsString)> = None;
        for name in names {
            let score = strsim::normalized_damerau_levenshtein(&wanted, &name.to_string_lossy());
            if score >= SIMILAR_ENOUGH && best.as_ref().is_none_or(|(best, _)| score > *best) {
                let visible = matches!(self.look_up(&resolved.join(&name)), Ok(Lookup::Found(..)));
                if visible {
                    best = Some((score, name));
                }
            }
        }
        best.map(|(_, name)| join_display(parent, &name))
    }
}

fn join_display(parent: &Path, name: &OsStr) -> String {
    let parent = OsStr::from_bytes(parent.as_os_str().as_bytes());
    Path::new(parent).join(name).display().to_string()
}
