//! `DL3012`.

use super::repeated_cmd::check_repeated;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a second `HEALTHCHECK` in a stage.
    ///
    /// ## Why it matters
    /// Only the last one counts; the others are dead text that misleads readers.
    ///
    /// ## Example
    /// ```dockerfile
    /// HEALTHCHECK CMD ["/bin/check"]
    /// HEALTHCHECK CMD ["/bin/other-check"]
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// HEALTHCHECK CMD ["/bin/other-check"]
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the earlier one goes; the image runs as before, but its history has a line less.
    RULE {
        id: "repeated-healthcheck",
        codes: &["DL3012", "MultipleInstructionsDisallowed"],
        summary: "a second `HEALTHCHECK` in a stage",
        level: Level::Error,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    check_repeated(cx, stage, |kind| matches!(kind, InstructionKind::Healthcheck(_)));
}
