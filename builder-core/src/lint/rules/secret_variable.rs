//! `DL3064`, `SecretsUsedInArgOrEnv`.

use crate::lint::prelude::*;
use crate::lint::words::trimmed;
use crate::semantic::secret_names::{by_parts, by_words};
use crate::text::go_quoted;

rule! {
    /// ## What it does
    /// Finds `ARG` and `ENV` whose names say that they hold a secret.
    ///
    /// ## Why it matters
    /// Their values are in the image's config and history: whoever has the image has the secret.
    ///
    /// ## Example
    /// ```dockerfile
    /// ARG API_TOKEN
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN --mount=type=secret,id=api_token,env=API_TOKEN ./fetch
    /// ```
    RULE {
        id: "secret-variable",
        codes: &["DL3064", "SecretsUsedInArgOrEnv"],
        summary: "a variable whose name says that it holds a secret",
        level: Level::Warning,
        group: Group::Security,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let names: Vec<(&str, Span)> = match view.kind() {
        InstructionKind::Arg(declarations) => {
            // hadolint looks at the first one only.
            let count = if cx.is_hadolint() { 1 } else { declarations.len() };
            declarations.iter().take(count).map(|arg| (arg.name.value.as_str(), arg.name.span)).collect()
        }
        InstructionKind::Env(env) => {
            env.pairs.iter().map(|pair| (trimmed(pair.key.as_str()), pair.key.span())).collect()
        }
        _ => return,
    };
    // BuildKit looks at a stage when it is built: what stands before the first, or waits in a trigger, is not.
    if cx.is_buildkit() && (view.stage.is_none() || view.is_trigger()) {
        return;
    }
    for (name, span) in names {
        let is_secret = if cx.is_hadolint() { by_parts(name) } else { by_words(name) };
        if is_secret {
            cx.report(view.index, span, format!("`{name}` sounds like a secret, and its value stays in the image"))
                .in_buildkits_words(|| {
                    let keyword = view.instruction.keyword.value.to_ascii_uppercase();
                    let name = go_quoted(name);
                    format!("Do not use ARG or ENV instructions for sensitive data ({keyword} {name})")
                })
                .help("give secrets to the steps that need them: `RUN --mount=type=secret`")
                .done();
        }
    }
}
