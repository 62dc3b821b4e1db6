//! The tags of a repository: listed page by page, and deleted.
//!
//! Spec: OCI distribution-spec 1.1, "Listing Tags" and "Deleting tags".

use std::collections::BTreeSet;

use reqwest::header::{HeaderMap, LINK};
use reqwest::{Method, Url};
use serde::Deserialize;

use super::parallel::questions;
use super::push::{ManifestName, refused};
use super::reply::bounded;
use super::transport::{Request, Transport};
use super::{Client, RegistryError};
use crate::cancel::CancelToken;
use crate::digest::Digest;

/// The tags that one page is asked for.
const PAGE: &str = "1000";
/// The most bytes of one page.
const MAX_PAGE_SIZE: u64 = 4 << 20;
/// The most pages of one list: a million tags.
const MAX_PAGES: usize = 1000;

#[derive(Deserialize)]
struct TagList {
    /// Some registries write `null` for none.
    tags: Option<Vec<String>>,
}

/// The most tags that are asked what they stand for.
const MAX_ASKED: usize = 10_000;

/// What a registry deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Deleted {
    /// The tag, and nothing else.
    Tag,
    /// The manifest.
    Manifest {
        /// Its digest.
        digest: Digest,
        /// The tags that it had, which are gone as well; nothing where that could not be found out.
        tags: Option<Vec<String>>,
    },
}

/// Which tags may go with a manifest, where a registry deletes no tag alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AlsoDelete<'t> {
    /// None but these.
    Only(&'t [String]),
    /// All that it has.
    All,
}

impl Client {
    /// Lists the tags of the repository in lexical order, as the specification has it; not every registry does.
    ///
    /// # Errors
    /// [`RegistryError`]; [`RegistryError::NotFound`] where there is no such repository.
    pub fn tags(&self, cancel: &CancelToken) -> Result<Vec<String>, RegistryError> {
        let name = format!("{}/{}", self.reference.domain(), self.reference.path());
        let mut found: BTreeSet<String> = BTreeSet::new();
        let mut next: Option<Url> = None;
        for _ in 0..MAX_PAGES {
            let (tags, more) = self.ask(cancel, async |transport| page(transport, next.clone(), &name).await)?;
            let known = found.len();
            found.extend(tags.into_iter().filter(|tag| is_tag(tag)));
            let Some(more) = more.filter(|more| next.as_ref() != Some(more)) else {
                return Ok(found.into_iter().collect());
            };
            if found.len() == known {
                // A page of nothing is the last one, whatever it says.
                return Ok(found.into_iter().collect());
            }
            next = Some(more);
        }
        Err(RegistryError::TooLarge { what: "the list of tags", limit: MAX_PAGE_SIZE * MAX_PAGES as u64 })
    }

    /// Deletes a tag, or a manifest by its digest. A registry that deletes no tags is asked to delete the manifest, and
    /// every tag of it is gone: that has to be allowed.
    ///
    /// # Errors
    /// [`RegistryError`]; [`RegistryError::Server`] with status 405 where the registry deletes nothing,
    /// [`RegistryError::OtherTags`] and [`RegistryError::UnknownTags`] where more would be gone than is allowed.
    pub fn delete(
        &self,
        manifest: ManifestName<'_>,
        also: AlsoDelete<'_>,
        cancel: &CancelToken,
    ) -> Result<Deleted, RegistryError> {
        let tag = match manifest {
            // Who names the manifest means all of it.
            ManifestName::Digest(digest) => return self.delete_manifest(digest, None, AlsoDelete::All, cancel),
            ManifestName::Tag(tag) => tag,
        };
        let name = self.name_of_manifest(manifest);
        let digest = self.manifest_digest(manifest, cancel)?.ok_or(RegistryError::NotFound { name })?;
        match self.delete_one(manifest, cancel) {
            // What registries say that take a tag for a digest that they cannot read.
            Err(RegistryError::Server { code: 400 | 405, .. }) => {
                self.delete_manifest(&digest, Some(tag), also, cancel)
            }
            outcome => outcome.map(|()| Deleted::Tag),
        }
    }

    fn delete_manifest(
        &self,
        digest: &Digest,
        tag: Option<&str>,
        also: AlsoDelete<'_>,
        cancel: &CancelToken,
    ) -> Result<Deleted, RegistryError> {
        let tags = self.tags_of(digest, cancel);
        cancel.check()?;
        let shown = || self.name_of_manifest(tag.map_or(ManifestName::Digest(digest), ManifestName::Tag));
        let tags = match (tags, also) {
            (Err(error), AlsoDelete::Only(_)) => {
                return Err(RegistryError::UnknownTags { name: shown(), source: Box::new(error) });
            }
            (Err(_), AlsoDelete::All) => None,
            (Ok(tags), AlsoDelete::Only(allowed)) => {
                let is_other = |found: &&String| Some(found.as_str()) != tag && !allowed.contains(found);
                let others: Vec<String> = tags.iter().filter(is_other).cloned().collect();
                if !others.is_empty() {
                    return Err(RegistryError::OtherTags { name: shown(), tags: others });
                }
                Some(tags)
            }
            (Ok(tags), AlsoDelete::All) => Some(tags),
        };
        self.delete_one(ManifestName::Digest(digest), cancel)?;
        Ok(Deleted::Manifest { digest: *digest, tags })
    }

    /// Finds the tags that stand for a manifest, in lexical order. Each tag of the repository is asked.
    fn tags_of(&self, digest: &Digest, cancel: &CancelToken) -> Result<Vec<String>, RegistryError> {
        let all = self.tags(cancel)?;
        if all.len() > MAX_ASKED {
            return Err(RegistryError::TooManyTags { limit: MAX_ASKED });
        }
        let stands_for_it = |tag: &String, cancel: &CancelToken| -> Result<bool, RegistryError> {
            Ok(self.manifest_digest(ManifestName::Tag(tag), cancel)?.as_ref() == Some(digest))
        };
        let found = questions(&all, cancel, &stands_for_it)?;
        Ok(all.into_iter().zip(found).filter(|(_, is_it)| *is_it).map(|(tag, _)| tag).collect())
    }

    fn delete_one(&self, manifest: ManifestName<'_>, cancel: &CancelToken) -> Result<(), RegistryError> {
        let name = self.name_of_manifest(manifest);
        self.ask(cancel, async |transport| {
            let request = Request::new(Method::DELETE, transport.url(&format!("manifests/{manifest}"))?);
            let response = transport.send(&request, &name).await?;
            // 202 is the specification's.
            if response.status().is_success() {
                return Ok(());
            }
            Err(refused(response, transport, &name).await)
        })
    }
}

/// Fetches one page, and returns where the next one is.
async fn page(
    transport: &Transport,
    address: Option<Url>,
    name: &str,
) -> Result<(Vec<String>, Option<Url>), RegistryError> {
    let mut first = transport.url("tags/list")?;
    first.query_pairs_mut().append_pair("n", PAGE);
    let address = address.unwrap_or(first);
    let response = transport.send(&Request::new(Method::GET, address.clone()), name).await?;
    if response.status().as_u16() != 200 {
        return Err(refused(response, transport, name).await);
    }
    let domain = transport.domain_of(response.url());
    let next = next_page(response.headers(), &address);
    let bytes = bounded(response, &domain, "the list of tags", MAX_PAGE_SIZE).await?;
    let list: TagList = serde_json::from_slice(&bytes)
        .map_err(|_| RegistryError::Protocol { domain, message: "something that is no list of tags".to_owned() })?;
    Ok((list.tags.unwrap_or_default(), next))
}

/// Reads `<…>; rel="next"`; the next page is on the same server, or there is none.
///
/// Spec: RFC 8288.
fn next_page(headers: &HeaderMap, from: &Url) -> Option<Url> {
    let text = headers.get(LINK)?.to_str().ok()?;
    let (target, parameters) = text.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = parameters.split(';').any(|parameter| matches!(parameter.trim(), r#"rel="next""# | "rel=next"));
    let next = from.join(target).ok().filter(|_| is_next)?;
    (next.origin() == from.origin()).then_some(next)
}

/// Tells whether a text is a tag: what else a registry says is not shown to anybody.
fn is_tag(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = text.bytes();
    bytes.next().is_some_and(is_word)
        && text.len() <= 128
        && bytes.all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_on_the_same_server() {
        let from = Url::parse("http://localhost:5/v2/x/tags/list?n=2").unwrap();
        let next = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, text.parse().expect("header"));
            next_page(&headers, &from).map(String::from)
        };
        let expected = Some("http://localhost:5/v2/x/tags/list?n=2&last=b".to_owned());
        assert_eq!(next(r#"</v2/x/tags/list?n=2&last=b>; rel="next""#), expected);
        assert_eq!(next("<http://localhost:5/v2/x/tags/list?n=2&last=b>;rel=next"), expected);
        for bad in [r#"</x>; rel="prev""#, "<http://other.example/x>; rel=next", "/x; rel=next", "<", ""] {
            assert_eq!(next(bad), None, "{bad}");
        }
    }

    #[test]
    fn tags_are_words() {
        assert!(["1", "v1.2-rc_3", "_x", &"a".repeat(128)].iter().all(|tag| is_tag(tag)));
        assert!(["", "-x", ".x", "a b", "a/b", "\u{1b}[2J", &"a".repeat(129)].iter().all(|tag| !is_tag(tag)));
    }
}
