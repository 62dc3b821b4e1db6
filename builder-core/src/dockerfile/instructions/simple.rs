//! The instructions whose operands are plain words or the whole rest of the line.

use super::super::ast::{InstructionKind, SourceText};
use super::super::exec_form::{self, ExecForm};
use super::super::word;
use super::Operands;
use super::command::not_strings;
use crate::diagnostic::Diagnostic;

/// Takes the whole rest of the line.
fn one(operands: &mut Operands<'_>, kind: fn(SourceText) -> InstructionKind) -> InstructionKind {
    if operands.range.is_empty() {
        let message = format!("{} requires exactly one argument", operands.name);
        return operands.fail(Diagnostic::error("missing-operand", operands.place(), message));
    }
    kind(operands.rest())
}

/// `MAINTAINER`.
pub(super) fn maintainer(operands: &mut Operands<'_>) -> InstructionKind {
    operands.check_flags(&[]);
    one(operands, InstructionKind::Maintainer)
}

/// `STOPSIGNAL`. Flags are dropped without a word, as BuildKit does.
pub(super) fn stop_signal(operands: &mut Operands<'_>) -> InstructionKind {
    one(operands, InstructionKind::StopSignal)
}

/// `USER`.
pub(super) fn user(operands: &mut Operands<'_>) -> InstructionKind {
    operands.check_flags(&[]);
    one(operands, InstructionKind::User)
}

/// `WORKDIR`.
pub(super) fn workdir(operands: &mut Operands<'_>) -> InstructionKind {
    operands.check_flags(&[]);
    one(operands, InstructionKind::Workdir)
}

/// `EXPOSE`.
pub(super) fn expose(operands: &mut Operands<'_>) -> InstructionKind {
    operands.check_flags(&[]);
    let words = words(operands);
    if words.is_empty() { operands.at_least_one() } else { InstructionKind::Expose(words) }
}

/// `VOLUME`.
pub(super) fn volume(operands: &mut Operands<'_>) -> InstructionKind {
    operands.check_flags(&[]);
    let paths = match exec_form::parse(operands.line, operands.range.clone()) {
        ExecForm::Strings(strings) => strings,
        ExecForm::NotStrings(span) => return operands.fail(not_strings(span)),
        ExecForm::Shell => words(operands),
    };
    if paths.is_empty() {
        return operands.at_least_one();
    }
    if let Some(blank) = paths.iter().find(|path| path.as_str().trim().is_empty()) {
        let message = "VOLUME specified can not be an empty string";
        return operands.fail(Diagnostic::error("blank-volume", blank.span(), message));
    }
    InstructionKind::Volume(paths)
}

fn words(operands: &Operands<'_>) -> Vec<SourceText> {
    let words = word::split(operands.line.as_str(), operands.range.clone());
    words.into_iter().map(|word| operands.line.slice(word)).collect()
}
