//! `InvalidDefinitionDescription`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds comments directly above an `ARG` or a named stage that do not begin with its name.
    ///
    /// ## Why it matters
    /// Build tools show such comments as descriptions (`docker build --call=outline`), and only where they begin
    /// with the name.
    ///
    /// ## Example
    /// ```dockerfile
    /// # which compiler to use
    /// ARG COMPILER=gcc
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// # COMPILER is the compiler to use
    /// ARG COMPILER=gcc
    /// ```
    RULE {
        id: "unnamed-definition-comment",
        codes: &["InvalidDefinitionDescription"],
        summary: "a comment that does not name what it describes",
        level: Level::Warning,
        group: Group::Maintenance,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let (names, what): (Vec<&str>, _) = match view.kind() {
        InstructionKind::From(from) => (from.name.iter().map(|name| name.value.as_str()).collect(), "the stage"),
        InstructionKind::Arg(args) => (args.iter().map(|arg| arg.name.value.as_str()).collect(), "the argument"),
        _ => return,
    };
    let (Some(comment), Some(name)) = (view.instruction.comments.last(), names.first()) else { return };
    let first = comment.text.split(' ').next().unwrap_or_default();
    let is_stage = matches!(view.kind(), InstructionKind::From(_));
    // The name of a stage is kept in small letters.
    let is_name = |name: &&str| if is_stage { first == name.to_lowercase() } else { first == *name };
    if view.is_trigger() || names.iter().any(is_name) || !cx.is_buildkit() && is_directive(&comment.text) {
        return;
    }
    let wanted = if names.len() > 1 { "the name of one of them".to_owned() } else { format!("`{name}`") };
    cx.report(view.index, comment.span, format!("the comment above {what} does not begin with its name"))
        .in_buildkits_words(|| {
            let (what, name) = if is_stage {
                ("FROM", name.to_lowercase())
            } else {
                ("ARG", if names.len() > 1 { "<arg_key>".to_owned() } else { (*name).to_owned() })
            };
            format!("Comment for {what} should follow the format: `# {name} <description>`")
        })
        .help(format!("begin the comment with {wanted}, or put a line with a lone `#` below it"))
        .done();
}

/// Tells whether a comment is for a tool rather than for readers.
fn is_directive(text: &str) -> bool {
    ["hadolint", "builder", "check=", "renovate", "syntax=", "trivy", "checkov"]
        .iter()
        .any(|begin| text.starts_with(begin))
}
