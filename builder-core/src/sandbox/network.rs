//! The files by which a process finds names on the network.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::plan::op::NetworkMode;

/// The address at which systemd-resolved answers programs of its own machine.
const SYSTEMD_STUB: &str = "127.0.0.53";
/// The name servers of sandboxes for which none is left, as BuildKit has them.
const PUBLIC_SERVERS: [&str; 4] = ["8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844"];

/// What the host says of name servers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ResolvConf {
    /// Its `/etc/resolv.conf`.
    pub host: String,
    /// The file in which systemd-resolved keeps the servers that it asks itself, where there is one.
    pub upstream: Option<String>,
}

impl ResolvConf {
    /// The content of `/etc/resolv.conf` for a step (dockerfile-semantics 16, item 3).
    ///
    /// A step on the host's network sees the host's file; other steps see the servers behind systemd-resolved.
    /// Without a network, servers on the loopback address would be nobody's: they are left out.
    pub fn seen_by(&self, network: NetworkMode) -> String {
        let is_stub = servers(&self.host).eq([SYSTEMD_STUB]);
        let text = self.upstream.as_ref().filter(|_| is_stub).unwrap_or(&self.host);
        match network {
            NetworkMode::Host => self.host.clone(),
            NetworkMode::Default => text.clone(),
            NetworkMode::None => without_loopback(text),
        }
    }
}

fn servers(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(server)
}

/// The address in a line `nameserver ADDRESS`.
fn server(line: &str) -> Option<&str> {
    let mut words = line.split_ascii_whitespace();
    (words.next() == Some("nameserver")).then(|| words.next()).flatten()
}

fn without_loopback(text: &str) -> String {
    let is_loopback = |line: &&str| {
        server(line).is_some_and(|address| address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()))
    };
    let mut kept: String = text.lines().filter(|line| !is_loopback(line)).flat_map(|line| [line, "\n"]).collect();
    if servers(&kept).next().is_none() {
        for address in PUBLIC_SERVERS {
            // Writing to a string cannot fail.
            let _ = writeln!(kept, "nameserver {address}");
        }
    }
    kept
}

/// Renders `/etc/hosts`: the local names, the sandbox's own, then the extra entries as (address, name).
pub fn hosts_file(hostname: &str, extra: &[(String, String)]) -> String {
    let mut text = format!("127.0.0.1\tlocalhost {hostname}\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    for (address, name) in extra {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{address}\t{name}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_hosts_come_after_the_local_names() {
        let extra = [("10.0.0.1".to_owned(), "db".to_owned())];
        assert_eq!(
            hosts_file("box", &extra),
            "127.0.0.1\tlocalhost box\n::1\tlocalhost ip6-localhost ip6-loopback\n10.0.0.1\tdb\n"
        );
    }

    #[test]
    fn the_stub_of_systemd_gives_way_to_what_is_behind_it() {
        let stub = "# stub\nnameserver 127.0.0.53\noptions edns0\n".to_owned();
        let upstream = "nameserver 192.0.2.1\nnameserver 127.0.0.1\nsearch example.org\n".to_owned();
        let both = ResolvConf { host: stub.clone(), upstream: Some(upstream.clone()) };
        assert_eq!(both.seen_by(NetworkMode::Default), upstream);
        assert_eq!(both.seen_by(NetworkMode::Host), stub);
        assert_eq!(both.seen_by(NetworkMode::None), "nameserver 192.0.2.1\nsearch example.org\n");
        let no_stub = ResolvConf { host: "nameserver 127.0.0.1\n".to_owned(), upstream: Some(upstream) };
        assert_eq!(no_stub.seen_by(NetworkMode::Default), "nameserver 127.0.0.1\n");
    }

    #[test]
    fn without_a_network_no_server_is_on_the_loopback_address() {
        let of = |text: &str| ResolvConf { host: text.to_owned(), upstream: None }.seen_by(NetworkMode::None);
        let public = "nameserver 8.8.8.8\nnameserver 8.8.4.4\nnameserver 2001:4860:4860::8888\n\
                      nameserver 2001:4860:4860::8844\n";
        assert_eq!(of("nameserver 127.0.0.1\nnameserver ::1\noptions x\n"), format!("options x\n{public}"));
        assert_eq!(of(""), public);
        assert_eq!(of("nameserver 127.0.0.1\nnameserver 192.0.2.9"), "nameserver 192.0.2.9\n");
    }
}
