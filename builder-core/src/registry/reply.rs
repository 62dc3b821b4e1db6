//! Replies: their bodies within limits, and what an error says in them.

use reqwest::Response;
use reqwest::header::{CONTENT_RANGE, HeaderMap};
use serde::Deserialize;

use super::RegistryError;
use super::error::Cause;
use super::pace::{TOO_SLOW, Trickle};
use super::retry::retry_after;

/// The most bytes of an error's body that are read.
const MAX_ERROR_SIZE: u64 = 64 * 1024;
/// The most characters of a foreign text that are shown.
const MAX_TEXT: usize = 200;

/// The code of a manifest that names what the repository does not have.
const BLOB_OF_MANIFEST_UNKNOWN: &str = "MANIFEST_BLOB_UNKNOWN";
/// The code of an upload whose bytes are not those of its digest.
const DIGEST_INVALID: &str = "DIGEST_INVALID";

/// The errors that a registry may name in a body.
///
/// Spec: OCI distribution-spec 1.1, "Error Codes".
#[derive(Deserialize)]
struct Envelope {
    errors: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Reads a body of at most `limit` bytes, and no more than one piece beyond.
pub(super) async fn bounded(
    mut response: Response,
    domain: &str,
    what: &'static str,
    limit: u64,
) -> Result<Vec<u8>, RegistryError> {
    let (mut bytes, mut trickle) = (Vec::new(), Trickle::begin());
    let broken = |source: Cause| RegistryError::Broken { domain: domain.to_owned(), source };
    loop {
        let chunk = response.chunk().await.map_err(|error| broken(Box::new(error.without_url())))?;
        let Some(chunk) = chunk else { return Ok(bytes) };
        if trickle.is_too_slow(chunk.len()) {
            return Err(broken(TOO_SLOW.into()));
        }
        if bytes.len() as u64 + chunk.len() as u64 > limit {
            return Err(RegistryError::TooLarge { what, limit });
        }
        bytes.extend_from_slice(&chunk);
    }
}

/// Makes an error of a reply that is not the one hoped for.
pub(super) async fn failure(mut response: Response, domain: &str, name: &str) -> RegistryError {
    let code = response.status().as_u16();
    let retry_after = retry_after(response.headers());
    let (mut body, mut trickle) = (Vec::new(), Trickle::begin());
    // Half an explanation is better than none, and an endless one is as good as none.
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() as u64 > MAX_ERROR_SIZE || trickle.is_too_slow(chunk.len()) {
            body.clear();
            break;
        }
    }
    match explained(code, &body, domain, name) {
        RegistryError::Server { domain, code, message, .. } => {
            RegistryError::Server { domain, code, message, retry_after }
        }
        error => error,
    }
}

/// Tells whether a registry says that what it has of an upload are other bytes than those of its digest.
pub(super) fn is_other_content(error: &RegistryError) -> bool {
    matches!(error, RegistryError::Server { code: 400, message, .. } if message.starts_with(DIGEST_INVALID))
}

/// Tells errors apart by status and codes, which are the specification's; the texts beside them are anybody's.
fn explained(code: u16, body: &[u8], domain: &str, name: &str) -> RegistryError {
    let errors = serde_json::from_slice(body).map_or_else(|_| Vec::new(), |envelope: Envelope| envelope.errors);
    let is = |codes: &[&str]| errors.iter().any(|error| codes.contains(&error.code.as_str()));
    // A server that fails does not know what it has.
    let knows = (400..500).contains(&code);
    let server = |code| {
        let texts = errors.iter().map(|error| match (error.code.as_str(), error.message.as_str()) {
            (code, "") => code.to_owned(),
            ("", message) => message.to_owned(),
            (code, message) => format!("{code}: {message}"),
        });
        let message = printable(&texts.collect::<Vec<_>>().join("; "));
        RegistryError::Server { domain: domain.to_owned(), code, message, retry_after: None }
    };
    if is(&["TOOMANYREQUESTS"]) {
        server(429)
    } else if is(&[BLOB_OF_MANIFEST_UNKNOWN]) {
        // Said of a manifest that is sent: what is missing is not what was named.
        server(code)
    } else if code == 401 || knows && is(&["UNAUTHORIZED", "DENIED"]) {
        RegistryError::Unauthorized { name: name.to_owned() }
    } else if code == 404 || knows && is(&["MANIFEST_UNKNOWN", "BLOB_UNKNOWN", "NAME_UNKNOWN", "NOT_FOUND"]) {
        RegistryError::NotFound { name: name.to_owned() }
    } else {
        server(code)
    }
}

/// Makes a foreign text fit to print: one line, nothing that a terminal would act upon, not too long.
pub(super) fn printable(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let acts = |c: &char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    };
    let mut shown: String = line.chars().filter(|c| !acts(c)).take(MAX_TEXT).collect();
    if line.chars().filter(|c| !acts(c)).nth(MAX_TEXT).is_some() {
        shown.push('…');
    }
    shown
}

/// Tells whether a partial reply goes on exactly where the bytes so far end.
///
/// Spec: RFC 9110, 14.4, "Content-Range".
pub(super) fn continues(headers: &HeaderMap, from: u64, size: u64) -> bool {
    continues_at(headers, from).is_some_and(|rest| rest.total.is_none_or(|total| total == size))
}

/// What a partial reply is part of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    /// The whole size, where the server knows it.
    total: Option<u64>,
}

/// Reads what a partial reply is part of, where it begins at `from`.
pub(super) fn continues_at(headers: &HeaderMap, from: u64) -> Option<Rest> {
    let range = headers.get(CONTENT_RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (range, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    let begin: u64 = range.split_once('-')?.0.parse().ok()?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    (begin == from).then_some(Rest { total })
}

#[cfg(test)]
mod tests {
    use super::super::retry::Failure;
    use super::*;

    fn error(status: u16, code: &str, message: &str) -> RegistryError {
        let body = serde_json::json!({"errors": [{"code": code, "message": message}]}).to_string();
        explained(status, body.as_bytes(), "registry.example", "registry.example/x:1")
    }

    #[test]
    fn replies_are_told_apart_by_their_codes() {
        let limited = error(400, "TOOMANYREQUESTS", "");
        assert!(matches!(limited, RegistryError::Server { code: 429, .. }) && limited.is_transient());
        for code in ["MANIFEST_UNKNOWN", "NAME_UNKNOWN", "BLOB_UNKNOWN"] {
            assert!(matches!(error(400, code, ""), RegistryError::NotFound { .. }), "{code}");
        }
        assert!(matches!(error(403, "DENIED", ""), RegistryError::Unauthorized { .. }));
        assert!(matches!(error(503, "DENIED", ""), RegistryError::Server { code: 503, .. }));
        assert!(matches!(error(400, "UNSUPPORTED", ""), RegistryError::Server { code: 400, .. }));
        assert!(matches!(error(404, "MANIFEST_BLOB_UNKNOWN", ""), RegistryError::Server { code: 404, .. }));
        for body in ["", "{", "<html>", r#"{"errors":[]}"#, r#"{"errors":7}"#] {
            let explained = explained(404, body.as_bytes(), "d", "n");
            assert!(matches!(explained, RegistryError::NotFound { .. }), "{body}");
        }
    }

    #[test]
    fn foreign_texts_are_one_short_line() {
        let said = error(400, "UNSUPPORTED", "\u{1b}[31mred\n\u{202e}\u{7}text").to_string();
        assert_eq!(said, "the registry `registry.example` answered with status 400: UNSUPPORTED: [31mred text");
        assert_eq!(printable(&"x".repeat(1000)).chars().count(), MAX_TEXT + 1);
    }

    #[test]
    fn a_partial_reply_must_go_on_where_the_bytes_end() {
        let fits = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_RANGE, text.parse().expect("header"));
            continues(&headers, 5, 10)
        };
        assert!(fits("bytes 5-9/10") && fits("bytes 5-9/*"));
        for wrong in ["bytes 4-9/10", "bytes 5-9/11", "bytes */10", "5-9/10", "bytes", ""] {
            assert!(!fits(wrong), "{wrong}");
        }
        assert!(!continues(&HeaderMap::new(), 5, 10));
    }
}
