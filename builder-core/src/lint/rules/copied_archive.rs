//! `DL3010`.

use super::add_instead_of_copy::ARCHIVES;
use crate::dockerfile::{Transfer, TransferSource};
use crate::lint::prelude::*;
use crate::lint::words::trimmed;

rule! {
    /// ## What it does
    /// Finds archives that a `COPY` brings and a later `RUN` of the stage unpacks.
    ///
    /// ## Why it matters
    /// `ADD` unpacks a local archive of tar while it copies. With `COPY` the archive itself stays in a layer of the image, beside
    /// what is unpacked from it.
    ///
    /// ## Example
    /// ```dockerfile
    /// COPY app.tar.gz /tmp/
    /// RUN tar -xzf /tmp/app.tar.gz -C /opt
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ADD app.tar.gz /opt/
    /// ```
    RULE {
        id: "copied-archive",
        codes: &["DL3010"],
        summary: "an archive is copied and then unpacked",
        level: Level::Info,
        group: Group::Size,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

/// What `ADD` unpacks.
const TARS: [&str; 12] =
    [".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tbz2", ".tb2", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar.Z"];

const UNPACKERS: [&str; 9] = ["unzip", "gunzip", "bunzip2", "unlzma", "unxz", "zgz", "uncompress", "zcat", "gzcat"];

fn check(cx: &Context<'_>, stage: &StageView) {
    // hadolint forgets what it knows at each `FROM`, and tells what is left at the end.
    if cx.is_hadolint() && !stage.is_last {
        return;
    }
    let copies = cx.model.body(stage.index).filter_map(|view| match view.kind() {
        InstructionKind::Copy(transfer) if transfer.from.is_none() => Some((view, transfer)),
        _ => None,
    });
    for (view, transfer) in copies {
        let names = names(cx, transfer);
        let later = cx.model.scripts.iter().filter(|script| {
            script.is_run()
                && !script.view.is_trigger()
                && script.view.stage == Some(stage.index)
                && script.view.index > view.index
        });
        let found = names.iter().find_map(|(name, span)| {
            let unpacks = |command: &CommandView<'_>| unpacks(cx, command, name);
            let command = later.clone().find_map(|script| script.commands().find(unpacks).map(|found| found.span()))?;
            Some((name, *span, command))
        });
        if let Some((name, span, command)) = found {
            cx.report(view.index, span, format!("`{name}` is copied, and unpacked later"))
                .also(command, "it is unpacked here")
                .help("use `ADD`, which unpacks it and does not keep it")
                .done();
        }
    }
}

/// The names that archives have once they are copied.
fn names<'a>(cx: &Context<'_>, transfer: &'a Transfer) -> Vec<(&'a str, Span)> {
    let is_archive = |path: &str| {
        let suffixes: &[&str] = if cx.is_hadolint() { &ARCHIVES } else { &TARS };
        suffixes.iter().any(|suffix| path.ends_with(suffix))
    };
    let target = trimmed(transfer.destination.as_str());
    if is_archive(target) {
        return vec![(base_name(target), transfer.destination.span())];
    }
    let paths = transfer.sources.iter().filter_map(|source| match source {
        TransferSource::Path(path) => Some((base_name(trimmed(path.as_str())), path.span())),
        TransferSource::Heredoc(_) => None,
    });
    paths.filter(|(name, _)| is_archive(name)).collect()
}

fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn unpacks(cx: &Context<'_>, command: &CommandView<'_>, name: &str) -> bool {
    let mut words = command.arguments().iter().map(|argument| argument.text.as_str());
    if cx.is_hadolint() {
        let mode = |word: &str| word.starts_with('-') && word.contains('x') || word.starts_with("--get");
        let is_meant = UNPACKERS.contains(&command.name()) || command.name() == "tar" && words.clone().any(mode);
        return is_meant && words.any(|word| base_name(word) == name);
    }
    let is_short = |word: &str| word.starts_with('-') && !word.starts_with("--");
    let mode = |(at, word): (usize, &str)| {
        matches!(word, "--extract" | "--get")
            || (at == 0 && !word.starts_with('-') || is_short(word)) && word.contains('x')
    };
    let is_meant = matches!(command.name(), "tar" | "bsdtar") && words.clone().enumerate().any(mode);
    is_meant && words.any(|word| base_name(word.strip_prefix("--file=").unwrap_or(word)) == name)
}
