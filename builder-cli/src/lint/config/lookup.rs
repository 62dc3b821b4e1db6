//! Which configuration file holds for a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Config, Strictness};
use crate::error::CommandError;

/// The names that are looked for in each folder, first found only.
const NAMES: [&str; 3] = ["builder.toml", ".hadolint.yaml", ".hadolint.yml"];

/// Where to look.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Search {
    /// Nowhere.
    Nowhere,
    /// One file, for everything.
    File(PathBuf),
    /// The file's folder and those above it, as far as the root of a repository; then these, first found only.
    Upwards(Vec<PathBuf>),
}

/// Finds configuration files, and reads each of them once.
#[derive(Debug)]
pub(crate) struct Lookup {
    search: Search,
    strictness: Strictness,
    folders: BTreeMap<PathBuf, Option<Arc<Config>>>,
    fallback: Fallback,
}

/// What there is at the end of the search, once it was looked for.
#[derive(Debug)]
enum Fallback {
    Unknown,
    Known(Option<Arc<Config>>),
}

impl Lookup {
    /// Makes a lookup.
    pub(crate) fn new(search: Search, strictness: Strictness) -> Self {
        Self { search, strictness, folders: BTreeMap::new(), fallback: Fallback::Unknown }
    }

    /// Returns the configuration for files of a folder, which is absolute.
    ///
    /// # Errors
    /// A file that was found is broken.
    pub(crate) fn find(&mut self, folder: &Path) -> Result<Option<Arc<Config>>, CommandError> {
        match &self.search {
            Search::Nowhere => Ok(None),
            Search::File(_) => self.fallback(),
            Search::Upwards(_) => match self.upwards(folder)? {
                Some(config) => Ok(Some(config)),
                None => self.fallback(),
            },
        }
    }

    /// Returns the configurations that were read, each once, in the order of their paths.
    pub(crate) fn read(&self) -> impl Iterator<Item = &Config> {
        let fallback = match &self.fallback {
            Fallback::Known(known) => known.as_deref(),
            Fallback::Unknown => None,
        };
        let all = self.folders.values().flatten().map(AsRef::as_ref).chain(fallback);
        all.map(|config| (&config.path, config)).collect::<BTreeMap<_, _>>().into_values()
    }

    fn upwards(&mut self, folder: &Path) -> Result<Option<Arc<Config>>, CommandError> {
        if let Some(known) = self.folders.get(folder) {
            return Ok(known.clone());
        }
        let here = NAMES.iter().map(|name| folder.join(name)).find(|path| path.is_file());
        let found = match here {
            Some(path) => Some(Arc::new(Config::read(&path, self.strictness)?)),
            None if folder.join(".git").exists() => None,
            None => match folder.parent() {
                Some(parent) => self.upwards(parent)?,
                None => None,
            },
        };
        self.folders.insert(folder.to_owned(), found.clone());
        Ok(found)
    }

    /// The one file that was named, or the first that there is of those at the end of the search.
    fn fallback(&mut self) -> Result<Option<Arc<Config>>, CommandError> {
        if let Fallback::Known(known) = &self.fallback {
            return Ok(known.clone());
        }
        let path = match &self.search {
            Search::Nowhere => None,
            Search::File(path) => Some(path),
            Search::Upwards(places) => places.iter().find(|path| path.is_file()),
        };
        let config = path.map(|path| Config::read(path, self.strictness)).transpose()?.map(Arc::new);
        self.fallback = Fallback::Known(config.clone());
        Ok(config)
    }
}
