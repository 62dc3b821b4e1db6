//! `DL3059`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a short `RUN` directly behind another short one.
    ///
    /// ## Why it matters
    /// Each `RUN` is a layer: two short ones that belong together can be one.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN mkdir /app
    /// RUN touch /app/log
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN mkdir /app && touch /app/log
    /// ```
    RULE {
        id: "consecutive-runs",
        codes: &["DL3059"],
        summary: "short `RUN`s in a row",
        level: Level::Info,
        group: Group::Size,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    let mut remembered: Option<(&ScriptView<'_>, usize)> = None;
    for view in cx.model.instructions.iter().filter(|view| !view.is_trigger()) {
        if !matches!(view.kind(), InstructionKind::Run(_)) {
            remembered = None;
            continue;
        }
        let Some(script) = cx.model.script_of(view) else {
            continue;
        };
        let count = script.commands().filter(|command| !matches!(command.name(), "" | "[" | "[[")).count();
        match remembered {
            Some((first, before))
                if flags(first.view.instruction) == flags(view.instruction) && before <= 1 && count <= 1 =>
            {
                cx.report(view.index, view.instruction.keyword.span, "a short `RUN` behind another one")
                    .also(first.view.instruction.keyword.span, "the one before it")
                    .help("join them with `&&`, where they belong together")
                    .done();
            }
            _ => remembered = Some((script, count)),
        }
    }
}

/// The flags in an order of their own, the fields of mounts too.
fn flags(instruction: &Instruction) -> Vec<(&str, Vec<&str>)> {
    let flags = instruction.flags.iter().map(|flag| {
        let value = flag.value.as_ref().map_or("", |value| value.value.as_str());
        let mut fields: Vec<&str> = value.split(',').collect();
        fields.sort_unstable();
        (flag.name.value.as_str(), fields)
    });
    let mut flags: Vec<_> = flags.collect();
    flags.sort_unstable();
    flags
}
