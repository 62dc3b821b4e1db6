//! The forms of a report: functions from findings to text, one file each.
//!
//! With `compat` a report is hadolint's: its keys, its names, the line of the instruction and column 1. Without, it
//! has true places, and what else the form has room for.

mod checkstyle;
mod codacy;
mod codeclimate;
mod github;
mod gnu;
mod json;
mod junit;
mod sarif;
mod sonarqube;
mod text;
mod tty;
mod xml;

use builder_core::diagnostic::render::place;
use builder_core::lint::Finding;
use builder_core::text::{LineColumn, SourceFile};

use super::Linted;
use crate::args::LintFormat;

/// The code of what the parser says, which hadolint shows otherwise than what rules find.
const SYNTAX_ERROR: &str = "DL1000";

/// What is to be shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page<'a> {
    pub(crate) files: &'a [Linted],
    pub(crate) compat: bool,
    pub(crate) color: bool,
    /// Shown in place of the files' paths, where the form has it so.
    pub(crate) path: Option<&'a str>,
    /// When the run began, in UTC: `2026-01-31 23:59:59`.
    pub(crate) now: &'a str,
}

impl<'a> Page<'a> {
    fn findings(self) -> impl Iterator<Item = (&'a Linted, &'a Finding)> {
        self.files.iter().flat_map(|file| file.findings.iter().map(move |finding| (file, finding)))
    }

    /// Returns the path to show.
    fn path_of(self, file: &'a Linted) -> &'a str {
        self.path.unwrap_or_else(|| file.source.name())
    }

    /// Returns the name of the tool.
    fn tool(self) -> &'static str {
        if self.compat { "hadolint" } else { "builder" }
    }

    /// Ends a report: hadolint leaves the last line open.
    fn end(self) -> &'static str {
        if self.compat { "" } else { "\n" }
    }
}

/// Writes a report.
pub(crate) fn write(format: LintFormat, page: Page<'_>) -> String {
    match format {
        LintFormat::Text => text::write(page),
        LintFormat::Compact => text::compact(page),
        LintFormat::Tty => tty::write(page),
        LintFormat::Json => json::write(page),
        LintFormat::Checkstyle => checkstyle::write(page),
        LintFormat::Codeclimate => codeclimate::write(page),
        LintFormat::GitlabCodeclimate => codeclimate::gitlab(page),
        LintFormat::Gnu => gnu::write(page),
        LintFormat::Codacy => codacy::write(page),
        LintFormat::Sonarqube => sonarqube::write(page),
        LintFormat::Sarif => sarif::write(page),
        LintFormat::Junit => junit::write(page),
        LintFormat::Github => github::write(page),
    }
}

/// Where a finding begins and ends; the end is behind its last character.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    start: LineColumn,
    end: LineColumn,
}

impl Place {
    fn of(source: &SourceFile, finding: &Finding) -> Self {
        let span = finding.span();
        Self { start: place(source, span.start), end: place(source, span.end) }
    }
}

fn is_syntax_error(finding: &Finding) -> bool {
    finding.code() == SYNTAX_ERROR
}

/// Returns a message; for a syntax error as hadolint's parser draws it, with the line that it is about.
fn bundle(page: Page<'_>, file: &Linted, finding: &Finding) -> String {
    let message = &finding.diagnostic.message;
    if !page.compat || !is_syntax_error(finding) {
        return message.clone();
    }
    let LineColumn { line, column } = Place::of(&file.source, finding).start;
    let (name, text) = (file.source.name(), file.source.lines().line_text(file.source.text(), line));
    let number = line.to_string();
    let (pad, indent) = (" ".repeat(number.len()), " ".repeat(column.saturating_sub(1) as usize));
    format!("{name}:{line}:{column}:\n{pad} |\n{number} | {text}\n{pad} | {indent}^\n{message}\n")
}

#[cfg(test)]
mod tests {
    use builder_core::lint::{LintOptions, lint};

    use super::*;

    #[test]
    fn hostile_names_and_texts_break_no_form() {
        let name = "a\u{1b}[2J\"<&>'%\n::error::x";
        let source = SourceFile::new(name, "FROM de\u{202e}bian\"<&>'\nMAINTAINER \u{7}\n");
        let findings = lint(&source, &LintOptions::default());
        let files = [Linted::new(source, findings)];
        for format in <LintFormat as clap::ValueEnum>::value_variants() {
            for compat in [false, true] {
                let page = Page { files: &files, compat, color: false, path: None, now: "2026-01-31 23:59:59" };
                let text = write(*format, page);
                assert!(!text.contains(['\u{1b}', '\u{7}']), "{format:?}: {text}");
            }
        }
    }
}
