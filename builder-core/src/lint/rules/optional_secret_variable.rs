//! A variable that is empty where nobody gives the secret.

use crate::lint::mounts::MountView;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a secret that comes as a variable and is not required.
    ///
    /// ## Why it matters
    /// Where the secret is not given, the step runs all the same, with the variable set and empty: `${TOKEN-default}` and
    /// `[ -v TOKEN ]` find it, and a request goes out with an empty password.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12
    /// RUN --mount=type=secret,id=token,env=TOKEN ./fetch
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// RUN --mount=type=secret,id=token,env=TOKEN,required ./fetch
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: a build without the secret fails.
    RULE {
        id: "optional-secret-variable",
        codes: &[],
        summary: "a secret variable that may be empty",
        level: Level::Info,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    for mount in MountView::of(view.kind()).filter(|mount| mount.kind().eq_ignore_ascii_case("secret")) {
        let Some(name) = mount.get(&["env"]).filter(|name| !name.is_empty()) else { continue };
        let required = mount.get(&["required"]);
        if required.is_some_and(|value| !matches!(value, "false" | "False" | "FALSE" | "f" | "F" | "0")) {
            continue;
        }
        let span = mount.span_of(&["env"]).unwrap_or(mount.value.span);
        let is_plain = cx.text(mount.value.span) == mount.value.value && required.is_none();
        let fix = || Fix::risky("add `required`", vec![Edit::insert(mount.value.span.end, ",required")]);
        cx.report(view.index, span, format!("`{name}` is set and empty where the secret is not given"))
            .help("add `required` where the step cannot do without it")
            .maybe_fix(is_plain.then(fix))
            .done();
    }
}
