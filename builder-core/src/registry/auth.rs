//! The token that opens a registry: fetched anonymously when the registry asks for one.
//!
//! This is where credentials belong when there are some: [`Auth::renew`] is the only place that asks a token
//! server, and [`Auth::header`] the only one that a request has its authorization from.
//!
//! Spec: the registry's token authentication specification, and RFC 6750.

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::RegistryError;
use super::reply::{bounded, failure, printable};
use super::transport::Transport;

/// The most bytes of a token server's reply.
const MAX_TOKEN_REPLY: u64 = 64 * 1024;

/// The authorization for one scope of one registry.
#[derive(Debug)]
pub(super) struct Auth {
    scope: String,
    /// Held while a token is fetched, so that requests at the same time share one.
    token: Mutex<Option<HeaderValue>>,
}

/// What a registry says about its token server.
#[derive(PartialEq, Eq, Debug)]
struct Challenge {
    realm: String,
    service: Option<String>,
    scope: Option<String>,
}

#[derive(Deserialize)]
struct TokenReply {
    token: Option<String>,
    access_token: Option<String>,
}

impl Auth {
    /// Makes an authorization to pull from a repository; there is no token yet.
    pub(super) fn to_pull(path: &str) -> Self {
        Self { scope: format!("repository:{path}:pull"), token: Mutex::new(None) }
    }

    /// Returns the value of `Authorization`, where one is known.
    pub(super) async fn header(&self) -> Option<HeaderValue> {
        self.token.lock().await.clone()
    }

    /// Fetches another token than the one that was refused.
    pub(super) async fn renew(
        &self,
        transport: &Transport,
        refused: Option<&HeaderValue>,
        headers: &HeaderMap,
        name: &str,
    ) -> Result<HeaderValue, RegistryError> {
        let mut token = self.token.lock().await;
        if let Some(known) = token.as_ref().filter(|known| Some(*known) != refused) {
            return Ok(known.clone());
        }
        // Other schemes want to know who asks.
        let challenge = bearer(headers).ok_or_else(|| RegistryError::Unauthorized { name: name.to_owned() })?;
        let url = self.url(&challenge, transport)?;
        let response = transport.follow(&url, &HeaderMap::new(), None).await?;
        let domain = transport.domain_of(response.url());
        if response.status().as_u16() != 200 {
            return Err(failure(response, &domain, name).await);
        }
        let body = bounded(response, &domain, "the token server's answer", MAX_TOKEN_REPLY).await?;
        let fetched = read_token(&body).map_err(|reason| RegistryError::Token { domain, reason })?;
        *token = Some(fetched.clone());
        Ok(fetched)
    }

    fn url(&self, challenge: &Challenge, transport: &Transport) -> Result<Url, RegistryError> {
        let refused = |why: &str| RegistryError::Protocol {
            domain: transport.domain().to_owned(),
            message: format!("it names `{}` for tokens, {why}", printable(&challenge.realm)),
        };
        let mut url = Url::parse(&challenge.realm).map_err(|_| refused("which is no address"))?;
        if !transport.is_allowed(&url) {
            return Err(refused("which is not encrypted"));
        }
        let mut query = url.query_pairs_mut();
        if let Some(service) = &challenge.service {
            query.append_pair("service", service);
        }
        for scope in challenge.scope.as_ref().unwrap_or(&self.scope).split_whitespace() {
            query.append_pair("scope", scope);
        }
        drop(query);
        Ok(url)
    }
}

/// Finds the challenge that a token answers.
fn bearer(headers: &HeaderMap) -> Option<Challenge> {
    for value in headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()) {
        let Ok(challenges) = http_auth::parse_challenges(value) else { continue };
        for challenge in challenges.iter().filter(|challenge| challenge.scheme.eq_ignore_ascii_case("bearer")) {
            let parameter = |name: &str| {
                let found = challenge.params.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_unescaped())
            };
            if let Some(realm) = parameter("realm") {
                return Some(Challenge { realm, service: parameter("service"), scope: parameter("scope") });
            }
        }
    }
    None
}

/// Reads the token of a reply as a header's value.
fn read_token(body: &[u8]) -> Result<HeaderValue, &'static str> {
    let reply: TokenReply = serde_json::from_slice(body).map_err(|_| "something that is no token reply")?;
    let filled = |token: Option<String>| token.filter(|token| !token.is_empty());
    let token = filled(reply.token).or_else(|| filled(reply.access_token)).ok_or("no token")?;
    // Visible characters only: whatever else stands there is a mistake or an attempt to write headers of one's own.
    let unfit = "a token with characters that tokens do not have";
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unfit);
    }
    let mut header = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| unfit)?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bearer_challenge_is_found_among_others() {
        let read = |texts: &[&str]| {
            let mut headers = HeaderMap::new();
            for text in texts {
                headers.append(WWW_AUTHENTICATE, text.parse().expect("header"));
            }
            bearer(&headers)
        };
        let some = |service: Option<&str>, scope: Option<&str>| {
            let (service, scope) = (service.map(str::to_owned), scope.map(str::to_owned));
            Some(Challenge { realm: "https://a/t".to_owned(), service, scope })
        };
        let full = r#"Bearer realm="https://a/t",service="s",scope="repository:x:pull,push""#;
        assert_eq!(read(&[full]), some(Some("s"), Some("repository:x:pull,push")));
        assert_eq!(read(&[r#"Basic realm="x""#, r#"bearer Realm="https://a/t""#]), some(None, None));
        assert_eq!(read(&[r#"Basic realm="x", Bearer realm="https://a/t""#]), some(None, None));
        for none in [r#"Basic realm="x""#, "Bearer", r#"Bearer service="s""#, "=,", ""] {
            assert_eq!(read(&[none]), None, "{none}");
        }
    }

    #[test]
    fn only_what_fits_a_header_is_a_token() {
        for (body, expected) in [
            (r#"{"token":"a"}"#, "Bearer a"),
            (r#"{"access_token":"b"}"#, "Bearer b"),
            (r#"{"token":"","access_token":"b"}"#, "Bearer b"),
        ] {
            let header = read_token(body.as_bytes()).expect(body);
            assert_eq!((header.to_str().ok(), header.is_sensitive()), (Some(expected), true));
        }
        for bad in [r#"{"token":"a\nb"}"#, r#"{"token":"a\tb"}"#, r#"{"token":"é"}"#, "{}", "[]", r#"{"token":1}"#] {
            assert!(read_token(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
