//! A later step removes what an earlier one brought.

use super::late_owner_change::{MOST, copied};
use crate::lint::paths::{absolute, directory_at, is_within};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `rm` of a file or directory that an earlier `COPY`, `ADD` or `RUN` of the stage made.
    ///
    /// ## Why it matters
    /// The file stays in the layer of the earlier step: the image is no smaller, and whoever has it can read the
    /// file.
    ///
    /// ## Example
    /// ```dockerfile
    /// COPY app.tar.gz /tmp/
    /// RUN tar -xf /tmp/app.tar.gz && rm /tmp/app.tar.gz
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN --mount=type=bind,source=app.tar.gz,target=/tmp/app.tar.gz tar -xf /tmp/app.tar.gz
    /// ```
    RULE {
        id: "late-removal",
        codes: &[],
        summary: "a later step removes what an earlier one brought",
        level: Level::Warning,
        group: Group::Size,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

/// Something that a step made, with its instruction and place.
struct Made {
    path: String,
    index: usize,
    span: Span,
}

fn check(cx: &Context<'_>, stage: &StageView) {
    if !cx.model.is_shipped(stage.index) {
        return;
    }
    let made: Vec<Made> = copied(cx, stage.index)
        .into_iter()
        .map(|copy| Made { path: copy.path, index: copy.index, span: copy.span })
        .chain(cx.model.runs(stage.index).flat_map(|script| downloaded(cx, script)).take(MOST))
        .collect();
    for script in cx.model.runs(stage.index) {
        let directory = directory_of(cx, script);
        for command in script.commands().filter(|command| command.name() == "rm") {
            for removed in command.words().filter(|word| word.is_literal) {
                let Some(path) = absolute(&removed.text, directory.as_deref()) else { continue };
                let Some(made) = made.iter().find(|made| made.index < script.view.index && takes(&path, &made.path))
                else {
                    continue;
                };
                cx.report(script.view.index, removed.span, format!("`{}` stays in an earlier layer", made.path))
                    .also(made.span, "it is made here")
                    .help("make and remove it in one step, or bring it with `RUN --mount=type=bind`")
                    .done();
                break;
            }
        }
    }
}

/// The directory that relative paths of a script begin in; none where the script goes elsewhere.
fn directory_of(cx: &Context<'_>, script: &ScriptView<'_>) -> Option<String> {
    let moves = script.commands().any(|command| matches!(command.name(), "cd" | "pushd"));
    directory_at(cx, &script.view).filter(|_| !moves)
}

/// Tells whether `rm` of a path takes a file away.
fn takes(removed: &str, path: &str) -> bool {
    if removed.matches('/').count() < 2 && !removed.contains('.') && removed != path {
        // `/tmp/*` and the like; the root itself nobody means.
        return false;
    }
    match removed.strip_suffix("/*") {
        Some(folder) => folder.len() > 1 && path != folder && is_within(path, folder),
        None => !removed.contains(['*', '?', '[']) && removed != "/" && is_within(path, removed),
    }
}

/// The files that curl and wget of a script write, and the folders that git clones into.
fn downloaded(cx: &Context<'_>, script: &ScriptView<'_>) -> Vec<Made> {
    let directory = directory_of(cx, script);
    let mut found = Vec::new();
    for command in script.commands() {
        let after = |flags: &[&str]| {
            let at = command.arguments().iter().position(|argument| flags.contains(&argument.text.as_str()))?;
            command.arguments().get(at + 1)
        };
        let target = match command.name() {
            "curl" => after(&["-o", "--output"]),
            "wget" => after(&["-O", "--output-document"]),
            "git" if command.has_argument("clone") => {
                let mut words = command.words_without(&["b", "branch", "depth", "c", "j"]).skip(1);
                words.next().and_then(|_| words.next())
            }
            _ => None,
        };
        if found.len() == MOST {
            break;
        }
        let Some(target) = target.filter(|target| target.is_literal && target.text != "-") else { continue };
        if let Some(path) = absolute(&target.text, directory.as_deref()).filter(|path| !path.starts_with("/dev/")) {
            found.push(Made { path, index: script.view.index, span: command.span() });
        }
    }
    // What the step removes itself is not in its layer, nor is what it moves away.
    found.retain(|made: &Made| {
        !script.commands().filter(|command| matches!(command.name(), "rm" | "mv")).any(|command| {
            let mut paths = command.words().filter_map(|word| absolute(&word.text, directory.as_deref()));
            paths.any(|path| takes(&path, &made.path))
        })
    });
    found
}
