//! A variable in a JSON array, which no shell expands.

use crate::dockerfile::Command;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `$NAME` in the JSON form of `CMD`, `ENTRYPOINT`, `RUN` and `HEALTHCHECK` where no shell is started.
    ///
    /// ## Why it matters
    /// No shell is started: the program is given the dollar sign and the name.
    ///
    /// ## Example
    /// ```dockerfile
    /// CMD ["app", "--port", "$PORT"]
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// CMD ["sh", "-c", "exec app --port \"$PORT\""]
    /// ```
    RULE {
        id: "unexpanded-variable",
        codes: &[],
        summary: "a variable in a JSON array, which no shell expands",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

const SHELLS: [&str; 15] = [
    "sh",
    "bash",
    "ash",
    "dash",
    "zsh",
    "ksh",
    "busybox",
    "env",
    "eval",
    "cmd",
    "cmd.exe",
    "powershell",
    "pwsh",
    "powershell.exe",
    "envsubst",
];

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let command = match view.kind() {
        InstructionKind::Cmd(command) | InstructionKind::Entrypoint(command) => command,
        InstructionKind::Run(run) => &run.command,
        InstructionKind::Healthcheck(check) => match &check.command {
            Some(command) => command,
            None => return,
        },
        _ => return,
    };
    let Command::Exec(words) = command else { return };
    // An `ENTRYPOINT` may do with its arguments what it likes.
    if matches!(view.kind(), InstructionKind::Cmd(_)) && has_entrypoint(cx, view) {
        return;
    }
    let is_shell = |word: &str| {
        let name = word.rsplit(['/', '\\']).next().unwrap_or(word).to_lowercase();
        SHELLS.contains(&name.as_str()) || word.rsplit('.').next() == Some("sh") || word.contains("entrypoint")
    };
    if words.iter().any(|word| is_shell(&word.value) || matches!(word.value.as_str(), "-c" | "-lc" | "-ec" | "-e")) {
        return;
    }
    for word in words {
        if let Some(name) = variable(&word.value) {
            cx.report(view.index, word.span, format!("no shell expands `{name}` here"))
                .help("start a shell: `[\"sh\", \"-c\", \"exec …\"]`")
                .done();
        }
    }
}

fn has_entrypoint(cx: &Context<'_>, view: &InstructionView<'_>) -> bool {
    let stages = view.stage.into_iter().flat_map(|stage| cx.model.ancestry(stage));
    stages
        .into_iter()
        .any(|stage| cx.model.body(stage.index).any(|other| matches!(other.kind(), InstructionKind::Entrypoint(_))))
}

/// Finds `$NAME` or `${NAME}` in a word that is not a program of another language.
fn variable(word: &str) -> Option<&str> {
    if word.contains([' ', '\n', '(', '\'', ';']) {
        return None;
    }
    word.match_indices('$').find_map(|(at, _)| {
        let rest = &word[at + 1..];
        let inner = rest.strip_prefix('{').unwrap_or(rest);
        let length = inner.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(inner.len());
        let name = &inner[..length];
        let is_braced = inner.len() != rest.len();
        let is_closed = !is_braced || inner[length..].starts_with(['}', ':']);
        let end = at + 1 + usize::from(is_braced) * 2 + length;
        let is_name = name.starts_with(|c: char| c == '_' || c.is_ascii_uppercase()) && !word[..at].ends_with('$');
        (is_name && is_closed).then(|| word.get(at..end).unwrap_or(word))
    })
}
