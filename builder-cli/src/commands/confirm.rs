//! Asks before something is removed, as docker does: whoever is on the other side of standard input, a terminal or not.

use super::Session;
use crate::error::CommandError;

/// The most bytes of an answer.
const MAX_ANSWER: u64 = 1024;

/// Tells whether something may be removed: `force` says so, or the answer. Nothing else means yes, the end of standard
/// input least of all.
pub(super) fn asked(what: &str, force: bool, session: &Session) -> Result<bool, CommandError> {
    if force {
        return Ok(true);
    }
    session.printer.note(&format!("WARNING! This will remove {what}.\nAre you sure you want to continue? [y/N]"));
    let answer = answer().map_err(CommandError::environment)?;
    if answer.is_empty() {
        session.printer.note("nobody answered, and nothing was removed; `--force` removes without asking");
    }
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// Reads a line; nothing where there is none.
fn answer() -> std::io::Result<String> {
    use std::io::{BufRead, Read};
    let mut answer = Vec::new();
    std::io::stdin().lock().take(MAX_ANSWER).read_until(b'\n', &mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
