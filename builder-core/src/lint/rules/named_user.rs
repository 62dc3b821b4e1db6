//! `DL3066`.

use crate::lint::prelude::*;
use crate::lint::words::trimmed;

rule! {
    /// ## What it does
    /// Finds a `USER` by name rather than by number.
    ///
    /// ## Why it matters
    /// Kubernetes cannot tell that a name is not root (`runAsNonRoot`), and refuses to start the image.
    ///
    /// ## Example
    /// ```dockerfile
    /// USER app
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// USER 10001
    /// ```
    RULE {
        id: "named-user",
        codes: &["DL3066"],
        summary: "a user by name rather than by number",
        level: Level::Info,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    let mut arguments: Vec<&str> = Vec::new();
    for view in cx.model.instructions.iter().filter(|view| !view.is_trigger()) {
        match view.kind() {
            InstructionKind::Arg(declarations) => {
                arguments.extend(declarations.iter().map(|declaration| declaration.name.value.as_str()));
            }
            InstructionKind::User(user) => {
                if cx.is_hadolint() {
                    if is_name_for_hadolint(user.as_str(), &arguments) {
                        cx.report(view.index, user.span(), "a name, and no number").done();
                    }
                    continue;
                }
                let name = trimmed(user.as_str()).split(':').next().unwrap_or_default();
                let is_number = !name.is_empty() && name.chars().all(|c| c.is_ascii_digit());
                let variable = name.strip_prefix('$').map(|name| name.trim_matches(['{', '}']));
                let is_argument = variable.is_some_and(|name| arguments.contains(&name));
                if !is_number && !is_argument {
                    let message = match name {
                        "root" => "`root` is a name: write `0`, or better a user that is not root".to_owned(),
                        _ => format!("`{name}` is a name: only a number shows that it is not root"),
                    };
                    cx.report(view.index, user.span(), message).done();
                }
            }
            _ => {}
        }
    }
}

/// hadolint looks for the beginnings of references to any `ARG` so far, in the text as written.
fn is_name_for_hadolint(user: &str, arguments: &[&str]) -> bool {
    let name = user.split(':').next().unwrap_or_default();
    let is_reference =
        |argument: &&str| name.contains(&format!("${argument}")) || name.contains(&format!("${{{argument}}}"));
    !name.chars().all(|c| c.is_ascii_digit()) && !arguments.iter().any(is_reference)
}
