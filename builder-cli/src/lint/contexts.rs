//! Which folders may be the build context of a Dockerfile, and their files.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use builder_core::builder::ContextDirectory;
use builder_core::lint::options::{BuildFiles, ContextFacts, Entries};
use ignore::gitignore::Gitignore;

/// How many folders upwards may be the context.
const MAX_FOLDERS: usize = 16;
/// The size of the largest ignore file that is read.
const MAX_BYTES: u64 = 4 << 20;

/// The folders of a run. What was looked at for one file is known for the others.
#[derive(Debug, Default)]
pub(crate) struct Contexts {
    explicit: Option<Arc<ContextDirectory>>,
    /// The folder that paths are shown relative to.
    here: PathBuf,
    folders: Mutex<HashMap<PathBuf, Folder>>,
}

/// What is known of a folder with Dockerfiles.
#[derive(Clone, Debug)]
struct Folder {
    candidates: Vec<Arc<dyn BuildFiles>>,
}

impl Contexts {
    /// Begins a run in which the context is said, or has to be guessed.
    pub(crate) fn new(explicit: Option<&Path>) -> Self {
        let explicit = explicit.map(|path| Arc::new(ContextDirectory::new(path.to_owned(), path.to_string_lossy())));
        let here = Path::new(".").canonicalize().unwrap_or_default();
        Self { explicit, here, folders: Mutex::default() }
    }

    /// Tells whether the context was said.
    pub(crate) fn is_explicit(&self) -> bool {
        self.explicit.is_some()
    }

    /// Returns what is known of the context of a Dockerfile, whose path is absolute.
    pub(crate) fn of(&self, dockerfile: &Path) -> ContextFacts {
        let own_ignore_file = own_ignore_file(dockerfile);
        if let Some(explicit) = &self.explicit {
            return ContextFacts { own_ignore_file, ..ContextFacts::of(Arc::clone(explicit) as Arc<dyn BuildFiles>) };
        }
        let folder = dockerfile.parent().unwrap_or(Path::new("/"));
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        let candidates = match folders.get(folder) {
            Some(known) => known.candidates.clone(),
            None => self.candidates(&mut folders, folder),
        };
        ContextFacts { candidates, own_ignore_file, is_certain: false }
    }

    /// The folder and those above it, as far as the root of the repository; without one, the current folder.
    fn candidates(&self, folders: &mut HashMap<PathBuf, Folder>, folder: &Path) -> Vec<Arc<dyn BuildFiles>> {
        let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let mut candidates = match folders.get(&real) {
            Some(known) => known.candidates.clone(),
            None => Vec::new(),
        };
        if candidates.is_empty() {
            let above: Vec<&Path> = real.ancestors().take(MAX_FOLDERS).collect();
            let root = above.iter().position(|folder| folder.join(".git").exists());
            let last = root.or_else(|| above.iter().position(|folder| *folder == self.here)).unwrap_or(0);
            let repository = above.get(last).copied().unwrap_or(&real);
            for path in above.iter().take(last + 1) {
                // Files of neighbouring folders share what is above them.
                let shared = folders.get(*path).and_then(|known| known.candidates.first()).cloned();
                candidates.push(shared.unwrap_or_else(|| Arc::new(self.guess(path, repository))));
            }
            for (at, path) in above.iter().take(last + 1).enumerate() {
                let candidates = candidates.get(at..).unwrap_or_default().to_vec();
                folders.entry((*path).to_owned()).or_insert(Folder { candidates });
            }
        }
        folders.insert(folder.to_owned(), Folder { candidates: candidates.clone() });
        candidates
    }

    fn guess(&self, path: &Path, repository: &Path) -> Guess {
        let name = match path.strip_prefix(&self.here) {
            Ok(inside) if inside.as_os_str().is_empty() => ".".to_owned(),
            Ok(inside) => inside.display().to_string(),
            Err(_) => path.display().to_string(),
        };
        let (path, repository) = (path.to_owned(), repository.to_owned());
        Guess { directory: ContextDirectory::new(path.clone(), name), path, repository }
    }
}

/// A folder that may be the context.
#[derive(Debug)]
struct Guess {
    directory: ContextDirectory,
    path: PathBuf,
    repository: PathBuf,
}

impl BuildFiles for Guess {
    fn name(&self) -> &str {
        self.directory.name()
    }

    fn ignore_file(&self) -> Option<Arc<str>> {
        self.directory.ignore_file()
    }

    fn entries(&self, directory: &str) -> Entries {
        self.directory.entries(directory)
    }

    /// What Git ignores is made by something: a fresh clone does not have it.
    fn may_be_made(&self, path: &str) -> bool {
        let path = self.path.join(path);
        let folders = path.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.repository));
        folders.map(|folder| folder.join(".gitignore")).filter(|file| file.is_file()).any(|file| {
            let (rules, _) = Gitignore::new(&file);
            [false, true].iter().any(|is_folder| rules.matched_path_or_any_parents(&path, *is_folder).is_ignore())
        })
    }
}

/// Reads the ignore file that lies beside a Dockerfile and belongs to it alone.
fn own_ignore_file(dockerfile: &Path) -> Option<Arc<str>> {
    let mut path = dockerfile.as_os_str().to_owned();
    path.push(".dockerignore");
    let file = File::open(&path).ok().filter(|file| file.metadata().is_ok_and(|metadata| metadata.is_file()))?;
    let mut text = String::new();
    file.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(contexts: &Contexts, root: &Path, file: &str) -> Vec<String> {
        let facts = contexts.of(&root.join(file));
        let name = |files: &Arc<dyn BuildFiles>| Path::new(files.name()).file_name().unwrap().to_owned();
        facts.candidates.iter().map(|files| name(files).into_string().unwrap()).collect()
    }

    #[test]
    fn folders_up_to_the_root_of_the_repository_may_be_the_context() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in ["repository/.git", "repository/a/b", "repository/c", "other/a"] {
            std::fs::create_dir_all(root.join(path)).unwrap();
        }
        let contexts = Contexts::new(None);
        assert_eq!(names(&contexts, root, "repository/a/b/Dockerfile"), ["b", "a", "repository"]);
        assert_eq!(names(&contexts, root, "repository/c/Dockerfile"), ["c", "repository"]);
        assert_eq!(names(&contexts, root, "repository/c/../a/Dockerfile"), ["a", "repository"]);
        assert_eq!(names(&contexts, root, "other/a/Dockerfile"), ["a"]);
        let (b, c) = (contexts.of(&root.join("repository/a/b/x")), contexts.of(&root.join("repository/c/y")));
        assert!(Arc::ptr_eq(&b.candidates[2], &c.candidates[1]), "what is above is shared");
    }

    #[test]
    fn what_git_ignores_may_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("a/.git")).unwrap();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::write(root.join("a/.gitignore"), "/made/\n*.jar\n").unwrap();
        std::fs::write(root.join("a/b/.gitignore"), "!x.jar\nhere\n").unwrap();
        let facts = Contexts::new(None).of(&root.join("a/Dockerfile"));
        let is_made = |path: &str| facts.candidates[0].may_be_made(path);
        assert!(is_made("made") && is_made("made/x") && is_made("b/y.jar") && is_made("b/here"));
        assert!(!is_made("b/made") && !is_made("here"));
    }
}
