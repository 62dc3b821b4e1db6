//! What can go wrong with a web server.

use std::time::Duration;

use super::super::error::Cause;
use super::super::retry::{Failure, is_transient_status};
use crate::cancel::Cancelled;

/// A file could not be fetched from a web server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebError {
    /// The address is none.
    #[error("this is no web address: {reason}")]
    Address {
        /// Why.
        reason: String,
    },
    /// The secret that is to authorize the request cannot be a header.
    #[error("the secret for the authorization has characters that no header can have")]
    Authorization,
    /// No connection to the server, or no answer on it.
    #[error("cannot reach `{host}`")]
    Unreachable {
        /// The server.
        host: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The connection could not be encrypted, or the server could not prove its name.
    #[error("cannot make a trusted connection to `{host}`")]
    Tls {
        /// The server.
        host: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The server sent us to where we do not go.
    #[error("the server redirects {reason}")]
    Redirect {
        /// Where to, or how often.
        reason: String,
    },
    /// The server does not give the file. The text is BuildKit's.
    #[error("invalid response status {code}")]
    Status {
        /// The status.
        code: u16,
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
    },
    /// The file ended before it was complete.
    #[error("the download broke off")]
    Cut {
        /// Why.
        #[source]
        source: Cause,
    },
    /// The file is larger than any real one.
    #[error("the file has more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The client could not be set up.
    #[error("cannot set up the web client: {message}")]
    Setup {
        /// Why.
        message: String,
    },
    /// The file could not be written.
    #[error("cannot write the file")]
    Write(#[source] std::io::Error),
    /// The operation was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl WebError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Status { code: 401 | 403, .. } => Some(
                "where the server wants to know who asks: `--secret id=HTTP_AUTH_TOKEN_<host>,src=FILE` passes a token"
                    .to_owned(),
            ),
            Self::Status { code: 404 | 410, .. } => Some("check the address".to_owned()),
            Self::Tls { .. } => Some(
                "a certificate authority of your own goes into the certificates of the system, or a file that \
                 `SSL_CERT_FILE` names"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

impl Failure for WebError {
    fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Cut { .. } => true,
            Self::Status { code, .. } => is_transient_status(*code),
            _ => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
