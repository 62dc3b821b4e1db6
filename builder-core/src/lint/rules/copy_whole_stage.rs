//! `DL3067`.

use crate::dockerfile::TransferSource;
use crate::lint::prelude::*;
use crate::lint::words::trimmed;

rule! {
    /// ## What it does
    /// Finds `COPY --from=… / /`.
    ///
    /// ## Why it matters
    /// It copies everything, files of the base image too, into one layer that shares nothing with others.
    ///
    /// ## Example
    /// ```dockerfile
    /// COPY --from=build / /
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// COPY --from=build /app /app
    /// ```
    RULE {
        id: "copy-whole-stage",
        codes: &["DL3067"],
        summary: "`COPY --from` of everything",
        level: Level::Warning,
        group: Group::Size,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::Copy(transfer) = view.kind() else { return };
    if cx.skips(view) {
        return;
    }
    let is_root = |path: &str| trimmed(path) == "/";
    let sources = transfer.sources.iter().find_map(|source| match source {
        TransferSource::Path(path) => Some(path).filter(|path| is_root(path.as_str())),
        TransferSource::Heredoc(_) => None,
    });
    let Some(source) = sources else { return };
    if transfer.from.is_some() && is_root(transfer.destination.as_str()) {
        cx.report(view.index, source.span(), "everything is copied, files of the base image too")
            .help("name what the stage made")
            .done();
    }
}
