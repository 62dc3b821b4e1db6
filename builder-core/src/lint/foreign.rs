//! Findings of ShellCheck itself: a program that was asked, not a rule of ours.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::finding::Finding;
use super::model::ScriptView;
use super::rule::{Activation, Check, Fixable, Group, Level, Rule, Status};
use crate::diagnostic::{Diagnostic, Severity};
use crate::text::Span;

/// The rules that stand for codes of ShellCheck which we do not have. A code is four digits, so there are never
/// more than ten thousand; they live as long as the process, as all rules do.
static RULES: Mutex<BTreeMap<u16, &'static Rule>> = Mutex::new(BTreeMap::new());

/// Makes a finding of what ShellCheck said about a script. `span` is a place in the script.
pub fn shellcheck_finding(
    script: &ScriptView<'_>,
    code: u16,
    level: Level,
    span: Span,
    message: impl Into<String>,
) -> Finding {
    let rule = rule(code % 10_000);
    let severity = match level {
        Level::Error => Severity::Error,
        Level::Warning => Severity::Warning,
        Level::Info | Level::Style => Severity::Note,
    };
    Finding {
        rule,
        level,
        diagnostic: Diagnostic::new(severity, rule.id, message).at(script.place(span), ""),
        instruction: Some(script.view.index),
        anchor: script.view.outer.span,
        fix: None,
    }
}

fn rule(code: u16) -> &'static Rule {
    let mut rules = RULES.lock().unwrap_or_else(PoisonError::into_inner);
    rules.entry(code).or_insert_with(|| {
        let name: &'static str = Box::leak(format!("SC{code:04}").into_boxed_str());
        Box::leak(Box::new(Rule {
            id: name,
            codes: Box::leak(Box::new([name])),
            summary: "a finding of the installed ShellCheck",
            level: Level::Warning,
            group: Group::Shell,
            activation: Activation::Default,
            fixable: Fixable::Never,
            status: Status::Stable("0.1.0"),
            documentation: "",
            check: Check::File(|_| ()),
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_one_rule() {
        assert!(std::ptr::eq(rule(2239), rule(2239)));
        assert_eq!(rule(2239).url().as_deref(), Some("https://www.shellcheck.net/wiki/SC2239"));
        assert!(rule(1).is_shellchecks());
    }
}
