//! `DL3045`.

use std::collections::HashSet;

use crate::lint::image_name::ImageName;
use crate::lint::prelude::*;
use crate::lint::words::{has_drive, trimmed};

rule! {
    /// ## What it does
    /// Finds a `COPY` to a relative target where no `WORKDIR` says what it is relative to.
    ///
    /// ## Why it matters
    /// The files land where the base image happens to have its working directory.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12
    /// COPY app .
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// WORKDIR /app
    /// COPY app .
    /// ```
    RULE {
        id: "copy-to-relative-target",
        codes: &["DL3045"],
        summary: "`COPY` to a relative target without a `WORKDIR`",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    let mut names = HashSet::new();
    for stage in &cx.model.stages {
        let is_known = cx.is_hadolint() && knows_workdir(cx, stage, &mut names);
        if !is_known {
            check_stage(cx, stage);
        }
    }
}

fn check_stage(cx: &Context<'_>, stage: &StageView) {
    let has_workdir =
        |stage: &StageView| cx.model.body(stage.index).any(|view| matches!(view.kind(), InstructionKind::Workdir(_)));
    // What a builder knows of the base image counts as well.
    let known = cx.options.facts.bases.get(&stage.image).and_then(|base| base.working_directory.as_deref());
    if cx.model.ancestry(stage.index).skip(1).any(has_workdir) || known.is_some_and(|path| path.len() > 1) {
        return;
    }
    for view in cx.model.body(stage.index) {
        match view.kind() {
            InstructionKind::Workdir(_) => return,
            InstructionKind::Copy(transfer) => {
                let target = trimmed(transfer.destination.as_str());
                if !target.starts_with(['/', '$']) && !has_drive(target) {
                    let message = format!("`{target}` is relative, and no `WORKDIR` says to what");
                    cx.report(view.index, transfer.destination.span(), message).done();
                }
            }
            _ => {}
        }
    }
}

/// hadolint knows a stage without a name by its image, tags aside, and takes any earlier stage of that name for the
/// same one.
fn knows_workdir(cx: &Context<'_>, stage: &StageView, known: &mut HashSet<String>) -> bool {
    let image = ImageName::new(&stage.image).path.to_owned();
    let own = stage.name.clone().unwrap_or_else(|| image.clone());
    let by_image = known.contains(&image);
    let is_known = by_image || known.contains(&own);
    if by_image || cx.model.body(stage.index).any(|view| matches!(view.kind(), InstructionKind::Workdir(_))) {
        known.insert(own);
    }
    is_known
}
