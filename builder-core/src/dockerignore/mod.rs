//! `.dockerignore`: which paths of a build context the builder must not see.
//!
//! Pure: text to patterns, path to verdict. Walking is done elsewhere, with [`Patterns::may_reinclude_below`]
//! telling where a walk may stop.
//!
//! Spec: the semantics of moby's `patternmatcher`, odd forms of `**` included.
//!
//! ```
//! let patterns = builder_core::dockerignore::parse("target\n!target/keep\n**/*.log\n").unwrap();
//! assert!(patterns.matches("target/debug/app", false));
//! assert!(!patterns.matches("target/keep", false));
//! assert!(patterns.matches("a/b/c.log", false));
//! ```

mod error;
mod path;
mod pattern;

pub use error::{IgnoreError, IgnoreErrorKind};

use crate::text::Span;
use pattern::Pattern;

/// Ordered patterns; the last one that matches a path decides about it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Patterns {
    patterns: Vec<Pattern>,
}

/// Parses the text of an ignore file.
///
/// # Errors
/// [`IgnoreError`] at the first malformed pattern.
pub fn parse(text: &str) -> Result<Patterns, IgnoreError> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut offset = text.len() - body.len();
    let mut patterns = Vec::new();
    for (number, line) in (1..).zip(body.split_inclusive('\n')) {
        let start = offset + line.len() - line.trim_start().len();
        offset += line.len();
        let written = line.trim();
        // Only the very first byte of a line makes a comment.
        if line.starts_with('#') || written.is_empty() {
            continue;
        }
        let pattern = file_pattern(written).and_then(|pattern| Pattern::new(&pattern));
        patterns.push(pattern.map_err(|kind| IgnoreError {
            kind,
            pattern: written.to_owned(),
            line: number,
            span: Span::from_range(start..start + written.len()),
        })?);
    }
    Ok(Patterns { patterns })
}

/// Makes a line of a file relative to the context root, as the reader of ignore files does.
fn file_pattern(written: &str) -> Result<String, IgnoreErrorKind> {
    let (negation, pattern) = match written.strip_prefix('!') {
        Some(rest) => ("!", rest.trim()),
        None => ("", written),
    };
    if pattern.is_empty() {
        return Err(IgnoreErrorKind::IllegalExclusion);
    }
    let cleaned = path::clean(pattern);
    let relative = cleaned.strip_prefix('/').filter(|rest| !rest.is_empty()).unwrap_or(&cleaned);
    Ok(format!("{negation}{relative}"))
}

impl Patterns {
    /// Compiles patterns that come one by one, such as the values of `COPY --exclude`. Blank ones do not count.
    ///
    /// # Errors
    /// [`IgnoreError`] at the first malformed pattern; its line is the number of the pattern, 1-based, and its
    /// span covers the pattern as if it stood alone.
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Result<Self, IgnoreError> {
        let mut compiled = Vec::new();
        for (number, written) in (1..).zip(patterns) {
            let trimmed = written.trim();
            if trimmed.is_empty() {
                continue;
            }
            compiled.push(Pattern::new(trimmed).map_err(|kind| IgnoreError {
                kind,
                pattern: written.to_owned(),
                line: number,
                span: Span::from_range(0..written.len()),
            })?);
        }
        Ok(Self { patterns: compiled })
    }

    /// Tells whether there is no pattern at all.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Tells whether a path is excluded: it, or a directory above it, matches, and no later `!` pattern takes
    /// that back. As in moby, a `!` pattern is only asked about what is excluded so far: one that names a
    /// directory which nothing excludes does not bring back what is excluded below it. The path is relative to the root, with slashes, without `.` and `..`; the root itself is
    /// never excluded. Patterns do not tell directories from files.
    pub fn matches(&self, path: &str, _is_dir: bool) -> bool {
        if path.is_empty() || path == "." {
            return false;
        }
        if !self.patterns.iter().any(Pattern::is_negated) {
            return self.patterns.iter().any(|pattern| pattern.matches_path_or_parent(path));
        }
        // Which patterns match the directory before, from the topmost one down to the path itself.
        let mut results = vec![false; self.patterns.len()];
        let mut excluded = false;
        for end in path.match_indices('/').map(|(at, _)| at).chain([path.len()]) {
            let part = path.get(..end).unwrap_or(path);
            excluded = false;
            for (pattern, result) in self.patterns.iter().zip(&mut results) {
                *result = *result || (pattern.is_negated() == excluded && pattern.matches_path(part));
                if *result {
                    excluded = !pattern.is_negated();
                }
            }
        }
        excluded
    }

    /// Tells whether a path is excluded with all that may be below it, by a pattern that no later `!` pattern takes
    /// back in part. May err on the side of no.
    pub fn excludes_all(&self, path: &str) -> bool {
        let decisive =
            self.patterns.iter().rposition(|pattern| !pattern.is_negated() && pattern.matches_path_or_parent(path));
        let later = decisive.and_then(|index| self.patterns.get(index + 1..)).unwrap_or_default();
        let takes_back = |pattern: &Pattern| {
            pattern.is_negated() && (pattern.matches_path_or_parent(path) || pattern.may_match_below(path))
        };
        decisive.is_some() && self.matches(path, false) && !later.iter().any(takes_back)
    }

    /// Tells whether anything below a directory may match a pattern that is not negated; if not, a walk that
    /// looks for matches need not go down.
    pub fn may_match_below(&self, directory: &str) -> bool {
        let directory = if directory == "." { "" } else { directory };
        self.patterns.iter().any(|pattern| !pattern.is_negated() && pattern.may_match_below(directory))
    }

    /// Tells whether anything below an excluded directory may be included again; if not, a walk need not
    /// go down.
    pub fn may_reinclude_below(&self, directory: &str) -> bool {
        let directory = if directory == "." { "" } else { directory };
        self.patterns.iter().any(|pattern| pattern.is_negated() && pattern.may_match_below(directory))
    }
}

#[cfg(test)]
mod tests;
