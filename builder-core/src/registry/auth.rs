//! Tokens and passwords: fetched and found when a registry asks, kept for the repository, shown to nobody else.
//!
//! Spec: distribution's token authentication; RFC 6750 and RFC 7617 for the challenges.

use std::collections::{BTreeMap, BTreeSet};

use http_auth::ChallengeRef;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Method, Url};
use serde::Deserialize;
use tokio::sync::{Mutex, OnceCell};
use zeroize::Zeroizing;

use super::RegistryError;
use super::credentials::{Credential, Credentials, sensitive};
use super::endpoint::Endpoint;
use super::part::{Part, UploadContent};
use super::reply::{bounded, failure, printable};
use super::transport::{Request, Transport};

/// The most bytes of a token server's reply.
const MAX_TOKEN_REPLY: u64 = 64 * 1024;

/// The authorization for the repository of one registry.
pub(super) struct Auth {
    domain: String,
    repository: String,
    credentials: Option<Credentials>,
    credential: OnceCell<Option<Credential>>,
    state: Mutex<State>,
}

/// Held while a token is fetched, so that requests at the same time share one.
struct State {
    /// What the token is for: actions by resource. What was needed once is asked for again.
    scopes: BTreeMap<String, BTreeSet<String>>,
    header: Option<HeaderValue>,
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
    /// Makes an authorization for a repository; there is no token yet. `actions` are those of a scope.
    pub(super) fn new(endpoint: &Endpoint, actions: &str, credentials: Option<Credentials>) -> Self {
        let mut scopes = BTreeMap::new();
        if !endpoint.repository.is_empty() {
            add_scope(&mut scopes, &format!("repository:{}:{actions}", endpoint.repository));
        }
        Self {
            domain: endpoint.domain.clone(),
            repository: endpoint.repository.clone(),
            credentials,
            credential: OnceCell::new(),
            state: Mutex::new(State { scopes, header: None }),
        }
    }

    /// Returns the value of `Authorization`, where one is known.
    pub(super) async fn header(&self) -> Option<HeaderValue> {
        self.state.lock().await.header.clone()
    }

    /// Makes another authorization than the one that was refused.
    pub(super) async fn renew(
        &self,
        transport: &Transport,
        refused: Option<&HeaderValue>,
        headers: &HeaderMap,
        name: &str,
    ) -> Result<HeaderValue, RegistryError> {
        let mut state = self.state.lock().await;
        if let Some(known) = state.header.as_ref().filter(|known| Some(*known) != refused) {
            return Ok(known.clone());
        }
        let unauthorized = || RegistryError::Unauthorized { name: name.to_owned() };
        let find = async || match &self.credentials {
            None => Ok(None),
            Some(credentials) => credentials.find(&self.domain, &self.repository).map_err(|reason| {
                RegistryError::Credentials { domain: self.domain.clone(), reason: printable(&reason) }
            }),
        };
        let credential = self.credential.get_or_try_init(find).await?.as_ref();
        let made = match (credential, bearer(headers)) {
            (Some(Credential::Bearer(token)), _) => bearer_header(token.expose()).ok_or_else(unauthorized)?,
            (_, Some(challenge)) => {
                for scope in challenge.scope.iter().flat_map(|scope| scope.split_whitespace()) {
                    add_scope(&mut state.scopes, scope);
                }
                token(transport, &challenge, &state.scopes, credential, name).await?
            }
            (Some(user), None) if offers_basic(headers) => user.basic().ok_or_else(unauthorized)?,
            // Other schemes want to know who asks.
            _ => return Err(unauthorized()),
        };
        if refused == Some(&made) {
            return Err(unauthorized());
        }
        state.header = Some(made.clone());
        Ok(made)
    }
}

/// Adds `TYPE:NAME:ACTION,…`; the name may have a colon, too.
fn add_scope(scopes: &mut BTreeMap<String, BTreeSet<String>>, scope: &str) {
    let (resource, actions) = scope.rsplit_once(':').unwrap_or((scope, ""));
    let actions = actions.split(',').filter(|action| !action.is_empty()).map(str::to_owned);
    scopes.entry(resource.to_owned()).or_default().extend(actions);
}

/// Fetches a token.
///
/// Spec: distribution's token authentication; OAuth 2 (RFC 6749, 6) where we have a token already.
async fn token(
    transport: &Transport,
    challenge: &Challenge,
    scopes: &BTreeMap<String, BTreeSet<String>>,
    credential: Option<&Credential>,
    name: &str,
) -> Result<HeaderValue, RegistryError> {
    let realm = realm(challenge, transport)?;
    let scopes = scopes.iter().map(|(resource, actions)| {
        format!("{resource}:{}", actions.iter().map(String::as_str).collect::<Vec<_>>().join(","))
    });
    let mut url = realm.clone();
    let response = if let Some(Credential::Identity(identity)) = credential {
        url.set_query(None);
        let mut form = url.query_pairs_mut();
        form.append_pair("grant_type", "refresh_token").append_pair("client_id", "builder");
        form.extend_pairs(challenge.service.iter().map(|service| ("service", service)));
        form.append_pair("scope", &scopes.collect::<Vec<_>>().join(" "));
        form.append_pair("refresh_token", identity.expose());
        drop(form);
        let form = UploadContent::Bytes(url.query().unwrap_or_default().as_bytes().to_vec());
        let mut request = Request::new(Method::POST, realm);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        request.body = Some(Part::whole(&form));
        // The form holds the authorization: it goes nowhere but to the token server.
        transport.once(&request, &request.url, None).await?
    } else {
        let mut query = url.query_pairs_mut();
        query.extend_pairs(challenge.service.iter().map(|service| ("service", service)));
        query.extend_pairs(scopes.map(|scope| ("scope", scope)));
        drop(query);
        let basic = credential.and_then(Credential::basic);
        transport.follow(&Request::new(Method::GET, url), basic.as_ref().map(|basic| (basic, &realm))).await?
    };
    let domain = transport.domain_of(response.url());
    if response.status().as_u16() != 200 {
        return Err(failure(response, &domain, name).await);
    }
    let body = Zeroizing::new(bounded(response, &domain, "the token server's answer", MAX_TOKEN_REPLY).await?);
    read_token(&body).map_err(|reason| RegistryError::Token { domain, reason })
}

fn realm(challenge: &Challenge, transport: &Transport) -> Result<Url, RegistryError> {
    let refused = |why: &str| RegistryError::Protocol {
        domain: transport.domain().to_owned(),
        message: format!("it names `{}` for tokens, {why}", printable(&challenge.realm)),
    };
    let url = Url::parse(&challenge.realm).map_err(|_| refused("which is no address"))?;
    if transport.is_allowed(&url) { Ok(url) } else { Err(refused("which is not encrypted")) }
}

fn challenges(headers: &HeaderMap) -> Vec<ChallengeRef<'_>> {
    let values = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    values.filter_map(|value| http_auth::parse_challenges(value).ok()).flatten().collect()
}

fn offers_basic(headers: &HeaderMap) -> bool {
    challenges(headers).iter().any(|challenge| challenge.scheme.eq_ignore_ascii_case("basic"))
}

/// Finds the challenge that a token answers.
fn bearer(headers: &HeaderMap) -> Option<Challenge> {
    let challenges = challenges(headers);
    challenges.iter().filter(|challenge| challenge.scheme.eq_ignore_ascii_case("bearer")).find_map(|challenge| {
        let parameter = |name: &str| {
            let found = challenge.params.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        let realm = parameter("realm")?;
        Some(Challenge { realm, service: parameter("service"), scope: parameter("scope") })
    })
}

/// Reads the token of a reply as a header's value.
fn read_token(body: &[u8]) -> Result<HeaderValue, &'static str> {
    let reply: TokenReply = serde_json::from_slice(body).map_err(|_| "something that is no token reply")?;
    let filled = |token: Option<String>| token.filter(|token| !token.is_empty());
    let token = filled(reply.token).or_else(|| filled(reply.access_token)).ok_or("no token")?;
    // Visible characters only: whatever else stands there is a mistake or an attempt to write headers of one's own.
    let unfit = "a token with characters that tokens do not have";
    bearer_header(&Zeroizing::new(token)).ok_or(unfit)
}

fn bearer_header(token: &str) -> Option<HeaderValue> {
    let fits = token.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then(|| sensitive(&Zeroizing::new(format!("Bearer {token}")))).flatten()
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
