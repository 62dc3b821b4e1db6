//! A comment behind an instruction.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a `#` behind the words of `ARG`, `ENV`, `LABEL` or `EXPOSE`.
    ///
    /// ## Why it matters
    /// A Dockerfile has no comments behind instructions: the `#` and what follows it are words of the instruction, names of
    /// arguments, ports, or a part of the value.
    ///
    /// ## Example
    /// ```dockerfile
    /// ARG VERSION=1 # the release
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// # the release
    /// ARG VERSION=1
    /// ```
    RULE {
        id: "trailing-comment",
        codes: &[],
        summary: "a comment behind an instruction",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let span = match view.kind() {
        InstructionKind::Arg(words) => words.iter().map(|word| word.span).find(|span| cx.text(*span).starts_with('#')),
        InstructionKind::Expose(words) => {
            words.iter().find(|word| word.as_str().starts_with('#')).map(crate::dockerfile::SourceText::span)
        }
        InstructionKind::Env(pairs) | InstructionKind::Label(pairs) if pairs.legacy => {
            pairs.pairs.first().and_then(|pair| {
                let at = pair.value.as_str().find(" # ")? + 1;
                let is_quoted = pair.value.as_str()[..at].contains(['"', '\'']);
                (!is_quoted).then(|| pair.value.span_of(at..at + 1))
            })
        }
        _ => None,
    };
    if let Some(span) = span {
        cx.report(
            view.index,
            Span::new(span.start, span.start + 1),
            "this begins no comment: it is part of the instruction",
        )
        .help("put the comment on a line of its own")
        .done();
    }
}

/// Returns the arguments that were meant: those before a `#`.
pub(super) fn meant<'a>(
    cx: &Context<'_>,
    words: &'a [crate::dockerfile::ArgDeclaration],
) -> &'a [crate::dockerfile::ArgDeclaration] {
    let end = words.iter().position(|word| cx.text(word.span).starts_with('#')).unwrap_or(words.len());
    &words[..end]
}
