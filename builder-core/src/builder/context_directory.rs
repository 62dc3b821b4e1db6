//! A directory of the host as the linter's rules ask for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::build_context::ignore_file;
use crate::fs::root::{RootDir, is_missing};
use crate::lint::options::{BuildFiles, Entries};

/// How many names of one directory are kept.
const MAX_NAMES: usize = 20_000;
/// How many directories are looked into.
const MAX_DIRECTORIES: usize = 20_000;

/// A directory that may be a build context. It is looked into when a rule asks, each directory once; links lead
/// nowhere outside, as in a build.
#[derive(Debug)]
pub struct ContextDirectory {
    path: PathBuf,
    name: String,
    ignore_file: OnceLock<Option<Arc<str>>>,
    listings: Mutex<BTreeMap<String, Entries>>,
}

impl ContextDirectory {
    /// Takes a directory, which need not be there, and its name in messages.
    pub fn new(path: PathBuf, name: impl Into<String>) -> Self {
        Self { path, name: name.into(), ignore_file: OnceLock::new(), listings: Mutex::new(BTreeMap::new()) }
    }

    fn list(&self, directory: &str) -> Entries {
        let inside = if directory.is_empty() { Path::new(".") } else { Path::new(directory) };
        match RootDir::open(&self.path).and_then(|root| root.names(inside)) {
            Ok(names) if names.len() > MAX_NAMES => Entries::Unknown,
            Ok(names) => {
                let names: BTreeSet<String> =
                    names.into_iter().map(|name| name.to_string_lossy().into_owned()).collect();
                Entries::Known(Arc::new(names))
            }
            Err(error) if is_missing(&error.source) => Entries::Missing,
            Err(_) => Entries::Unknown,
        }
    }
}

impl BuildFiles for ContextDirectory {
    fn name(&self) -> &str {
        &self.name
    }

    fn ignore_file(&self) -> Option<Arc<str>> {
        let read = || Some(Arc::from(ignore_file(&self.path, None).ok()??.text));
        self.ignore_file.get_or_init(read).clone()
    }

    fn entries(&self, directory: &str) -> Entries {
        let mut listings = self.listings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = listings.get(directory) {
            return known.clone();
        }
        if listings.len() >= MAX_DIRECTORIES {
            return Entries::Unknown;
        }
        let entries = self.list(directory);
        listings.insert(directory.to_owned(), entries.clone());
        entries
    }

    fn may_be_made(&self, _path: &str) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_listed_and_links_stay_inside() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        std::fs::write(folder.path().join("src/app"), "").unwrap();
        std::fs::write(folder.path().join(".dockerignore"), "x\n").unwrap();
        std::os::unix::fs::symlink("/src", folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("out")).unwrap();
        let directory = ContextDirectory::new(folder.path().to_owned(), ".");
        let names = |path: &str| match directory.entries(path) {
            Entries::Known(names) => names.iter().cloned().collect::<Vec<_>>().join(" "),
            other => format!("{other:?}"),
        };
        assert_eq!(names(""), ".dockerignore link out src");
        assert_eq!((names("src"), names("link")), ("app".to_owned(), "app".to_owned()));
        for path in ["out", "no", "src/app", "no/no"] {
            assert_eq!(directory.entries(path), Entries::Missing, "{path}");
        }
        std::fs::write(folder.path().join("src/later"), "").unwrap();
        assert_eq!(names("src"), "app", "each directory is read once");
        assert_eq!(directory.ignore_file().as_deref(), Some("x\n"));
        assert_eq!(ContextDirectory::new(folder.path().join("no"), ".").entries(""), Entries::Missing);
    }
}
