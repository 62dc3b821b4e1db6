//! `CMD`, `ENTRYPOINT`, `SHELL`: commands in shell or exec form.

use std::ops::Range;

use super::super::ast::{Command, InstructionKind};
use super::super::exec_form::{self, ExecForm};
use super::Operands;
use crate::diagnostic::Diagnostic;
use crate::text::Span;

/// Reads a part of the operands as a command; `None` where it was reported as wrong.
pub(super) fn command(operands: &mut Operands<'_>, range: Range<usize>) -> Option<Command> {
    match exec_form::parse(operands.line, range.clone()) {
        ExecForm::Strings(strings) => Some(Command::Exec(exec_form::to_spanned(&strings))),
        ExecForm::NotStrings(span) => {
            operands.diagnostics.push(not_strings(span));
            None
        }
        ExecForm::Shell if range.is_empty() => Some(Command::Shell(operands.rest())),
        ExecForm::Shell => Some(Command::Shell(operands.line.slice(range))),
    }
}

/// The error for a JSON array with something else than strings in it.
pub(in crate::dockerfile) const NOT_STRINGS: &str = "json-not-strings";

/// Makes the error for a JSON array with something else than strings in it.
pub(super) fn not_strings(span: Span) -> Diagnostic {
    let message = "when using JSON array syntax, arrays must be comprised of strings only";
    Diagnostic::error(NOT_STRINGS, span, message).help("put it in double quotes")
}

/// `CMD`. Without operands it is an empty shell command.
pub(super) fn cmd(operands: &mut Operands<'_>) -> InstructionKind {
    operands.check_flags(&[]);
    command(operands, operands.range.clone()).map_or(InstructionKind::Invalid, InstructionKind::Cmd)
}

/// `ENTRYPOINT`. Without operands it is an empty shell command.
pub(super) fn entrypoint(operands: &mut Operands<'_>) -> InstructionKind {
    operands.check_flags(&[]);
    command(operands, operands.range.clone()).map_or(InstructionKind::Invalid, InstructionKind::Entrypoint)
}

/// `SHELL`.
pub(super) fn shell(operands: &mut Operands<'_>) -> InstructionKind {
    operands.check_flags(&[]);
    match command(operands, operands.range.clone()) {
        None => InstructionKind::Invalid,
        Some(Command::Exec(words)) if !words.is_empty() => InstructionKind::Shell(words),
        Some(Command::Shell(text)) if !text.as_str().is_empty() => {
            let message = "SHELL requires the arguments to be in JSON form";
            let diagnostic = Diagnostic::error("shell-not-json", operands.place(), message);
            operands.fail(diagnostic.help("write `SHELL [\"/bin/sh\", \"-c\"]`"))
        }
        Some(_) => operands.at_least_one(),
    }
}
