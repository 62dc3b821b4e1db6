//! What a client is told by whoever embeds it.

use std::time::Duration;

use super::credentials::Credentials;
use super::endpoint::{HostTrust, RegistryRule};
use super::waits::Waits;

/// How registries are reached.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RegistryOptions {
    /// How long a connection may take to stand.
    pub connect_timeout: Duration,
    /// How long a server may stay silent in the middle of an answer.
    pub silence_timeout: Duration,
    /// How long a shared cache may take to say what it has: a build goes on without one.
    pub lookup_timeout: Duration,
    /// The proxy for encrypted connections elsewhere; servers on this machine are always asked directly.
    pub proxy: Option<Proxy>,
    /// The proxy for connections to web servers that are not encrypted.
    pub plain_proxy: Option<Proxy>,
    /// The largest file that is taken from a web server, in bytes.
    pub file_limit: u64,
    /// Who we are, for registries that want to know.
    pub credentials: Option<Credentials>,
    /// Where images of some names are instead: mirrors, other places, nowhere.
    pub rules: Vec<RegistryRule>,
    /// Whom some hosts are trusted by.
    pub trust: Vec<HostTrust>,
    /// The bytes of a blob that are sent with one request; all of it where there is nothing. Servers that take no
    /// large requests get smaller ones anyway.
    pub upload_chunk: Option<u64>,
    /// What requests wait for.
    pub waits: Waits,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(15),
            silence_timeout: Duration::from_secs(30),
            lookup_timeout: Duration::from_secs(10),
            proxy: None,
            plain_proxy: None,
            file_limit: 64 << 30,
            credentials: None,
            rules: Vec::new(),
            trust: Vec::new(),
            upload_chunk: None,
            waits: Waits::default(),
        }
    }
}

impl RegistryOptions {
    /// The same, but that the certificates of some registries are not verified, and http is taken where there is no
    /// encryption at all.
    #[must_use]
    pub fn insecure_for<'d>(&self, domains: impl IntoIterator<Item = &'d str>) -> Self {
        let mut options = self.clone();
        for domain in domains {
            let is_of_it = |rule: &RegistryRule| {
                rule.prefix.strip_prefix(domain).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            options.rules.iter_mut().filter(|rule| is_of_it(rule)).for_each(|rule| rule.insecure = true);
            if !options.rules.iter().any(|rule| rule.prefix == domain) {
                options.rules.push(RegistryRule::insecure(domain));
            }
        }
        options
    }
}

/// A proxy.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Proxy {
    /// Its address: `http://proxy.example:3128`, with a user and a password where it wants them.
    pub url: String,
    /// The hosts that are asked directly, in the form of the variable `NO_PROXY`.
    pub bypass: String,
}

impl Proxy {
    /// Makes the proxy for encrypted connections, or for the others.
    pub(super) fn of(&self, encrypted: bool) -> reqwest::Result<reqwest::Proxy> {
        let proxy = if encrypted { reqwest::Proxy::https(&self.url) } else { reqwest::Proxy::http(&self.url) };
        Ok(proxy?.no_proxy(reqwest::NoProxy::from_string(&self.bypass)))
    }
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address may hold a password.
        f.debug_struct("Proxy").field("bypass", &self.bypass).finish_non_exhaustive()
    }
}
