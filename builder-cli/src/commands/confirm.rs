//! Asks before something is removed, as docker does.

use std::io::{BufRead, IsTerminal};

use super::Session;
use crate::error::CommandError;

/// Asks about what can be built again: programs need not say `--force`.
pub(super) fn cheap(what: &str, force: bool, session: &Session) -> Result<bool, CommandError> {
    if force || !std::io::stdin().is_terminal() { Ok(true) } else { ask(what, session) }
}

/// Asks about what somebody gave a name: programs have to say `--force`.
pub(super) fn dear(what: &str, force: bool, session: &Session) -> Result<bool, CommandError> {
    if force {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(CommandError::usage(format!("this would remove {what}, and nobody can be asked"))
            .hint("say `--force` where that is meant"));
    }
    ask(what, session)
}

fn ask(what: &str, session: &Session) -> Result<bool, CommandError> {
    session.printer.note(&format!("WARNING! This will remove {what}.\nAre you sure you want to continue? [y/N]"));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(CommandError::environment)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
