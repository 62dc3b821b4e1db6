//! `RUN`.

use super::super::ast::{InstructionKind, Run};
use super::super::csv::flag_fields;
use super::super::flags::{FlagKind, FlagSpec};
use super::super::suggest::{closest, did_you_mean};
use super::super::word;
use super::Operands;
use super::command::command;
use crate::diagnostic::Diagnostic;
use crate::text::Spanned;

const FLAGS: [FlagSpec; 4] =
    [("mount", FlagKind::List), ("network", FlagKind::Text), ("security", FlagKind::Text), ("device", FlagKind::List)];

/// `RUN [flags] command`. Without operands it is an empty shell command, as with BuildKit.
pub(super) fn parse(operands: &mut Operands<'_>) -> InstructionKind {
    let flags = operands.check_flags(&FLAGS);
    let mounts = flags.list("mount");
    let devices = flags.list("device");
    for value in mounts.iter().chain(&devices) {
        check_fields(operands, value);
    }
    let network = flags.text("network");
    check_mode(operands, network.as_ref(), &["default", "none", "host"], |v| format!("invalid network mode {v:?}"));
    let security = flags.text("security");
    check_mode(operands, security.as_ref(), &["sandbox", "insecure"], |v| format!("security {v:?} is not valid"));
    match command(operands, operands.range.clone()) {
        Some(command) => InstructionKind::Run(Run { command, mounts, network, security, devices }),
        None => InstructionKind::Invalid,
    }
}

/// Checks what is settled before any variable is known: the form of the record, and that `from` has none.
fn check_fields(operands: &mut Operands<'_>, value: &Spanned<String>) {
    let fields = match flag_fields(value) {
        Ok(fields) => fields,
        Err(error) => {
            let help = "put a whole option that holds a comma in double quotes, and all of them in single ones: \
                        `--mount='target=/dir,\"source=a,b\"'`";
            operands.diagnostics.push(Diagnostic::error("invalid-mount", value.span, error.to_string()).help(help));
            return;
        }
    };
    for field in &fields {
        if let Some((key, from)) = field.value.split_once('=')
            && key.eq_ignore_ascii_case("from")
            && word::has_variable(from)
        {
            let message = "'from' doesn't support variable expansion, define alias stage instead";
            let help = format!("add `FROM {from} AS name` and write `from=name`");
            operands.diagnostics.push(Diagnostic::error("mount-from-variable", field.span, message).help(help));
        }
    }
}

fn check_mode(
    operands: &mut Operands<'_>,
    value: Option<&Spanned<String>>,
    known: &[&'static str],
    message: impl Fn(&str) -> String,
) {
    let Some(value) = value.filter(|v| !v.value.is_empty() && !known.contains(&v.value.as_str())) else { return };
    let diagnostic = Diagnostic::error("invalid-flag-value", value.span, message(&value.value));
    operands.diagnostics.push(match closest(&value.value, known.iter().copied()) {
        Some(near) => diagnostic.help(did_you_mean(near)),
        None => diagnostic.note(format!("expected one of `{}`", known.join("`, `"))),
    });
}
