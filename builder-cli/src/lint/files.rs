//! Which files there are to look at, and reading them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use rustix::io::Errno;

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
    /// What was left out though it has the name of a Dockerfile.
    pub(crate) warnings: Vec<String>,
}

/// Finds the files that arguments mean: files as they are, the Dockerfiles in folders. Each file once, whatever
/// links lead to it: two that mend the same one would be in each other's way.
pub(crate) fn find(paths: &[PathBuf], stdin_name: Option<&Path>) -> Found {
    let mut found = Found::default();
    let mut seen = BTreeSet::new();
    for path in paths {
        if path == Path::new("-") {
            found.add(&mut seen, PathBuf::from("-"), stdin_name.unwrap_or(path), true);
            continue;
        }
        // A pipe that a shell passes as a file has no real path.
        let real = path.canonicalize().unwrap_or_else(|_| path.clone());
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => found.walk(&mut seen, path, &real),
            Ok(_) => found.add(&mut seen, real, path, false),
            Err(error) => found.errors.push(cannot_read(path, &error)),
        }
    }
    found
}

impl Found {
    /// Adds a file; `real` is its path without symbolic links.
    fn add(&mut self, seen: &mut BTreeSet<PathBuf>, real: PathBuf, shown: &Path, is_stdin: bool) {
        if seen.insert(real) {
            // Only the empty path has no absolute one.
            let absolute = std::path::absolute(shown).unwrap_or_else(|_| shown.to_owned());
            self.inputs.push(Input { shown: shown.to_owned(), absolute, is_stdin });
        }
    }

    /// Symbolic links to folders are not followed, so that no loop is entered; those to files are.
    fn walk(&mut self, seen: &mut BTreeSet<PathBuf>, folder: &Path, real: &Path) {
        let mut walk = WalkBuilder::new(folder);
        walk.hidden(false).require_git(false).follow_links(false).sort_by_file_name(Ord::cmp);
        walk.filter_entry(|entry| entry.file_name() != ".git" || entry.depth() == 0);
        let mut links = Vec::new();
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
            match entry.file_type() {
                Some(kind) if kind.is_symlink() => links.push(shown.to_owned()),
                Some(kind) if kind.is_file() => {
                    let inside = entry.path().strip_prefix(folder).unwrap_or(entry.path());
                    self.add(seen, real.join(inside), shown, false);
                }
                _ => {}
            }
        }
        // Behind the files, so that one that is there by its own name goes by that.
        for link in links {
            match (std::fs::metadata(&link), link.canonicalize()) {
                (Ok(target), Ok(real)) if target.is_file() => self.add(seen, real, &link, false),
                (Ok(_), Ok(_)) => {}
                (Err(error), _) | (_, Err(error)) if leads_nowhere(&error) => {
                    self.warnings.push(format!("`{}` is left out: it links to nothing: {error}", link.display()));
                }
                (Err(error), _) | (_, Err(error)) => self.errors.push(cannot_read(&link, &error)),
            }
        }
    }
}

fn leads_nowhere(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

/// What belongs to a Dockerfile and is none.
const OTHERS: [&str; 8] = ["dockerignore", "containerignore", "md", "rst", "orig", "rej", "bak", "swp"];
/// What a Dockerfile is made of by something else: the text in between is no instruction.
const TEMPLATES: [&str; 17] = [
    "ejs",
    "erb",
    "ftl",
    "gotmpl",
    "handlebars",
    "hbs",
    "in",
    "j2",
    "jinja",
    "jinja2",
    "liquid",
    "m4",
    "mako",
    "mustache",
    "template",
    "tmpl",
    "tpl",
];

/// Tells whether a file is a Dockerfile by its name.
fn is_dockerfile(name: &str) -> bool {
    let ending = name.rsplit('.').next().unwrap_or_default();
    if OTHERS.contains(&ending) || TEMPLATES.contains(&ending) {
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
        for name in [
            "Dockerfile.dockerignore",
            "Dockerfile.md",
            "Dockerfile.in",
            "Containerfile.j2",
            "app.Dockerfile.tmpl",
            "Dockerfiles",
            "MyDockerfile",
            "Dockerfile~",
            "docker-compose.yml",
            "",
        ] {
            assert!(!is_dockerfile(name), "{name}");
        }
    }
}
