//! Pushes: blobs that are not there yet, then manifests, byte for byte.
//!
//! Spec: OCI distribution-spec 1.1, "Push".

use std::cell::Cell;
use std::collections::BTreeSet;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response};

use super::parallel::{in_parallel, questions};
use super::part::{Part, UploadContent};
use super::reply::failure;
use super::retry::retried_while;
use super::transport::{Request, Transport};
use super::upload::{Pushed, Session, Upload};
use super::{ACCEPTED, Client, RegistryError};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::oci::MAX_MANIFEST_SIZE;

/// The digest that a registry knows a manifest by.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// What a registry answers with that keeps the list of what refers to a manifest.
const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

/// What a manifest of a repository is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ManifestName<'n> {
    /// By a tag.
    Tag(&'n str),
    /// By its digest only.
    Digest(&'n Digest),
}

impl std::fmt::Display for ManifestName<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// A manifest that was pushed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PushedManifest {
    /// Its digest.
    pub digest: Digest,
    /// Whether the registry noted which manifest it refers to, where it has a subject.
    pub subject_noted: bool,
}

impl Client {
    /// Tells whether a blob is in the repository.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn has_blob(&self, digest: &Digest, cancel: &CancelToken) -> Result<bool, RegistryError> {
        let name = self.name_of(digest);
        self.ask(cancel, async |transport| has_blob(transport, digest, &name).await)
    }

    /// Tells which of some blobs are in the repository; several are asked for at the same time.
    ///
    /// # Errors
    /// The first [`RegistryError`].
    pub fn has_blobs(&self, digests: &[Digest], cancel: &CancelToken) -> Result<BTreeSet<Digest>, RegistryError> {
        let ask = |digest: &Digest, cancel: &CancelToken| self.has_blob(digest, cancel);
        let found = questions(digests, cancel, &ask)?;
        Ok(digests.iter().zip(found).filter(|(_, is_there)| *is_there).map(|(digest, _)| *digest).collect())
    }

    /// Pushes a blob, unless it is there. `progress` is told the bytes so far.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn push_blob(
        &self,
        upload: &Upload,
        progress: &(dyn Fn(u64) + Sync),
        cancel: &CancelToken,
    ) -> Result<Pushed, RegistryError> {
        if self.has_blob(&upload.digest, cancel)? {
            return Ok(Pushed::Existed);
        }
        self.send_blob(upload, progress, cancel)
    }

    /// Pushes a blob without asking whether it is there.
    fn send_blob(
        &self,
        upload: &Upload,
        progress: &(dyn Fn(u64) + Sync),
        cancel: &CancelToken,
    ) -> Result<Pushed, RegistryError> {
        self.over_servers(cancel, async |transport| {
            let (reached, waiting) = (Cell::new(0), self.options.waits.begin(transport.domain()));
            let progress = |sent| {
                waiting.heard();
                progress(sent);
            };
            let mut session = Session::new(upload, self.name_of(&upload.digest), self.options.upload_chunk, &reached);
            let attempt = async || session.attempt(transport, &progress).await;
            let outcome = retried_while(cancel, &waiting, || reached.get(), attempt).await;
            if outcome.is_err() {
                session.abandon(transport).await;
            }
            outcome
        })
    }

    /// Pushes blobs, some at the same time, and tells of each how it got there. `progress` is told a blob, its bytes
    /// so far and in all.
    ///
    /// # Errors
    /// The first [`RegistryError`], which stops the other blobs too; those that are complete stay.
    pub fn push_blobs(
        &self,
        uploads: &[Upload],
        progress: &(dyn Fn(&Digest, u64, u64) + Sync),
        cancel: &CancelToken,
    ) -> Result<Vec<Pushed>, RegistryError> {
        in_parallel(uploads, cancel, &|upload: &Upload, cancel| {
            self.push_blob(upload, &|sent| progress(&upload.digest, sent, upload.size), cancel)
        })
    }

    /// Asks what a manifest's digest is; `None` where there is no such manifest.
    ///
    /// # Errors
    /// [`RegistryError`]; a registry that does not say the digest is asked for the manifest.
    pub fn manifest_digest(
        &self,
        manifest: ManifestName<'_>,
        cancel: &CancelToken,
    ) -> Result<Option<Digest>, RegistryError> {
        let name = self.name_of_manifest(manifest);
        let found = self.ask(cancel, async |transport| {
            let mut request = Request::new(Method::HEAD, transport.url(&format!("manifests/{manifest}"))?);
            for accepted in ACCEPTED {
                request.headers.append(ACCEPT, HeaderValue::from_static(accepted));
            }
            let response = transport.send(&request, &name).await?;
            match response.status().as_u16() {
                200 => Ok(Some(content_digest(response.headers()))),
                404 => Ok(None),
                _ => Err(refused(response, transport, &name).await),
            }
        })?;
        match (found, manifest) {
            (None, _) => Ok(None),
            (Some(Some(digest)), _) => Ok(Some(digest)),
            (Some(None), ManifestName::Digest(digest)) => Ok(Some(*digest)),
            (Some(None), ManifestName::Tag(_)) => Ok(Some(Digest::of(&self.manifest_of(manifest, cancel)?))),
        }
    }

    /// Pushes a manifest or an index, byte for byte. What it names has to be there.
    ///
    /// # Errors
    /// [`RegistryError`]; [`RegistryError::Mismatch`] where the registry made something else of it.
    pub fn push_manifest(
        &self,
        manifest: ManifestName<'_>,
        media_type: &str,
        bytes: &[u8],
        cancel: &CancelToken,
    ) -> Result<PushedManifest, RegistryError> {
        if bytes.len() as u64 > MAX_MANIFEST_SIZE {
            return Err(RegistryError::TooLarge { what: "the manifest", limit: MAX_MANIFEST_SIZE });
        }
        let digest = Digest::of(bytes);
        let name = self.name_of_manifest(manifest);
        let content = UploadContent::Bytes(bytes.to_vec());
        let headers = self.ask(cancel, async |transport| {
            let mut request = Request::new(Method::PUT, transport.url(&format!("manifests/{manifest}"))?);
            let media_type = HeaderValue::from_str(media_type).map_err(|_| RegistryError::Setup {
                message: "the media type of a manifest has characters that no header has".to_owned(),
            })?;
            request.headers.insert(CONTENT_TYPE, media_type);
            request.body = Some(Part::whole(&content));
            let response = transport.send(&request, &name).await?;
            // 201 is the specification's.
            if response.status().is_success() {
                return Ok(response.headers().clone());
            }
            Err(refused(response, transport, &name).await)
        })?;
        match content_digest(&headers) {
            Some(found) if found != digest => Err(RegistryError::Mismatch { expected: digest, found }),
            _ => Ok(PushedManifest { digest, subject_noted: headers.contains_key(SUBJECT) }),
        }
    }

    /// Asks the registry whether it lets us in at all: what a login is verified with.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn ping(&self, cancel: &CancelToken) -> Result<(), RegistryError> {
        let name = format!("{}/", self.reference.domain());
        self.ask(cancel, async |transport| {
            let response = transport.send(&Request::new(Method::GET, transport.root()?), &name).await?;
            if response.status().is_success() {
                return Ok(());
            }
            Err(refused(response, transport, &name).await)
        })
    }

    /// The full name of a manifest of this repository.
    pub(super) fn name_of_manifest(&self, manifest: ManifestName<'_>) -> String {
        let repository = format!("{}/{}", self.reference.domain(), self.reference.path());
        match manifest {
            ManifestName::Tag(tag) => format!("{repository}:{tag}"),
            ManifestName::Digest(digest) => format!("{repository}@{digest}"),
        }
    }
}

async fn has_blob(transport: &Transport, digest: &Digest, name: &str) -> Result<bool, RegistryError> {
    let request = Request::new(Method::HEAD, transport.url(&format!("blobs/{digest}"))?);
    let response = transport.send(&request, name).await?;
    match response.status().as_u16() {
        200..=299 => Ok(true),
        404 => Ok(false),
        _ => Err(refused(response, transport, name).await),
    }
}

pub(super) async fn refused(response: Response, transport: &Transport, name: &str) -> RegistryError {
    let domain = transport.domain_of(response.url());
    failure(response, &domain, name).await
}

fn content_digest(headers: &HeaderMap) -> Option<Digest> {
    headers.get(CONTENT_DIGEST)?.to_str().ok()?.parse().ok()
}
