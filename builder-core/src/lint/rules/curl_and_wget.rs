//! `DL4001`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds stages that use both `curl` and `wget`.
    ///
    /// Outside of hadolint's habits it is the later of the two that is reported, and a script that uses one where the other is
    /// missing is left alone.
    ///
    /// ## Why it matters
    /// Both do the same; each is one more package in the image, and one more that can be attacked.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN curl -O https://example.com/a
    /// RUN wget https://example.com/b
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN curl -O https://example.com/a
    /// RUN curl -O https://example.com/b
    /// ```
    RULE {
        id: "curl-and-wget",
        codes: &["DL4001"],
        summary: "both curl and wget are used",
        level: Level::Warning,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    let mut first: [Option<Span>; 2] = [None, None];
    for script in cx.model.runs(stage.index) {
        let uses: Vec<_> = script.commands().filter_map(|command| Some((which(command.name())?, command))).collect();
        if cx.is_hadolint() {
            for (tool, command) in &uses {
                first[*tool] = Some(command.name_span());
            }
            if let ([Some(_), Some(_)], Some((tool, command))) = (first, uses.first()) {
                report(cx, command, *tool, None);
            }
            continue;
        }
        let is_choice = uses.iter().any(|(tool, _)| *tool != uses[0].0) && has_choice(script);
        for (tool, command) in uses.into_iter().filter(|_| !is_choice) {
            match (first[tool], first[1 - tool]) {
                (own, Some(other)) if own.is_none_or(|own| own > other) => report(cx, &command, tool, Some(other)),
                _ => {}
            }
            first[tool].get_or_insert(command.name_span());
        }
    }
}

const TOOLS: [&str; 2] = ["curl", "wget"];

fn which(name: &str) -> Option<usize> {
    TOOLS.iter().position(|tool| *tool == name)
}

/// Tells whether a script decides between commands.
fn has_choice(script: &ScriptView<'_>) -> bool {
    use crate::shell::{AndOr, CommandKind, Index};
    let Some(tree) = script.tree() else { return false };
    let decides = |kind: &CommandKind| matches!(kind, CommandKind::If { .. } | CommandKind::Case { .. });
    Index::new(tree).commands.iter().any(|site| decides(&site.command.kind) || site.after == Some(AndOr::Or))
}

fn report(cx: &Context<'_>, command: &CommandView<'_>, tool: usize, other: Option<Span>) {
    let message = format!("both `{}` and `{}` are used", TOOLS[tool], TOOLS[1 - tool]);
    let mut report = cx.report(command.instruction(), command.name_span(), message).help("use one of them for all");
    if let Some(other) = other {
        report = report.also(other, format!("`{}` is used here", TOOLS[1 - tool]));
    }
    report.done();
}
