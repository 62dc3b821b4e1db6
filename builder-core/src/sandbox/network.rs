//! The files by which a process finds names on the network.

use std::fmt::Write as _;

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
}
