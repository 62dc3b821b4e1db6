//! `DL3020`.

use crate::dockerfile::{Transfer, TransferSource};
use crate::lint::prelude::*;
use crate::lint::words::trimmed;

rule! {
    /// ## What it does
    /// Finds an `ADD` of plain files.
    ///
    /// ## Why it matters
    /// `ADD` unpacks archives and downloads addresses; for files, `COPY` says what happens and does nothing else.
    ///
    /// ## Example
    /// ```dockerfile
    /// ADD app.py /app/
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// COPY app.py /app/
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the files in the image are the same where every source is a plain path without variables, but the
    /// line in its history is another.
    RULE {
        id: "add-instead-of-copy",
        codes: &["DL3020"],
        summary: "`ADD` of plain files",
        level: Level::Error,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

/// The ends of names that hadolint takes for archives.
pub(super) const ARCHIVES: [&str; 15] = [
    ".tar", ".Z", ".bz2", ".gz", ".lz", ".lzma", ".tZ", ".tb2", ".tbz", ".tbz2", ".tgz", ".tlz", ".tpz", ".txz", ".xz",
];

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::Add(transfer) = view.kind() else { return };
    if cx.skips(view) {
        return;
    }
    if transfer.sources.iter().any(|source| needs_add(cx, source)) && !cx.is_hadolint() {
        return;
    }
    if cx.is_hadolint() && transfer.sources.iter().all(|source| needs_add(cx, source)) {
        return;
    }
    let keyword = &view.instruction.keyword;
    let copy = if keyword.value.chars().all(char::is_lowercase) { "copy" } else { "COPY" };
    let fix =
        is_plain(transfer).then(|| Fix::risky(format!("write `{copy}`"), vec![Edit::replace(keyword.span, copy)]));
    cx.report(view.index, keyword.span, format!("`{}` of plain files", keyword.value))
        .help("`COPY` does nothing but copy")
        .maybe_fix(fix)
        .done();
}

fn needs_add(cx: &Context<'_>, source: &TransferSource) -> bool {
    let TransferSource::Path(path) = source else { return false };
    let path = trimmed(path.as_str());
    let is_archive = ARCHIVES.iter().any(|end| path.ends_with(end));
    let is_address = path.starts_with("http://") || path.starts_with("https://");
    if cx.is_hadolint() {
        return is_archive || is_address;
    }
    // zip is for hadolint no archive, and for `ADD` neither; variables may hold anything.
    let is_git = ["git@", "git://", "ssh://"].iter().any(|begin| path.starts_with(begin))
        || path.rsplit('.').next() == Some("git");
    is_archive || is_address || is_git || path.contains('$') || path.contains('*')
}

/// Tells whether nothing of it means something else for `COPY`.
fn is_plain(transfer: &Transfer) -> bool {
    let no_flags = transfer.checksum.is_none() && transfer.keep_git_dir.is_none() && transfer.unpack.is_none();
    let is_path = |source: &TransferSource| match source {
        TransferSource::Path(path) => !path.as_str().contains(['$', '*', '?', '[']),
        TransferSource::Heredoc(_) => true,
    };
    no_flags && transfer.sources.iter().all(is_path)
}
