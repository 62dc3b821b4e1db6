//! A setting for the build stays in the image.

use crate::lint::prelude::*;
use crate::lint::words::unquoted;

rule! {
    /// ## What it does
    /// Finds `DEBIAN_FRONTEND` in `ENV`.
    ///
    /// ## Why it matters
    /// It is in every container that is started from the image: whoever installs something there gets no questions
    /// and no explanation why.
    ///
    /// ## Example
    /// ```dockerfile
    /// ENV DEBIAN_FRONTEND=noninteractive
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ARG DEBIAN_FRONTEND=noninteractive
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the environment of the image is another. There is a fix where nothing else is set by the
    /// instruction.
    RULE {
        id: "persistent-noninteractive",
        codes: &[],
        summary: "a setting for the build stays in the image",
        level: Level::Info,
        group: Group::Maintenance,
        activation: Activation::Opinion,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::Env(env) = view.kind() else { return };
    if view.stage.is_none_or(|stage| !cx.model.is_shipped(stage)) {
        return;
    }
    for pair in env.pairs.iter().filter(|pair| unquoted(pair.key.as_str()) == "DEBIAN_FRONTEND") {
        // Another value later on takes it back.
        let is_taken_back = |other: &InstructionView<'_>| match other.kind() {
            InstructionKind::Env(env) => {
                other.index > view.index && env.pairs.iter().any(|pair| pair.key.as_str() == "DEBIAN_FRONTEND")
            }
            _ => false,
        };
        if pair.value.as_str().contains("dialog") || cx.model.instructions.iter().any(is_taken_back) {
            continue;
        }
        let keyword = &view.instruction.keyword;
        let arg = if keyword.value.chars().all(char::is_lowercase) { "arg" } else { "ARG" };
        let fix = (env.pairs.len() == 1 && !env.legacy)
            .then(|| Fix::risky(format!("write `{arg}`"), vec![Edit::replace(keyword.span, arg)]));
        cx.report(view.index, pair.key.span(), "`DEBIAN_FRONTEND` is for the build, and stays in the image")
            .help("use `ARG`, which is gone when the image is done")
            .maybe_fix(fix)
            .done();
    }
}
