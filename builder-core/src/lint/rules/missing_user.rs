//! The program runs as root.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a last stage that starts a program and never says as whom.
    ///
    /// ## Why it matters
    /// Unless the base image says otherwise the program runs as root, and what breaks it owns the container.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12
    /// CMD ["app"]
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// USER 65532
    /// CMD ["app"]
    /// ```
    RULE {
        id: "missing-user",
        codes: &[],
        summary: "the program runs as root",
        level: Level::Warning,
        group: Group::Security,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    if !stage.is_last {
        return;
    }
    let chain: Vec<_> = cx.model.ancestry(stage.index).collect();
    let has = |is: fn(&InstructionKind) -> bool| {
        chain.iter().any(|stage| cx.model.body(stage.index).any(|view| is(view.kind())))
    };
    let starts = has(|kind| matches!(kind, InstructionKind::Cmd(_) | InstructionKind::Entrypoint(_)));
    if !starts || has(|kind| matches!(kind, InstructionKind::User(_))) {
        return;
    }
    let Some(root) = cx.model.root(stage.index) else { return };
    let known = cx.options.facts.bases.get(&root.image).and_then(|base| base.user.as_deref());
    let is_other_user = known.is_some_and(|user| !matches!(user.split(':').next(), Some("" | "root" | "0")));
    let is_named_so = ["nonroot", "rootless", "unprivileged", "non-root"].iter().any(|word| root.image.contains(word));
    if let Some(from) = cx.instruction(stage.from).filter(|_| !is_other_user && !is_named_so) {
        cx.report(stage.from, from.head, "the program of this image runs as root")
            .help("add a `USER` that is not root")
            .done();
    }
}
