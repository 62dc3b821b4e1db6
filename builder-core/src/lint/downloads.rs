//! Addresses that commands download from.

use super::model::{Argument, CommandView};

/// Options of curl with one letter whose value may follow at once.
const CURL_VALUES: &str = "AbcCdDeEFhHKmoPQrtTuUwxXyYz";

/// Tells whether a command is curl and has a flag with this letter: `-fsSk` has, `-okey` has not.
pub(super) fn curl_flag<'a>(command: &CommandView<'a>, letter: char) -> Option<&'a Argument> {
    if command.name() != "curl" {
        return None;
    }
    command.arguments().iter().find(|argument| {
        let letters = argument.text.strip_prefix('-').filter(|letters| !letters.starts_with('-')).unwrap_or_default();
        let own = letters.find(|c| CURL_VALUES.contains(c)).map_or(letters, |at| &letters[..at]);
        own.contains(letter)
    })
}

/// Returns the addresses that curl or wget are given.
pub(super) fn addresses<'a>(command: &CommandView<'a>) -> impl Iterator<Item = &'a Argument> {
    let is_download = matches!(command.name(), "curl" | "wget");
    command.arguments().iter().filter(move |argument| {
        is_download && ["http://", "https://", "ftp://"].iter().any(|scheme| argument.text.starts_with(scheme))
    })
}

/// Returns the host of an address.
pub(super) fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    match host.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// Tells whether a host is this machine, or one that only its own network knows.
pub(super) fn is_near(host: &str) -> bool {
    let near = ["local", "localhost", "internal", "lan", "home", "test"];
    let is_private = ["127.", "10.", "192.168.", "169.254.", "0.0.0.0"].iter().any(|begin| host.starts_with(begin));
    !host.contains('.')
        || is_private
        || host.rsplit('.').next().is_some_and(|end| near.contains(&end.to_ascii_lowercase().as_str()))
        || host.contains('$')
}
