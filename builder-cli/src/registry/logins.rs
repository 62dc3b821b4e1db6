//! Who we are to registries: files and helpers, looked through in the order of docker and podman.

use std::path::PathBuf;

use builder_core::registry::{Credential, CredentialSource, Password};

use super::auth_file::{AuthFile, key_of};
use super::helper;

/// What docker calls its hub in its files.
pub(crate) const HUB_KEY: &str = "https://index.docker.io/v1/";

/// The files that may have credentials, the one that is written first.
#[derive(Clone, Debug)]
pub(crate) struct Logins {
    files: Vec<PathBuf>,
}

/// Where a credential was stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Stored {
    /// In a file, readable by its owner.
    File(PathBuf),
    /// By a helper.
    Helper(String),
}

impl Logins {
    /// Takes the files, in the order in which they are looked through.
    pub(crate) fn new(files: Vec<PathBuf>) -> Self {
        Self { files }
    }

    /// Stores a user and a password.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub(crate) fn store(&self, domain: &str, name: &str, password: &Password) -> Result<Stored, String> {
        let path =
            self.files.first().ok_or("there is no place for credentials: neither HOME nor DOCKER_CONFIG is set")?;
        let mut file = AuthFile::read(path)?;
        let stored = if let Some(program) = file.helper(domain).map(str::to_owned) {
            helper::store(&program, key_of(domain), name, password)?;
            file.set_kept_elsewhere(domain);
            Stored::Helper(program)
        } else {
            file.set(domain, name, password);
            Stored::File(file.path().to_owned())
        };
        file.write()?;
        Ok(stored)
    }

    /// Forgets a registry, wherever it is noted; tells whether it was.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub(crate) fn forget(&self, domain: &str) -> Result<bool, String> {
        let mut forgotten = false;
        for path in &self.files {
            let mut file = AuthFile::read(path)?;
            if let Some(program) = file.helper(domain) {
                forgotten |= helper::get(program, key_of(domain))?.is_some() && helper::erase(program, key_of(domain))?;
            }
            if file.remove(domain) {
                file.write()?;
                forgotten = true;
            }
        }
        Ok(forgotten)
    }
}

impl CredentialSource for Logins {
    fn find(&self, domain: &str, repository: &str) -> Result<Option<Credential>, String> {
        for path in &self.files {
            let file = AuthFile::read(path)?;
            if let Some(program) = file.helper(domain)
                && let Some(found) = helper::get(program, key_of(domain))?
            {
                return Ok(Some(found));
            }
            if let Some(found) = file.credential(domain, repository)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}
