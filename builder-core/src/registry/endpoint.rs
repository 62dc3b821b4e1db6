//! Where the images of a name are: the registry of the name, mirrors of it, or another one, and how each is spoken to.
//!
//! The rules are those of `registries.conf`, version 2: `prefix`, `location`, `insecure`, `blocked`, `mirror`,
//! `mirror-by-digest-only` and `pull-from-mirror`.

use super::RegistryError;
use super::options::RegistryOptions;
use crate::reference::{DEFAULT_DOMAIN, Reference};

/// Where Docker's hub has its API.
const HUB: &str = "registry-1.docker.io";

/// What is different for names that begin in a certain way.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RegistryRule {
    /// What names begin with: `registry.example`, `registry.example/team`, or `*.registry.example`.
    pub prefix: String,
    /// What stands in place of the prefix; the prefix itself where it is empty.
    pub location: String,
    /// Whether certificates are not verified, and http is taken where there is no encryption at all.
    pub insecure: bool,
    /// Whether such names are refused.
    pub blocked: bool,
    /// Where else to look, before the location.
    pub mirrors: Vec<Mirror>,
}

impl RegistryRule {
    /// Makes a rule for a host whose certificates are not verified.
    pub fn insecure(host: &str) -> Self {
        Self { prefix: host.to_owned(), insecure: true, ..Self::default() }
    }
}

/// Another place of the same images. Only pulls use it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mirror {
    /// What stands in place of the prefix.
    pub location: String,
    /// As with [`RegistryRule::insecure`].
    pub insecure: bool,
    /// Which references it is asked for.
    pub serves: MirrorServes,
}

/// What a mirror is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MirrorServes {
    /// Everything.
    #[default]
    All,
    /// References with a digest.
    Digests,
    /// References without one.
    Tags,
}

/// How the servers of one host prove who they are.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct HostTrust {
    /// `HOST` or `HOST:PORT`.
    pub host: String,
    /// Certificates of authorities in PEM, besides those of the system.
    pub authorities: Vec<Vec<u8>>,
    /// A certificate of ours with its key, in PEM.
    pub identity: Option<Vec<u8>>,
}

impl std::fmt::Debug for HostTrust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // There may be a key.
        f.debug_struct("HostTrust").field("host", &self.host).finish_non_exhaustive()
    }
}

/// One server to ask for the images of a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Endpoint {
    /// As people name it.
    pub(super) domain: String,
    /// `HOST[:PORT]`, where its API is.
    pub(super) host: String,
    /// The repository there.
    pub(super) repository: String,
    /// Whether it is spoken to with encryption.
    pub(super) encrypted: bool,
    /// Whether its certificate is verified.
    pub(super) verified: bool,
    /// Whether it need not have what is looked for.
    pub(super) is_mirror: bool,
}

/// Tells whether a host is this machine: then it is spoken to without encryption.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Returns a domain without its port.
pub(super) fn host_of_domain(domain: &str) -> &str {
    match domain.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => domain,
    }
}

/// Returns the servers to ask, in this order. Those of a push have no mirrors.
pub(super) fn endpoints(
    reference: &Reference,
    options: &RegistryOptions,
    is_push: bool,
) -> Result<Vec<Endpoint>, RegistryError> {
    let name = format!("{}/{}", reference.domain(), reference.path());
    let rule = options.rules.iter().filter(|rule| matches(&rule.prefix, &name));
    // The most specific one.
    let Some(rule) = rule.max_by_key(|rule| rule.prefix.len()) else {
        return Ok(spoken_to(&name, None, false, options));
    };
    if rule.blocked {
        return Err(RegistryError::Blocked { name, prefix: rule.prefix.clone() });
    }
    let mut found = Vec::new();
    for mirror in rule.mirrors.iter().filter(|_| !is_push) {
        let serves = match mirror.serves {
            MirrorServes::All => true,
            MirrorServes::Digests => reference.digest().is_some(),
            MirrorServes::Tags => reference.digest().is_none(),
        };
        if serves {
            found.extend(spoken_to(&moved(&name, rule, &mirror.location), Some(mirror.insecure), true, options));
        }
    }
    found.extend(spoken_to(&moved(&name, rule, &rule.location), Some(rule.insecure), false, options));
    Ok(found)
}

/// Tells whether a name is one of a prefix: it begins with it, up to the end of a component.
fn matches(prefix: &str, name: &str) -> bool {
    if let Some(suffix) = prefix.strip_prefix('*') {
        let domain = name.split('/').next().unwrap_or_default();
        return suffix.starts_with('.') && domain.len() > suffix.len() && domain.ends_with(suffix);
    }
    name.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The name at another location.
fn moved(name: &str, rule: &RegistryRule, location: &str) -> String {
    if location.is_empty() {
        return name.to_owned();
    }
    let rest = if rule.prefix.starts_with('*') {
        name.find('/').map_or("", |slash| &name[slash..])
    } else {
        name.get(rule.prefix.len()..).unwrap_or_default()
    };
    format!("{location}{rest}")
}

/// The ways to speak to the server of a name, the better one first.
fn spoken_to(name: &str, insecure: Option<bool>, is_mirror: bool, options: &RegistryOptions) -> Vec<Endpoint> {
    let (domain, repository) = name.split_once('/').unwrap_or((name, ""));
    let host = if domain == DEFAULT_DOMAIN { HUB } else { domain };
    let way = |encrypted: bool, verified: bool| Endpoint {
        domain: domain.to_owned(),
        host: host.to_owned(),
        repository: repository.to_owned(),
        encrypted,
        verified,
        is_mirror,
    };
    let trusted = options.trust.iter().any(|trust| trust.host == domain);
    match insecure {
        Some(true) => vec![way(true, false), way(false, true)],
        // Whoever gave a host of this machine a certificate wants it to be used.
        None | Some(false) if is_loopback(host_of_domain(domain)) && !trusted => vec![way(false, true)],
        None | Some(false) => vec![way(true, true)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(reference: &str, rules: &[RegistryRule], push: bool) -> Vec<String> {
        let options = RegistryOptions { rules: rules.to_vec(), ..RegistryOptions::default() };
        let shown = |endpoint: &Endpoint| {
            let scheme = match (endpoint.encrypted, endpoint.verified) {
                (true, true) => "https",
                (true, false) => "https!",
                _ => "http",
            };
            format!("{scheme}://{}/{}", endpoint.host, endpoint.repository)
        };
        match endpoints(&reference.parse().expect(reference), &options, push) {
            Ok(endpoints) => endpoints.iter().map(shown).collect(),
            Err(error) => vec![error.to_string()],
        }
    }

    fn rule(prefix: &str, location: &str) -> RegistryRule {
        RegistryRule { prefix: prefix.to_owned(), location: location.to_owned(), ..RegistryRule::default() }
    }

    #[test]
    fn only_this_machine_is_spoken_to_without_encryption() {
        for local in ["localhost:5000/x", "127.0.0.1:5000/x", "127.9.9.9/x", "[::1]:5000/x", "localhost/x"] {
            assert!(found(local, &[], false)[0].starts_with("http://"), "{local}");
        }
        for remote in ["x", "localhost.example.org/x", "127.0.0.1.example.org:5000/x", "10.0.0.1:5000/x"] {
            assert!(found(remote, &[], false)[0].starts_with("https://"), "{remote}");
        }
        assert_eq!(found("debian", &[], false), ["https://registry-1.docker.io/library/debian"]);
    }

    #[test]
    fn the_most_specific_rule_says_where_images_are() {
        let mut blocked = rule("a.example/bad", "");
        blocked.blocked = true;
        let mut insecure = rule("*.b.example", "c.example/b");
        insecure.insecure = true;
        let rules = [rule("a.example", "other.example/a"), blocked, insecure];
        assert_eq!(found("a.example/x/y", &rules, true), ["https://other.example/a/x/y"]);
        assert_eq!(found("a.example/badge", &rules, true), ["https://other.example/a/badge"]);
        assert!(found("a.example/bad/x", &rules, true)[0].contains("blocked"));
        assert_eq!(found("x.b.example/y", &rules, true), ["https!://c.example/b/y", "http://c.example/b/y"]);
        assert_eq!(found("b.example/y", &rules, true), ["https://b.example/y"]);
    }

    #[test]
    fn mirrors_are_asked_first_and_never_pushed_to() {
        let mut hub = rule("docker.io", "");
        let mirror = |location: &str, serves| Mirror { location: location.to_owned(), insecure: false, serves };
        hub.mirrors = vec![mirror("m.example/hub", MirrorServes::All), mirror("d.example", MirrorServes::Digests)];
        let own = "https://registry-1.docker.io/library/debian";
        let rules = [hub];
        assert_eq!(found("debian", &rules, false), ["https://m.example/hub/library/debian", own]);
        assert_eq!(found("debian", &rules, true), [own]);
        let pinned = format!("debian@sha256:{}", "0".repeat(64));
        assert_eq!(found(&pinned, &rules, false).len(), 3);
    }
}
