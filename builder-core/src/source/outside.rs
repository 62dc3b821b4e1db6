//! What fetching from outside needs besides an address.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cancel::CancelToken;
use crate::secret::{SecretSource, SshSource};
use crate::store::Store;

/// Where fetched things go, and what may be used to get them.
#[derive(Clone, Copy, Debug)]
pub struct Outside<'a> {
    /// The store.
    pub store: &'a Store,
    /// Secrets, by id: some open repositories and web servers.
    pub secrets: &'a BTreeMap<String, SecretSource>,
    /// SSH agents and keys, by id.
    pub ssh: &'a BTreeMap<String, SshSource>,
    /// Directories in which `git` and `ssh` are looked up.
    pub search_path: &'a [PathBuf],
    /// How servers are reached.
    #[cfg(feature = "registry")]
    pub registry: &'a crate::registry::RegistryOptions,
    /// Ends it.
    pub cancel: &'a CancelToken,
}

impl Outside<'_> {
    /// Finds a program of this machine.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        self.search_path.iter().map(|directory| directory.join(name)).find(|path| path.is_file())
    }
}
