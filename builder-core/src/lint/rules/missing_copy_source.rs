//! A source that the build context does not have.

use crate::dockerfile::{Transfer, TransferSource, closest};
use crate::glob::{Glob, has_wildcard};
use crate::lint::paths::clean;
use crate::lint::prelude::*;
use crate::lint::variables::{Environment, walk};
use std::collections::BTreeSet;

rule! {
    /// ## What it does
    /// Finds sources of `COPY` and `ADD` that are not in the build context, where it is known.
    ///
    /// ## Why it matters
    /// The build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// COPY reqirements.txt .
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// COPY requirements.txt .
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: there is a fix where a path of the context has nearly the same name.
    RULE {
        id: "missing-copy-source",
        codes: &[],
        summary: "a source that the build context does not have",
        level: Level::Error,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    let paths = cx.options.facts.context.as_ref().and_then(|context| context.paths.as_ref());
    let Some(paths) = paths else { return };
    walk(cx, |view, environment| {
        let (InstructionKind::Copy(transfer) | InstructionKind::Add(transfer)) = view.kind() else { return };
        if transfer.from.is_none() {
            check_sources(cx, view, transfer, environment, paths);
        }
    });
}

fn check_sources(
    cx: &Context<'_>,
    view: &InstructionView<'_>,
    transfer: &Transfer,
    environment: &Environment,
    paths: &BTreeSet<String>,
) {
    for source in &transfer.sources {
        let TransferSource::Path(written) = source else { continue };
        let Some(path) = environment.resolve(cx, written) else { continue };
        if path.contains("://") || path.starts_with("git@") || path.contains("**") {
            continue;
        }
        let cleaned = clean(&path);
        let relative = cleaned.trim_start_matches('/').trim_start_matches("../");
        if matches!(relative, "" | ".") || exists(paths, relative) {
            continue;
        }
        let near = closest(relative, paths.iter().map(String::as_str)).filter(|_| written.as_str() == path);
        let fix = near.map(|near| Fix::risky(format!("write `{near}`"), vec![Edit::replace(written.span(), near)]));
        cx.report(view.index, written.span(), format!("`{path}` is not in the build context")).maybe_fix(fix).done();
    }
}

fn exists(paths: &BTreeSet<String>, path: &str) -> bool {
    if !has_wildcard(path) {
        let below = format!("{path}/");
        return paths.contains(path) || paths.range(below.clone()..).next().is_some_and(|p| p.starts_with(&below));
    }
    // A directory is in the list by what is in it, too.
    let depth = path.split('/').count();
    let head = |path: &str| path.split('/').take(depth).collect::<Vec<_>>().join("/");
    Glob::new(path).map_or(true, |glob| paths.iter().any(|path| glob.matches(&head(path))))
}
