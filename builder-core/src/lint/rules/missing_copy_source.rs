//! A source that the build context does not have.

use crate::dockerfile::{SourceText, closest};
use crate::lint::build_files::{ContextFacts, Entries, Presence, join, presence, relative};
use crate::lint::prelude::*;
use crate::lint::variables::walk;
use crate::lint::words::is_remote_source;

rule! {
    /// ## What it does
    /// Finds sources of `COPY` and `ADD` that are not in the build context.
    ///
    /// Where it is not known which folder the context is (`--context` says it, and `builder build` knows), the
    /// Dockerfile's folder and those above it are looked at, as far as the root of the repository. Then a source is
    /// a finding only if none of them has it, if another source of the file is there or something has nearly the
    /// same name, and if it is nothing that Git ignores or that is usually made by a build.
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

/// Directories that usually hold what something makes before the image is built.
const MADE: [&str; 12] = [
    "_build",
    "artifacts",
    "bin",
    "build",
    "dist",
    "generated",
    "node_modules",
    "out",
    "public",
    "publish",
    "release",
    "target",
];

/// The shortest name for which a similar one shows that the right directory was looked at.
const TELLING: usize = 5;

/// How many names of a directory a missing one is compared with.
const MAX_COMPARED: usize = 500;
/// By how many bytes the lengths of two similar names differ at most.
const MAX_DIFFERENCE: usize = 3;

/// A source that is looked for.
struct Source<'m> {
    instruction: usize,
    written: &'m SourceText,
    path: String,
    relative: String,
}

fn check(cx: &Context<'_>) {
    let Some(facts) = &cx.options.facts.context else { return };
    let mut sources = Vec::new();
    walk(cx, |view, environment| {
        for written in view.context_sources() {
            let Some(path) = environment.resolve(cx, written).filter(|path| !is_remote_source(path)) else { continue };
            let relative = relative(&path);
            // A variable may have another value where somebody builds.
            if !relative.is_empty() && (facts.is_certain || written.as_str() == path) {
                sources.push(Source { instruction: view.index, written, path, relative });
            }
        }
    });
    let is_missing = |source: &&Source<'_>| is_missing(facts, &source.relative);
    let missing: Vec<&Source<'_>> = sources.iter().filter(is_missing).collect();
    let is_there = || sources.iter().any(|source| is_present(facts, &source.relative));
    let is_the_context = facts.is_certain || !missing.is_empty() && is_there();
    for source in missing {
        report(cx, facts, source, is_the_context);
    }
}

fn is_missing(facts: &ContextFacts, path: &str) -> bool {
    let all = &facts.candidates;
    if !all.iter().all(|files| presence(files.as_ref(), path) == Presence::Missing) {
        return false;
    }
    let is_usually_made = path.split('/').any(|part| MADE.contains(&part));
    facts.is_certain || !is_usually_made && !all.iter().any(|files| files.may_be_made(path))
}

fn is_present(facts: &ContextFacts, path: &str) -> bool {
    facts.candidates.iter().any(|files| presence(files.as_ref(), path) == Presence::Present)
}

fn report(cx: &Context<'_>, facts: &ContextFacts, source: &Source<'_>, is_the_context: bool) {
    let Source { instruction, written, path, relative } = source;
    let near = near(facts, relative);
    let name = relative.rsplit('/').next().unwrap_or_default();
    if !is_the_context && (near.is_none() || name.len() < TELLING) {
        return;
    }
    let near = near.filter(|_| written.as_str() == path.as_str());
    let fix = near.map(|near| Fix::risky(format!("write `{near}`"), vec![Edit::replace(written.span(), near)]));
    let message = format!("`{path}` is not in the build context");
    let mut finding = cx.report(*instruction, written.span(), message).maybe_fix(fix);
    if !facts.is_certain {
        let names: Vec<String> = facts.candidates.iter().map(|files| format!("`{}`", files.name())).collect();
        let note = format!("looked in {}; `--context` says where the build context is", names.join(", "));
        finding = finding.note(note);
    }
    finding.done();
}

/// Finds the path that is nearest to one that is missing, in the directory where that would be.
fn near(facts: &ContextFacts, path: &str) -> Option<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    facts.candidates.iter().find_map(|files| {
        let Entries::Known(names) = files.entries(folder) else { return None };
        if names.len() > MAX_COMPARED {
            return None;
        }
        // Far cheaper than to compare letters.
        let alike = names.iter().map(String::as_str).filter(|known| known.len().abs_diff(name.len()) <= MAX_DIFFERENCE);
        closest(name, alike).map(|name| join(folder, name))
    })
}
