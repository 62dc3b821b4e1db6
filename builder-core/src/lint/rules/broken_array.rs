//! What looks like a JSON array and is none.

use crate::dockerfile::{Command, SourceText};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `CMD`, `ENTRYPOINT`, `RUN`, `VOLUME` and the like whose text is in brackets and no JSON array: with
    /// single quotes, or a comma at the end.
    ///
    /// ## Why it matters
    /// It is taken for the text of a shell, which looks for a program named `[app,`.
    ///
    /// ## Example
    /// ```dockerfile
    /// CMD ['app', '--serve']
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// CMD ["app", "--serve"]
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the command becomes what was meant.
    RULE {
        id: "broken-array",
        codes: &[],
        summary: "what looks like a JSON array and is none",
        level: Level::Error,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    match view.kind() {
        InstructionKind::Cmd(Command::Shell(text)) | InstructionKind::Entrypoint(Command::Shell(text)) => {
            check_text(cx, view, text);
        }
        InstructionKind::Run(run) => {
            if let Command::Shell(text) = &run.command {
                check_text(cx, view, text);
            }
        }
        InstructionKind::Healthcheck(check) => {
            if let Some(Command::Shell(text)) = &check.command {
                check_text(cx, view, text);
            }
        }
        InstructionKind::Volume(words) => {
            let (Some(first), Some(last)) = (words.first(), words.last()) else { return };
            if first.as_str().starts_with('[') && last.as_str().ends_with(']') {
                let span = first.span().cover(last.span());
                let text = SourceText::contiguous(cx.text(span), span.start);
                check_text(cx, view, &text);
            }
        }
        _ => {}
    }
}

fn check_text(cx: &Context<'_>, view: &InstructionView<'_>, text: &SourceText) {
    let Some(inner) = text.as_str().trim().strip_prefix('[').and_then(|text| text.strip_suffix(']')) else { return };
    let is_quote = |c: char| matches!(c, '"' | '\'' | '“' | '”' | '‘' | '’');
    let items: Vec<&str> = inner.split(',').map(str::trim).collect();
    // `[ -f x ]` and `[ "$a" = b ]` are commands.
    let is_array = inner.trim_start().starts_with(is_quote) && (items.len() > 1 || !inner.starts_with(' '));
    if !is_array {
        return;
    }
    let words: Option<Vec<String>> = items
        .iter()
        .filter(|item| !item.is_empty())
        .map(|item| {
            let word = item.strip_prefix(is_quote)?.strip_suffix(is_quote)?;
            (!word.contains(['"', '\'', '\\'])).then(|| format!("\"{word}\""))
        })
        .collect();
    let fix = words.filter(|_| text.span().len() as usize == text.as_str().len()).map(|words| {
        let array = format!("[{}]", words.join(", "));
        Fix::risky(format!("write `{array}`"), vec![Edit::replace(text.span(), array)])
    });
    cx.report(view.index, text.span(), "this is no JSON array, and a shell reads it")
        .help("JSON has double quotes, and no comma at the end")
        .maybe_fix(fix)
        .done();
}
