//! The parser: recursive descent over bytes, with no token stream between. What a character means in a shell
//! depends on where it stands, so each construct reads its own text.

mod arithmetic;
mod backticks;
mod command;
mod compound;
mod cursor;
mod expansion;
mod here_document;
mod list;
mod simple;
mod test_command;
mod word;

use super::ast::Script;
use crate::text::Span;
use cursor::{Parser, Shared};

/// How many constructs may stand inside of each other.
pub const MAX_DEPTH: usize = 100;

/// What no shell would accept, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ShellError {
    /// Where: what is open and never closed, or what stands where something else has to.
    pub span: Span,
    /// What is wrong.
    pub message: String,
}

/// Parses a script.
///
/// # Errors
/// The first thing that is not shell syntax.
pub fn parse(text: &str) -> Result<Script, ShellError> {
    if u32::try_from(text.len()).is_err() {
        // Spans count bytes in 32 bits.
        return Err(ShellError { span: Span::at(0), message: "the script is larger than 4 GiB".to_owned() });
    }
    let mut shared = Shared::default();
    let body = Parser::new(text, &mut shared).script();
    match body {
        Ok(body) => Ok(Script { body, comments: shared.comments, here_documents: shared.here_documents }),
        Err(failure) => Err(ShellError { span: failure.span, message: failure.message }),
    }
}
