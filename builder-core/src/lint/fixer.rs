//! Applies fixes until nothing is left to mend.

use super::{Applicability, Edit, Finding, LintOptions, lint};
use crate::diagnostic::Severity;
use crate::dockerfile::parse;
use crate::text::SourceFile;

/// How often a file is mended and looked at again. A fix may uncover another; more than a few is a fix that
/// undoes another.
const MAX_ROUNDS: usize = 16;

/// A mended file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fixed {
    /// The new text.
    pub text: String,
    /// How many fixes were applied, by the code of their rule.
    pub applied: Vec<&'static str>,
    /// The findings that are left, with places in the new text.
    pub findings: Vec<Finding>,
}

/// Mends what can be mended with fixes of at least this applicability.
pub fn fix(source: &SourceFile, options: &LintOptions, least: Applicability) -> Fixed {
    let feeds = source.text().matches('\n').count();
    if source.text().contains('\r') {
        let is_whole = source.text().matches("\r\n").count() == feeds && source.text().matches('\r').count() == feeds;
        // Line ends of both kinds are nobody's to choose between.
        return if is_whole { fix_with_returns(source, options, least) } else { unchanged(source, options) };
    }
    let mut current = source.clone();
    let mut findings = lint(&current, options);
    let mut applied = Vec::new();
    for _ in 0..MAX_ROUNDS {
        let Some((text, codes)) = round(&current, &findings, least) else { break };
        applied.extend(codes);
        current = SourceFile::new(source.name(), text);
        findings = lint(&current, options);
    }
    Fixed { text: current.text().to_owned(), applied, findings }
}

/// Mends a file whose lines end in CR LF as one whose lines end in LF, and gives the lines their ends back.
fn fix_with_returns(source: &SourceFile, options: &LintOptions, least: Applicability) -> Fixed {
    let plain = SourceFile::new(source.name(), source.text().replace("\r\n", "\n"));
    let fixed = fix(&plain, options, least);
    let text = fixed.text.replace('\n', "\r\n");
    let findings = lint(&SourceFile::new(source.name(), text.as_str()), options);
    Fixed { text, applied: fixed.applied, findings }
}

fn unchanged(source: &SourceFile, options: &LintOptions) -> Fixed {
    Fixed { text: source.text().to_owned(), applied: Vec::new(), findings: lint(source, options) }
}

/// Applies every fix that does not touch another's bytes, first come first served. A fix that breaks the file is
/// left out: that is our mistake, and must not become the user's.
fn round(source: &SourceFile, findings: &[Finding], least: Applicability) -> Option<(String, Vec<&'static str>)> {
    let errors = errors(source);
    let mut taken: Vec<&Edit> = Vec::new();
    let mut codes = Vec::new();
    let mut text = None;
    for finding in findings {
        let Some(fix) = finding.fix.as_ref().filter(|fix| fix.applicability >= least && !fix.edits.is_empty()) else {
            continue;
        };
        if fix.edits.iter().any(|edit| taken.iter().any(|other| touch(edit, other)) || loses_comment(source, edit)) {
            continue;
        }
        let before = taken.len();
        taken.extend(&fix.edits);
        let candidate = apply(source.text(), &taken);
        if self::errors(&SourceFile::new(source.name(), candidate.as_str())) > errors {
            taken.truncate(before);
            continue;
        }
        codes.push(finding.rule.code());
        text = Some(candidate);
    }
    text.filter(|text| text != source.text()).map(|text| (text, codes))
}

/// Counts what is wrong with a file.
fn errors(source: &SourceFile) -> usize {
    let parsed = parse(source);
    parsed.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
}

/// Tells whether a comment between the lines of an instruction would go. What somebody took the trouble to write
/// stays: such a place is mended by hand.
fn loses_comment(source: &SourceFile, edit: &Edit) -> bool {
    let replaced = source.text().get(edit.span.range()).unwrap_or_default();
    let mut comments = replaced.lines().skip(1).map(str::trim).filter(|line| line.starts_with('#'));
    comments.any(|comment| !edit.text.contains(comment))
}

/// Tells whether two edits want the same bytes, or the same place.
fn touch(one: &Edit, other: &Edit) -> bool {
    one.span.start <= other.span.end && other.span.start <= one.span.end
}

/// Applies edits that do not overlap.
pub fn apply(text: &str, edits: &[&Edit]) -> String {
    let mut sorted = edits.to_vec();
    sorted.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in sorted {
        let range = edit.span.range();
        out.push_str(text.get(at..range.start.max(at)).unwrap_or_default());
        out.push_str(&edit.text);
        at = range.end.max(at);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::LintOptions;

    fn fixed(text: &str) -> String {
        fix(&SourceFile::new("Dockerfile", text), &LintOptions::default(), Applicability::Unsafe).text
    }

    #[test]
    fn no_comment_and_no_instruction_is_lost() {
        for kept in [
            "FROM debian:12\nENTRYPOINT foo \\\n  # why\n  --bar $X\n",
            "FROM debian:12\nCMD\nFOO\n",
            "FROM debian:12 a\\\n# b\ns c\n",
        ] {
            let fixed = fixed(kept);
            assert!(!fixed.contains("CMD["), "{fixed}");
            assert_eq!(fixed.matches('#').count(), kept.matches('#').count(), "{fixed}");
        }
    }

    #[test]
    fn line_ends_are_kept() {
        let text = "FROM debian:12\nRUN <<EOF\ncd /x\nmake | tee log\nEOF\nMAINTAINER me\n";
        let mended = fixed(text);
        assert_ne!(mended, text);
        assert_eq!(fixed(&text.replace('\n', "\r\n")), mended.replace('\n', "\r\n"));
        let mixed = text.replacen('\n', "\r\n", 1);
        assert_eq!(fixed(&mixed), mixed);
    }

    #[test]
    fn commands_keep_their_folders() {
        assert!(fixed("FROM debian:12\nCMD /app/run.sh --x\n").ends_with("CMD [\"/app/run.sh\", \"--x\"]\n"));
        for text in ["CMD ~/x", "CMD A=b foo", "CMD foo 2>&1"] {
            let mended = fixed(&format!("FROM debian:12\n{text}\n"));
            assert!(mended.contains("[\"/bin/sh\", \"-c\", \""), "{mended}");
        }
    }

    #[test]
    fn lists_that_are_needed_later_stay() {
        let text = "FROM debian:12\nRUN apt-get update\nRUN apt-get install -y git=1\n";
        assert!(!fixed(text).contains("rm -rf"), "{}", fixed(text));
    }
}
