//! An archive that `ADD` does not unpack.

use super::add_instead_of_copy::ARCHIVES;
use crate::dockerfile::TransferSource;
use crate::lint::prelude::*;
use crate::lint::words::trimmed;

rule! {
    /// ## What it does
    /// Finds `ADD` of archives from the net, and of `.zip` and `.7z` files, where no later step of the stage
    /// unpacks them.
    ///
    /// ## Why it matters
    /// `ADD` unpacks local tar archives only: the file lands in the image as it is.
    ///
    /// ## Example
    /// ```dockerfile
    /// ADD https://example.org/app.tar.gz /opt/
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ADD --unpack=true https://example.org/app.tar.gz /opt/
    /// ```
    RULE {
        id: "packed-archive",
        codes: &[],
        summary: "an archive that `ADD` does not unpack",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

const UNPACKERS: [&str; 16] = [
    "tar", "bsdtar", "unzip", "7z", "7za", "gunzip", "gzip", "bunzip2", "xz", "unxz", "jar", "pip", "pip3", "python",
    "python3", "cpio",
];

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::Add(transfer) = view.kind() else { return };
    let Some(stage) = view.stage.filter(|_| transfer.unpack.is_none() && !view.is_trigger()) else { return };
    let is_used = |name: &str| {
        let mut later = cx.model.runs(stage).filter(|script| script.view.index > view.index);
        later.any(|script| {
            script.text.as_str().contains(name) || script.commands().any(|c| UNPACKERS.contains(&c.name()))
        })
    };
    for source in &transfer.sources {
        let TransferSource::Path(written) = source else { continue };
        let path = trimmed(written.as_str());
        let is_remote = path.starts_with("http://") || path.starts_with("https://");
        let is_tar = ARCHIVES.iter().any(|end| path.ends_with(end));
        let is_other = [".zip", ".7z", ".rar"].iter().any(|end| path.ends_with(end));
        let name = path.rsplit('/').next().unwrap_or(path);
        let target = trimmed(transfer.destination.as_str());
        // A target that is a file was meant to be one.
        let is_file = !target.ends_with(['/', '.']) && target.rsplit('/').next().is_some_and(|last| last.contains('.'));
        if is_file || !(is_other || is_remote && is_tar) || is_used(name) {
            continue;
        }
        // Stages that read this one may unpack it.
        let is_read = cx.model.stages.iter().any(|other| other.parent == Some(stage));
        if !is_read && cx.model.is_shipped(stage) {
            let report = cx.report(view.index, written.span(), format!("`ADD` does not unpack `{name}`"));
            let help = if is_tar { "add `--unpack=true`, or unpack it in a `RUN`" } else { "unpack it in a `RUN`" };
            report.help(help).done();
        }
    }
}
