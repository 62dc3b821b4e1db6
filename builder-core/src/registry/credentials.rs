//! Who we are to a registry. The client asks for it when the registry does, and keeps it out of everything else:
//! errors, events, the store and logs never see it, and it is overwritten when it is dropped.
//!
//! Headers that carry it are marked as sensitive, which keeps them out of `Debug`; the copies that the http library
//! makes of them while a request is on its way are not overwritten.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use zeroize::Zeroizing;

/// Something that only a registry may see.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a value.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// Returns the value itself. Whoever takes it sees to it that it goes nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// What opens a registry.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Credential {
    /// A user and a password: as they are, or exchanged for a token where the registry has a token server.
    User {
        /// The name.
        name: String,
        /// The password, or what the registry takes for one.
        password: Password,
    },
    /// A token that is exchanged for others at the token server (OAuth 2 refresh token).
    Identity(Password),
    /// A token that the registry itself takes.
    Bearer(Password),
}

impl Credential {
    /// Returns the value of `Authorization` that shows a user and a password; `None` for tokens.
    ///
    /// Spec: RFC 7617.
    pub(super) fn basic(&self) -> Option<HeaderValue> {
        let Self::User { name, password } = self else { return None };
        let pair = Zeroizing::new(format!("{name}:{}", password.expose()));
        let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
        sensitive(&format!("Basic {}", *encoded))
    }
}

/// Makes a header of visible characters that no log shows.
pub(super) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// Finds credentials. It is asked when a registry wants to know who asks, and at most once by each client.
pub trait CredentialSource: Send + Sync {
    /// Returns the credential for a repository of a registry; `None` where there is none.
    ///
    /// # Errors
    /// Why it could not be found out, in words that hold nothing secret.
    fn find(&self, domain: &str, repository: &str) -> Result<Option<Credential>, String>;
}

/// A source of credentials as an option: two are equal where they are the same one.
#[derive(Clone)]
pub struct Credentials(Arc<dyn CredentialSource>);

impl Credentials {
    /// Takes a source.
    pub fn new(source: impl CredentialSource + 'static) -> Self {
        Self(Arc::new(source))
    }

    pub(super) fn find(&self, domain: &str, repository: &str) -> Result<Option<Credential>, String> {
        self.0.find(domain, repository)
    }
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Credentials {}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing_of_a_credential() {
        let user = Credential::User { name: "joe".to_owned(), password: Password::new("hunter2".to_owned()) };
        let header = user.basic().unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic am9lOmh1bnRlcjI=");
        assert!(!format!("{user:?}{header:?}").contains("hunter2") && !format!("{header:?}").contains("am9l"));
    }
}
