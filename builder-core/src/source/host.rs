//! The programs of this machine as a root filesystem (`host:sh,ls`).
//!
//! Each program comes with its ELF interpreter and the libraries it names, found by reading ELF headers, at
//! their own paths; symbolic links on the way (`/bin`, `libc.so.6`) are kept. Everything belongs to root, and
//! times are those of the files, 0 for directories and links: one machine gives the same bits each time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use goblin::elf::Elf;

use crate::fs::entry::set_times_at;
use crate::fs::{PathContext, PathError};

/// The largest program or library that is read, in bytes: an ELF file is read whole for its headers.
const MAX_PROGRAM: u64 = 1 << 30;
/// The most symbolic links on the way to one file; the kernel's own limit.
const MAX_LINKS: usize = 40;
/// Where libraries are looked for after the paths of the program and of `/etc/ld.so.conf`.
const LIBRARY_PATH: [&str; 4] = ["/lib", "/usr/lib", "/lib64", "/usr/lib64"];

/// Programs of this machine could not be collected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// No such program.
    #[error("this machine has no program `{0}`; install it, or take it out of the `host:` list")]
    NotFound(String),
    /// A library that a program needs is nowhere to be found.
    #[error("library `{library}`, which `{}` needs, is not on this machine", program.display())]
    MissingLibrary {
        /// The library's name.
        library: String,
        /// Who needs it.
        program: PathBuf,
    },
    /// Symbolic links that lead in a circle.
    #[error("too many symbolic links on the way to `{}`", .0.display())]
    TooManyLinks(PathBuf),
    /// A file could not be read or made.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// One entry of the filesystem.
#[derive(Clone, PartialEq, Eq, Debug)]
enum HostEntry {
    Directory { mode: u32 },
    Symlink(PathBuf),
    File { from: PathBuf, mode: u32, mtime: i64 },
}

/// The filesystem to be: entries by absolute path.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HostTree {
    entries: BTreeMap<PathBuf, HostEntry>,
}

/// Finds programs by name in `search_path`, or by absolute path, and everything that they need to run.
///
/// # Errors
/// [`HostError::NotFound`], [`HostError::MissingLibrary`], [`HostError::Path`].
pub fn collect(programs: &[String], search_path: &[PathBuf]) -> Result<HostTree, HostError> {
    let mut collector = Collector { tree: HostTree::default(), queue: VecDeque::new(), search_path };
    for program in programs {
        let path = collector.find(program)?;
        let real = collector.add(&path)?;
        // The same program under its other usual names: `/bin/sh` beside `/usr/bin/sh`.
        for directory in search_path.iter().filter(|_| !program.starts_with('/')) {
            let other = directory.join(program);
            if other.canonicalize().is_ok_and(|found| found == real) {
                collector.add(&other)?;
            }
        }
    }
    let libraries = library_path();
    let mut seen = BTreeSet::new();
    while let Some(file) = collector.queue.pop_front() {
        if seen.insert(file.clone()) {
            collector.needs_of(&file, &libraries)?;
        }
    }
    collector.tree.entries.insert(PathBuf::from("/tmp"), HostEntry::Directory { mode: 0o1777 });
    Ok(collector.tree)
}

struct Collector<'s> {
    tree: HostTree,
    /// Real files whose needs are not known yet.
    queue: VecDeque<PathBuf>,
    search_path: &'s [PathBuf],
}

impl Collector<'_> {
    fn find(&self, program: &str) -> Result<PathBuf, HostError> {
        let found = if program.starts_with('/') {
            Some(PathBuf::from(program))
        } else {
            self.search_path.iter().map(|directory| directory.join(program)).find(|path| path.is_file())
        };
        found.filter(|path| path.is_file()).ok_or_else(|| HostError::NotFound(program.to_owned()))
    }

    /// Adds a file, the directories and symbolic links that lead to it, and returns its real path.
    fn add(&mut self, path: &Path) -> Result<PathBuf, HostError> {
        let mut todo: VecDeque<PathBuf> = parts(path);
        let mut real = PathBuf::from("/");
        let mut links = 0;
        while let Some(part) = todo.pop_front() {
            if part.as_os_str() == ".." {
                real.pop();
                continue;
            }
            let next = real.join(part);
            let metadata = fs::symlink_metadata(&next).at("examine", &next)?;
            if metadata.is_symlink() {
                links += 1;
                if links > MAX_LINKS {
                    return Err(HostError::TooManyLinks(path.to_owned()));
                }
                let target = fs::read_link(&next).at("read the link", &next)?;
                if target.is_absolute() {
                    real = PathBuf::from("/");
                }
                for part in parts(&target).into_iter().rev() {
                    todo.push_front(part);
                }
                self.tree.entries.insert(next, HostEntry::Symlink(target));
            } else if metadata.is_dir() {
                self.tree.entries.insert(next.clone(), HostEntry::Directory { mode: 0o755 });
                real = next;
            } else {
                // Nothing of it runs with more rights than whoever starts it.
                let (mode, mtime) = (metadata.mode() & 0o755, metadata.mtime());
                self.tree.entries.insert(next.clone(), HostEntry::File { from: next.clone(), mode, mtime });
                self.queue.push_back(next.clone());
                real = next;
            }
        }
        Ok(real)
    }

    fn needs_of(&mut self, file: &Path, libraries: &[PathBuf]) -> Result<(), HostError> {
        let mut bytes = Vec::new();
        fs::File::open(file).at("open", file)?.take(MAX_PROGRAM).read_to_end(&mut bytes).at("read", file)?;
        if let Some(line) = bytes.strip_prefix(b"#!") {
            return self.script(line);
        }
        let Ok(elf) = Elf::parse(&bytes) else { return Ok(()) };
        if let Some(interpreter) = elf.interpreter {
            self.add(Path::new(interpreter))?;
        }
        let origin = file.parent().unwrap_or(Path::new("/")).display().to_string();
        let expand = |path: &str| PathBuf::from(path.replace("$ORIGIN", &origin).replace("${ORIGIN}", &origin));
        let own = elf.runpaths.iter().chain(&elf.rpaths).flat_map(|list| list.split(':')).map(expand);
        let own: Vec<PathBuf> = own.collect();
        for library in &elf.libraries {
            let candidates = own.iter().chain(libraries).map(|directory| directory.join(library));
            let found = candidates.into_iter().find(|path| same_kind(path, &elf));
            let Some(found) = found else {
                return Err(HostError::MissingLibrary { library: (*library).to_owned(), program: file.to_owned() });
            };
            self.add(&found)?;
        }
        Ok(())
    }

    /// A script needs its interpreter, and `env` the program it is told to find.
    fn script(&mut self, line: &[u8]) -> Result<(), HostError> {
        let line = String::from_utf8_lossy(line.split(|byte| *byte == b'\n').next().unwrap_or_default()).into_owned();
        let mut words = line.split_ascii_whitespace();
        if let Some(interpreter) = words.next() {
            self.add(Path::new(interpreter))?;
            if interpreter.ends_with("/env")
                && let Some(program) = words.find(|word| !word.starts_with('-'))
            {
                let program = self.find(program)?;
                self.add(&program)?;
            }
        }
        Ok(())
    }
}

fn parts(path: &Path) -> VecDeque<PathBuf> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(PathBuf::from(name)),
            Component::ParentDir => Some(PathBuf::from("..")),
            _ => None,
        })
        .collect()
}

/// Whether a library is there and of the class and machine that the program is of.
fn same_kind(path: &Path, program: &Elf<'_>) -> bool {
    let mut start = [0_u8; 20];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    let machine = u16::from_le_bytes([start[18], start[19]]);
    read.is_ok()
        && start.starts_with(b"\x7fELF")
        && (start[4] == 2) == program.is_64
        && machine == program.header.e_machine
}

/// The directories of `/etc/ld.so.conf` and what it includes, then the usual ones.
fn library_path() -> Vec<PathBuf> {
    let mut directories = Vec::new();
    let mut files = vec![PathBuf::from("/etc/ld.so.conf")];
    if let Ok(entries) = fs::read_dir("/etc/ld.so.conf.d") {
        let mut included: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        included.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
        included.sort();
        files.extend(included);
    }
    for file in files {
        // A machine without the file has the usual directories only.
        let text = fs::read_to_string(&file).unwrap_or_default();
        directories.extend(text.lines().map(str::trim).filter(|line| line.starts_with('/')).map(PathBuf::from));
    }
    directories.extend(LIBRARY_PATH.map(PathBuf::from));
    directories
}

impl HostTree {
    /// Returns a digest of everything that the filesystem will hold.
    ///
    /// # Errors
    /// [`HostError::Path`] for a file that cannot be read.
    pub fn identity(&self) -> Result<[u8; 32], HostError> {
        let mut hasher = blake3::Hasher::new();
        for (path, entry) in &self.entries {
            let mut field = |bytes: &[u8]| {
                hasher.update(&(bytes.len() as u64).to_le_bytes());
                hasher.update(bytes);
            };
            field(path.as_os_str().as_encoded_bytes());
            match entry {
                HostEntry::Directory { mode } => field(&mode.to_le_bytes()),
                HostEntry::Symlink(target) => field(target.as_os_str().as_encoded_bytes()),
                HostEntry::File { from, mode, mtime } => {
                    field(&mode.to_le_bytes());
                    field(&mtime.to_le_bytes());
                    let mut file = blake3::Hasher::new();
                    file.update_reader(fs::File::open(from).at("open", from)?).at("read", from)?;
                    field(file.finalize().as_bytes());
                }
            }
        }
        Ok(*hasher.finalize().as_bytes())
    }
}

/// Makes the filesystem in an empty directory.
///
/// # Errors
/// [`HostError::Path`].
pub fn install(tree: &HostTree, destination: &Path) -> Result<(), HostError> {
    let place = |path: &Path| destination.join(path.strip_prefix("/").unwrap_or(path));
    for (path, entry) in &tree.entries {
        let target = place(path);
        match entry {
            HostEntry::Directory { mode } => {
                fs::create_dir(&target).at("create directory", &target)?;
                fs::set_permissions(&target, fs::Permissions::from_mode(*mode)).at("set the mode of", &target)?;
            }
            HostEntry::Symlink(to) => std::os::unix::fs::symlink(to, &target).at("create link", &target)?,
            HostEntry::File { from, mode, .. } => {
                fs::copy(from, &target).at("copy", from)?;
                fs::set_permissions(&target, fs::Permissions::from_mode(*mode)).at("set the mode of", &target)?;
            }
        }
    }
    // From the inside out: making an entry changes the time of its directory.
    for (path, entry) in tree.entries.iter().rev() {
        let target = place(path);
        let seconds = if let HostEntry::File { mtime, .. } = entry { *mtime } else { 0 };
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else { continue };
        let directory = fs::File::open(parent).at("open", parent)?;
        set_times_at(directory, name, (seconds, 0), (seconds, 0)).at("set times of", &target)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_comes_with_its_loader_and_runs_from_the_tree() {
        let tree = collect(&["sh".to_owned()], &[PathBuf::from("/bin")]).unwrap();
        assert!(tree.entries.keys().any(|path| path.to_string_lossy().contains("ld-linux")), "{tree:?}");
        let directory = tempfile::tempdir().unwrap();
        install(&tree, directory.path()).unwrap();
        let shell = fs::canonicalize("/bin/sh").unwrap();
        assert!(directory.path().join(shell.strip_prefix("/").unwrap()).is_file());
    }

    #[test]
    fn an_unknown_program_is_named() {
        let error = collect(&["no-such-program".to_owned()], &[PathBuf::from("/bin")]).unwrap_err();
        assert!(error.to_string().contains("`no-such-program`"), "{error}");
    }
}
