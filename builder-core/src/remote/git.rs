//! References to git repositories.

use std::fmt;

use percent_encoding::percent_decode_str;

/// The times that files of a checkout get.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum GitMtime {
    /// That of the checkout.
    #[default]
    Checkout,
    /// That of the commit.
    Commit,
}

/// A state of a repository, and what of it is wanted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct GitSource {
    /// The repository, in the form that git takes.
    pub remote: String,
    /// A branch, a tag, a full reference or a commit; the default branch without.
    pub reference: Option<String>,
    /// The directory of the repository that is the root.
    pub subdir: Option<String>,
    /// The commit that it must be, or the first digits of it.
    pub checksum: Option<String>,
    /// Whether `.git` is kept.
    pub keep_git_dir: bool,
    /// Whether submodules are fetched too.
    pub submodules: bool,
    /// The times of the files.
    pub mtime: GitMtime,
    /// Whether the commit is asked for and not the reference that led to it.
    pub fetch_by_commit: bool,
}

impl fmt::Debug for GitSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display())
    }
}

impl GitSource {
    /// Returns the repository with the reference and directory, as it may be shown.
    pub fn display(&self) -> String {
        let mut text = super::without_credentials(&self.remote);
        if self.reference.is_some() || self.subdir.is_some() {
            text.push('#');
            text.push_str(self.reference.as_deref().unwrap_or_default());
        }
        if let Some(subdir) = &self.subdir {
            text.push(':');
            text.push_str(subdir);
        }
        text
    }

    /// Returns the host of the repository, with its port; for the form `user@host:path` the host.
    pub fn host(&self) -> &str {
        if self.remote.contains("://") {
            return super::host_of(&self.remote);
        }
        let rest = self.remote.split_once('@').map_or("", |(_, rest)| rest);
        rest.split(':').next().unwrap_or_default()
    }

    /// Tells whether the repository is reached through ssh.
    pub fn is_ssh(&self) -> bool {
        !self.remote.contains("://") || self.remote.to_ascii_lowercase().starts_with("ssh://")
    }
}

/// A reference to a repository as it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GitAddress {
    /// What it refers to; `keep_git_dir` is whether the address says so.
    pub source: GitSource,
    /// Whether the address says to keep `.git` or not to.
    pub keep_git_dir: Option<bool>,
    /// Whether it may as well be the path of a file (`github.com/…`): then it is a repository only as a context.
    pub like_a_path: bool,
}

/// A reference to a repository that cannot be understood. The texts are BuildKit's.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitAddressError {
    /// The same thing is said twice and differently.
    #[error("{0} conflicts: {1:?} vs {2:?}")]
    Conflict(&'static str, String, String),
    /// A branch and a tag are given.
    #[error("branch conflicts with tag")]
    BranchAndTag,
    /// There is no such key.
    #[error("unexpected query {0:?}")]
    Unexpected(String),
    /// A key needs a value.
    #[error("query {0:?} has no value")]
    NoValue(String),
    /// A key is given twice.
    #[error("query {0:?} has multiple values")]
    MultipleValues(String),
    /// A key takes `true` or `false`.
    #[error("invalid {0} value: {1:?}")]
    NotBoolean(&'static str, String),
    /// A key takes one of two words.
    #[error("invalid mtime value: {0:?} (must be \"checkout\" or \"commit\")")]
    Mtime(String),
    /// A part has characters that git or a path could take for something else.
    #[error("invalid {0} {1:?} of a git repository")]
    Unsafe(&'static str, String),
}

/// Tells whether a text is the full name of a commit, in SHA-1 or SHA-256.
pub fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Reads a reference to a git repository; `None` for what is none.
///
/// Spec: dockerfile-semantics 11.2.
///
/// # Errors
/// [`GitAddressError`] for a repository whose options cannot be understood.
pub fn parse_git(text: &str) -> Result<Option<GitAddress>, GitAddressError> {
    let (rest, fragment) = text.split_once('#').map_or((text, None), |(rest, fragment)| (rest, Some(fragment)));
    let (remote, query) = rest.split_once('?').map_or((rest, None), |(remote, query)| (remote, Some(query)));
    let like_a_path = remote.starts_with("github.com/");
    if !like_a_path && !is_repository(remote) {
        return Ok(None);
    }
    let remote = if like_a_path { format!("https://{remote}") } else { remote.to_owned() };
    if remote.chars().any(|c| c.is_control() || c == ' ') {
        return Err(GitAddressError::Unsafe("address", super::without_credentials(&remote)));
    }
    let mut source = GitSource {
        remote,
        reference: None,
        subdir: None,
        checksum: None,
        keep_git_dir: false,
        submodules: true,
        mtime: GitMtime::Checkout,
        fetch_by_commit: false,
    };
    if let Some(fragment) = fragment {
        let fragment = decoded(fragment);
        let (reference, subdir) = fragment.split_once(':').unwrap_or((&fragment, ""));
        source.reference = non_empty(reference);
        source.subdir = non_empty(subdir);
    }
    let keep_git_dir = match query {
        Some(query) => read_query(query, &mut source)?,
        None => None,
    };
    source.keep_git_dir = keep_git_dir == Some(true);
    if source.reference.is_none() {
        source.reference = source.checksum.clone().filter(|checksum| is_commit(checksum));
    }
    check(&source)?;
    Ok(Some(GitAddress { source, keep_git_dir, like_a_path }))
}

fn is_repository(remote: &str) -> bool {
    let Some((scheme, rest)) = remote.split_once("://") else { return is_scp(remote) };
    match scheme.to_ascii_lowercase().as_str() {
        "git" | "ssh" => !rest.is_empty(),
        "http" | "https" => rest.split_once('/').is_some_and(|(_, path)| path.strip_suffix(".git").is_some()),
        _ => false,
    }
}

/// `user@host:path`.
fn is_scp(remote: &str) -> bool {
    let Some((user, rest)) = remote.split_once('@') else { return false };
    let Some((host, path)) = rest.split_once(':') else { return false };
    let plain = |text: &str, others: &[char]| {
        !text.is_empty()
            && !text.starts_with('-')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(&c))
    };
    plain(user, &['-', '_', '.']) && plain(host, &['-', '.']) && !path.is_empty()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Reads the options after `?`; returns what they say about `.git`.
fn read_query(query: &str, source: &mut GitSource) -> Result<Option<bool>, GitAddressError> {
    let mut seen: Vec<String> = Vec::new();
    let (mut tag, mut branch, mut keep_git_dir) = (None, None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (decoded(&key.replace('+', " ")), decoded(&value.replace('+', " ")));
        if seen.contains(&key) {
            return Err(GitAddressError::MultipleValues(key));
        }
        let boolean = matches!(key.as_str(), "keep-git-dir" | "submodules" | "fetch-by-commit");
        if value.is_empty() && !boolean {
            return Err(GitAddressError::NoValue(key));
        }
        match key.as_str() {
            "ref" => agree("ref", &mut source.reference, value)?,
            "tag" => tag = Some(value),
            "branch" => branch = Some(value),
            "subdir" => agree("subdir", &mut source.subdir, value)?,
            "checksum" | "commit" => agree("checksum", &mut source.checksum, value)?,
            "keep-git-dir" => keep_git_dir = Some(truth("keep-git-dir", value)?),
            "submodules" => source.submodules = truth("submodules", value)?,
            "fetch-by-commit" => source.fetch_by_commit = truth("fetch-by-commit", value)?,
            "mtime" => {
                source.mtime = match value.as_str() {
                    "checkout" => GitMtime::Checkout,
                    "commit" => GitMtime::Commit,
                    _ => return Err(GitAddressError::Mtime(value)),
                }
            }
            _ => return Err(GitAddressError::Unexpected(key)),
        }
        seen.push(key);
    }
    if tag.is_some() && branch.is_some() {
        return Err(GitAddressError::BranchAndTag);
    }
    for (value, prefix) in [(tag, "refs/tags/"), (branch, "refs/heads/")] {
        let Some(value) = value else { continue };
        let full = if value.starts_with(prefix) { value } else { format!("{prefix}{value}") };
        agree("ref", &mut source.reference, full)?;
    }
    Ok(keep_git_dir)
}

fn agree(what: &'static str, known: &mut Option<String>, value: String) -> Result<(), GitAddressError> {
    match known {
        Some(known) if *known != value => Err(GitAddressError::Conflict(what, known.clone(), value)),
        _ => {
            *known = Some(value);
            Ok(())
        }
    }
}

/// What Go takes for a boolean; a key without a value means true.
fn truth(key: &'static str, value: String) -> Result<bool, GitAddressError> {
    match value.as_str() {
        "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(GitAddressError::NotBoolean(key, value)),
    }
}

/// Refuses what git would take for an option or a path out of the repository.
fn check(source: &GitSource) -> Result<(), GitAddressError> {
    let not_safe = |what, value: &str| Err(GitAddressError::Unsafe(what, value.to_owned()));
    if let Some(reference) = &source.reference {
        let odd = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
        if reference.starts_with('-') || reference.contains("..") || reference.contains(odd) {
            return not_safe("ref", reference);
        }
    }
    if let Some(subdir) = &source.subdir
        && (subdir.contains('\0') || subdir.split('/').any(|part| part == ".."))
    {
        return not_safe("subdir", subdir);
    }
    if let Some(checksum) = &source.checksum
        && (checksum.is_empty() || checksum.len() > 64 || !checksum.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        return not_safe("checksum", checksum);
    }
    Ok(())
}

#[cfg(test)]
#[path = "git_tests.rs"]
mod tests;
