//! Files that everybody may write.

use crate::lint::prelude::*;
use crate::lint::words::unquoted;

rule! {
    /// ## What it does
    /// Finds `chmod` and `--chmod` with modes that let every user write, such as `777` and `a+w`.
    ///
    /// ## Why it matters
    /// Whoever runs any program in the container can change the files, and what is run from them.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN chmod -R 777 /app
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN chown -R app:app /app
    /// ```
    RULE {
        id: "world-writable-file",
        codes: &[],
        summary: "files that everybody may write",
        level: Level::Warning,
        group: Group::Security,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    each_mode(cx, |index, span, mode| {
        if is_world_writable(mode) {
            cx.report(index, span, format!("`{mode}` lets every user write"))
                .help("give the files to the user that needs them: `chown`, or `COPY --chown`")
                .done();
        }
    });
}

/// Calls back for every mode of `chmod` and `--chmod`.
pub(super) fn each_mode(cx: &Context<'_>, mut each: impl FnMut(usize, Span, &str)) {
    for view in &cx.model.instructions {
        if let InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) = view.kind()
            && let Some(mode) = &transfer.chmod
        {
            each(view.index, mode.span, unquoted(&mode.value));
        }
    }
    for script in cx.model.scripts.iter().filter(|script| script.is_run()) {
        for command in script.commands().filter(|command| command.name() == "chmod") {
            // A mode may begin with a minus, as flags do.
            let is_flag = |text: &str| {
                text.starts_with("--") || ["-R", "-v", "-f", "-c", "-Rf", "-fR", "-vR", "-Rv"].contains(&text)
            };
            if let Some(mode) = command.arguments().iter().find(|argument| !is_flag(&argument.text)) {
                each(script.view.index, mode.span, &mode.text);
            }
        }
    }
}

fn is_world_writable(mode: &str) -> bool {
    if mode.len() >= 3 && mode.chars().all(|c| c.is_digit(8)) {
        let digit = |from_end: usize| mode.chars().rev().nth(from_end).and_then(|c| c.to_digit(8)).unwrap_or(0);
        // With the sticky bit only owners may take files away, as in `/tmp`.
        return digit(0) & 2 != 0 && digit(3) & 1 == 0;
    }
    mode.split(',').any(|clause| {
        let Some(at) = clause.find(['+', '=']) else { return false };
        let (who, what) = clause.split_at(at);
        who.contains(['a', 'o']) && what.contains('w') && !what.contains('t')
    })
}
