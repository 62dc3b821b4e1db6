//! `DL4003`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a second `CMD` in a stage.
    ///
    /// ## Why it matters
    /// Only the last one counts; the others are dead text that misleads readers.
    ///
    /// ## Example
    /// ```dockerfile
    /// CMD ["/bin/one"]
    /// CMD ["/bin/two"]
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// CMD ["/bin/two"]
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the earlier one goes; the image runs as before, but its history has a line less.
    RULE {
        id: "repeated-cmd",
        codes: &["DL4003", "MultipleInstructionsDisallowed"],
        summary: "a second `CMD` in a stage",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    check_repeated(cx, stage, |kind| matches!(kind, InstructionKind::Cmd(_)));
}

/// Reports every instruction of a kind but the last one of a stage; hadolint reports every one but the first.
pub(super) fn check_repeated(cx: &Context<'_>, stage: &StageView, is_kind: fn(&InstructionKind) -> bool) {
    let found: Vec<_> = cx.model.body(stage.index).filter(|view| is_kind(view.kind())).collect();
    let (Some(first), Some(last)) = (found.first(), found.last()) else { return };
    for view in &found {
        let keyword = view.instruction.keyword.value.to_ascii_uppercase();
        if cx.is_hadolint() {
            if view.index != first.index {
                cx.report(view.index, view.instruction.keyword.span, format!("a second `{keyword}`")).done();
            }
        } else if view.index != last.index {
            let lines = lines_of(cx, view.outer);
            cx.report(view.index, view.instruction.keyword.span, format!("this `{keyword}` has no effect"))
.in_buildkits_words(|| {
                    format!("Multiple {keyword} instructions should not be used in the same stage because only the last one will be used")
                })
                .also(last.instruction.keyword.span, "this one counts")
                .fix(Fix::risky(format!("remove this `{keyword}`"), vec![Edit::delete(lines)]))
                .done();
        }
    }
}

/// An instruction with the line feed behind it.
pub(in crate::lint) fn lines_of(cx: &Context<'_>, instruction: &Instruction) -> Span {
    let text = cx.source.text();
    let rest = text.get(instruction.span.end as usize..).unwrap_or_default();
    let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len();
    let end = instruction.span.end as usize + blank + usize::from(rest[blank..].starts_with('\n'));
    let before = text.get(..instruction.span.start as usize).unwrap_or_default();
    let start = before.len() - (before.len() - before.trim_end_matches([' ', '\t']).len());
    Span::from_range(start..end)
}
