//! What stands before the commands of a script, and what keeps a script from being read.

use super::context::Context;
use super::model::ScriptView;
use crate::text::Span;

/// Interpreters that have nothing to do with POSIX shells.
pub(in crate::lint) const FOREIGN: [&str; 13] =
    ["awk", "csh", "expect", "fish", "node", "perl", "php", "python", "python3", "ruby", "tcl", "tcsh", "zsh"];

/// Returns the interpreter of a script, and where a finding about it stands.
///
/// hadolint makes a shebang of the first word of `SHELL`, which stands before everything in the script.
pub(in crate::lint) fn shebang<'s>(cx: &Context<'_>, script: &'s ScriptView<'_>) -> Option<(&'s str, Span)> {
    if cx.is_hadolint() {
        let checked = script.is_shellchecked(cx.options.dialect);
        let program = script.outer_shell.words.first().filter(|_| checked)?.split_whitespace().next()?;
        return Some((program, Span::at(script.view.outer.span.start)));
    }
    let text = script.text.as_str();
    let line = text.strip_prefix("#!").filter(|_| script.is_run() && script.is_heredoc)?.lines().next()?;
    let mut words = line.split_whitespace().filter(|word| *word != "-S");
    let mut program = words.next()?;
    if program.ends_with("/env") {
        program = words.next()?;
        // `env` looks for it.
        if !program.contains('/') {
            return None;
        }
    }
    let length = u32::try_from(line.len()).unwrap_or(0);
    Some((program, script.place(Span::new(0, length + 2))))
}

/// Returns why a script cannot be read, where ShellCheck would give that reason this code.
pub(in crate::lint) fn syntax_error(cx: &Context<'_>, script: &ScriptView<'_>, code: &str) -> Option<(Span, String)> {
    let error = script.parsed.as_ref().err().filter(|_| script.is_shellchecked(cx.options.dialect))?;
    let is_foreign = cx.is_hadolint() && is_foreign(script);
    let before = script.slice(Span::new(0, error.span.start));
    (!is_foreign && classify(before, script.text.as_str(), error.span, &error.message) == code)
        .then(|| (error.span, error.message.clone()))
}

/// Tells whether the script is for an interpreter that has nothing to do with POSIX shells.
pub(in crate::lint) fn is_foreign(script: &ScriptView<'_>) -> bool {
    FOREIGN.contains(&script.outer_shell.program())
}

fn classify(before: &str, text: &str, span: Span, message: &str) -> &'static str {
    let found = text.get(span.range()).unwrap_or_default();
    if message.ends_with("has nothing to end here") {
        let is_closer = [")", "}", "fi", "done", "then", "else", "elif", "esac", "do", ";;"].contains(&found);
        if is_closer {
            return "SC1089";
        }
        let rest = text.get(span.start as usize..).unwrap_or_default();
        return if rest.contains('(') { "SC1036" } else { "SC1141" };
    }
    if message.ends_with("found `(`") && message.starts_with("expected a word") {
        // The name of a command alone before the parenthesis begins a function.
        let command = before.rsplit(['&', '|', ';', '\n', '(']).next().unwrap_or_default().trim();
        let is_name = !command.is_empty() && command.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
        let behind = text.get(span.end as usize..).and_then(|rest| rest.split_once(')'));
        let has_body = behind.is_some_and(|(_, rest)| rest.trim_start().starts_with('{'));
        return match (is_name, has_body) {
            (true, true) => "SC1065",
            (true, false) => "SC1072",
            (false, _) => "SC1088",
        };
    }
    if message.starts_with("expected a command") {
        let is_first = before.trim().is_empty();
        if is_first && found.starts_with(['&', '|']) {
            return "SC1133";
        }
        let last = before.trim_end().rsplit(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        match last {
            "then" if found == ";" => return "SC1051",
            "else" if found == ";" => return "SC1053",
            "do" if found == ";" => return "SC1059",
            _ => {}
        }
        if found == ";" && (is_first || before.trim_end().ends_with([';', '&']) && !before.trim_end().ends_with("&&")) {
            return "SC1070";
        }
    }
    if message.starts_with("expected `do`") && found == "done" {
        let header = before.rsplit_once("for ").map_or("", |(_, header)| header);
        if header.split([';', '\n']).next().is_some_and(|words| words.split_whitespace().any(|word| word == "do")) {
            return "SC1063";
        }
    }
    "SC1072"
}
