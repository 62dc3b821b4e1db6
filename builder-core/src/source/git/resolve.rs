//! Which commit a branch, a tag or nothing at all stands for.

use super::super::Outside;
use super::GitError;
use super::command::Git;
use crate::remote::{GitSource, is_commit, without_credentials};

/// A commit of a repository.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GitCommit {
    /// Its id.
    pub commit: String,
    /// The full name of the branch or tag that led to it.
    pub reference: Option<String>,
}

/// Finds the commit that a source names. A whole commit id is taken as it is, and nobody is asked.
///
/// # Errors
/// [`GitError`]; [`GitError::NoReference`] where the repository has no such thing.
pub fn resolve(source: &GitSource, outside: &Outside<'_>) -> Result<GitCommit, GitError> {
    let found = match &source.reference {
        Some(reference) if is_commit(reference) => Found::commit(reference),
        Some(reference) => {
            let git = Git::new(source, outside)?;
            let annotated = format!("{reference}^{{}}");
            let listed = git.ask(git.work(), &["ls-remote", "--", "origin", reference, &annotated])?;
            let listed = String::from_utf8_lossy(&listed);
            choose(&listed, reference).ok_or_else(|| GitError::NoReference { reference: reference.clone() })?
        }
        None => {
            let git = Git::new(source, outside)?;
            let listed = git.ask(git.work(), &["ls-remote", "--symref", "--", "origin", "HEAD"])?;
            default_branch(&String::from_utf8_lossy(&listed))
                .ok_or_else(|| GitError::NoDefaultBranch { remote: without_credentials(&source.remote) })?
        }
    };
    if let Some(expected) = &source.checksum {
        let expected = expected.to_ascii_lowercase();
        if !found.commit.starts_with(&expected) && !found.object.starts_with(&expected) {
            return Err(GitError::Checksum { expected, found: found.commit });
        }
    }
    Ok(GitCommit { commit: found.commit, reference: found.reference })
}

#[derive(PartialEq, Eq, Debug)]
struct Found {
    commit: String,
    /// The same, or the tag that leads to it.
    object: String,
    reference: Option<String>,
}

impl Found {
    fn commit(id: &str) -> Self {
        Self { commit: id.to_owned(), object: id.to_owned(), reference: None }
    }
}

/// The pairs of id and name that git lists.
fn listed(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter_map(|line| line.split_once('\t')).filter(|(id, _)| is_commit(id))
}

/// Chooses the one that is meant: a branch before a tag of the same name.
fn choose(text: &str, reference: &str) -> Option<Found> {
    let names = [
        format!("refs/heads/{reference}"),
        format!("refs/tags/{reference}"),
        reference.to_owned(),
        format!("refs/{reference}"),
    ];
    let id = |name: &str| listed(text).find(|(_, found)| *found == name).map(|(id, _)| id.to_owned());
    names.into_iter().find_map(|name| {
        let object = id(&name)?;
        let commit = id(&format!("{name}^{{}}")).unwrap_or_else(|| object.clone());
        Some(Found { commit, object, reference: Some(name) })
    })
}

fn default_branch(text: &str) -> Option<Found> {
    let branch = text.lines().find_map(|line| line.strip_prefix("ref: ")?.strip_suffix("\tHEAD"));
    let (id, _) = listed(text).find(|(_, name)| *name == "HEAD")?;
    Some(Found { reference: branch.map(str::to_owned), ..Found::commit(id) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_comes_before_a_tag_and_tags_are_followed() {
        let (a, b, c) = ("a".repeat(40), "b".repeat(40), "c".repeat(40));
        let text = format!(
            "{a}\trefs/heads/v1\n{b}\trefs/tags/v1\n{b}\trefs/tags/v2\n{c}\trefs/tags/v2^{{}}\n{c}\trefs/heads/x/v3\n\
             {c}\trefs/pull/1/head\n"
        );
        let chosen = |reference: &str| choose(&text, reference);
        assert_eq!(chosen("v1").unwrap().reference.as_deref(), Some("refs/heads/v1"));
        assert_eq!(chosen("refs/tags/v1").unwrap().commit, b);
        let annotated = chosen("v2").unwrap();
        assert_eq!((annotated.commit, annotated.object), (c.clone(), b));
        assert_eq!(chosen("v3"), None);
        assert_eq!(chosen("pull/1/head").unwrap().reference.as_deref(), Some("refs/pull/1/head"));
        let head = default_branch(&format!("ref: refs/heads/main\tHEAD\n{a}\tHEAD\n")).unwrap();
        assert_eq!((head.commit, head.reference.as_deref()), (a, Some("refs/heads/main")));
        assert_eq!(default_branch(""), None);
    }
}
