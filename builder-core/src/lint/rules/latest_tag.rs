//! `DL3007`.

use crate::lint::image_name::ImageName;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a `FROM` with the tag `latest`.
    ///
    /// ## Why it matters
    /// The tag stands for another image after each release: the build changes without a change of the file.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:latest
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// ```
    RULE {
        id: "latest-tag",
        codes: &["DL3007"],
        summary: "an image with the tag `latest`",
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
    let name = ImageName::new(from.image.as_str());
    if name.tag == Some("latest") && name.digest.is_none() {
        cx.report(stage.from, from.image.span(), "the tag `latest` is another image after each release")
            .help("name the version that is meant")
            .done();
    }
}
