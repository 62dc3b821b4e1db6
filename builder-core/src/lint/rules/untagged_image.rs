//! `DL3006`.

use crate::lint::image_name::ImageName;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a `FROM` with an image that has neither a tag nor a digest.
    ///
    /// ## Why it matters
    /// Without a tag the newest image is taken, whatever that is on the day of the build.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// ```
    RULE {
        id: "untagged-image",
        codes: &["DL3006"],
        summary: "an image without a tag",
        level: Level::Warning,
        group: Group::Reproducibility,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    let Some(InstructionKind::From(from)) = cx.instruction(stage.from).map(|instruction| &instruction.kind) else {
        return;
    };
    let written = from.image.as_str();
    let name = ImageName::new(written);
    if name.tag.is_some() || name.digest.is_some() || written == "scratch" || stage.parent.is_some() {
        return;
    }
    // For hadolint, a host without a dot is an image, and its port a tag.
    let reads_port_as_tag = name.registry.is_some_and(|host| !host.contains('.') && host.contains(':'));
    if cx.is_hadolint() && (reads_port_as_tag || name.registry.is_some() && name.path.starts_with('$')) {
        return;
    }
    // What a variable holds is not known here.
    if written.starts_with('$') || cx.options.facts.named_contexts.contains(written) {
        return;
    }
    cx.report(stage.from, from.image.span(), format!("`{written}` has no tag"))
        .help("name the version that is meant: a tag, or better a digest")
        .done();
}
