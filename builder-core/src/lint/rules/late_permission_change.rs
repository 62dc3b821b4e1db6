//! A copied file changes its mode or owner in a step of its own.

use super::late_owner_change::{copied, each_change};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `chmod` and `chown` of a single file that an earlier `COPY` or `ADD` of the stage brought.
    ///
    /// ## Why it matters
    /// The file is in the image twice, and the step is one more layer.
    ///
    /// ## Example
    /// ```dockerfile
    /// COPY entrypoint.sh /
    /// RUN chmod +x /entrypoint.sh
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// COPY --chmod=755 entrypoint.sh /
    /// ```
    RULE {
        id: "late-permission-change",
        codes: &[],
        summary: "a copied file changes its mode or owner in a step of its own",
        level: Level::Info,
        group: Group::Size,
        activation: Activation::Opinion,
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
        let hit = copied.iter().find(|copy| copy.index < script.view.index && copy.path == path);
        if let Some(copy) = hit.filter(|_| !is_recursive) {
            cx.report(script.view.index, command.span(), format!("`{path}` is in the image twice"))
                .also(copy.span, "it comes in here")
                .help(format!("give it to `COPY --{flag}`"))
                .done();
        }
    });
}
