//! Requests of one registry: where they may go, and who is shown the token.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Method, Response, Url};

use super::auth::Auth;
use super::endpoint::{Endpoint, HostTrust, is_loopback};
use super::part::Part;
use super::{RegistryError, RegistryOptions};

/// How often a request may be sent elsewhere.
const MAX_REDIRECTS: usize = 5;
/// A server that was sent something may be silent this many times longer than one that was asked for something.
const LEAST_THOUGHT: u64 = 2;
/// The same for each of so many bytes that it has to think about.
const THOUGHT_OVER: u64 = 128 << 20;
/// How many times longer at the most.
const MOST_THOUGHT: u64 = 5;
/// Who we say we are.
const USER_AGENT: &str = concat!("builder/", env!("CARGO_PKG_VERSION"));

/// What is said of a proxy that is none; the address may hold a password.
pub(super) const NO_PROXY_ADDRESS: &str = "the proxy is no address";

/// Begins a client that follows no redirection by itself and reads no variables.
pub(super) fn client_builder(options: &RegistryOptions) -> reqwest::ClientBuilder {
    uploading_client_builder(options).read_timeout(options.silence_timeout)
}

/// Does the same for requests with long bodies: while one is sent, the server is silent.
fn uploading_client_builder(options: &RegistryOptions) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(options.connect_timeout)
        // Whoever sends a request follows them: it knows where a token may go.
        .redirect(Policy::none())
        // Neither does it read the variables of proxies.
        .no_proxy()
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Request<'r> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Part<'r>>,
}

impl Request<'_> {
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: None }
    }
}

/// A way to one registry.
pub(super) struct Transport {
    options: RegistryOptions,
    endpoint: Endpoint,
    /// The top of the repository's API.
    base: Url,
    auth: Auth,
    /// By host, and whether they upload: hosts differ in whom they are trusted by.
    clients: Mutex<HashMap<(String, bool), reqwest::Client>>,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Transport {
    /// Makes a way to a registry; `actions` are those of a token's scope.
    pub(super) fn new(endpoint: Endpoint, actions: &str, options: &RegistryOptions) -> Result<Self, RegistryError> {
        let scheme = if endpoint.encrypted { "https" } else { "http" };
        let base = Url::parse(&format!("{scheme}://{}/v2/{}/", endpoint.host, endpoint.repository));
        let base = base
            .map_err(|error| RegistryError::Setup { message: format!("`{}` is no host: {error}", endpoint.domain) })?;
        let auth = Auth::new(&endpoint, actions, options.credentials.clone());
        let (options, clients) = (options.clone(), Mutex::default());
        let transport = Self { options, endpoint, base, auth, clients };
        transport.client_for(&transport.base, false)?;
        Ok(transport)
    }

    /// The registry, as people name it.
    pub(super) fn domain(&self) -> &str {
        &self.endpoint.domain
    }

    /// Whether it is one of several that may have what is looked for.
    pub(super) fn is_mirror(&self) -> bool {
        self.endpoint.is_mirror
    }

    pub(super) fn options(&self) -> &RegistryOptions {
        &self.options
    }

    /// How long a server may take to think about what it was sent, where it has so many bytes to think about.
    pub(super) fn patience(&self, bytes: u64) -> Duration {
        let times = LEAST_THOUGHT + (bytes / THOUGHT_OVER).min(MOST_THOUGHT - LEAST_THOUGHT);
        self.options.silence_timeout * u32::try_from(times).unwrap_or(1)
    }

    /// The address of something of the repository.
    pub(super) fn url(&self, path: &str) -> Result<Url, RegistryError> {
        self.base.join(path).map_err(|error| RegistryError::Setup { message: error.to_string() })
    }

    /// The address of the API itself.
    pub(super) fn root(&self) -> Result<Url, RegistryError> {
        self.url("/v2/")
    }

    /// The host of an address, as people name it: of the rest of an address nobody needs to know, and it may hold
    /// secrets.
    pub(super) fn domain_of(&self, url: &Url) -> String {
        if url.origin() == self.base.origin() {
            return self.endpoint.domain.clone();
        }
        let host = url.host_str().unwrap_or_default();
        url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Asks the registry for something of the repository.
    pub(super) async fn get(&self, path: &str, headers: &HeaderMap, name: &str) -> Result<Response, RegistryError> {
        let headers = headers.clone();
        self.send(&Request { headers, ..Request::new(Method::GET, self.url(path)?) }, name).await
    }

    /// Sends a request to the registry, with a token where it wants one. Any status but those of redirections is
    /// the caller's.
    pub(super) async fn send(&self, request: &Request<'_>, name: &str) -> Result<Response, RegistryError> {
        let token = self.auth.header().await;
        let response = self.follow(request, token.as_ref().map(|token| (token, &self.base))).await?;
        // Only the registry itself may ask for a token: who it sends us to is shown none.
        if response.status().as_u16() != 401 || response.url().origin() != self.base.origin() {
            return Ok(response);
        }
        let token = self.auth.renew(self, token.as_ref(), response.headers(), name).await?;
        self.follow(request, Some((&token, &self.base))).await
    }

    /// Sends a request, and again to where it is sent. An authorization is shown to the server of its address only.
    pub(super) async fn follow(
        &self,
        request: &Request<'_>,
        authorization: Option<(&HeaderValue, &Url)>,
    ) -> Result<Response, RegistryError> {
        let mut url = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.once(request, &url, authorization).await?;
            match target(&response) {
                None => return Ok(response),
                Some(target) => url = self.redirected(&url, target)?,
            }
        }
        let reason = format!("more than {MAX_REDIRECTS} times");
        Err(RegistryError::Redirect { domain: self.domain_of(&url), reason })
    }

    /// Sends a request to an address, and does not follow where it is sent.
    pub(super) async fn once(
        &self,
        request: &Request<'_>,
        url: &Url,
        authorization: Option<(&HeaderValue, &Url)>,
    ) -> Result<Response, RegistryError> {
        let client = self.client_for(url, request.body.is_some())?;
        let mut sent = client.request(request.method.clone(), url.clone()).headers(request.headers.clone());
        if let Some((value, _)) = authorization.filter(|(_, whose)| whose.origin() == url.origin()) {
            sent = sent.header(AUTHORIZATION, value.clone());
        }
        match &request.body {
            None => sent.send().await.map_err(|error| self.no_answer(url, error)),
            Some(part) => part.send(sent, self, url).await,
        }
    }

    /// Tells whether an address may be asked: encrypted, or as the registry itself is, and on this machine unless
    /// it is the registry.
    pub(super) fn is_allowed(&self, url: &Url) -> bool {
        let is_registry = url.origin() == self.base.origin();
        match url.scheme() {
            "https" => true,
            "http" => self.base.scheme() == "http" && (is_registry || url.host_str().is_some_and(is_loopback)),
            _ => false,
        }
    }

    /// Returns the address that a reply names, where it may be asked.
    pub(super) fn redirected(&self, from: &Url, target: &HeaderValue) -> Result<Url, RegistryError> {
        let refused = |reason: String| RegistryError::Redirect { domain: self.domain_of(from), reason };
        let to = target.to_str().ok().and_then(|target| from.join(target).ok());
        let to = to.ok_or_else(|| refused("to something that is no address".to_owned()))?;
        if !self.is_allowed(&to) || from.scheme() == "https" && to.scheme() != "https" {
            let host = super::reply::printable(&self.domain_of(&to));
            return Err(refused(format!("to `{host}` without encryption")));
        }
        Ok(to)
    }

    pub(super) fn no_answer(&self, url: &Url, error: reqwest::Error) -> RegistryError {
        let domain = self.domain_of(url);
        // The address may hold more than a person should see in a log.
        let error = error.without_url();
        if error.is_builder() {
            RegistryError::Protocol { domain, message: chain(&error) }
        } else if is_tls(&error) {
            RegistryError::Tls { domain, source: Box::new(error) }
        } else {
            RegistryError::Unreachable { domain, source: Box::new(error) }
        }
    }

    /// The client for a host, made when it is first asked.
    fn client_for(&self, url: &Url, is_upload: bool) -> Result<reqwest::Client, RegistryError> {
        let setup = |message: String| RegistryError::Setup { message };
        let host = url.host_str().unwrap_or_default();
        let shown = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = clients.get(&(shown.clone(), is_upload)) {
            return Ok(known.clone());
        }
        let options = &self.options;
        let mut client = if is_upload { uploading_client_builder(options) } else { client_builder(options) };
        if let Some(proxy) = options.proxy.as_ref().filter(|_| !is_loopback(host)) {
            client = client.proxy(proxy.of(true).map_err(|_| setup(NO_PROXY_ADDRESS.to_owned()))?);
        }
        let is_registry = url.origin() == self.base.origin();
        let name = if is_registry { &self.endpoint.domain } else { &shown };
        for trust in options.trust.iter().filter(|trust| trust.host == *name) {
            client = trusting(client, trust)?;
        }
        if is_registry && !self.endpoint.verified {
            client = client.tls_danger_accept_invalid_certs(true);
        }
        let client = client.build().map_err(|error| setup(chain(&error)))?;
        clients.insert((shown, is_upload), client.clone());
        Ok(client)
    }
}

fn trusting(mut client: reqwest::ClientBuilder, trust: &HostTrust) -> Result<reqwest::ClientBuilder, RegistryError> {
    let unfit = |what: &str| RegistryError::Setup { message: format!("{what} for `{}` cannot be read", trust.host) };
    for authority in &trust.authorities {
        let certificates = reqwest::Certificate::from_pem_bundle(authority);
        client = client.tls_certs_merge(certificates.map_err(|_| unfit("a certificate authority"))?);
    }
    if let Some(identity) = &trust.identity {
        let identity = reqwest::Identity::from_pem(identity);
        client = client.identity(identity.map_err(|_| unfit("the certificate or key of ours"))?);
    }
    Ok(client)
}

/// Where a reply sends us.
pub(super) fn target(response: &Response) -> Option<&HeaderValue> {
    matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308).then(|| response.headers().get(LOCATION))?
}

/// Tells whether a connection stood and its encryption failed. What the TLS library says reaches us as
/// `InvalidData`, under one or two other errors of input and output.
pub(super) fn is_tls(error: &reqwest::Error) -> bool {
    let is_invalid = |error: &std::io::Error| error.kind() == std::io::ErrorKind::InvalidData;
    error.is_connect() && causes(error).filter_map(|cause| cause.downcast_ref()).any(is_invalid)
}

/// An error and what is below it, the errors inside of `io::Error` too.
fn causes<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        match error.downcast_ref::<std::io::Error>().map(std::io::Error::get_ref) {
            Some(Some(inner)) => Some(inner),
            _ => error.source(),
        }
    })
}

/// An error with its causes in one line.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let texts: Vec<String> = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source())
        .map(ToString::to_string)
        .collect();
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transport(reference: &str) -> Transport {
        let options = RegistryOptions::default();
        let reference = reference.parse().expect("reference");
        let endpoint = super::super::endpoint::endpoints(&reference, &options, false).expect("endpoints").remove(0);
        Transport::new(endpoint, "pull", &options).expect("transport")
    }

    #[test]
    fn the_hub_is_asked_where_its_api_is() {
        let hub = transport("debian");
        assert_eq!(hub.base.as_str(), "https://registry-1.docker.io/v2/library/debian/");
        assert_eq!(hub.domain_of(&hub.base), "docker.io");
        assert_eq!(transport("localhost:5/a/b").base.as_str(), "http://localhost:5/v2/a/b/");
    }

    #[test]
    fn redirections_keep_the_encryption() {
        for (registry, from, to, allowed) in [
            ("debian", "https://registry-1.docker.io/v2/", "https://cdn.example/x?y=z", true),
            ("debian", "https://registry-1.docker.io/v2/", "/elsewhere", true),
            ("debian", "https://registry-1.docker.io/v2/", "http://registry-1.docker.io/", false),
            ("debian", "https://registry-1.docker.io/v2/", "http://127.0.0.1/", false),
            ("debian", "https://registry-1.docker.io/v2/", "file:///etc/passwd", false),
            ("localhost:5/x", "http://localhost:5/v2/", "http://127.0.0.1:6/", true),
            ("localhost:5/x", "http://localhost:5/v2/", "https://cdn.example/", true),
            ("localhost:5/x", "http://localhost:5/v2/", "http://cdn.example/", false),
            ("localhost:5/x", "https://cdn.example/", "http://localhost:5/", false),
            ("localhost:5/x", "http://localhost:5/v2/", "http://[broken/", false),
        ] {
            let from = Url::parse(from).expect(from);
            let outcome = transport(registry).redirected(&from, &to.parse().expect(to));
            assert_eq!(outcome.is_ok(), allowed, "{to}: {outcome:?}");
        }
    }
}
