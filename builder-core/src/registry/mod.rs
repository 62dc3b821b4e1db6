//! A client of the distribution API: pulls and pushes, over http to loopback addresses and https elsewhere.
//!
//! It sits on `reqwest` and not on a registry crate. `oci-client`, which it replaces, reads whole bodies before a
//! limit can be checked, panics on a token with control characters, follows any redirection, takes no http client
//! of ours, hides `Retry-After` and ranges, and can neither resume an upload nor mount a blob; all of that is what
//! makes transfers safe and dependable.
//!
//! | file | what |
//! |---|---|
//! | `endpoint` | which servers have the images of a name: rules, mirrors |
//! | `transport` | one request: redirections, trust, and who sees the token |
//! | `auth`, `credentials` | the token, and who we are |
//! | `reply` | bodies within limits, errors by their codes |
//! | `download` | blobs, resumed where they broke off |
//! | `part`, `upload` | blobs the other way |
//! | `push`, `referrers` | what is pushed, and what refers to it |
//! | `tags` | what a repository has, and its end |
//! | `parallel` | several blobs or questions at the same time |
//! | `retry`, `pace` | the one budget of tries; how often progress is told, and what is too slow |
//! | `waits` | what requests wait for |
//! | `web` | files of other web servers: the same pieces, other rules |
//!
//! Every call blocks: the runtime lives in here and nowhere else. Blobs are hashed and written on threads of their
//! own, while one thread of the runtime reads the network. Manifests are kept byte for byte.
//!
//! No variable of the environment is read here, those of proxies neither, and no file of credentials or trust; what
//! an embedder wants to be different is in [`RegistryOptions`]. Certificates are verified as the system is set up to.
//!
//! Spec: OCI distribution-spec 1.1.

mod auth;
mod credentials;
mod download;
mod endpoint;
mod error;
mod mount;
mod options;
mod pace;
mod parallel;
mod part;
mod push;
mod referrers;
mod reply;
mod retry;
mod tags;
mod transport;
mod upload;
mod waits;
pub mod web;

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use tokio::runtime::Runtime;

pub use credentials::{Credential, CredentialSource, Credentials, Password};
pub use endpoint::{HostTrust, Mirror, MirrorServes, RegistryRule};
pub use error::RegistryError;
pub use options::{Proxy, RegistryOptions};
pub use part::UploadContent;
pub use push::{ManifestName, PushedManifest};
pub use referrers::Referrer;
pub use tags::{AlsoDelete, Deleted};
pub use upload::{Pushed, Upload};
pub use waits::{Wait, Waits};

use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::oci::{BlobDescriptor, MAX_MANIFEST_SIZE, media_type};
use crate::reference::{DEFAULT_TAG, Reference};
use crate::store::{Store, StoreError};
use download::{Download, Sink, Stored};
use endpoint::{Endpoint, endpoints};
use parallel::in_parallel;
use reply::{bounded, failure};
use retry::{retried, retried_while, tried_once};
use transport::Transport;

const ACCEPTED: [&str; 4] =
    [media_type::OCI_MANIFEST, media_type::OCI_INDEX, media_type::DOCKER_MANIFEST, media_type::DOCKER_MANIFEST_LIST];

/// A client for the repository of one image.
pub struct Client {
    runtime: Background,
    /// Where to ask, in this order.
    transports: Vec<Transport>,
    /// The one that answered.
    chosen: AtomicUsize,
    reference: Reference,
    options: RegistryOptions,
}

/// Clients are equal where they ask for the same image in the same way, whatever they have been given for it.
impl PartialEq for Client {
    fn eq(&self, other: &Self) -> bool {
        (&self.reference, &self.options) == (&other.reference, &other.options)
    }
}

impl Eq for Client {}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("reference", &self.reference).finish_non_exhaustive()
    }
}

/// A runtime that is not waited for in the end: a name that is being looked up cannot be interrupted, and who
/// cancels should not wait for it.
struct Background(Option<Runtime>);

impl Background {
    fn new() -> std::io::Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("registry").enable_all().build().map(|runtime| Self(Some(runtime)))
    }

    fn block_on<F: Future>(&self, future: F) -> Option<F::Output> {
        self.0.as_ref().map(|runtime| runtime.block_on(future))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Client {
    /// Makes a client that pulls; nothing is sent yet.
    ///
    /// # Errors
    /// [`RegistryError::Setup`] where this machine lacks threads or certificates, or the proxy is no address;
    /// [`RegistryError::Blocked`].
    pub fn new(reference: &Reference, options: &RegistryOptions) -> Result<Self, RegistryError> {
        Self::with_actions(reference, options, "pull")
    }

    /// Makes a client that pushes and pulls; it asks no mirrors.
    ///
    /// # Errors
    /// As with [`Client::new`].
    pub fn to_push(reference: &Reference, options: &RegistryOptions) -> Result<Self, RegistryError> {
        Self::with_actions(reference, options, "pull,push")
    }

    /// Makes a client that deletes, and asks no mirrors.
    ///
    /// # Errors
    /// As with [`Client::new`].
    pub fn to_delete(reference: &Reference, options: &RegistryOptions) -> Result<Self, RegistryError> {
        Self::with_actions(reference, options, "pull,delete")
    }

    /// Makes a client that knows of no repository: for [`Client::ping`].
    ///
    /// # Errors
    /// As with [`Client::new`].
    pub fn of_registry(domain: &str, options: &RegistryOptions) -> Result<Self, RegistryError> {
        let unfit = |error: crate::reference::ReferenceError| RegistryError::Setup { message: error.to_string() };
        let reference: Reference = format!("{domain}/any").parse().map_err(unfit)?;
        let mut client = Self::with_actions(&reference, options, "pull,push")?;
        let endpoints = endpoints(&reference, options, true)?.into_iter();
        let transports =
            endpoints.map(|endpoint| Transport::new(Endpoint { repository: String::new(), ..endpoint }, "", options));
        client.transports = transports.collect::<Result<_, _>>()?;
        Ok(client)
    }

    fn with_actions(reference: &Reference, options: &RegistryOptions, actions: &str) -> Result<Self, RegistryError> {
        let runtime = Background::new().map_err(|error| RegistryError::Setup { message: error.to_string() })?;
        let endpoints = endpoints(reference, options, actions != "pull")?;
        let transports = endpoints.into_iter().map(|endpoint| Transport::new(endpoint, actions, options));
        let transports = transports.collect::<Result<_, _>>()?;
        let (reference, options) = (reference.clone(), options.clone());
        Ok(Self { runtime, transports, chosen: AtomicUsize::new(0), reference, options })
    }

    /// Returns the reference that it was made for.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// Fetches a manifest or index: the one of the reference, or one of its repository by digest.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn manifest(&self, digest: Option<&Digest>, cancel: &CancelToken) -> Result<Vec<u8>, RegistryError> {
        let name = match digest.or(self.reference.digest()) {
            Some(digest) => ManifestName::Digest(digest),
            None => ManifestName::Tag(self.reference.tag().unwrap_or(DEFAULT_TAG)),
        };
        self.manifest_of(name, cancel)
    }

    /// Fetches a manifest or index of the repository.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn manifest_of(&self, manifest: ManifestName<'_>, cancel: &CancelToken) -> Result<Vec<u8>, RegistryError> {
        let (path, name) = (format!("manifests/{manifest}"), self.name_of_manifest(manifest));
        let mut headers = HeaderMap::new();
        for accepted in ACCEPTED {
            headers.append(ACCEPT, HeaderValue::from_static(accepted));
        }
        let fetch = async |transport: &Transport| {
            let response = transport.get(&path, &headers, &name).await?;
            let domain = transport.domain_of(response.url());
            if response.status().as_u16() != 200 {
                return Err(failure(response, &domain, &name).await);
            }
            let announced = response.headers().get("docker-content-digest").cloned();
            let bytes = bounded(response, &domain, "the manifest", MAX_MANIFEST_SIZE).await?;
            Ok((bytes, announced))
        };
        let (bytes, announced) = self.ask(cancel, fetch)?;
        // Who asked by digest gets those bytes or nothing; who asked by tag gets what the registry says it sent.
        let announced = announced.and_then(|text| text.to_str().ok()?.parse().ok());
        let found = Digest::of(&bytes);
        let pinned = match manifest {
            ManifestName::Digest(digest) => Some(*digest),
            ManifestName::Tag(_) => announced,
        };
        match pinned {
            Some(expected) if expected != found => Err(RegistryError::Mismatch { expected, found }),
            _ => Ok(bytes),
        }
    }

    /// Fetches a small blob into memory.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn small_blob(
        &self,
        blob: &BlobDescriptor,
        limit: u64,
        cancel: &CancelToken,
    ) -> Result<Vec<u8>, RegistryError> {
        if blob.size > limit {
            return Err(RegistryError::TooLarge { what: "the config", limit });
        }
        let bytes = self.download(blob, || Ok(Vec::new()), &|_| {}, cancel)?;
        let found = Digest::of(&bytes);
        if found == blob.digest { Ok(bytes) } else { Err(RegistryError::Mismatch { expected: blob.digest, found }) }
    }

    /// Fetches blobs into the store, some at the same time. `progress` is told bytes so far and in all.
    ///
    /// # Errors
    /// The first [`RegistryError`], which stops the other blobs too; those that are complete stay.
    pub fn blobs(
        &self,
        blobs: &[BlobDescriptor],
        store: &Store,
        progress: &(dyn Fn(&Digest, u64, u64) + Sync),
        cancel: &CancelToken,
    ) -> Result<(), RegistryError> {
        self.blobs_noted(blobs, store, progress, &|_| {}, cancel)
    }

    /// Does the same, and notes each blob that is there, whole and verified.
    pub(crate) fn blobs_noted(
        &self,
        blobs: &[BlobDescriptor],
        store: &Store,
        progress: &(dyn Fn(&Digest, u64, u64) + Sync),
        arrived: &(dyn Fn(&Digest) + Sync),
        cancel: &CancelToken,
    ) -> Result<(), RegistryError> {
        let each = |blob: &BlobDescriptor, cancel: &CancelToken| {
            self.blob(blob, store, progress, cancel).map(|()| arrived(&blob.digest))
        };
        in_parallel(blobs, cancel, &each).map(|_| ())
    }

    fn blob(
        &self,
        blob: &BlobDescriptor,
        store: &Store,
        progress: &(dyn Fn(&Digest, u64, u64) + Sync),
        cancel: &CancelToken,
    ) -> Result<(), RegistryError> {
        let progress = |seen| progress(&blob.digest, seen, blob.size);
        let fetch = || self.download(blob, || Stored::begin(store, blob), &progress, cancel);
        let fetched = fetch()?;
        let continued = fetched.is_continued();
        match fetched.finish(blob) {
            // What somebody left was wrong, and is gone: now all of it is fetched.
            Err(RegistryError::Store(StoreError::Mismatch { .. })) if continued => fetch()?.finish(blob),
            outcome => outcome,
        }
    }

    /// Fetches a blob from the first server that has it.
    fn download<S: Sink>(
        &self,
        blob: &BlobDescriptor,
        begin: impl Fn() -> Result<S, RegistryError>,
        progress: &dyn Fn(u64),
        cancel: &CancelToken,
    ) -> Result<S, RegistryError> {
        self.over_servers(cancel, async |transport| {
            let (reached, waiting) = (Cell::new(0), self.options.waits.begin(transport.domain()));
            let progress = |seen| {
                waiting.heard();
                progress(seen);
            };
            let mut download = Download::new(transport, blob, self.name_of(&blob.digest), begin()?, &reached);
            retried_while(cancel, &waiting, || reached.get(), async || download.attempt(&progress).await).await?;
            Ok(download.into_sink())
        })
    }

    /// Sends one request, over as many tries and servers as it takes.
    #[expect(clippy::needless_pass_by_value, reason = "closures are made where they are passed")]
    fn ask<T>(
        &self,
        cancel: &CancelToken,
        request: impl AsyncFn(&Transport) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        self.over_servers(cancel, async |transport| {
            let waiting = self.options.waits.begin(transport.domain());
            if transport.is_mirror() {
                return tried_once(cancel, request(transport)).await;
            }
            retried(cancel, &waiting, async || request(transport).await).await
        })
    }

    /// Asks the server that answered before, or each in turn until one does. Who is no mirror is not asked for
    /// something else than what it answered.
    #[expect(clippy::needless_pass_by_value, reason = "closures are made where they are passed")]
    fn over_servers<T>(
        &self,
        cancel: &CancelToken,
        request: impl AsyncFn(&Transport) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        let begin = self.chosen.load(Ordering::Relaxed).min(self.transports.len().saturating_sub(1));
        let mut failed = None;
        for (index, transport) in self.transports.iter().enumerate().skip(begin) {
            let outcome = self.block_on(request(transport));
            let is_elsewhere = match &outcome {
                Err(RegistryError::Cancelled(_) | RegistryError::Store(_) | RegistryError::Write(_)) => false,
                Err(RegistryError::Unreachable { .. } | RegistryError::Tls { .. }) => true,
                Err(_) => transport.is_mirror(),
                Ok(_) => false,
            };
            if !is_elsewhere || cancel.is_cancelled() {
                if outcome.is_ok() {
                    self.chosen.fetch_max(index, Ordering::Relaxed);
                }
                return outcome;
            }
            failed = Some(outcome);
        }
        failed.unwrap_or_else(|| Err(RegistryError::Setup { message: "there is no server to ask".to_owned() }))
    }

    fn block_on<F: Future<Output = Result<T, RegistryError>>, T>(&self, future: F) -> Result<T, RegistryError> {
        let ended = || RegistryError::Setup { message: "the runtime has ended".to_owned() };
        self.runtime.block_on(future).ok_or_else(ended)?
    }

    /// The full name of something of this repository.
    fn name_of(&self, digest: &Digest) -> String {
        format!("{}/{}@{digest}", self.reference.domain(), self.reference.path())
    }
}
