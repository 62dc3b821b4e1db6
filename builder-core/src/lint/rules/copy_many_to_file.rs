//! `DL3021`.

use crate::lint::prelude::*;
use crate::lint::words::trimmed;

rule! {
    /// ## What it does
    /// Finds a `COPY` of several sources to a target that does not end with `/`.
    ///
    /// ## Why it matters
    /// Several files only fit into a directory, and the `/` says that it is one. Without it docker's first builder and
    /// others fail; BuildKit, and this builder with it, lets one file replace the other where there is no such directory
    /// yet.
    ///
    /// ## Example
    /// ```dockerfile
    /// COPY a b /target
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// COPY a b /target/
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the build failed before, or made one file of them.
    RULE {
        id: "copy-many-to-file",
        codes: &["DL3021"],
        summary: "several sources and a target that is no directory",
        level: Level::Error,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::Copy(transfer) = view.kind() else { return };
    if cx.skips(view) {
        return;
    }
    let target = trimmed(transfer.destination.as_str());
    if transfer.sources.len() < 2 || target.ends_with('/') {
        return;
    }
    if !cx.is_hadolint()
        && (matches!(target, "." | "..") || target.ends_with(['$', '}', '\\']) || target.ends_with("/."))
    {
        return;
    }
    let span = transfer.destination.span();
    // Inside of the quotes, where there are some.
    let quotes = u32::try_from(
        transfer.destination.as_str().len() - transfer.destination.as_str().trim_end_matches(['"', '\'']).len(),
    );
    let at = span.end - quotes.unwrap_or(0) - u32::from(transfer.json);
    cx.report(view.index, span, format!("several sources need a directory, and `{target}` does not end with `/`"))
        .fix(Fix::risky("add the `/`", vec![Edit::insert(at, "/")]))
        .done();
}
