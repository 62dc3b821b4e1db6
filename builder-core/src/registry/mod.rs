//! A client of the distribution API: anonymous pulls, over http to loopback addresses and https elsewhere.
//!
//! It sits on `reqwest` and not on a registry crate. `oci-client`, which it replaces, reads whole bodies before a
//! limit can be checked, panics on a token with control characters, follows any redirection, takes no http client
//! of ours, and hides `Retry-After` and ranges; all of that is what makes pulling safe and dependable.
//!
//! | file | what |
//! |---|---|
//! | `transport` | one request: redirections, and who sees the token |
//! | `auth` | the token |
//! | `reply` | bodies within limits, errors by their codes |
//! | `download` | blobs, resumed where they broke off |
//! | `retry` | the one budget of tries |
//! | `web` | files of other web servers: the same pieces, other rules |
//!
//! Every call blocks: the runtime lives in here and nowhere else. Blobs are hashed and written on threads of their
//! own, while one thread of the runtime reads the network. Manifests are kept byte for byte.
//!
//! No variable of the environment is read here, those of proxies neither; what an embedder wants to be different is
//! in [`RegistryOptions`]. Certificates are verified as the system is set up to.
//!
//! Spec: OCI distribution-spec 1.1, "Pull".

mod auth;
mod download;
mod error;
mod options;
mod reply;
mod retry;
mod transport;
pub mod web;

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use tokio::runtime::Runtime;

pub use error::RegistryError;
pub use options::{Proxy, RegistryOptions};

use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::oci::{BlobDescriptor, MAX_MANIFEST_SIZE, media_type};
use crate::reference::{DEFAULT_TAG, Reference};
use crate::store::Store;
use download::{Download, Stored};
use reply::{bounded, failure};
use retry::{retried, retried_while};
use transport::Transport;

/// Blobs that are fetched at the same time.
const PARALLEL_BLOBS: usize = 3;

const ACCEPTED: [&str; 4] =
    [media_type::OCI_MANIFEST, media_type::OCI_INDEX, media_type::DOCKER_MANIFEST, media_type::DOCKER_MANIFEST_LIST];

/// A client for the repository of one image.
pub struct Client {
    runtime: Background,
    transport: Transport,
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
    /// Makes a client; nothing is sent yet.
    ///
    /// # Errors
    /// [`RegistryError::Setup`] where this machine lacks threads or certificates, or the proxy is no address.
    pub fn new(reference: &Reference, options: &RegistryOptions) -> Result<Self, RegistryError> {
        let runtime = Background::new().map_err(|error| RegistryError::Setup { message: error.to_string() })?;
        let transport = Transport::new(reference, options)?;
        let (reference, options) = (reference.clone(), options.clone());
        Ok(Self { runtime, transport, reference, options })
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
        let pinned = digest.or(self.reference.digest());
        let name = digest.map_or_else(|| self.reference.to_string(), |digest| self.name_of(digest));
        let path = match pinned {
            Some(digest) => format!("manifests/{digest}"),
            None => format!("manifests/{}", self.reference.tag().unwrap_or(DEFAULT_TAG)),
        };
        let mut headers = HeaderMap::new();
        for accepted in ACCEPTED {
            headers.append(ACCEPT, HeaderValue::from_static(accepted));
        }
        let fetch = async || {
            let response = self.transport.get(&path, &headers, &name).await?;
            let domain = self.transport.domain_of(response.url());
            if response.status().as_u16() != 200 {
                return Err(failure(response, &domain, &name).await);
            }
            let announced = response.headers().get("docker-content-digest").cloned();
            let bytes = bounded(response, &domain, "the manifest", MAX_MANIFEST_SIZE).await?;
            Ok((bytes, announced))
        };
        let (bytes, announced) = self.block_on(retried(cancel, fetch))?;
        // Who asked by digest gets those bytes or nothing; who asked by tag gets what the registry says it sent.
        let announced = announced.and_then(|text| text.to_str().ok()?.parse().ok());
        let found = Digest::of(&bytes);
        match pinned.copied().or(announced) {
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
        let reached = Cell::new(0);
        let mut download = Download::new(&self.transport, blob, self.name_of(&blob.digest), Vec::new(), &reached);
        let tries = retried_while(cancel, || reached.get(), async || download.attempt(&|_| {}).await);
        self.block_on(tries)?;
        let bytes = download.into_sink();
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
        let together = cancel.child();
        let next = AtomicUsize::new(0);
        let first_error = Mutex::new(None);
        let work = || {
            while let Some(blob) = blobs.get(next.fetch_add(1, Ordering::SeqCst)) {
                if let Err(error) = self.blob(blob, store, progress, &together) {
                    first_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    together.cancel();
                    return;
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..blobs.len().min(PARALLEL_BLOBS) {
                // Without another thread it takes longer: this one takes what is left.
                let _thread = std::thread::Builder::new().name("blob".to_owned()).spawn_scoped(scope, work);
            }
            work();
        });
        cancel.check()?;
        first_error.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    fn blob(
        &self,
        blob: &BlobDescriptor,
        store: &Store,
        progress: &(dyn Fn(&Digest, u64, u64) + Sync),
        cancel: &CancelToken,
    ) -> Result<(), RegistryError> {
        let sink = Stored::begin(store)?;
        let reached = Cell::new(0);
        let mut download = Download::new(&self.transport, blob, self.name_of(&blob.digest), sink, &reached);
        let progress = |seen| progress(&blob.digest, seen, blob.size);
        let tries = retried_while(cancel, || reached.get(), async || download.attempt(&progress).await);
        self.block_on(tries)?;
        download.into_sink().finish(blob)
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
