//! `CopyIgnoredFile`.

use crate::dockerfile::{Transfer, TransferSource};
use crate::dockerignore::{self, Patterns};
use crate::lint::paths::clean;
use crate::lint::prelude::*;
use crate::lint::variables::{Environment, walk};
use crate::text::go_quoted;

rule! {
    /// ## What it does
    /// Finds sources of `COPY` and `ADD` that the ignore file takes out of the build context.
    ///
    /// ## Why it matters
    /// The builder does not see them: the build fails, or the image lacks them.
    ///
    /// ## Example
    /// ```dockerfile
    /// # .dockerignore has the line: dist
    /// COPY dist /srv/
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// # .dockerignore has the line: dist/*.map
    /// COPY dist /srv/
    /// ```
    RULE {
        id: "copy-of-ignored-file",
        codes: &["CopyIgnoredFile"],
        summary: "a source that the ignore file leaves out",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    let text = cx.options.facts.context.as_ref().and_then(|context| context.ignore_file.as_deref());
    let Some(text) = text else { return };
    let Ok(patterns) = dockerignore::parse(text) else { return };
    // With exceptions a directory may be left out and still not be empty; BuildKit does not look then.
    let has_exceptions = text.lines().any(|line| line.trim().starts_with('!'));
    if patterns.is_empty() || has_exceptions && cx.is_buildkit() {
        return;
    }
    walk(cx, |view, environment| {
        let (InstructionKind::Copy(transfer) | InstructionKind::Add(transfer)) = view.kind() else { return };
        if transfer.from.is_none() {
            check_sources(cx, view, transfer, environment, &patterns, text);
        }
    });
}

fn check_sources(
    cx: &Context<'_>,
    view: &InstructionView<'_>,
    transfer: &Transfer,
    environment: &Environment,
    patterns: &Patterns,
    text: &str,
) {
    for source in &transfer.sources {
        let TransferSource::Path(written) = source else { continue };
        let Some(path) = environment.resolve(cx, written).filter(|path| !is_remote(path)) else { continue };
        let cleaned = clean(&path);
        // BuildKit compares a path from `/` on as it stands, and finds nothing.
        let relative = if cx.is_buildkit() { cleaned.as_str() } else { cleaned.trim_start_matches('/') };
        let is_all = matches!(relative, "" | "." | "/");
        let is_ignored = if is_all {
            takes_all(text)
        } else {
            patterns.matches(relative, false) && !patterns.may_reinclude_below(relative)
        };
        if is_ignored {
            let what = if is_all { "everything".to_owned() } else { format!("`{path}`") };
            cx.report(view.index, written.span(), format!("the ignore file leaves {what} out"))
                .in_buildkits_words(|| {
                    let keyword = if matches!(view.kind(), InstructionKind::Add(_)) { "Add" } else { "Copy" };
                    format!("Attempting to {keyword} file {} that is excluded by .dockerignore", go_quoted(&path))
                })
                .help("copy something else, or change the ignore file")
                .done();
        }
    }
}

fn is_remote(path: &str) -> bool {
    path.contains("://") || path.starts_with("git@")
}

/// Tells whether nothing is left of the context.
fn takes_all(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    !lines.clone().any(|line| line.starts_with('!')) && lines.any(|line| matches!(line, "*" | "**" | "**/*"))
}
