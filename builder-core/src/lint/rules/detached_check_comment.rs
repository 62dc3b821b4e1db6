//! A `# check=` comment with a blank line below it.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a `# check=` comment that is kept apart from the instruction below it by a blank line.
    ///
    /// ## Why it matters
    /// A blank line does not end what a comment is for: the checks of the next instruction are skipped, however far below
    /// it stands.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12
    ///
    /// # check=skip=JSONArgsRecommended
    ///
    /// CMD serve
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    ///
    /// # check=skip=JSONArgsRecommended
    /// CMD serve
    /// ```
    RULE {
        id: "detached-check-comment",
        codes: &[],
        summary: "a `# check=` comment with a blank line below it",
        level: Level::Info,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    if view.is_trigger() {
        return;
    }
    let comments = &view.outer.comments;
    for (at, comment) in comments.iter().enumerate() {
        let is_check = comment.text.strip_prefix("check").is_some_and(|rest| rest.trim_start().starts_with('='));
        let below = comments.get(at + 1).map_or(view.outer.span.start, |next| next.span.start);
        let between = cx.text(Span::new(comment.span.end, below.max(comment.span.end)));
        if is_check && between.matches('\n').count() > 1 {
            cx.report(view.index, comment.span, "the blank line below does not keep this from the next instruction")
                .also(view.outer.keyword.span, "it is for this one")
                .help("take the blank line away, or put a line with a lone `#` in its place where it is for nothing")
                .done();
        }
    }
}
