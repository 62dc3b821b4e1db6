//! A base image without a digest.

use crate::lint::prelude::*;
use crate::lint::variables::global_scope;

rule! {
    /// ## What it does
    /// Finds base images that are named by a tag and not by a digest.
    ///
    /// ## Why it matters
    /// A tag is moved to other images: the same file gives another image on another day.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12@sha256:36e591f228bb9b99348f584e83f16e012c33ba5cad44ef5981a1d7c0a93eca22
    /// ```
    RULE {
        id: "undigested-image",
        codes: &[],
        summary: "a base image without a digest",
        level: Level::Warning,
        group: Group::Reproducibility,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    let Some(InstructionKind::From(from)) = cx.instruction(stage.from).map(|from| &from.kind) else { return };
    let Ok(expansion) = global_scope(cx, true).expand(&from.image) else { return };
    let is_known = expansion.references.iter().all(|reference| reference.set);
    let name = expansion.text.as_str();
    let is_context = cx.options.facts.named_contexts.contains(name);
    if stage.parent.is_none() && is_known && name != "scratch" && !name.contains('@') && !is_context {
        cx.report(stage.from, from.image.span(), format!("`{name}` is another image tomorrow"))
            .help("add the digest: `NAME:TAG@sha256:…`")
            .done();
    }
}
