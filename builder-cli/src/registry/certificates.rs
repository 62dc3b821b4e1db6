//! `certs.d`: a directory for each host, with authorities in `*.crt`, and a certificate and key of ours in `*.cert` and
//! `*.key`.
//!
//! Spec: docker's "Verify repository client with certificates"; containers-certs.d(5).

use std::fs;
use std::path::{Path, PathBuf};

use builder_core::registry::HostTrust;

/// Reads directories like `/etc/docker/certs.d`; those that are not there say nothing.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn trust(directories: &[PathBuf]) -> Result<Vec<HostTrust>, String> {
    let mut found = Vec::new();
    for host in directories.iter().flat_map(|directory| sorted(directory)).filter(|path| path.is_dir()) {
        let mut trust = HostTrust::default();
        host.file_name().unwrap_or_default().to_string_lossy().as_ref().clone_into(&mut trust.host);
        for path in sorted(&host) {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("crt") => trust.authorities.push(read(&path)?),
                Some("cert") => {
                    let key = path.with_extension("key");
                    if !key.is_file() {
                        return Err(format!("`{}` has no `{}`", path.display(), key.display()));
                    }
                    let mut identity = read(&path)?;
                    identity.push(b'\n');
                    identity.extend(read(&key)?);
                    trust.identity = Some(identity);
                }
                _ => {}
            }
        }
        if !trust.authorities.is_empty() || trust.identity.is_some() {
            found.push(trust);
        }
    }
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}

fn sorted(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
