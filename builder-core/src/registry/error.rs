//! What can go wrong with a registry.

use std::time::Duration;

use super::retry::{Failure, is_transient_status};
use crate::cancel::Cancelled;
use crate::digest::Digest;
use crate::store::StoreError;

/// Why a connection or a reply came to nothing, in the words of whoever noticed.
pub(super) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A registry could not give what was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The registry has no such image or blob.
    #[error("`{name}` is not in its registry")]
    NotFound {
        /// The full reference.
        name: String,
    },
    /// The registry wants to know who asks, or does not let us do it.
    #[error("the registry does not let us have `{name}`")]
    Unauthorized {
        /// The full reference.
        name: String,
    },
    /// No connection to the registry, or no answer on it.
    #[error("cannot reach the registry `{domain}`")]
    Unreachable {
        /// The registry, or the host that it sent us to.
        domain: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The connection could not be encrypted, or the host could not prove its name.
    #[error("cannot make a trusted connection to `{domain}`")]
    Tls {
        /// The registry, or the host that it sent us to.
        domain: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The registry sent us to where we do not go.
    #[error("the registry `{domain}` redirects {reason}")]
    Redirect {
        /// The registry, or the host that it sent us to.
        domain: String,
        /// Where to, or how often.
        reason: String,
    },
    /// The token that is to open the registry cannot be used.
    #[error("the token server `{domain}` sent {reason}")]
    Token {
        /// The token server.
        domain: String,
        /// What it sent.
        reason: &'static str,
    },
    /// Who we are to a registry could not be found out.
    #[error("cannot find the credentials for `{domain}`: {reason}")]
    Credentials {
        /// The registry.
        domain: String,
        /// Why.
        reason: String,
    },
    /// The configuration forbids the name.
    #[error("`{name}` is blocked: the configuration of registries forbids `{prefix}`")]
    Blocked {
        /// The name.
        name: String,
        /// What stands in the configuration.
        prefix: String,
    },
    /// A registry that deletes no tag alone would delete more than was asked for.
    #[error(
        "the registry deletes no tag alone, and with the manifest of `{name}` {} would be gone: {}",
        if tags.len() == 1 { "another tag" } else { "other tags" },
        tags.join(", ")
    )]
    OtherTags {
        /// The full reference.
        name: String,
        /// The other tags.
        tags: Vec<String>,
    },
    /// A registry that deletes no tag alone might delete more than was asked for.
    #[error("the registry deletes no tag alone, and which others the manifest of `{name}` has cannot be found out")]
    UnknownTags {
        /// The full reference.
        name: String,
        /// Why.
        #[source]
        source: Box<RegistryError>,
    },
    /// A repository has more tags than are asked one by one.
    #[error("the repository has more than {limit} tags")]
    TooManyTags {
        /// The limit.
        limit: usize,
    },
    /// The registry answered with an error.
    #[error("the registry `{domain}` answered with status {code}{}", said(message))]
    Server {
        /// The registry, or the host that it sent us to.
        domain: String,
        /// The status of HTTP.
        code: u16,
        /// What it said, made fit to print; often nothing.
        message: String,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
    },
    /// The registry answered with something else than the specification says.
    #[error("the registry `{domain}` answered with something unexpected: {message}")]
    Protocol {
        /// The registry, or the host that it sent us to.
        domain: String,
        /// What was wrong.
        message: String,
    },
    /// A document ended before it was complete.
    #[error("the answer of the registry `{domain}` broke off")]
    Broken {
        /// The registry, or the host that it sent us to.
        domain: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// A blob ended before it was complete.
    #[error("the download of {digest} broke off")]
    Cut {
        /// The blob.
        digest: Digest,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What was sent did not arrive as a whole.
    #[error("the upload to `{domain}` broke off")]
    CutUpload {
        /// The registry, or the host that it sent us to.
        domain: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// A blob has more bytes than its descriptor says.
    #[error("blob {digest} has more than {expected} bytes")]
    Size {
        /// The blob.
        digest: Digest,
        /// Its size by the descriptor, in bytes.
        expected: u64,
    },
    /// Other bytes than those of the digest.
    #[error("the registry sent content with digest {found}, expected {expected}")]
    Mismatch {
        /// What was asked for.
        expected: Digest,
        /// What came.
        found: Digest,
    },
    /// A document is larger than any real one.
    #[error("{what} has more than {limit} bytes")]
    TooLarge {
        /// What it is.
        what: &'static str,
        /// The limit, in bytes.
        limit: u64,
    },
    /// An index names more than any real one, or indexes nest deeper.
    #[error("the index names more than {limit} manifests")]
    TooManyManifests {
        /// The limit.
        limit: usize,
    },
    /// The client could not be set up.
    #[error("cannot set up the registry client: {message}")]
    Setup {
        /// Why.
        message: String,
    },
    /// What is to be sent could not be read.
    #[error("cannot read a blob")]
    Read(#[source] std::io::Error),
    /// A blob could not be written.
    #[error("cannot write a blob")]
    Write(#[source] std::io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operation was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

impl RegistryError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { .. } => Some("check the name and the tag".to_owned()),
            Self::Unauthorized { name } => Some(format!(
                "log in with `builder login {}`, or check the name: registries tell nobody what others have",
                name.split('/').next().unwrap_or_default()
            )),
            Self::Unreachable { .. } => Some(
                "is the name right, does the registry run, and is there a network? A proxy is taken from `HTTPS_PROXY` \
                 and `NO_PROXY`"
                    .to_owned(),
            ),
            Self::Tls { .. } => Some(
                "a certificate authority of your own goes into `/etc/docker/certs.d/HOST/ca.crt`, or the certificates of \
                 the system; only registries on this machine, and those that are `insecure` in registries.conf, are \
                 spoken to without encryption"
                    .to_owned(),
            ),
            Self::Server { code: 429, retry_after, .. } => Some(match retry_after {
                Some(wait) => format!("the registry limits how often it is asked: try again in {} s", wait.as_secs()),
                None => "the registry limits how often it is asked: try again later".to_owned(),
            }),
            Self::OtherTags { .. } | Self::UnknownTags { .. } => {
                Some("`--force` deletes the manifest with all of its tags".to_owned())
            }
            Self::Server { code: 405, .. } => Some("this registry does not let anybody do that".to_owned()),
            _ => None,
        }
    }
}

impl Failure for RegistryError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Cut { .. } | Self::CutUpload { .. } => true,
            Self::Server { code, .. } => is_transient_status(*code),
            _ => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Server { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
