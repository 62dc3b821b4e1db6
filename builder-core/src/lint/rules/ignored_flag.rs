//! A flag that an instruction does not have, and that nobody complains about.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a flag of `ARG` or `STOPSIGNAL`.
    ///
    /// ## Why it matters
    /// They have none, but unlike all other instructions they do not say so: the word is dropped.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12
    /// ARG --required VERSION
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// ARG VERSION
    /// ```
    ///
    /// ## Fix safety
    /// Safe: the flag is dropped anyway.
    RULE {
        id: "ignored-flag",
        codes: &[],
        summary: "a flag that is dropped",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    if !matches!(view.kind(), InstructionKind::Arg(_) | InstructionKind::StopSignal(_)) {
        return;
    }
    let keyword = view.instruction.keyword.value.to_ascii_uppercase();
    for flag in &view.instruction.flags {
        let behind = cx.text(Span::new(flag.span.end, view.instruction.head.end.max(flag.span.end)));
        let blanks = behind.len() - behind.trim_start_matches([' ', '\t']).len();
        let word = Span::from_range(flag.span.start as usize..flag.span.end as usize + blanks);
        cx.report(view.index, flag.span, format!("`{keyword}` has no flags: `--{}` is dropped", flag.name.value))
            .fix(Fix::safe("take it away", vec![Edit::delete(word)]))
            .done();
    }
}
