//! `config.json` of docker and `auth.json` of podman: what they say of a registry. What we do not know stays in them.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use builder_core::registry::{Credential, Password};
use serde_json::{Map, Value, json};

use super::HUB_KEY;

/// The largest file that is read, in bytes.
const MAX_SIZE: u64 = 4 << 20;
/// The names that docker's hub goes by in such files.
const HUB_HOSTS: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// One file; an empty one where there is none.
#[derive(Clone, Debug)]
pub(super) struct AuthFile {
    path: PathBuf,
    document: Map<String, Value>,
}

impl AuthFile {
    /// Reads a file.
    ///
    /// # Errors
    /// Why it cannot be used; nothing of what it holds is said.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let unfit = |why: &str| format!("`{}` {why}", path.display());
        let empty = || Self { path: path.to_owned(), document: Map::new() };
        match fs::metadata(path) {
            Ok(metadata) if metadata.len() > MAX_SIZE => return Err(unfit("is too large for a file of credentials")),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(empty()),
            Err(error) => return Err(unfit(&format!("cannot be read: {error}"))),
        }
        let text = fs::read(path).map_err(|error| unfit(&format!("cannot be read: {error}")))?;
        if text.trim_ascii().is_empty() {
            return Ok(empty());
        }
        // The error of the parser would quote the file.
        match serde_json::from_slice(&text) {
            Ok(Value::Object(document)) => Ok(Self { path: path.to_owned(), document }),
            _ => Err(unfit("is no JSON object")),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The helper that keeps the credentials of a registry.
    pub(super) fn helper(&self, domain: &str) -> Option<&str> {
        let of_host = self.document.get("credHelpers").and_then(Value::as_object);
        let of_host = of_host.into_iter().flatten().find(|(key, _)| is_key_of(key, domain)).map(|(_, value)| value);
        let name = of_host.or_else(|| self.document.get("credsStore"))?.as_str()?;
        Some(name).filter(|name| !name.is_empty())
    }

    /// The credential for a repository: that of the longest path that fits.
    ///
    /// # Errors
    /// An entry that makes no sense.
    pub(super) fn credential(&self, domain: &str, repository: &str) -> Result<Option<Credential>, String> {
        let Some(entries) = self.document.get("auths").and_then(Value::as_object) else { return Ok(None) };
        let mut path = repository;
        while !path.is_empty() {
            if let Some(entry) = entries.get(&format!("{domain}/{path}")) {
                return self.read_entry(domain, entry);
            }
            path = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
        let exact = entries.iter().find(|(key, _)| key.as_str() == key_of(domain));
        match exact.or_else(|| entries.iter().find(|(key, _)| is_key_of(key, domain))) {
            Some((_, entry)) => self.read_entry(domain, entry),
            None => Ok(None),
        }
    }

    fn read_entry(&self, domain: &str, entry: &Value) -> Result<Option<Credential>, String> {
        let text = |name: &str| entry[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some(token) = text("registrytoken") {
            return Ok(Some(Credential::Bearer(Password::new(token))));
        }
        if let Some(token) = text("identitytoken") {
            return Ok(Some(Credential::Identity(Password::new(token))));
        }
        if let Some(encoded) = text("auth") {
            let unfit = || format!("`{}` has an entry for `{domain}` that cannot be read", self.path.display());
            let decoded = STANDARD.decode(encoded.trim()).map_err(|_| unfit())?;
            let decoded = String::from_utf8(decoded).map_err(|_| unfit())?;
            let (name, password) = decoded.split_once(':').ok_or_else(unfit)?;
            let password = Password::new(password.trim_end_matches('\0').to_owned());
            return Ok(Some(Credential::User { name: name.to_owned(), password }));
        }
        match (text("username"), text("password")) {
            (Some(name), Some(password)) => Ok(Some(Credential::User { name, password: Password::new(password) })),
            _ => Ok(None),
        }
    }

    /// Notes a user and a password for a registry.
    pub(super) fn set(&mut self, domain: &str, name: &str, password: &Password) {
        self.remove(domain);
        let auth = STANDARD.encode(format!("{name}:{}", password.expose()));
        self.insert(domain, json!({ "auth": auth }));
    }

    /// Notes that a helper keeps the credential for a registry, as docker does.
    pub(super) fn set_kept_elsewhere(&mut self, domain: &str) {
        self.remove(domain);
        self.insert(domain, json!({}));
    }

    /// Forgets a registry; tells whether there was something to forget.
    pub(super) fn remove(&mut self, domain: &str) -> bool {
        let Some(entries) = self.document.get_mut("auths").and_then(Value::as_object_mut) else { return false };
        let before = entries.len();
        entries.retain(|key, _| !is_key_of(key, domain));
        entries.len() < before
    }

    fn insert(&mut self, domain: &str, entry: Value) {
        let auths = self.document.entry("auths").or_insert_with(|| json!({}));
        if !auths.is_object() {
            *auths = json!({});
        }
        if let Value::Object(entries) = auths {
            entries.insert(key_of(domain).to_owned(), entry);
        }
    }

    /// Writes the file: whole or not at all, for its owner only.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub(super) fn write(&self) -> Result<(), String> {
        // What a link points to is replaced, not the link.
        let path = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let failed = |error: &dyn std::fmt::Display| format!("cannot write `{}`: {error}", path.display());
        let directory = path.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|error| failed(&error))?;
        let mut file = tempfile::Builder::new()
            .prefix(".builder-auth-")
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(directory)
            .map_err(|error| failed(&error))?;
        let text = serde_json::to_string_pretty(&self.document).map_err(|error| failed(&error))?;
        file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(|error| failed(&error))?;
        file.persist(&path).map_err(|error| failed(&error.error))?;
        Ok(())
    }
}

/// The key that an entry for a registry gets.
pub(super) fn key_of(domain: &str) -> &str {
    if domain == "docker.io" { HUB_KEY } else { domain }
}

/// Tells whether a key is one of a registry: old ones are addresses.
fn is_key_of(key: &str, domain: &str) -> bool {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let bare = bare.trim_end_matches('/');
    let bare = bare.strip_suffix("/v1").or_else(|| bare.strip_suffix("/v2")).unwrap_or(bare);
    bare == domain || (domain == HUB_HOSTS[0] && HUB_HOSTS.contains(&bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(document: Value) -> AuthFile {
        let Value::Object(document) = document else { panic!("object") };
        AuthFile { path: PathBuf::from("config.json"), document }
    }

    fn user(found: Result<Option<Credential>, String>) -> Option<String> {
        match found.unwrap()? {
            Credential::User { name, password } => Some(format!("{name}:{}", password.expose())),
            other => Some(format!("{other:?}")),
        }
    }

    #[test]
    fn entries_are_found_under_every_name_that_they_have() {
        let file = file(json!({"auths": {
            "https://index.docker.io/v1/": {"auth": STANDARD.encode("hub:a:b")},
            "quay.example/team": {"auth": STANDARD.encode("team:x")},
            "quay.example": {"username": "all", "password": "y"},
            "http://old.example/v2/": {"auth": STANDARD.encode("old:z\0")},
            "token.example": {"auth": STANDARD.encode("u:"), "identitytoken": "t"},
            "empty.example": {},
        }}));
        assert_eq!(user(file.credential("docker.io", "library/debian")).unwrap(), "hub:a:b");
        assert_eq!(user(file.credential("quay.example", "team/app")).unwrap(), "team:x");
        assert_eq!(user(file.credential("quay.example", "teams")).unwrap(), "all:y");
        assert_eq!(user(file.credential("old.example", "x")).unwrap(), "old:z");
        assert_eq!(user(file.credential("token.example", "x")).unwrap(), "Identity(Password(..))");
        assert_eq!(user(file.credential("empty.example", "x")), None);
        assert_eq!(user(file.credential("example", "x")), None);
    }

    #[test]
    fn what_is_not_ours_stays_and_errors_quote_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/config.json");
        let mut first = AuthFile::read(&path).unwrap();
        first.document.insert("HttpHeaders".to_owned(), json!({"X": "1"}));
        first.set("docker.io", "joe", &Password::new("hunter2".to_owned()));
        first.write().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let mut second = AuthFile::read(&path).unwrap();
        assert_eq!(user(second.credential("docker.io", "x")).unwrap(), "joe:hunter2");
        assert!(second.remove("docker.io") && !second.remove("docker.io"));
        second.write().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().matches("HttpHeaders").count(), 1);
        fs::write(&path, r#"{"auths": {"x": {"auth": "hunter2"#).unwrap();
        assert!(!AuthFile::read(&path).unwrap_err().contains("hunter2"));
        fs::write(&path, r#"{"auths": {"x": {"auth": "%hunter2%"}}}"#).unwrap();
        assert!(!AuthFile::read(&path).unwrap().credential("x", "y").unwrap_err().contains("hunter2"));
    }
}
