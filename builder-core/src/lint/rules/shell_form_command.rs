//! `DL3025`, `JSONArgsRecommended`.

use crate::dockerfile::{Command, SourceText};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a `CMD`, `ENTRYPOINT` or `HEALTHCHECK CMD` in shell form.
    ///
    /// ## Why it matters
    /// The program is started below a shell, which does not pass signals on: `docker stop` waits and then kills.
    /// The arguments of `docker run` do not reach it either.
    ///
    /// ## Example
    /// ```dockerfile
    /// CMD python app.py
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// CMD ["python", "app.py"]
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the config of the image is another. There is a fix where the command is plain words, and where it uses
    /// a shell's syntax it becomes `["/bin/sh", "-c", "…"]`, which shows what happens and changes nothing.
    RULE {
        id: "shell-form-command",
        codes: &["DL3025", "JSONArgsRecommended"],
        summary: "`CMD` or `ENTRYPOINT` in shell form",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let command = match view.kind() {
        InstructionKind::Cmd(command) | InstructionKind::Entrypoint(command) => command,
        InstructionKind::Healthcheck(check) if !cx.is_buildkit() => match &check.command {
            Some(command) => command,
            None => return,
        },
        _ => return,
    };
    let Command::Shell(text) = command else { return };
    if view.is_trigger() || !cx.is_hadolint() && has_own_shell(cx, view) {
        return;
    }
    // A check gets no signals, and one that needs a shell is written for it: `curl -f … || exit 1`.
    let is_check = matches!(view.kind(), InstructionKind::Healthcheck(_));
    if is_check && !cx.is_hadolint() && text.as_str().contains(['|', '&', ';', '$', '<', '>', '`', '(', '\n']) {
        return;
    }
    let keyword = view.instruction.keyword.value.to_ascii_uppercase();
    cx.report(view.index, text.span(), format!("`{keyword}` in shell form"))
        .in_buildkits_words(|| {
            format!("JSON arguments recommended for {keyword} to prevent unintended behavior related to OS signals")
        })
        .help("write a JSON array, so that the program gets signals and arguments")
        .maybe_fix(exec_form(cx, view, text))
        .done();
}

/// Tells whether the stage was given a shell on purpose.
fn has_own_shell(cx: &Context<'_>, view: &InstructionView<'_>) -> bool {
    let Some(stage) = view.stage else { return false };
    let root = cx.model.root(stage);
    let of_base = root.and_then(|root| cx.options.facts.bases.get(&root.image)).and_then(|base| base.shell.as_ref());
    if of_base.is_some_and(|shell| !shell.is_empty()) {
        return true;
    }
    cx.model.ancestry(stage).any(|stage| {
        cx.model.body(stage.index).any(|other| {
            matches!(other.kind(), InstructionKind::Shell(_))
                && (stage.index != view.stage.unwrap_or(0) || other.index < view.index)
        })
    })
}

fn exec_form(cx: &Context<'_>, view: &InstructionView<'_>, text: &SourceText) -> Option<Fix> {
    let script = cx.model.script_of(view)?;
    if text.as_str().contains('\n') || text.as_str().trim().is_empty() || !script.shell.is_bourne() {
        return None;
    }
    let has_lines = cx.source.text().get(text.span().range()).is_some_and(|written| written.contains('\n'));
    let words = match plain_words(script) {
        Some(words) => words,
        // A script of several lines would become one long string.
        None if has_lines => return None,
        None => script.shell.words.iter().cloned().chain([text.as_str().trim().to_owned()]).collect(),
    };
    let quoted: Vec<String> = words.iter().map(|word| serde_json::Value::from(word.as_str()).to_string()).collect();
    let array = format!("[{}]", quoted.join(", "));
    Some(Fix::risky(format!("write `{array}`"), vec![Edit::replace(text.span(), array)]))
}

/// The words of a script that is one command of plain words, as they are written: a shell would do nothing to them.
fn plain_words(script: &ScriptView<'_>) -> Option<Vec<String>> {
    let is_plain = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:,@%+=".contains(c));
    let words: Vec<String> = script.text.as_str().split_whitespace().map(str::to_owned).collect();
    let first = words.first()?;
    let is_command = !first.contains('=') && !BUILTINS.contains(&first.as_str());
    (is_command && words.iter().all(|word| is_plain(word))).then_some(words)
}

/// Names that only a shell knows.
const BUILTINS: [&str; 12] =
    ["cd", "exec", "export", "set", "source", ".", ":", "eval", "trap", "ulimit", "umask", "unset"];
