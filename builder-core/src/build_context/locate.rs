//! Where the Dockerfile and the ignore file of a context are.

use std::path::{Path, PathBuf};

use super::ContextError;
use crate::fs::PathContext;
use crate::fs::root::RootDir;

/// The largest Dockerfile that is read: a hundred times the largest ones seen in the wild.
const MAX_DOCKERFILE_BYTES: u64 = 16 * 1024 * 1024;

/// The largest ignore file that is read.
const MAX_IGNORE_BYTES: u64 = 4 * 1024 * 1024;

/// A Dockerfile that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocatedDockerfile {
    /// Where it is on the host.
    pub path: PathBuf,
    /// What it says; text, but for what somebody saved in another encoding.
    pub bytes: Vec<u8>,
}

/// A text file that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Located {
    /// Where it is on the host.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

/// Reads the Dockerfile: the one that was named, of the host; else `Dockerfile` in the context, else
/// `dockerfile`. In the context it may be a link to something else in the context.
///
/// Spec: dockerfile-semantics 11.1.
///
/// # Errors
/// [`ContextError::NoDockerfile`] where there is none, [`ContextError::Path`] where it cannot be read or is too
/// large.
pub fn locate(context: &Path, named: Option<&Path>) -> Result<LocatedDockerfile, ContextError> {
    if let Some(path) = named {
        let bytes = read_host(path, MAX_DOCKERFILE_BYTES)?;
        let path = path.to_owned();
        if let Some(bytes) = bytes {
            return Ok(LocatedDockerfile { path, bytes });
        }
        let similar = Some(context.join(&path)).filter(|inside| path.is_relative() && inside.is_file());
        let link = std::fs::read_link(&path).ok();
        return Err(ContextError::NoDockerfile { path, link, similar });
    }
    let root = RootDir::open(context)?;
    for name in ["Dockerfile", "dockerfile"] {
        if let Some(bytes) = root.read(Path::new(name), MAX_DOCKERFILE_BYTES)? {
            return Ok(LocatedDockerfile { path: context.join(name), bytes });
        }
    }
    let path = context.join("Dockerfile");
    let link = std::fs::read_link(&path).ok();
    Err(ContextError::NoDockerfile { path, link, similar: None })
}

/// Reads the Dockerfile at a path of the context. Links lead nowhere but inside of it.
///
/// # Errors
/// As [`locate`].
pub fn locate_inside(context: &Path, path: &Path) -> Result<LocatedDockerfile, ContextError> {
    let bytes = RootDir::open(context)?.read(path, MAX_DOCKERFILE_BYTES)?;
    let path = path.to_owned();
    match bytes {
        Some(bytes) => Ok(LocatedDockerfile { path, bytes }),
        None => Err(ContextError::NoDockerfile { path, link: None, similar: None }),
    }
}

/// Reads the ignore file of a context: `NAME.dockerignore` beside the Dockerfile if there is one, else
/// `.dockerignore` at the root of the context. The two are never merged.
///
/// Spec: dockerfile-semantics 10.1.
///
/// # Errors
/// [`ContextError::NotText`] where it is not UTF-8, [`ContextError::Path`] where it cannot be read or is
/// too large.
pub fn ignore_file(context: &Path, dockerfile: Option<&Path>) -> Result<Option<Located>, ContextError> {
    if let Some(dockerfile) = dockerfile {
        let mut beside = dockerfile.as_os_str().to_owned();
        beside.push(".dockerignore");
        if let Some(bytes) = read_host(Path::new(&beside), MAX_IGNORE_BYTES)? {
            return text(PathBuf::from(beside), bytes).map(Some);
        }
    }
    let name = Path::new(".dockerignore");
    match RootDir::open(context)?.read(name, MAX_IGNORE_BYTES)? {
        Some(bytes) => text(context.join(name), bytes).map(Some),
        None => Ok(None),
    }
}

/// Reads a file whose path the user gave: links lead wherever they lead.
fn read_host(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, ContextError> {
    let real = match std::fs::canonicalize(path) {
        Err(error) if crate::fs::root::is_missing(&error) => return Ok(None),
        other => other.at("resolve", path)?,
    };
    let (Some(parent), Some(name)) = (real.parent(), real.file_name()) else { return Ok(None) };
    Ok(RootDir::open(parent)?.read(Path::new(name), limit)?)
}

fn text(path: PathBuf, bytes: Vec<u8>) -> Result<Located, ContextError> {
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Located { path, text }),
        Err(_) => Err(ContextError::NotText { path }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dockerfile_is_found_by_name_fallback_and_link() {
        let context = tempfile::tempdir().unwrap();
        let path = context.path();
        assert!(matches!(locate(path, None), Err(ContextError::NoDockerfile { .. })));
        std::fs::write(path.join("dockerfile"), "small").unwrap();
        assert_eq!(
            locate(path, None).unwrap(),
            LocatedDockerfile { path: path.join("dockerfile"), bytes: b"small".to_vec() }
        );
        std::fs::create_dir(path.join("sub")).unwrap();
        std::fs::write(path.join("sub/real"), "linked").unwrap();
        std::os::unix::fs::symlink("/sub/real", path.join("Dockerfile")).unwrap();
        assert_eq!(locate(path, None).unwrap().bytes, b"linked");
        assert_eq!(locate(path, Some(&path.join("sub/real"))).unwrap().bytes, b"linked");
        assert!(matches!(locate(path, Some(&path.join("sub/no"))), Err(ContextError::NoDockerfile { .. })));
        std::fs::write(path.join("sub/real"), b"\xff").unwrap();
        assert_eq!(locate(path, None).unwrap().bytes, b"\xff");
    }

    #[test]
    fn an_ignore_file_beside_the_dockerfile_wins() {
        let context = tempfile::tempdir().unwrap();
        let path = context.path();
        std::fs::create_dir(path.join("build")).unwrap();
        let dockerfile = path.join("build/app.Dockerfile");
        assert_eq!(ignore_file(path, Some(&dockerfile)).unwrap(), None);
        std::fs::write(path.join(".dockerignore"), "root").unwrap();
        assert_eq!(ignore_file(path, Some(&dockerfile)).unwrap().unwrap().text, "root");
        std::fs::write(path.join("build/app.Dockerfile.dockerignore"), "own").unwrap();
        assert_eq!(ignore_file(path, Some(&dockerfile)).unwrap().unwrap().text, "own");
        assert_eq!(ignore_file(path, None).unwrap().unwrap().text, "root");
        std::fs::write(path.join(".dockerignore"), b"\xff").unwrap();
        assert!(matches!(ignore_file(path, None), Err(ContextError::NotText { .. })));
    }
}
