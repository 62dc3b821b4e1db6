//! `DL3022`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a `COPY --from` that names neither an earlier stage nor an image with a tag.
    ///
    /// ## Why it matters
    /// A misspelled stage is looked up as an image, in a registry.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12 AS build
    /// FROM debian:12
    /// COPY --from=buidl /app /app
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12 AS build
    /// FROM debian:12
    /// COPY --from=build /app /app
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the nearest name of a stage is taken, and another one may be meant.
    RULE {
        id: "copy-from-unknown",
        codes: &["DL3022"],
        summary: "`COPY --from` of neither an earlier stage nor an image with a tag",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

/// How many stages are compared with a name that none has: nobody writes more.
const COMPARED: usize = 200;

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::Copy(transfer) = view.kind() else { return };
    if cx.skips(view) {
        return;
    }
    let Some(from) = transfer.from.as_ref() else { return };
    let name = from.value.as_str();
    let count = view.stage.map_or(0, |stage| stage + 1);
    let earlier = &cx.model.stages[..count.min(cx.model.stages.len())];
    let is_stage = || cx.model.first_stage(name, !cx.is_hadolint()).is_some_and(|stage| stage < count);
    // hadolint reads the digits in front and forgets the rest.
    let digits = name.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    let number = if cx.is_hadolint() { digits } else { name };
    let is_index = number.parse::<usize>().is_ok_and(|index| index < count);
    if name.contains(':') || is_index || is_stage() {
        return;
    }
    if !cx.is_hadolint() && (name.contains(['$', '@', '/']) || cx.options.facts.named_contexts.contains(name)) {
        return;
    }
    let names = earlier.iter().rev().take(COMPARED).filter_map(|stage| stage.name.as_deref());
    let nearest = crate::dockerfile::closest(name, names);
    let fix = nearest.map(|nearest| Fix::risky(format!("write `{nearest}`"), vec![Edit::replace(from.span, nearest)]));
    cx.report(view.index, from.span, format!("`{name}` is no earlier stage, and has no tag as an image"))
        .maybe_fix(fix)
        .done();
}
