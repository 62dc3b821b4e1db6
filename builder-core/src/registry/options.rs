//! What a client is told by whoever embeds it.

use std::time::Duration;

/// How registries are reached.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RegistryOptions {
    /// How long a connection may take to stand.
    pub connect_timeout: Duration,
    /// How long a server may stay silent in the middle of an answer.
    pub silence_timeout: Duration,
    /// The proxy before registries elsewhere; those on this machine are always asked directly.
    pub proxy: Option<Proxy>,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(15), silence_timeout: Duration::from_mins(1), proxy: None }
    }
}

/// A proxy for encrypted connections.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Proxy {
    /// Its address: `http://proxy.example:3128`, with a user and a password where it wants them.
    pub url: String,
    /// The hosts that are asked directly, in the form of the variable `NO_PROXY`.
    pub bypass: String,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address may hold a password.
        f.debug_struct("Proxy").field("bypass", &self.bypass).finish_non_exhaustive()
    }
}
