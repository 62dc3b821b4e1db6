//! Requests of one registry: where they may go, and who is shown the token.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Response, Url};

use super::auth::Auth;
use super::{RegistryError, RegistryOptions};
use crate::reference::{DEFAULT_DOMAIN, Reference};

/// How often a request may be sent elsewhere.
const MAX_REDIRECTS: usize = 5;
/// Where Docker's hub has its API.
const HUB: &str = "registry-1.docker.io";
/// Who we say we are.
const USER_AGENT: &str = concat!("builder/", env!("CARGO_PKG_VERSION"));

/// What is said of a proxy that is none; the address may hold a password.
pub(super) const NO_PROXY_ADDRESS: &str = "the proxy is no address";

/// Begins a client that follows no redirection by itself and reads no variables.
pub(super) fn client_builder(options: &RegistryOptions) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.silence_timeout)
        // Whoever sends a request follows them: it knows where a token may go.
        .redirect(Policy::none())
        // Neither does it read the variables of proxies.
        .no_proxy()
}

/// A way to one registry.
#[derive(Debug)]
pub(super) struct Transport {
    http: reqwest::Client,
    /// The top of the registry's API.
    base: Url,
    domain: String,
    auth: Auth,
}

/// Tells whether a host is this machine: then it is spoken to without encryption.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn host_of_domain(domain: &str) -> &str {
    match domain.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => domain,
    }
}

impl Transport {
    pub(super) fn new(reference: &Reference, options: &RegistryOptions) -> Result<Self, RegistryError> {
        let setup = |message: String| RegistryError::Setup { message };
        let domain = reference.domain();
        let local = is_loopback(host_of_domain(domain));
        let scheme = if local { "http" } else { "https" };
        let host = if domain == DEFAULT_DOMAIN { HUB } else { domain };
        let base = Url::parse(&format!("{scheme}://{host}/v2/{}/", reference.path()))
            .map_err(|error| setup(format!("`{domain}` is no host: {error}")))?;
        let mut http = client_builder(options);
        if let Some(proxy) = options.proxy.as_ref().filter(|_| !local) {
            http = http.proxy(proxy.of(true).map_err(|_| setup(NO_PROXY_ADDRESS.to_owned()))?);
        }
        let http = http.build().map_err(|error| setup(chain(&error)))?;
        Ok(Self { http, base, domain: domain.to_owned(), auth: Auth::to_pull(reference.path()) })
    }

    /// The registry, as people name it.
    pub(super) fn domain(&self) -> &str {
        &self.domain
    }

    /// The host of an address, as people name it: of the rest of an address nobody needs to know, and it may hold
    /// secrets.
    pub(super) fn domain_of(&self, url: &Url) -> String {
        if url.origin() == self.base.origin() {
            return self.domain.clone();
        }
        let host = url.host_str().unwrap_or_default();
        url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Sends a request to the registry, with a token where it wants one. Any status but those of redirections is
    /// the caller's.
    pub(super) async fn get(&self, path: &str, headers: &HeaderMap, name: &str) -> Result<Response, RegistryError> {
        let url = self.base.join(path).map_err(|error| RegistryError::Setup { message: error.to_string() })?;
        let token = self.auth.header().await;
        let response = self.follow(&url, headers, token.as_ref()).await?;
        // Only the registry itself may ask for a token: who it sends us to is shown none.
        if response.status().as_u16() != 401 || response.url().origin() != self.base.origin() {
            return Ok(response);
        }
        let token = self.auth.renew(self, token.as_ref(), response.headers(), name).await?;
        self.follow(&url, headers, Some(&token)).await
    }

    /// Sends a request, and again to where it is sent. Hosts other than the registry do not see the token.
    pub(super) async fn follow(
        &self,
        url: &Url,
        headers: &HeaderMap,
        token: Option<&HeaderValue>,
    ) -> Result<Response, RegistryError> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.http.get(url.clone()).headers(headers.clone());
            if let Some(token) = token.filter(|_| url.origin() == self.base.origin()) {
                request = request.header(AUTHORIZATION, token.clone());
            }
            let response = request.send().await.map_err(|error| self.no_answer(&url, error))?;
            match target(&response) {
                None => return Ok(response),
                Some(target) => url = self.redirected(&url, target)?,
            }
        }
        let reason = format!("more than {MAX_REDIRECTS} times");
        Err(RegistryError::Redirect { domain: self.domain_of(&url), reason })
    }

    /// Tells whether an address may be asked: encrypted, or on this machine as the registry itself is.
    pub(super) fn is_allowed(&self, url: &Url) -> bool {
        match url.scheme() {
            "https" => true,
            "http" => self.base.scheme() == "http" && url.host_str().is_some_and(is_loopback),
            _ => false,
        }
    }

    fn redirected(&self, from: &Url, target: &HeaderValue) -> Result<Url, RegistryError> {
        let refused = |reason: String| RegistryError::Redirect { domain: self.domain_of(from), reason };
        let to = target.to_str().ok().and_then(|target| from.join(target).ok());
        let to = to.ok_or_else(|| refused("to something that is no address".to_owned()))?;
        if !self.is_allowed(&to) || from.scheme() == "https" && to.scheme() != "https" {
            let host = super::reply::printable(&self.domain_of(&to));
            return Err(refused(format!("to `{host}` without encryption")));
        }
        Ok(to)
    }

    fn no_answer(&self, url: &Url, error: reqwest::Error) -> RegistryError {
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
        Transport::new(&reference.parse().expect("reference"), &RegistryOptions::default()).expect("transport")
    }

    #[test]
    fn only_this_machine_is_spoken_to_without_encryption() {
        for local in ["localhost:5000/x", "127.0.0.1:5000/x", "127.9.9.9/x", "[::1]:5000/x", "localhost/x"] {
            assert_eq!(transport(local).base.scheme(), "http", "{local}");
        }
        for remote in ["x", "localhost.example.org/x", "127.0.0.1.example.org:5000/x", "10.0.0.1:5000/x"] {
            assert_eq!(transport(remote).base.scheme(), "https", "{remote}");
        }
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
