//! The files of a commit, with its submodules.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::super::Outside;
use super::command::Git;
use super::{GitCommit, GitError};
use crate::fs::entry::{self, FileKind, MAX_TREE_DEPTH};
use crate::fs::root::{Follow, RootDir};
use crate::fs::{PathContext, PathError};
use crate::remote::{GitMtime, GitSource, without_credentials};

/// Puts the files of a commit into an empty directory on the store's file system, and returns the time of the
/// commit in seconds since 1970.
///
/// # Errors
/// [`GitError`]; what the directory holds then is of no use.
pub fn checkout(source: &GitSource, commit: &GitCommit, into: &Path, outside: &Outside<'_>) -> Result<i64, GitError> {
    let git = Git::new(source, outside)?;
    let tree = git.work().join("tree");
    git.run(git.work(), &["init", "--quiet", "--template=", "tree"])?;
    fetch(&git, &tree, source, commit)?;
    git.run(&tree, &["checkout", "--quiet", "--force", "--detach", &commit.commit])?;
    let time = git.run(&tree, &["log", "-1", "--format=%ct", &commit.commit])?;
    let time = String::from_utf8_lossy(&time).trim().parse().unwrap_or(0);
    if source.submodules && tree.join(".gitmodules").symlink_metadata().is_ok() {
        let update = ["submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"];
        if git.ask(&tree, &update).is_err() {
            outside.cancel.check()?;
            // A server may not give a commit that no branch ends in.
            git.ask(&tree, &update[..update.len() - 1])?;
        }
    }
    let root = RootDir::open(&tree)?;
    let from = subdirectory(&root, source.subdir.as_deref())?;
    if source.keep_git_dir && from.as_os_str().is_empty() {
        tidy_git_dir(&git, &tree, source)?;
    } else {
        remove_git_dirs(&tree, 0)?;
    }
    let from = tree.join(from);
    for child in fs::read_dir(&from).at("list", &from)? {
        let child = child.at("list", &from)?;
        fs::rename(child.path(), into.join(child.file_name())).at("rename", child.path())?;
    }
    if source.mtime == GitMtime::Commit {
        set_times(into, time, 0)?;
    }
    Ok(time)
}

/// Fetches a commit: by the name that led to it, by its id, or with everything where the server gives neither alone.
fn fetch(git: &Git<'_>, tree: &Path, source: &GitSource, commit: &GitCommit) -> Result<(), GitError> {
    let id = commit.commit.as_str();
    let has = || git.run(tree, &["cat-file", "-e", &format!("{id}^{{commit}}")]).is_ok();
    let named = commit.reference.as_deref().filter(|_| !source.fetch_by_commit).map(|name| {
        // Under its own name where that is one: `git describe` in a kept `.git` finds it.
        if name.starts_with("refs/") { format!("+{name}:{name}") } else { name.to_owned() }
    });
    let mut last = None;
    for wanted in named.as_deref().into_iter().chain([id]) {
        match shallow(git, tree, wanted) {
            Ok(()) if has() => return Ok(()),
            Ok(()) => {}
            Err(error @ GitError::Cancelled(_)) => return Err(error),
            Err(error) => last = Some(error),
        }
    }
    let everything = ["fetch", "--quiet", "--force", "--update-head-ok", "origin"];
    let everything = everything.into_iter().chain(["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"]);
    let outcome = git.ask(tree, &everything.collect::<Vec<_>>());
    if has() {
        return Ok(());
    }
    outcome?;
    match (last, &commit.reference) {
        (Some(error), Some(_)) => Err(error),
        _ => Err(GitError::NoReference { reference: id.to_owned() }),
    }
}

/// Fetches one state without its history, where the server can leave that out.
fn shallow(git: &Git<'_>, tree: &Path, wanted: &str) -> Result<(), GitError> {
    let with = ["fetch", "--quiet", "--force", "--update-head-ok", "--no-tags", "--depth=1", "origin", wanted];
    match git.ask(tree, &with) {
        Err(GitError::Failed { said, .. }) if said.contains("--depth") || said.contains("shallow") => {
            let without: Vec<&str> = with.into_iter().filter(|argument| *argument != "--depth=1").collect();
            git.ask(tree, &without).map(|_| ())
        }
        outcome => outcome.map(|_| ()),
    }
}

/// Finds the directory that is to be the root; links in it lead nowhere but inside the repository.
fn subdirectory(root: &RootDir, subdir: Option<&str>) -> Result<PathBuf, GitError> {
    let Some(subdir) = subdir else { return Ok(PathBuf::new()) };
    let failed = |reason| GitError::Subdir { subdir: subdir.to_owned(), reason };
    let path = Path::new(subdir.trim_start_matches('/'));
    let resolved = match root.resolve(path, Follow::Yes) {
        Err(error) if crate::fs::root::is_missing(&error.source) => return Err(failed("no such directory")),
        other => other?,
    };
    match resolved.metadata {
        None => Err(failed("no such directory")),
        Some(metadata) if metadata.kind != FileKind::Directory => Err(failed("it is no directory")),
        Some(_) if resolved.path.components().any(|part| part.as_os_str() == ".git") => {
            Err(failed("it is not part of the commit"))
        }
        Some(_) => Ok(resolved.path),
    }
}

/// Leaves a `.git` that says where the repository came from, and nothing of how it was opened.
fn tidy_git_dir(git: &Git<'_>, tree: &Path, source: &GitSource) -> Result<(), GitError> {
    let shown = without_credentials(&source.remote);
    git.run(tree, &["config", "remote.origin.url", &shown])?;
    git.run(tree, &["config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"])?;
    let git_dir = tree.join(".git");
    for name in ["FETCH_HEAD", "ORIG_HEAD"] {
        remove_file(&git_dir.join(name))?;
    }
    forget(&git_dir, 0)
}

/// Removes logs, which say from where something was fetched, and passwords of addresses in the settings of the
/// repository and its submodules.
fn forget(directory: &Path, depth: usize) -> Result<(), GitError> {
    for child in children(directory, depth)? {
        let path = child.path();
        let kind = child.file_type().at("look at", &path)?;
        if kind.is_dir() && child.file_name() == "logs" {
            crate::store::remove_tree(&path)?;
        } else if kind.is_dir() && child.file_name() != "objects" {
            forget(&path, depth + 1)?;
        } else if kind.is_file() && child.file_name() == "FETCH_HEAD" {
            remove_file(&path)?;
        } else if kind.is_file() && child.file_name() == "config" {
            clean_config(&path)?;
        }
    }
    Ok(())
}

fn clean_config(path: &Path) -> Result<(), GitError> {
    let text = fs::read_to_string(path).at("read", path)?;
    let clean = |line: &str| match line.trim_start().split_once("= ") {
        Some((key, url)) if key.trim_end() == "url" => line.replace(url, &without_credentials(url)),
        _ => line.to_owned(),
    };
    let cleaned: String = text.lines().map(|line| clean(line) + "\n").collect();
    Ok(fs::write(path, cleaned).at("write", path)?)
}

/// Removes `.git` of the repository, and the files of that name that lead submodules to theirs.
fn remove_git_dirs(directory: &Path, depth: usize) -> Result<(), GitError> {
    for child in children(directory, depth)? {
        let path = child.path();
        let kind = child.file_type().at("look at", &path)?;
        if child.file_name() == ".git" {
            crate::store::remove_tree(&path)?;
        } else if kind.is_dir() {
            remove_git_dirs(&path, depth + 1)?;
        }
    }
    Ok(())
}

fn children(directory: &Path, depth: usize) -> Result<Vec<fs::DirEntry>, PathError> {
    if depth > MAX_TREE_DEPTH {
        return Err(std::io::Error::other("nested too deeply")).at("list", directory);
    }
    fs::read_dir(directory).and_then(Iterator::collect).at("list", directory)
}

fn remove_file(path: &Path) -> Result<(), PathError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        outcome => outcome.at("remove", path),
    }
}

/// Gives everything below a directory one time.
fn set_times(directory: &Path, seconds: i64, depth: usize) -> Result<(), GitError> {
    let time = (seconds, 0);
    for child in children(directory, depth)? {
        let path = child.path();
        if child.file_type().at("look at", &path)?.is_dir() {
            set_times(&path, seconds, depth + 1)?;
        }
        let opened = File::open(directory).at("open", directory)?;
        let name: &OsStr = &child.file_name();
        entry::set_times_at(&opened, name, time, time).at("set times of", &path)?;
    }
    Ok(())
}
