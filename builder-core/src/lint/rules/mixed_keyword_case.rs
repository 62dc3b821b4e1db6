//! `ConsistentInstructionCasing`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds instructions whose keywords are not written like most others of the file.
    ///
    /// ## Why it matters
    /// One style is easier to read and to search.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12
    /// run true
    /// WORKDIR /app
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// RUN true
    /// WORKDIR /app
    /// ```
    ///
    /// ## Fix safety
    /// Safe: keywords have no case.
    RULE {
        id: "mixed-keyword-case",
        codes: &["ConsistentInstructionCasing"],
        summary: "keywords in different letter case",
        level: Level::Warning,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    // BuildKit does not look at what stands before the first `FROM`.
    let instructions = cx
        .model
        .instructions
        .iter()
        .filter(|view| !view.is_trigger() && !matches!(view.kind(), InstructionKind::Invalid));
    let counted: Vec<_> = instructions.filter(|view| view.stage.is_some() || !cx.is_buildkit()).collect();
    let keyword = |view: &InstructionView<'_>| view.instruction.keyword.value.clone();
    let lower = counted.iter().filter(|view| keyword(view) == keyword(view).to_lowercase()).count();
    let upper = counted.iter().filter(|view| keyword(view) == keyword(view).to_uppercase()).count();
    for view in counted {
        let written = keyword(view);
        let (wanted, name) =
            if lower > upper { (written.to_lowercase(), "lower") } else { (written.to_uppercase(), "upper") };
        if written != wanted {
            let span = view.instruction.keyword.span;
            cx.report(view.index, span, format!("`{written}` is not in {name} case, as most keywords of the file are"))
                .in_buildkits_words(|| {
                    format!("Command '{written}' should match the case of the command majority ({name}case)")
                })
                .fix(Fix::safe(format!("write `{wanted}`"), vec![Edit::replace(span, wanted)]))
                .done();
        }
    }
}
