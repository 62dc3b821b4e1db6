//! `HEALTHCHECK`.

use super::super::ast::{Command, HealthcheckInstruction, InstructionKind};
use super::super::duration::parse_duration;
use super::super::flags::{Checked, FlagKind, FlagSpec};
use super::super::suggest::{closest, did_you_mean};
use super::super::word;
use super::Operands;
use super::command::command;
use crate::diagnostic::Diagnostic;
use crate::text::Spanned;

/// The shortest time between two checks, in nanoseconds; docker's limit.
const MINIMUM_DURATION: i64 = 1_000_000;

const FLAGS: [FlagSpec; 5] = [
    ("interval", FlagKind::Text),
    ("timeout", FlagKind::Text),
    ("start-period", FlagKind::Text),
    ("start-interval", FlagKind::Text),
    ("retries", FlagKind::Text),
];

/// `HEALTHCHECK [flags] CMD command` or `HEALTHCHECK NONE`.
pub(super) fn parse(operands: &mut Operands<'_>) -> InstructionKind {
    let text = operands.text();
    if text.is_empty() {
        return operands.at_least_one();
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let word_range = operands.range.start..operands.range.start + end;
    let rest = word::trim(operands.line.as_str(), word_range.end..operands.range.end);
    let kind = text.get(..end).unwrap_or("").to_uppercase();
    if kind == "NONE" {
        // The flags are not looked at, as in BuildKit.
        if rest.is_empty() {
            return InstructionKind::Healthcheck(HealthcheckInstruction {
                interval: None,
                timeout: None,
                start_period: None,
                start_interval: None,
                retries: None,
                command: None,
            });
        }
        let span = operands.line.span_of(rest);
        return operands.fail(Diagnostic::error("healthcheck-none", span, "HEALTHCHECK NONE takes no arguments"));
    }
    let flags = operands.check_flags(&FLAGS);
    if kind != "CMD" {
        let span = operands.line.span_of(word_range);
        let message = format!("Unknown type {kind:?} in HEALTHCHECK (try CMD)");
        let diagnostic = Diagnostic::error("healthcheck-type", span, message);
        return operands.fail(match closest(&kind, ["CMD", "NONE"]) {
            Some(near) => diagnostic.help(did_you_mean(near)),
            None => diagnostic.help("write `CMD` before the command, or `NONE` to turn the base's check off"),
        });
    }
    let interval = duration(operands, &flags, "interval");
    let timeout = duration(operands, &flags, "timeout");
    let start_period = duration(operands, &flags, "start-period");
    let start_interval = duration(operands, &flags, "start-interval");
    let retries = retries(operands, &flags);
    let command = if rest.is_empty() {
        None
    } else {
        match command(operands, rest) {
            None => return InstructionKind::Invalid,
            Some(Command::Exec(words)) if words.is_empty() => None,
            some => some,
        }
    };
    if command.is_none() {
        let message = "Missing command after HEALTHCHECK CMD";
        return operands.fail(Diagnostic::error("missing-operand", operands.place(), message));
    }
    InstructionKind::Healthcheck(HealthcheckInstruction {
        interval,
        timeout,
        start_period,
        start_interval,
        retries,
        command,
    })
}

fn duration(operands: &mut Operands<'_>, flags: &Checked<'_>, name: &str) -> Option<Spanned<i64>> {
    let value = flags.text(name).filter(|value| !value.value.is_empty())?;
    match parse_duration(&value.value) {
        Ok(time) if time == 0 || time >= MINIMUM_DURATION => Some(Spanned::new(time, value.span)),
        Ok(_) => {
            let message = format!("Interval {name:?} cannot be less than 1ms");
            operands.diagnostics.push(Diagnostic::error("invalid-duration", value.span, message));
            None
        }
        Err(error) => {
            let diagnostic = Diagnostic::error("invalid-duration", value.span, error.to_string());
            operands.diagnostics.push(diagnostic.help("write a number with a unit, such as `30s` or `1m30s`"));
            None
        }
    }
}

fn retries(operands: &mut Operands<'_>, flags: &Checked<'_>) -> Option<Spanned<i64>> {
    let value = flags.text("retries").filter(|value| !value.value.is_empty())?;
    let text = value.value.as_str();
    let message = match text.parse::<i128>() {
        Ok(number) if number < i128::from(i32::MIN) || number > i128::from(i32::MAX) => {
            format!("strconv.ParseInt: parsing {text:?}: value out of range")
        }
        Ok(number) if number < 0 => format!("--retries cannot be negative ({number})"),
        Ok(number) => return i64::try_from(number).ok().map(|number| Spanned::new(number, value.span)),
        Err(_) => format!("strconv.ParseInt: parsing {text:?}: invalid syntax"),
    };
    let diagnostic = Diagnostic::error("invalid-retries", value.span, message);
    operands.diagnostics.push(diagnostic.help("write a whole number, such as `3`"));
    None
}
