//! Which files there are to look at, and reading them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

/// The size of the largest text that is read.
const MAX_BYTES: u64 = 16 << 20;

/// A file to look at.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Input {
    /// The path as it is shown.
    pub(crate) shown: PathBuf,
    /// The path from the root, symbolic links and all.
    pub(crate) absolute: PathBuf,
    /// Whether the text comes from standard input.
    pub(crate) is_stdin: bool,
}

impl Input {
    /// Returns the folder that its configuration is looked for in.
    pub(crate) fn folder(&self) -> &Path {
        self.absolute.parent().unwrap_or(Path::new("/"))
    }
}

/// Files to look at, and what went wrong while they were looked for.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) inputs: Vec<Input>,
    pub(crate) errors: Vec<String>,
}

/// Finds the files that arguments mean: files as they are, the Dockerfiles in folders. Each file once.
pub(crate) fn find(paths: &[PathBuf], stdin_name: Option<&Path>) -> Found {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    for path in paths {
        if path == Path::new("-") {
            found.add(&mut seen, stdin_name.unwrap_or(path), true);
            continue;
        }
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => found.walk(&mut seen, path),
            Ok(_) => found.add(&mut seen, path, false),
            Err(error) => found.errors.push(cannot_read(path, &error)),
        }
    }
    found
}

impl Found {
    fn add(&mut self, seen: &mut BTreeSet<PathBuf>, shown: &Path, is_stdin: bool) {
        // Only the empty path has no absolute one.
        let absolute = std::path::absolute(shown).unwrap_or_else(|_| shown.to_owned());
        if seen.insert(absolute.clone()) {
            self.inputs.push(Input { shown: shown.to_owned(), absolute, is_stdin });
        }
    }

    /// Symbolic links to folders are not followed, so that nothing is found twice and no loop is entered; those to
    /// files are.
    fn walk(&mut self, seen: &mut BTreeSet<PathBuf>, folder: &Path) {
        let mut walk = WalkBuilder::new(folder);
        walk.hidden(false).require_git(false).follow_links(false).sort_by_file_name(Ord::cmp);
        walk.filter_entry(|entry| entry.file_name() != ".git" || entry.depth() == 0);
        for entry in walk.build() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.errors.push(format!("cannot search: {error}"));
                    continue;
                }
            };
            if !entry.file_name().to_str().is_some_and(is_dockerfile) {
                continue;
            }
            let shown = entry.path().strip_prefix("./").unwrap_or(entry.path());
            let kind = entry.file_type();
            if kind.is_some_and(|kind| kind.is_symlink()) {
                match std::fs::metadata(entry.path()) {
                    Ok(target) if target.is_file() => self.add(seen, shown, false),
                    Ok(_) => {}
                    Err(error) => self.errors.push(cannot_read(shown, &error)),
                }
            } else if kind.is_some_and(|kind| kind.is_file()) {
                self.add(seen, shown, false);
            }
        }
    }
}

/// Tells whether a file is a Dockerfile by its name.
fn is_dockerfile(name: &str) -> bool {
    if name.ends_with(".dockerignore") || name.ends_with(".containerignore") {
        return false;
    }
    let is_suffix =
        [".Dockerfile", ".dockerfile", ".Containerfile", ".containerfile"].iter().any(|end| name.ends_with(end));
    ["Dockerfile", "dockerfile", "Containerfile", "containerfile"].contains(&name)
        || name.starts_with("Dockerfile.")
        || name.starts_with("Containerfile")
        || is_suffix
}

/// Reads a file, or standard input.
///
/// # Errors
/// What to tell about it.
pub(crate) fn read(input: &Input) -> Result<Vec<u8>, String> {
    let bytes =
        if input.is_stdin { bounded(io::stdin().lock()) } else { File::open(&input.absolute).and_then(bounded) };
    bytes.map_err(|error| cannot_read(&input.shown, &error))
}

fn bounded(stream: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("it is larger than {} MiB", MAX_BYTES >> 20)));
    }
    Ok(bytes)
}

/// Says that a file cannot be read.
pub(crate) fn cannot_read(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("cannot read `{}`: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dockerfiles_are_known_by_their_names() {
        for name in
            ["Dockerfile", "Dockerfile.dev", "app.Dockerfile", "app.dockerfile", "Containerfile", "Containerfile.x"]
        {
            assert!(is_dockerfile(name), "{name}");
        }
        for name in ["Dockerfile.dockerignore", "Dockerfiles", "MyDockerfile", "Dockerfile~", "docker-compose.yml", ""]
        {
            assert!(!is_dockerfile(name), "{name}");
        }
    }
}
