//! A client of the distribution API: anonymous pulls, over http to loopback addresses and https elsewhere.
//!
//! The protocol is the `oci-client` crate's. Its runtime lives in here and nowhere else: every call blocks.
//! Manifests are kept byte for byte, blobs are verified while they stream into the store, and transient
//! failures are tried again within one budget.
//!
//! Spec: OCI distribution-spec 1.1, "Pull".

mod error;

use std::io::Write;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::secrets::RegistryAuth;
use tokio::runtime::Runtime;

pub use error::RegistryError;

use crate::cancel::{CancelToken, Cancelled};
use crate::digest::Digest;
use crate::oci::{BlobDescriptor, MAX_MANIFEST_SIZE, media_type};
use crate::reference::Reference;
use crate::store::Store;

/// How often one request is tried.
const TRIES: u32 = 4;
/// The pause after the first failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// How long a connection may take to stand.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a server may stay silent.
const READ_TIMEOUT: Duration = Duration::from_mins(1);
/// How often a waiting request looks whether it was cancelled.
const CANCEL_TICK: Duration = Duration::from_millis(50);
/// Blobs that are fetched at the same time.
const PARALLEL_BLOBS: usize = 3;

const ACCEPTED: &[&str] =
    &[media_type::OCI_MANIFEST, media_type::OCI_INDEX, media_type::DOCKER_MANIFEST, media_type::DOCKER_MANIFEST_LIST];

/// A client for the repository of one image.
pub struct Client {
    runtime: Runtime,
    protocol: oci_client::Client,
    reference: Reference,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("reference", &self.reference).finish_non_exhaustive()
    }
}

/// Whether a registry is on this machine: then it is spoken to without encryption.
fn is_loopback(domain: &str) -> bool {
    let host = match domain.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => domain,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Client {
    /// Makes a client; nothing is sent yet.
    ///
    /// # Errors
    /// [`RegistryError::Setup`] where this machine lacks threads or certificates.
    pub fn new(reference: &Reference) -> Result<Self, RegistryError> {
        let setup = |message: String| RegistryError::Setup { message };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| setup(error.to_string()))?;
        let domain = reference.domain();
        let protocol = if is_loopback(domain) { ClientProtocol::Http } else { ClientProtocol::Https };
        let config = ClientConfig {
            protocol,
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(READ_TIMEOUT),
            ..ClientConfig::default()
        };
        let client = oci_client::Client::try_from(config).map_err(|error| setup(error.to_string()))?;
        Ok(Self { runtime, protocol: client, reference: reference.clone() })
    }

    fn image(&self, digest: Option<&Digest>) -> oci_client::Reference {
        let (domain, path) = (self.reference.domain().to_owned(), self.reference.path().to_owned());
        if let Some(digest) = digest.or(self.reference.digest()) {
            oci_client::Reference::with_digest(domain, path, digest.to_string())
        } else {
            let tag = self.reference.tag().unwrap_or(crate::reference::DEFAULT_TAG).to_owned();
            oci_client::Reference::with_tag(domain, path, tag)
        }
    }

    /// Fetches a manifest or index: the one of the reference, or one of its repository by digest.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub fn manifest(&self, digest: Option<&Digest>, cancel: &CancelToken) -> Result<Vec<u8>, RegistryError> {
        let image = self.image(digest);
        let bytes = self.runtime.block_on(self.retried(cancel, || async {
            let pulled = self.protocol.pull_manifest_raw(&image, &RegistryAuth::Anonymous, ACCEPTED);
            pulled.await.map(|(bytes, _)| bytes).map_err(|error| self.error(error))
        }))?;
        if bytes.len() as u64 > MAX_MANIFEST_SIZE {
            return Err(RegistryError::TooLarge { what: "the manifest", limit: MAX_MANIFEST_SIZE });
        }
        // Who asked by digest gets those bytes or nothing.
        let found = Digest::of(&bytes);
        match digest.or(self.reference.digest()) {
            Some(expected) if *expected != found => Err(RegistryError::Mismatch { expected: *expected, found }),
            _ => Ok(bytes.to_vec()),
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
        let bytes = self.runtime.block_on(self.retried(cancel, || async {
            let mut bytes = Vec::new();
            self.stream(blob, &mut bytes, &mut |_| {}).await?;
            Ok(bytes)
        }))?;
        let found = Digest::of(&bytes);
        if found == blob.digest { Ok(bytes) } else { Err(RegistryError::Mismatch { expected: blob.digest, found }) }
    }

    /// Fetches blobs into the store, some at the same time. `progress` is told bytes so far and in all.
    ///
    /// # Errors
    /// [`RegistryError`]; blobs that are complete stay.
    pub fn blobs(
        &self,
        blobs: &[BlobDescriptor],
        store: &Store,
        progress: &(dyn Fn(&Digest, u64, u64) + Sync),
        cancel: &CancelToken,
    ) -> Result<(), RegistryError> {
        let fetch = |blob: &BlobDescriptor| {
            let blob = blob.clone();
            async move {
                self.retried(cancel, || async {
                    let mut writer = store.blob_writer()?;
                    self.stream(&blob, &mut writer, &mut |seen| progress(&blob.digest, seen, blob.size)).await?;
                    Ok(writer.finish_as(&blob.digest, blob.size)?)
                })
                .await
            }
        };
        let all = futures_util::stream::iter(blobs.iter().map(fetch).collect::<Vec<_>>());
        self.runtime.block_on(all.buffer_unordered(PARALLEL_BLOBS).try_collect::<Vec<()>>())?;
        Ok(())
    }

    async fn stream(
        &self,
        blob: &BlobDescriptor,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), RegistryError> {
        let descriptor = oci_client::manifest::OciDescriptor {
            digest: blob.digest.to_string(),
            size: blob.size.cast_signed(),
            media_type: blob.media_type.clone(),
            ..Default::default()
        };
        let image = self.image(None);
        let pulled = self.protocol.pull_blob_stream(&image, &descriptor).await;
        let mut stream = pulled.map_err(|error| self.error(error))?.stream;
        let mut seen = 0_u64;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|source| RegistryError::Cut { digest: blob.digest, source })?;
            seen += chunk.len() as u64;
            if seen > blob.size {
                return Err(RegistryError::Size { digest: blob.digest, expected: blob.size });
            }
            out.write_all(&chunk).map_err(RegistryError::Write)?;
            progress(seen);
        }
        Ok(())
    }

    /// Tries a request again while its failures are transient, and gives up at once when cancelled.
    async fn retried<T, F: Future<Output = Result<T, RegistryError>>>(
        &self,
        cancel: &CancelToken,
        request: impl Fn() -> F,
    ) -> Result<T, RegistryError> {
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let outcome = tokio::select! {
                outcome = request() => outcome,
                () = cancelled(cancel) => Err(RegistryError::Cancelled(Cancelled)),
            };
            match outcome {
                Err(error) if error.is_transient() && attempt < TRIES => {
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = cancelled(cancel) => return Err(RegistryError::Cancelled(Cancelled)),
                    }
                    pause *= 2;
                }
                outcome => return outcome,
            }
        }
        Err(RegistryError::Cancelled(Cancelled))
    }

    fn error(&self, error: OciDistributionError) -> RegistryError {
        let (name, domain) = (self.reference.to_string(), self.reference.domain().to_owned());
        match error {
            OciDistributionError::ImageManifestNotFoundError(_) => RegistryError::NotFound { name },
            OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => {
                RegistryError::Unauthorized { name }
            }
            OciDistributionError::ServerError { code: 404, .. } => RegistryError::NotFound { name },
            OciDistributionError::ServerError { code, .. } => RegistryError::Server { domain, code },
            OciDistributionError::RegistryError { envelope, .. } => {
                // The codes are the specification's; the texts beside them are anybody's.
                let is = |codes: &[OciErrorCode]| envelope.errors.iter().any(|error| codes.contains(&error.code));
                if is(&[OciErrorCode::Toomanyrequests]) {
                    RegistryError::Server { domain, code: 429 }
                } else if is(&[
                    OciErrorCode::ManifestUnknown,
                    OciErrorCode::ManifestBlobUnknown,
                    OciErrorCode::BlobUnknown,
                    OciErrorCode::NameUnknown,
                    OciErrorCode::NotFound,
                ]) {
                    RegistryError::NotFound { name }
                } else if is(&[OciErrorCode::Denied, OciErrorCode::Unauthorized]) {
                    RegistryError::Unauthorized { name }
                } else {
                    RegistryError::Protocol { domain, message: envelope.to_string() }
                }
            }
            OciDistributionError::RequestError(error) => {
                let cut = error.is_body() || error.is_decode();
                // The address may hold more than a person should see in a log.
                let source = error.without_url();
                if cut {
                    RegistryError::Protocol { domain, message: source.to_string() }
                } else {
                    RegistryError::Unreachable { domain, source: Box::new(source) }
                }
            }
            other => RegistryError::Protocol { domain, message: other.to_string() },
        }
    }
}

async fn cancelled(cancel: &CancelToken) {
    while !cancel.is_cancelled() {
        tokio::time::sleep(CANCEL_TICK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_spoken_to_without_encryption() {
        for local in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"] {
            assert!(is_loopback(local), "{local}");
        }
        for remote in ["docker.io", "localhost.example.org", "127.0.0.1.example.org:5000", "10.0.0.1:5000"] {
            assert!(!is_loopback(remote), "{remote}");
        }
    }

    #[test]
    fn replies_are_told_apart_by_their_codes() {
        let client = Client::new(&"localhost:1/x".parse().expect("reference")).expect("client");
        let error = |code: &str| {
            let reply = format!(r#"{{"errors":[{{"code":"{code}","message":"some text"}}]}}"#);
            let envelope = serde_json::from_str(&reply).expect("envelope");
            client.error(OciDistributionError::RegistryError { envelope, url: String::new() })
        };
        let limited = error("TOOMANYREQUESTS");
        assert!(matches!(limited, RegistryError::Server { code: 429, .. }) && limited.is_transient());
        assert!(matches!(error("MANIFEST_UNKNOWN"), RegistryError::NotFound { .. }));
        assert!(matches!(error("NAME_UNKNOWN"), RegistryError::NotFound { .. }));
        assert!(matches!(error("DENIED"), RegistryError::Unauthorized { .. }));
        assert!(matches!(error("UNSUPPORTED"), RegistryError::Protocol { .. }));
    }
}
