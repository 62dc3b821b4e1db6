//! `UndefinedArgInFrom`.

use crate::dockerfile::closest;
use crate::lint::prelude::*;
use crate::lint::variables::{Place, global_scope, has_fallback};
use crate::semantic::scope::global_args;

rule! {
    /// ## What it does
    /// Finds variables in `FROM` that no `ARG` before the first `FROM` declares.
    ///
    /// ## Why it matters
    /// An unknown variable is empty: the name of the image is another than meant, or none. Arguments that are
    /// declared in a stage do not count.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12
    /// ARG TAG=3.20
    /// FROM alpine:${TAG}
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ARG TAG=3.20
    /// FROM debian:12
    /// FROM alpine:${TAG}
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the image is another one. There is a fix where a declared name is nearly the same.
    RULE {
        id: "undefined-argument-in-from",
        codes: &["UndefinedArgInFrom"],
        summary: "`FROM` uses an argument that is not declared",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::From(from) = view.kind() else { return };
    let globals = global_scope(cx, true);
    let mut names: Vec<&str> = global_args(cx.dockerfile).map(|arg| arg.name.value.as_str()).collect();
    names.extend(globals.names());
    for place in [Place::Text(&from.image)].into_iter().chain(from.platform.as_ref().map(Place::Flag)) {
        let text = place.text();
        let Ok(expansion) = globals.expand_str(&text) else { continue };
        for reference in expansion.references {
            let name = reference.name.as_str();
            let is_meant = !cx.is_buildkit() && has_fallback(&text, &reference.range);
            if names.contains(&name) || is_meant {
                continue;
            }
            let span = place.span_of(reference.range.clone());
            let declared = declared_later(cx, name);
            let mut report = cx
                .report(view.index, span, format!("`{name}` is not declared before the first `FROM`"))
                .in_buildkits_words(|| {
                    let near = closest(name, names.iter().copied())
                        .map_or(String::new(), |near| format!(" (did you mean {near}?)"));
                    format!("FROM argument '{name}' is not declared{near}")
                });
            if let Some(span) = declared {
                report = report.also(span, "this one is for its stage only");
            }
            let spelled = cx.text(span);
            let fix = closest(name, names.iter().copied()).filter(|_| declared.is_none()).map(|near| {
                let edit = Edit::replace(span, spelled.replacen(name, near, 1));
                Fix::risky(format!("write `{near}`"), vec![edit])
            });
            match fix {
                Some(fix) => report.fix(fix).done(),
                None => report.help(format!("declare it with `ARG {name}` before the first `FROM`")).done(),
            }
        }
    }
}

/// Finds a declaration of the name inside of a stage.
fn declared_later(cx: &Context<'_>, name: &str) -> Option<Span> {
    let in_stages = cx.model.instructions.iter().filter(|view| view.stage.is_some());
    let mut declared = in_stages.filter_map(|view| match view.kind() {
        InstructionKind::Arg(declarations) => Some(declarations),
        _ => None,
    });
    declared.find_map(|args| args.iter().find(|arg| arg.name.value == name).map(|arg| arg.name.span))
}
