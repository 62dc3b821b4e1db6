//! `DL4004`.

use super::repeated_cmd::check_repeated;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a second `ENTRYPOINT` in a stage.
    ///
    /// ## Why it matters
    /// Only the last one counts; the others are dead text that misleads readers.
    ///
    /// ## Example
    /// ```dockerfile
    /// ENTRYPOINT ["/bin/one"]
    /// ENTRYPOINT ["/bin/two"]
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ENTRYPOINT ["/bin/two"]
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the earlier one goes; the image runs as before, but its history has a line less.
    RULE {
        id: "repeated-entrypoint",
        codes: &["DL4004", "MultipleInstructionsDisallowed"],
        summary: "a second `ENTRYPOINT` in a stage",
        level: Level::Error,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    check_repeated(cx, stage, |kind| matches!(kind, InstructionKind::Entrypoint(_)));
}
