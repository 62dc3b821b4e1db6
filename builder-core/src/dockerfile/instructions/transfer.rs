//! `COPY` and `ADD`.

use super::super::ast::{InstructionKind, SourceText, Transfer, TransferSource};
use super::super::exec_form::{self, ExecForm};
use super::super::flags::{Checked, FlagKind, FlagSpec};
use super::super::word;
use super::Operands;
use super::command::not_strings;
use crate::diagnostic::Diagnostic;

const COPY_FLAGS: [FlagSpec; 6] = [
    ("from", FlagKind::Text),
    ("chown", FlagKind::Text),
    ("chmod", FlagKind::Text),
    ("link", FlagKind::Boolean),
    ("parents", FlagKind::Boolean),
    ("exclude", FlagKind::List),
];

const ADD_FLAGS: [FlagSpec; 7] = [
    ("chown", FlagKind::Text),
    ("chmod", FlagKind::Text),
    ("link", FlagKind::Boolean),
    ("keep-git-dir", FlagKind::Boolean),
    ("checksum", FlagKind::Text),
    ("unpack", FlagKind::Boolean),
    ("exclude", FlagKind::List),
];

/// `COPY [flags] source… destination`.
pub(super) fn copy(operands: &mut Operands<'_>) -> InstructionKind {
    let flags = operands.check_flags(&COPY_FLAGS);
    if let Some(from) = flags.text("from").filter(|from| word::has_variable(&from.value)) {
        let message = "variable expansion is not supported for --from, define a new stage with FROM using ARG from \
                       global scope as a workaround";
        let help = format!("add `FROM {} AS name` and write `--from=name`", from.value);
        operands.diagnostics.push(Diagnostic::error("copy-from-variable", from.span, message).help(help));
    }
    transfer(operands, &flags).map_or(InstructionKind::Invalid, InstructionKind::Copy)
}

/// `ADD [flags] source… destination`.
pub(super) fn add(operands: &mut Operands<'_>) -> InstructionKind {
    let flags = operands.check_flags(&ADD_FLAGS);
    transfer(operands, &flags).map_or(InstructionKind::Invalid, InstructionKind::Add)
}

fn transfer(operands: &mut Operands<'_>, flags: &Checked<'_>) -> Option<Transfer> {
    let (mut sources, json) = match exec_form::parse(operands.line, operands.range.clone()) {
        ExecForm::Strings(strings) => (strings.into_iter().map(TransferSource::Path).collect(), true),
        ExecForm::NotStrings(span) => {
            operands.diagnostics.push(not_strings(span));
            return None;
        }
        ExecForm::Shell => (words(operands), false),
    };
    let name = &operands.name;
    let destination = match sources.pop() {
        Some(TransferSource::Path(destination)) if !sources.is_empty() => destination,
        Some(TransferSource::Heredoc(index)) if !sources.is_empty() => {
            let message = format!("{name} cannot accept a heredoc as a destination");
            let range = operands.markers.get(index).map_or(operands.range.clone(), |marker| marker.range.clone());
            let span = operands.line.span_of(range);
            operands.diagnostics.push(Diagnostic::error("heredoc-destination", span, message));
            return None;
        }
        _ => {
            let message = format!(
                "{name} requires at least two arguments, but only one was provided. Destination could not be determined"
            );
            let help = format!("write `{name} source destination`");
            operands.diagnostics.push(Diagnostic::error("missing-operand", operands.place(), message).help(help));
            return None;
        }
    };
    Some(Transfer {
        sources,
        destination,
        json,
        from: flags.text("from"),
        chown: flags.text("chown"),
        chmod: flags.text("chmod"),
        link: flags.boolean("link"),
        parents: flags.boolean("parents"),
        exclude: flags.list("exclude"),
        checksum: flags.text("checksum"),
        keep_git_dir: flags.boolean("keep-git-dir"),
        unpack: flags.boolean("unpack"),
    })
}

/// Splits at blanks; a heredoc marker is one source even where its delimiter has blanks in it.
fn words(operands: &Operands<'_>) -> Vec<TransferSource> {
    let line = operands.line;
    let path = |range| -> Vec<TransferSource> {
        let words = word::split(line.as_str(), range);
        words.into_iter().map(|word| TransferSource::Path(SourceText::slice(line, word))).collect()
    };
    let mut sources = Vec::new();
    let mut from = operands.range.start;
    for (index, marker) in operands.markers.iter().enumerate() {
        sources.extend(path(from..marker.range.start));
        sources.push(TransferSource::Heredoc(index));
        from = marker.range.end;
    }
    sources.extend(path(from..operands.range.end));
    sources
}
