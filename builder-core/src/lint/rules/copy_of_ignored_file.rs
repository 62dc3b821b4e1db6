//! `CopyIgnoredFile`.

use crate::dockerignore;
use crate::lint::build_files::{BuildFiles, ContextFacts, Presence, presence, relative};
use crate::lint::paths::clean;
use crate::lint::prelude::*;
use crate::lint::variables::walk;
use crate::lint::words::is_remote_source;
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
    let Some(facts) = &cx.options.facts.context else { return };
    let mut sources = Vec::new();
    walk(cx, |view, environment| {
        for written in view.context_sources() {
            if let Some(path) = environment.resolve(cx, written).filter(|path| !is_remote_source(path)) {
                let keyword = if matches!(view.kind(), InstructionKind::Add(_)) { "Add" } else { "Copy" };
                sources.push((view.index, keyword, written, path));
            }
        }
    });
    let others: Vec<String> = sources.iter().map(|(.., path)| relative(path)).collect();
    for (instruction, keyword, written, path) in &sources {
        let candidates = candidates(facts, path, &others);
        if !candidates.is_empty() && candidates.iter().all(|files| is_left_out(cx, facts, *files, path)) {
            let what = if is_all(path) { "everything".to_owned() } else { format!("`{path}`") };
            cx.report(*instruction, written.span(), format!("the ignore file leaves {what} out"))
                .in_buildkits_words(|| {
                    format!(
                        "Attempting to {keyword} file {} that is excluded by .dockerignore",
                        go_quoted(&clean(path))
                    )
                })
                .help("copy something else, or change the ignore file")
                .done();
        }
    }
}

/// Returns the contexts that a source may be of: the one that is known, or those that have it.
fn candidates<'f>(facts: &'f ContextFacts, path: &str, others: &[String]) -> Vec<&'f dyn BuildFiles> {
    if facts.is_certain || is_all(path) {
        return facts.best(others).into_iter().collect();
    }
    let path = relative(path);
    let all = facts.candidates.iter().map(AsRef::as_ref);
    all.filter(|files| presence(*files, &path) == Presence::Present).collect()
}

fn is_all(path: &str) -> bool {
    matches!(clean(path).as_str(), "." | "/")
}

fn is_left_out(cx: &Context<'_>, facts: &ContextFacts, files: &dyn BuildFiles, path: &str) -> bool {
    let Some(text) = facts.ignore_file(files) else { return false };
    let Ok(patterns) = dockerignore::parse(&text) else { return false };
    if patterns.is_empty() {
        return false;
    }
    if is_all(path) {
        return takes_all(&text);
    }
    let cleaned = clean(path);
    // BuildKit compares a path from `/` on as it stands, and finds nothing.
    let relative = if cx.is_buildkit() { cleaned.as_str() } else { cleaned.trim_start_matches('/') };
    // With exceptions a pattern may be left out and still name something.
    let has_exceptions = text.lines().any(|line| line.trim().starts_with('!'));
    if has_exceptions && cx.is_buildkit() && crate::glob::has_wildcard(relative) {
        return false;
    }
    patterns.excludes_all(relative)
}

/// Tells whether nothing is left of the context.
fn takes_all(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    !lines.clone().any(|line| line.starts_with('!')) && lines.any(|line| matches!(line, "*" | "**" | "**/*"))
}
