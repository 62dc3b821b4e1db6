//! An argument that nothing uses.

use super::early_argument::uses;
use super::trailing_comment::meant;
use crate::dockerfile::ArgDeclaration;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds an `ARG` before the first `FROM` that neither a `FROM` nor a stage uses, and an `ARG` in a stage below
    /// which nothing names it and no command runs that might read it.
    ///
    /// ## Why it matters
    /// Whoever sets it changes nothing, and is not told.
    ///
    /// ## Example
    /// ```dockerfile
    /// ARG VERSION=1.2
    /// FROM debian:12
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ARG VERSION=12
    /// FROM debian:${VERSION}
    /// ```
    RULE {
        id: "unused-argument",
        codes: &[],
        summary: "an argument that nothing uses",
        level: Level::Warning,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    for view in cx.model.instructions.iter().filter(|view| !view.is_trigger()) {
        let InstructionKind::Arg(declarations) = view.kind() else { continue };
        for arg in meant(cx, declarations).iter().filter(|arg| !is_for_the_builder(&arg.name.value)) {
            let is_unused = match view.stage {
                None => is_unused_globally(cx, view, arg),
                Some(stage) => is_unused_in(cx, view, stage, arg),
            };
            if is_unused {
                let name = &arg.name.value;
                let report = cx.report(view.index, arg.name.span, format!("nothing uses the argument `{name}`"));
                match view.stage {
                    None => report.help(format!("a stage that needs it has to declare it: `ARG {name}`")).done(),
                    Some(_) => report.done(),
                }
            }
        }
    }
}

/// Names that mean something to BuildKit, or to every command that downloads.
fn is_for_the_builder(name: &str) -> bool {
    name.starts_with("BUILDKIT_")
        || name.starts_with("TARGET")
        || name.to_lowercase().ends_with("_proxy")
        || name == "SOURCE_DATE_EPOCH"
}

/// Before the first `FROM` only `FROM`, other arguments there and declarations in stages see it.
fn is_unused_globally(cx: &Context<'_>, view: &InstructionView<'_>, arg: &ArgDeclaration) -> bool {
    let name = arg.name.value.as_str();
    // A stage that uses it without a declaration is another rule's matter.
    let rest = cx.source.text().get(view.instruction.span.end as usize..).unwrap_or_default();
    let own = cx.text(view.instruction.span);
    let own = own.get((arg.span.end - view.instruction.span.start) as usize..).unwrap_or_default();
    !uses(own, name) && !code_lines(rest).any(|line| uses(line, name))
}

fn is_unused_in(cx: &Context<'_>, view: &InstructionView<'_>, stage: usize, arg: &ArgDeclaration) -> bool {
    let name = arg.name.value.as_str();
    // A stage that is named by a variable may begin from this one.
    if cx.model.stages.iter().any(|other| other.image.starts_with('$')) {
        return false;
    }
    let is_below = |other: &StageView| cx.model.ancestry(other.index).any(|ancestor| ancestor.index == stage);
    let below = cx.model.stages.iter().filter(|other| is_below(other)).flat_map(|other| cx.model.body(other.index));
    below.filter(|other| other.index >= view.index).all(|other| match other.kind() {
        InstructionKind::Run(_) | InstructionKind::OnBuild(_) | InstructionKind::Invalid => false,
        InstructionKind::Arg(args) => {
            args.iter().all(|other| other.default.as_ref().is_none_or(|default| !uses(default.as_str(), name)))
        }
        _ => !uses(cx.text(other.outer.span), name),
    })
}

fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with('#'))
}
