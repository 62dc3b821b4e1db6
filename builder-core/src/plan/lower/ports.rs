//! The operands of `EXPOSE` (dockerfile-semantics 5.7).

/// Reads one operand: `80`, `80/udp`, `8000-8010`, and, as docker tolerates, host parts that are dropped.
/// Returns `port/protocol`, one each.
pub(super) fn ports(word: &str) -> Result<Vec<String>, String> {
    let invalid = |reason: String| format!("invalid port: {}: {reason}", crate::text::go_quoted(word));
    let (rest, protocol) = match word.split_once('/') {
        None => (word, "tcp".to_owned()),
        Some((rest, protocol)) => (rest, protocol.to_ascii_lowercase()),
    };
    let protocol = if protocol.is_empty() { "tcp".to_owned() } else { protocol };
    if rest.is_empty() {
        return Err(invalid("no port specified".to_owned()));
    }
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(invalid(format!("invalid proto: {protocol}")));
    }
    let (host, container) = rest.rsplit_once(':').map_or((None, rest), |(host, container)| (Some(host), container));
    if container.is_empty() {
        return Err(invalid("no port specified".to_owned()));
    }
    let (start, end) = range(container).ok_or_else(|| invalid(format!("invalid containerPort: {container}")))?;
    if let Some(host) = host {
        check_host(host, container, end - start).map_err(invalid)?;
    }
    Ok((start..=end).map(|port| format!("{port}/{protocol}")).collect())
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (start, end) = text.split_once('-').unwrap_or((text, text));
    let (start, end) = (start.parse().ok()?, end.parse().ok()?);
    (start <= end).then_some((start, end))
}

/// Checks the address and the host port before the container port.
fn check_host(host: &str, container: &str, width: u16) -> Result<(), String> {
    let (address, port) = host.rsplit_once(':').unwrap_or(("", host));
    if !address.is_empty() {
        let bare = match address.strip_prefix('[') {
            Some(rest) => rest
                .strip_suffix(']')
                .ok_or_else(|| format!("invalid IP address {address}: address {address}:: missing ']' in address"))?,
            None => address,
        };
        if bare.parse::<std::net::IpAddr>().is_err() {
            return Err(format!("invalid IP address: {address}"));
        }
    }
    if port.is_empty() {
        return Ok(());
    }
    let (start, end) = range(port).ok_or_else(|| format!("invalid hostPort: {port}"))?;
    if width > 0 && end - start != width {
        return Err(format!("invalid ranges specified for container and host Ports: {container} and {port}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_ranges_and_host_parts() {
        for (word, expected) in [
            ("80", vec!["80/tcp"]),
            ("53/UDP", vec!["53/udp"]),
            ("8000-8002", vec!["8000/tcp", "8001/tcp", "8002/tcp"]),
            ("127.0.0.1:8080:80", vec!["80/tcp"]),
            ("[::1]:8080:80/sctp", vec!["80/sctp"]),
            ("8080:80", vec!["80/tcp"]),
            ("[::1]::80", vec!["80/tcp"]),
            ("127.0.0.1::80", vec!["80/tcp"]),
            ("::80", vec!["80/tcp"]),
        ] {
            assert_eq!(
                ports(word).as_deref(),
                Ok(expected.iter().map(|&p| p.to_owned()).collect::<Vec<_>>().as_slice())
            );
        }
        for bad in ["", "/tcp", "80/x", "99999", "20-10", "a", "1.2.3.999:1:2", "x:80", "[::1]:80", "127.0.0.1:80"] {
            assert!(ports(bad).is_err(), "{bad}");
        }
    }
}
