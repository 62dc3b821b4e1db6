//! `InvalidDefaultArgInFrom`.

use crate::lint::prelude::*;
use crate::lint::variables::global_scope;
use crate::reference::Reference;
use crate::semantic::scope::global_args;
use std::str::FromStr;

rule! {
    /// ## What it does
    /// Finds a `FROM` whose image name is empty or malformed unless build arguments are given. An argument that is the
    /// whole name is meant to be given, which BuildKit does not see.
    ///
    /// ## Why it matters
    /// A plain `docker build .` fails, and so do tools that look at the file alone.
    ///
    /// ## Example
    /// ```dockerfile
    /// ARG TAG
    /// FROM debian:${TAG}
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ARG TAG=12
    /// FROM debian:${TAG}
    /// ```
    RULE {
        id: "invalid-default-image",
        codes: &["InvalidDefaultArgInFrom"],
        summary: "no image without build arguments",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::From(from) = view.kind() else { return };
    let defaults = global_scope(cx, false);
    let Ok(expansion) = defaults.expand(&from.image) else { return };
    if Reference::from_str(&expansion.text).is_ok() || expansion.text == "scratch" {
        return;
    }
    // A name that is malformed as it stands is another matter, and so is one that nobody declares.
    let declared: Vec<_> = global_args(cx.dockerfile).collect();
    let is_declared = |name: &str| declared.iter().any(|arg| arg.name.value == name);
    let is_ours = expansion.references.iter().any(|reference| is_declared(&reference.name) || reference.set);
    if !cx.is_buildkit() && (!is_ours || is_required(from.image.as_str())) {
        return;
    }
    let message = match expansion.text.as_str() {
        "" => "without build arguments there is no image name".to_owned(),
        text => format!("without build arguments the image is `{text}`, which is no valid name"),
    };
    let mut report = cx
        .report(view.index, from.image.span(), message)
        .in_buildkits_words(|| {
            format!("Default value for ARG {} results in empty or invalid base image name", from.image.as_str())
        })
        .help("give the argument a default");
    for reference in expansion.references.iter().filter(|reference| !reference.set) {
        if let Some(arg) = declared.iter().rfind(|arg| arg.name.value == reference.name) {
            report = report.also(arg.span, "no default");
        }
    }
    report.done();
}

/// Tells whether a name is one variable and nothing else: then it is meant to be given.
fn is_required(image: &str) -> bool {
    let name = image.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).or_else(|| image.strip_prefix('$'));
    name.is_some_and(|name| name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()))
}
