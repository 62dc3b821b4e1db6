//! `DL3000`, `WorkdirRelativePath`.

use crate::dockerfile::SourceText;
use crate::lint::prelude::*;
use crate::lint::variables::{Place, walk};
use crate::lint::words::{has_drive, trimmed};
use crate::text::go_quoted;

rule! {
    /// ## What it does
    /// Finds a `WORKDIR` that is not absolute.
    ///
    /// ## Why it matters
    /// A relative path is joined to the working directory of the base image, which the file does not show and which
    /// may change with the base.
    ///
    /// ## Example
    /// ```dockerfile
    /// WORKDIR app
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// WORKDIR /app
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the path is joined to the last absolute one of the stage; without one there is no fix.
    RULE {
        id: "relative-workdir",
        codes: &["DL3000", "WorkdirRelativePath"],
        summary: "a working directory that is not absolute",
        level: Level::Error,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::Workdir(path) = view.kind() else { return };
    if cx.skips(view) {
        return;
    }
    if cx.is_buildkit() {
        check_as_buildkit(cx, view, path);
        return;
    }
    let written = trimmed(path.as_str());
    if is_absolute(written) {
        return;
    }
    let before = cx.model.last_before(view, "WORKDIR", |other| matches!(other.kind(), InstructionKind::Workdir(_)));
    let earlier = before
        .and_then(|other| match other.kind() {
            InstructionKind::Workdir(path) => Some(trimmed(path.as_str())),
            _ => None,
        })
        .filter(|path| path.starts_with('/'));
    let joined = earlier.map(|earlier| format!("{}/{written}", earlier.trim_end_matches('/')));
    let report = cx.report(view.index, path.span(), format!("the working directory `{written}` is relative"));
    match joined {
        Some(joined) => {
            let title = format!("write `{joined}`");
            report.fix(Fix::risky(title, vec![Edit::replace(path.span(), joined)])).done();
        }
        None => report.help("write the path from `/` on").done(),
    }
}

/// BuildKit looks at the first one of a stage and of those that it begins from, with variables expanded.
fn check_as_buildkit(cx: &Context<'_>, view: &InstructionView<'_>, path: &SourceText) {
    let is_earlier =
        |other: &&InstructionView<'_>| matches!(other.kind(), InstructionKind::Workdir(_)) && other.index < view.index;
    let mut chain = view.stage.into_iter().flat_map(|stage| cx.model.ancestry(stage));
    if view.is_trigger() || chain.any(|stage| cx.model.body(stage.index).any(|other| is_earlier(&other))) {
        return;
    }
    walk(cx, |other, environment| {
        let expansion = environment.expand(cx, &Place::Text(path));
        let Some(text) = expansion.ok().map(|expansion| expansion.text).filter(|_| other.index == view.index) else {
            return;
        };
        if !text.starts_with('/') {
            cx.report(view.index, path.span(), format!("the working directory `{text}` is relative"))
                .in_buildkits_words(|| {
                    let text = go_quoted(&text);
                    format!("Relative workdir {text} can have unexpected results if the base image changes")
                })
                .help("write the path from `/` on")
                .done();
        }
    });
}

fn is_absolute(path: &str) -> bool {
    path.starts_with(['/', '$']) || has_drive(path)
}
