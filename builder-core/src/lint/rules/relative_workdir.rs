//! `DL3000`, `WorkdirRelativePath`.

use crate::lint::prelude::*;
use crate::lint::words::{has_drive, trimmed};

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
    let written = trimmed(path.as_str());
    if is_absolute(written) {
        return;
    }
    let before = cx.model.instructions.iter().filter(|other| other.stage == view.stage && other.index < view.index);
    let earlier = before
        .filter_map(|other| match other.kind() {
            InstructionKind::Workdir(path) => Some(trimmed(path.as_str())),
            _ => None,
        })
        .last()
        .filter(|path| path.starts_with('/'));
    if cx.is_buildkit() && earlier.is_some() {
        return;
    }
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

fn is_absolute(path: &str) -> bool {
    path.starts_with(['/', '$']) || has_drive(path)
}
