//! The files of a build context, as rules ask for them: one directory at a time, by whoever knows them.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use super::paths::clean;
use crate::glob::Glob;

/// How many directories one pattern is looked for in.
const MAX_DIRECTORIES: usize = 200;

/// What a directory of a build context holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entries {
    /// These names.
    Known(Arc<BTreeSet<String>>),
    /// It is not there, or it is no directory.
    Missing,
    /// Nobody can tell, or there are too many.
    Unknown,
}

/// Somebody who knows a build context.
pub trait BuildFiles: Debug + Send + Sync {
    /// Returns how the context is called in a message.
    fn name(&self) -> &str;
    /// Returns the text of its ignore file, where there is one.
    fn ignore_file(&self) -> Option<Arc<str>>;
    /// Returns what a directory holds, ignored files included. The path is relative, `""` is the context itself.
    fn entries(&self, directory: &str) -> Entries;
    /// Tells whether a path that is not there may be made by something that comes before the build, such as a
    /// compiler.
    fn may_be_made(&self, path: &str) -> bool;
}

/// Whether a path is in a build context.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Presence {
    Present,
    Missing,
    Unknown,
}

/// What is known of the build context.
#[derive(Clone, Debug)]
pub struct ContextFacts {
    /// The directories that may be the context, the likeliest first.
    pub candidates: Vec<Arc<dyn BuildFiles>>,
    /// The ignore file that belongs to the Dockerfile alone, and counts in the place of any context's.
    pub own_ignore_file: Option<Arc<str>>,
    /// Whether it is known that the first candidate is the context. Else rules have to be careful: somebody may
    /// build with another one.
    pub is_certain: bool,
}

impl PartialEq for ContextFacts {
    fn eq(&self, other: &Self) -> bool {
        let mut pairs = self.candidates.iter().zip(&other.candidates);
        self.is_certain == other.is_certain
            && self.own_ignore_file == other.own_ignore_file
            && self.candidates.len() == other.candidates.len()
            && pairs.all(|(a, b)| Arc::ptr_eq(a, b))
    }
}

impl Eq for ContextFacts {}

impl ContextFacts {
    /// Tells of a context whose files somebody knows.
    pub fn of(files: Arc<dyn BuildFiles>) -> Self {
        Self { candidates: vec![files], own_ignore_file: None, is_certain: true }
    }

    /// Tells of a context by its ignore file and its paths, relative ones, ignored ones included. No paths: nobody
    /// looked.
    pub fn known(ignore_file: Option<String>, paths: Option<BTreeSet<String>>) -> Self {
        Self::of(Arc::new(KnownFiles { ignore_file: ignore_file.map(Arc::from), paths }))
    }

    /// Returns the text of the ignore file that counts with a candidate.
    pub(super) fn ignore_file(&self, files: &dyn BuildFiles) -> Option<Arc<str>> {
        self.own_ignore_file.clone().or_else(|| files.ignore_file())
    }

    /// Returns the candidate that has the most of some paths; of several, the likeliest.
    pub(super) fn best(&self, paths: &[String]) -> Option<&dyn BuildFiles> {
        let files = self.candidates.iter().map(AsRef::as_ref);
        if self.candidates.len() < 2 {
            return files.into_iter().next();
        }
        let is_there = |files: &dyn BuildFiles, path: &str| presence(files, path) == Presence::Present;
        files.rev().max_by_key(|files| paths.iter().filter(|path| is_there(*files, path)).count())
    }
}

/// A context that is data.
#[derive(Debug)]
struct KnownFiles {
    ignore_file: Option<Arc<str>>,
    paths: Option<BTreeSet<String>>,
}

impl BuildFiles for KnownFiles {
    fn name(&self) -> &'static str {
        "."
    }

    fn ignore_file(&self) -> Option<Arc<str>> {
        self.ignore_file.clone()
    }

    fn entries(&self, directory: &str) -> Entries {
        let Some(paths) = &self.paths else { return Entries::Unknown };
        let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        let below = paths.range(prefix.clone()..).map_while(|path| path.strip_prefix(&prefix));
        let names: BTreeSet<String> = below.filter_map(|path| Some(path.split('/').next()?.to_owned())).collect();
        if names.is_empty() && !directory.is_empty() { Entries::Missing } else { Entries::Known(Arc::new(names)) }
    }

    fn may_be_made(&self, _path: &str) -> bool {
        false
    }
}

/// Brings a source of `COPY` to the form in which a context is asked; empty for the context itself.
pub(super) fn relative(path: &str) -> String {
    let cleaned = clean(path);
    let relative = cleaned.trim_start_matches('/').trim_start_matches("../");
    if matches!(relative, "." | "..") { String::new() } else { relative.to_owned() }
}

/// Looks for a path, which may be a pattern.
pub(super) fn presence(files: &dyn BuildFiles, path: &str) -> Presence {
    // A backslash quotes what follows, or is Windows's way to write a path.
    if path.contains("**") || path.contains('\\') {
        return Presence::Unknown;
    }
    let mut parts = path.split('/').filter(|part| !part.is_empty()).peekable();
    let mut folders = vec![String::new()];
    let mut is_unknown = false;
    while let Some(part) = parts.next() {
        let mut matching = Vec::new();
        for folder in &folders {
            match files.entries(folder) {
                Entries::Known(names) => match matches(&names, part) {
                    Some(names) => matching.extend(names.into_iter().map(|name| join(folder, name))),
                    None => is_unknown = true,
                },
                Entries::Missing => {}
                Entries::Unknown => is_unknown = true,
            }
        }
        if parts.peek().is_some() && matching.len() > MAX_DIRECTORIES {
            return Presence::Unknown;
        }
        folders = matching;
    }
    match (folders.is_empty(), is_unknown) {
        (false, _) => Presence::Present,
        (true, true) => Presence::Unknown,
        (true, false) => Presence::Missing,
    }
}

/// Returns the names that a part of a path means; `None` where it is no pattern.
fn matches<'n>(names: &'n BTreeSet<String>, part: &str) -> Option<Vec<&'n str>> {
    if !part.contains(['*', '?', '[']) {
        return Some(names.get(part).map(String::as_str).into_iter().collect());
    }
    let glob = Glob::new(part).ok()?;
    Some(names.iter().map(String::as_str).filter(|name| glob.matches(name)).collect())
}

/// Appends a name to a directory of a context.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(paths: &[&str]) -> ContextFacts {
        ContextFacts::known(None, Some(paths.iter().map(|path| (*path).to_owned()).collect()))
    }

    #[test]
    fn paths_and_patterns_are_found() {
        let facts = known(&["a.txt", "src/app.py", "src/lib/x.py", "src-more"]);
        let files = facts.candidates[0].as_ref();
        for path in ["", "a.txt", "src", "src/lib", "src/lib/x.py", "*.txt", "s*/app.py", "src/*/?.py", "[a-b].txt"] {
            assert_eq!(presence(files, path), Presence::Present, "{path}");
        }
        for path in ["b.txt", "src/b", "src/app.py/x", "*.toml", "s*/b", "sr"] {
            assert_eq!(presence(files, path), Presence::Missing, "{path}");
        }
        for path in ["**/x", "[", "src/[", r"src\app.py"] {
            assert_eq!(presence(files, path), Presence::Unknown, "{path}");
        }
        let nobody = ContextFacts::known(None, None);
        assert_eq!(presence(nobody.candidates[0].as_ref(), "a"), Presence::Unknown);
    }

    #[test]
    fn sources_are_relative_to_the_context() {
        for (path, expected) in [("/a/b", "a/b"), ("./a/", "a"), (".", ""), ("/", ""), ("../a", "a"), ("..", "")] {
            assert_eq!(relative(path), expected, "{path}");
        }
    }

    #[test]
    fn the_best_candidate_has_most_of_the_paths() {
        let (near, far) = (known(&["x/y", "a"]), known(&["x/y", "b", "c"]));
        let both = ContextFacts {
            candidates: [near.candidates, far.candidates].concat(),
            own_ignore_file: None,
            is_certain: false,
        };
        let is_near = |paths: &[&str]| {
            let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
            let best = both.best(&paths).unwrap();
            presence(best, "a") == Presence::Present
        };
        assert!(is_near(&["a"]) && is_near(&[]) && is_near(&["a", "b"]) && !is_near(&["b", "c", "a"]));
    }
}
