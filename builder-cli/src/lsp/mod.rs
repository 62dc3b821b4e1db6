//! `builder lsp`: a language server for Dockerfiles over standard input and output.
//!
//! | file | what |
//! |---|---|
//! | `transport` | messages off and onto the wire; what is malformed becomes an error answer |
//! | `server`, `requests` | the life of a session; which function answers which method |
//! | `capabilities` | what the client can do, and what we offer |
//! | `documents`, `position` | open texts and their versions; lines and columns as the protocol counts them |
//! | `config` | the linter's options for a document |
//! | `names`, `variables` | stages and variables: where they are made, and where they are used |
//! | `context` | what a half-written line is about to say |
//! | `instructions` | what is shown about instructions and flags |
//! | `markup` | texts in Markdown, or without its marks |
//! | `diagnostics`, `actions`, `hover`, `completion`, `definition`, `rename`, `symbols`, `folding`, `formatting` | the features |
//!
//! One thread reads, one does everything else: no request takes longer than a few milliseconds.

mod actions;
mod capabilities;
mod completion;
mod config;
mod context;
mod definition;
mod diagnostics;
mod documents;
mod folding;
mod formatting;
mod hover;
mod instructions;
mod markup;
mod names;
mod position;
mod rename;
mod requests;
#[cfg(test)]
mod robustness;
mod server;
mod symbols;
#[cfg(test)]
mod testing;
mod transport;
mod variables;

use std::io;

use crate::error::{CommandError, ErrorKind};
use crate::ui::printer::stdout_error;

/// Serves one editor until it says goodbye.
///
/// # Errors
/// The client left without `shutdown`, which the protocol wants to end in exit code 1, or the standard output is
/// closed.
pub(crate) fn serve() -> Result<(), CommandError> {
    let incoming = transport::listen(io::stdin()).map_err(CommandError::environment)?;
    let ended = server::Server::new(transport::Outgoing::new(io::stdout())).run(&incoming);
    match ended.map_err(stdout_error)? {
        server::End::Asked => Ok(()),
        server::End::Abandoned => {
            Err(CommandError::new(ErrorKind::Failed, "the client ended the session without `shutdown`"))
        }
    }
}
