//! From operands to typed instructions: one function for each keyword.

mod command;
mod from;
mod healthcheck;
mod key_values;
mod run;
mod simple;
mod transfer;

pub(super) use command::NOT_STRINGS;

use std::ops::Range;

use super::ast::{EscapeCharacter, Flag, InstructionKind, SourceText};
use super::flags::{self, Checked, FlagSpec};
use super::heredoc::Marker;
use super::suggest::{closest, did_you_mean};
use crate::diagnostic::Diagnostic;
use crate::text::{Span, Spanned};

/// All keywords.
const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Everything that a typed parser works on.
#[derive(Debug)]
pub(super) struct Operands<'a> {
    /// The keyword in upper case.
    pub(super) name: String,
    /// The keyword as written.
    pub(super) keyword: &'a Spanned<String>,
    /// The joined line.
    pub(super) line: &'a SourceText,
    /// Where in the line the operands are, flags excluded and blanks trimmed.
    pub(super) range: Range<usize>,
    /// The flags as written.
    pub(super) flags: &'a [Flag],
    /// The escape character in force.
    pub(super) escape: EscapeCharacter,
    /// The heredoc markers in the line.
    pub(super) markers: &'a [Marker],
    /// Where to report.
    pub(super) diagnostics: &'a mut Vec<Diagnostic>,
}

impl<'a> Operands<'a> {
    /// Returns the operands as one text.
    fn rest(&self) -> SourceText {
        if self.range.is_empty() {
            return SourceText::contiguous("", self.place().end);
        }
        self.line.slice(self.range.clone())
    }

    /// Returns the text of the operands.
    fn text(&self) -> &'a str {
        self.line.as_str().get(self.range.clone()).unwrap_or("")
    }

    /// Returns the place of all operands, or of the keyword where there are none.
    fn place(&self) -> Span {
        if self.range.is_empty() { self.keyword.span } else { self.line.span_of(self.range.clone()) }
    }

    /// Checks the flags against those that the instruction knows.
    fn check_flags(&mut self, specs: &[FlagSpec]) -> Checked<'a> {
        flags::check(self.flags, specs, self.diagnostics)
    }

    /// Reports an error; the instruction is not usable.
    fn fail(&mut self, diagnostic: Diagnostic) -> InstructionKind {
        self.diagnostics.push(diagnostic);
        InstructionKind::Invalid
    }

    /// Reports that an operand is missing.
    fn at_least_one(&mut self) -> InstructionKind {
        let message = format!("{} requires at least one argument", self.name);
        self.fail(Diagnostic::error("missing-operand", self.place(), message))
    }
}

/// Tells whether a word is a keyword.
pub(super) fn is_known(keyword: &str) -> bool {
    KEYWORDS.iter().any(|known| known.eq_ignore_ascii_case(keyword))
}

/// Parses the operands of an instruction; `None` for an `ONBUILD` with a trigger, which the caller parses.
pub(super) fn parse(operands: &mut Operands<'_>) -> Option<InstructionKind> {
    Some(match operands.name.as_str() {
        "ADD" => transfer::add(operands),
        "ARG" => key_values::arg(operands),
        "CMD" => command::cmd(operands),
        "COPY" => transfer::copy(operands),
        "ENTRYPOINT" => command::entrypoint(operands),
        "ENV" => key_values::env(operands),
        "EXPOSE" => simple::expose(operands),
        "FROM" => from::parse(operands),
        "HEALTHCHECK" => healthcheck::parse(operands),
        "LABEL" => key_values::label(operands),
        "MAINTAINER" => simple::maintainer(operands),
        "ONBUILD" => {
            operands.check_flags(&[]);
            if !operands.range.is_empty() {
                return None;
            }
            operands.at_least_one()
        }
        "RUN" => run::parse(operands),
        "SHELL" => command::shell(operands),
        "STOPSIGNAL" => simple::stop_signal(operands),
        "USER" => simple::user(operands),
        "VOLUME" => simple::volume(operands),
        "WORKDIR" => simple::workdir(operands),
        _ => unknown(operands),
    })
}

fn unknown(operands: &mut Operands<'_>) -> InstructionKind {
    let written = operands.keyword.value.as_str();
    let diagnostic =
        Diagnostic::error("unknown-instruction", operands.keyword.span, format!("unknown instruction: {written}"));
    let diagnostic = match closest(written, KEYWORDS) {
        Some(known) if written.chars().any(char::is_uppercase) => diagnostic.help(did_you_mean(known)),
        Some(known) => diagnostic.help(did_you_mean(&known.to_ascii_lowercase())),
        None => diagnostic.note("does the line above lack the escape character at its end?"),
    };
    operands.fail(diagnostic)
}

/// Returns the error for an instruction that cannot be a trigger.
pub(super) fn forbidden_trigger(keyword: &Spanned<String>) -> Option<Diagnostic> {
    let name = keyword.value.to_ascii_uppercase();
    let message = match name.as_str() {
        "ONBUILD" => "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed".to_owned(),
        "FROM" | "MAINTAINER" => format!("{name} isn't allowed as an ONBUILD trigger"),
        _ => return None,
    };
    Some(Diagnostic::error("invalid-trigger", keyword.span, message))
}
