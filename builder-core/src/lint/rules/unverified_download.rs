//! `ADD` of an address without a checksum.

use crate::dockerfile::TransferSource;
use crate::lint::prelude::*;
use crate::lint::words::trimmed;

rule! {
    /// ## What it does
    /// Finds `ADD` of a file on the net without `--checksum`.
    ///
    /// ## Why it matters
    /// The file may be another one tomorrow, and nobody would notice.
    ///
    /// ## Example
    /// ```dockerfile
    /// ADD https://example.org/tool /usr/bin/
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d \
    ///     https://example.org/tool /usr/bin/
    /// ```
    RULE {
        id: "unverified-download",
        codes: &[],
        summary: "`ADD` of an address without a checksum",
        level: Level::Warning,
        group: Group::Reproducibility,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::Add(transfer) = view.kind() else { return };
    for source in transfer.sources.iter().filter(|_| transfer.checksum.is_none()) {
        let TransferSource::Path(path) = source else { continue };
        let text = trimmed(path.as_str());
        let is_git =
            text.split('#').next().is_some_and(|address| address.trim_end_matches('/').strip_suffix(".git").is_some());
        if (text.starts_with("http://") || text.starts_with("https://")) && !is_git {
            cx.report(view.index, path.span(), "nothing checks what is downloaded")
                .help("add `--checksum=sha256:…`")
                .done();
        }
    }
}
