//! Copied files change their owner in a step of their own.

use crate::dockerfile::TransferSource;
use crate::lint::paths::{absolute, clean, directory_at, is_within, literal};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `chown -R` and `chmod -R` of what an earlier `COPY` or `ADD` of the stage brought.
    ///
    /// ## Why it matters
    /// Every file is in the image twice: once as it came, once with its new owner.
    ///
    /// ## Example
    /// ```dockerfile
    /// COPY . /app
    /// RUN chown -R app /app
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// COPY --chown=app . /app
    /// ```
    RULE {
        id: "late-owner-change",
        codes: &[],
        summary: "copied files change their owner in a step of their own",
        level: Level::Info,
        group: Group::Size,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    if !cx.model.is_shipped(stage.index) {
        return;
    }
    let copied = copied(cx, stage.index);
    each_change(cx, stage, |script, command, path, is_recursive| {
        let flag = if command.name() == "chmod" { "chmod" } else { "chown" };
        let is_done = |copy: &Copied| if flag == "chmod" { copy.has_mode } else { copy.has_owner };
        let hit = copied.iter().find(|copy| {
            copy.index < script.view.index && !is_done(copy) && is_within(&copy.path, path) && copy.path != "/"
        });
        if let Some(copy) = hit.filter(|_| is_recursive) {
            cx.report(script.view.index, command.span(), "every file that this changes is in the image twice")
                .also(copy.span, "they come in here")
                .help(format!("give them to `COPY --{flag}`"))
                .done();
        }
    });
}

/// Calls back for every path that `chown` or `chmod` of a stage changes, where the file says which it is.
pub(super) fn each_change(
    cx: &Context<'_>,
    stage: &StageView,
    mut each: impl FnMut(&ScriptView<'_>, &CommandView<'_>, &str, bool),
) {
    for script in cx.model.runs(stage.index) {
        let directory = directory_at(cx, &script.view);
        let moves = script.commands().any(|command| command.name() == "cd");
        for command in script.commands().filter(|command| matches!(command.name(), "chown" | "chmod")) {
            let is_recursive = command.has_any_flag(&["R", "recursive"]);
            // The first word is the owner or the mode.
            for path in command.words().skip(1).filter(|path| path.is_literal && !path.text.contains(['*', '?', '['])) {
                let directory = directory.as_deref().filter(|_| !moves);
                if let Some(path) = absolute(&path.text, directory) {
                    each(script, &command, &clean(&path), is_recursive);
                }
            }
        }
    }
}

/// How many files are compared with every one that a later step changes or removes.
pub(super) const MOST: usize = 200;

/// A file or directory that an instruction brings, with its instruction and place.
pub(super) struct Copied {
    pub(super) path: String,
    pub(super) index: usize,
    pub(super) span: Span,
    pub(super) has_owner: bool,
    pub(super) has_mode: bool,
}

/// Returns what `COPY` and `ADD` of a stage bring, where the file says where to.
pub(super) fn copied(cx: &Context<'_>, stage: usize) -> Vec<Copied> {
    let mut found = Vec::new();
    for view in cx.model.body(stage) {
        let (InstructionKind::Copy(transfer) | InstructionKind::Add(transfer)) = view.kind() else { continue };
        let Some(written) = literal(&transfer.destination) else { continue };
        let Some(target) = absolute(written, directory_at(cx, view).as_deref()) else { continue };
        let is_folder = written.ends_with(['/', '.']) || transfer.sources.len() > 1;
        for source in &transfer.sources {
            let path = match source {
                TransferSource::Path(path) => literal(path),
                TransferSource::Heredoc(at) => view.instruction.heredocs.get(*at).map(|heredoc| heredoc.name.as_str()),
            };
            let name = path.and_then(|path| path.trim_end_matches('/').rsplit('/').next()).unwrap_or_default();
            // What has a dot in its name is a file; a directory brings its content.
            let is_file = name.contains('.') && !name.starts_with('.') && !name.contains(['*', '?']);
            let path =
                if is_folder && is_file { format!("{}/{name}", target.trim_end_matches('/')) } else { target.clone() };
            if found.len() == MOST {
                return found;
            }
            found.push(Copied {
                path,
                index: view.index,
                span: view.instruction.keyword.span.cover(transfer.destination.span()),
                has_owner: transfer.chown.is_some(),
                has_mode: transfer.chmod.is_some(),
            });
        }
    }
    found
}
