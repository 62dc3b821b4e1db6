//! What a rule is given: the file, its model, the options, and where to put findings.

use std::cell::RefCell;

use super::finding::Finding;
use super::fix::Fix;
use super::model::{InstructionView, Model};
use super::options::{Dialect, LintOptions};
use super::rule::{Level, Rule};
use crate::diagnostic::{Diagnostic, Severity};
use crate::dockerfile::{Dockerfile, Instruction};
use crate::text::{SourceFile, Span};

/// What a rule is given.
#[derive(Debug)]
pub struct Context<'a> {
    /// The text.
    pub source: &'a SourceFile,
    /// Its tree.
    pub dockerfile: &'a Dockerfile,
    /// Its stages and scripts.
    pub model: &'a Model<'a>,
    /// What is asked for.
    pub options: &'a LintOptions,
    pub(super) rule: &'static Rule,
    pub(super) level: Level,
    pub(super) findings: &'a RefCell<Vec<Finding>>,
}

impl<'a> Context<'a> {
    /// Begins a finding about an instruction, by its place in the file. It is filed when the returned guard goes.
    pub fn report(&self, instruction: usize, span: Span, message: impl Into<String>) -> Report<'_> {
        let severity = match self.level {
            Level::Error => Severity::Error,
            Level::Warning => Severity::Warning,
            Level::Info | Level::Style => Severity::Note,
        };
        let anchor = self.instruction(instruction).map_or(Span::at(span.start), |instruction| instruction.span);
        Report {
            is_buildkit: self.is_buildkit(),
            findings: self.findings,
            finding: Some(Finding {
                rule: self.rule,
                level: self.level,
                diagnostic: Diagnostic::new(severity, self.rule.id, message).at(span, ""),
                instruction: self.dockerfile.instructions.get(instruction).map(|_| instruction),
                anchor,
                fix: None,
            }),
        }
    }

    /// Returns an instruction by its place in the file.
    pub fn instruction(&self, index: usize) -> Option<&'a Instruction> {
        self.dockerfile.instructions.get(index)
    }

    /// Returns the text of a place.
    pub fn text(&self, span: Span) -> &'a str {
        self.source.slice(span)
    }

    /// Tells whether hadolint's habits are asked for.
    pub fn is_hadolint(&self) -> bool {
        self.options.dialect == Dialect::Hadolint
    }

    /// Tells whether an instruction is a trigger that hadolint does not look into. It does look into `RUN`, `ENV`
    /// and `ARG`.
    pub fn skips(&self, view: &InstructionView<'_>) -> bool {
        self.is_hadolint() && view.is_trigger()
    }

    /// Tells whether BuildKit's habits are asked for.
    pub fn is_buildkit(&self) -> bool {
        self.options.dialect == Dialect::Buildkit
    }
}

/// A finding that is being made. Dropping it files it.
#[derive(Debug)]
pub struct Report<'a> {
    is_buildkit: bool,
    findings: &'a RefCell<Vec<Finding>>,
    finding: Option<Finding>,
}

#[expect(clippy::return_self_not_must_use, reason = "a report that is dropped is filed")]
impl Report<'_> {
    fn edit(mut self, change: impl FnOnce(&mut Finding)) -> Self {
        if let Some(finding) = &mut self.finding {
            change(finding);
        }
        self
    }

    /// Says it in BuildKit's words where BuildKit's habits are asked for: scripts look for them.
    pub fn in_buildkits_words(self, words: impl FnOnce() -> String) -> Self {
        if !self.is_buildkit {
            return self;
        }
        self.edit(|finding| finding.diagnostic.message = words())
    }

    /// Says something beside the underline.
    pub fn label(self, label: impl Into<String>) -> Self {
        self.edit(|finding| {
            if let Some(primary) = &mut finding.diagnostic.primary {
                primary.message = label.into();
            }
        })
    }

    /// Adds another place.
    pub fn also(self, span: Span, label: impl Into<String>) -> Self {
        self.edit(|finding| {
            finding.diagnostic.secondary.push(crate::diagnostic::Label { span, message: label.into() });
        })
    }

    /// Adds a fact.
    pub fn note(self, note: impl Into<String>) -> Self {
        self.edit(|finding| finding.diagnostic.notes.push(note.into()))
    }

    /// Says what to do.
    pub fn help(self, help: impl Into<String>) -> Self {
        self.edit(|finding| finding.diagnostic.help = Some(help.into()))
    }

    /// Adds what would mend it.
    pub fn fix(self, fix: Fix) -> Self {
        self.maybe_fix(Some(fix))
    }

    /// Adds what would mend it, where there is something.
    pub fn maybe_fix(self, fix: Option<Fix>) -> Self {
        self.edit(|finding| {
            if let (None, Some(fix)) = (&finding.diagnostic.help, &fix) {
                finding.diagnostic.help = Some(fix.title.clone());
            }
            finding.fix = fix;
        })
    }

    /// Files it.
    pub fn done(self) {}
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        if let Some(finding) = self.finding.take() {
            self.findings.borrow_mut().push(finding);
        }
    }
}
