//! Checks that spans are what they claim to be. Every test of syntax goes through it.

use crate::shell::ast::*;
use crate::text::Span;

/// Panics where a span of a tree is wrong.
pub(super) fn check(script: &Script, text: &str) {
    let whole = Span::from_range(0..text.len());
    let mut check = Check { text, script, in_backticks: false };
    check.list(&script.body, whole);
    for comment in &script.comments {
        check.inside(*comment, whole);
        assert!(text[comment.range()].starts_with('#'));
    }
    check.ordered(script.comments.iter().copied());
    // The table does not tell which of them are in backticks.
    check.in_backticks = text.contains('`');
    for document in &script.here_documents {
        check.inside(document.span, whole);
        match document.parts.as_slice() {
            [part @ WordPart { kind: PartKind::Literal(literal), .. }] if !document.expand => {
                assert!(check.in_backticks || &text[part.span.range()] == literal, "in {text:?}");
            }
            parts => check.parts(parts, document.span),
        }
        let covered: u32 = document.parts.iter().map(|part| part.span.len()).sum();
        assert!(document.closing.is_none() || covered <= document.span.len());
    }
}

struct Check<'a> {
    text: &'a str,
    script: &'a Script,
    /// Texts in backticks have one level of escapes more than their values.
    in_backticks: bool,
}

impl Check<'_> {
    fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_else(|| panic!("{span:?} is no part of {:?}", self.text))
    }

    fn inside(&self, span: Span, parent: Span) {
        self.slice(span);
        assert!(parent.start <= span.start && span.end <= parent.end, "{span:?} in {parent:?} of {:?}", self.text);
    }

    fn ordered(&self, spans: impl Iterator<Item = Span>) {
        let mut end = 0;
        for span in spans {
            assert!(end <= span.start, "{span:?} begins before {end} in {:?}", self.text);
            end = span.end;
        }
    }

    fn reads(&self, span: Span, expected: &str) {
        if !self.in_backticks {
            assert_eq!(self.slice(span).replace("\\\n", ""), expected, "in {:?}", self.text);
        }
    }

    fn list(&mut self, list: &List, parent: Span) {
        self.inside(list.span, parent);
        self.ordered(list.items.iter().map(|item| item.span));
        for item in &list.items {
            self.inside(item.span, list.span);
            if let Some((kind, span)) = item.terminator {
                self.inside(span, list.span);
                assert!(item.span.end <= span.start);
                self.reads(
                    span,
                    match kind {
                        Terminator::Semicolon => ";",
                        Terminator::Background => "&",
                        Terminator::Newline => "\n",
                    },
                );
            }
            self.pipeline(&item.first, item.span);
            for (_, pipeline) in &item.rest {
                self.pipeline(pipeline, item.span);
            }
            self.ordered(std::iter::once(&item.first).chain(item.rest.iter().map(|(_, p)| p)).map(|p| p.span));
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, parent: Span) {
        self.inside(pipeline.span, parent);
        assert_eq!(pipeline.pipes.len() + 1, pipeline.commands.len());
        if let Some(span) = pipeline.negated {
            self.reads(span, "!");
        }
        let mut spans: Vec<_> = pipeline.commands.iter().map(|command| command.span).collect();
        spans.extend(&pipeline.pipes);
        spans.sort_unstable();
        self.ordered(spans.into_iter());
        for span in &pipeline.pipes {
            assert!(self.slice(*span).starts_with('|'));
        }
        for command in &pipeline.commands {
            self.command(command, pipeline.span);
        }
    }

    fn command(&mut self, command: &Command, parent: Span) {
        self.inside(command.span, parent);
        self.ordered(command.redirects.iter().map(|redirect| redirect.span));
        let span = command.span;
        match &command.kind {
            CommandKind::Simple(simple) => {
                let mut spans: Vec<_> = simple.assignments.iter().map(|assignment| assignment.span).collect();
                spans.extend(simple.words.iter().map(|word| word.span));
                self.ordered(spans.iter().copied());
                spans.extend(command.redirects.iter().map(|redirect| redirect.span));
                spans.sort_unstable();
                self.ordered(spans.iter().copied());
                assert_eq!(spans.first().map(|first| first.start), Some(span.start), "in {:?}", self.text);
                assert_eq!(spans.last().map(|last| last.end), Some(span.end), "in {:?}", self.text);
                for assignment in &simple.assignments {
                    self.assignment(assignment, span);
                }
                self.words(&simple.words, span);
            }
            CommandKind::Subshell(list) | CommandKind::Group(list) => self.list(list, span),
            CommandKind::If { branches, otherwise } => {
                let bodies = branches.iter().flat_map(|(condition, body)| [condition, body]).chain(otherwise);
                self.lists(&bodies.collect::<Vec<_>>(), span);
            }
            CommandKind::Loop { condition, body, .. } => self.lists(&[condition, body], span),
            CommandKind::For { name, words, body, .. } => {
                self.inside(name.span, span);
                self.words(words.as_deref().unwrap_or_default(), span);
                self.list(body, span);
            }
            CommandKind::ArithmeticFor { header, body } => {
                self.parts(header, span);
                self.list(body, span);
            }
            CommandKind::Case { word, arms } => {
                self.word(word, span);
                self.ordered(arms.iter().map(|arm| arm.span));
                for arm in arms {
                    self.inside(arm.span, span);
                    self.words(&arm.patterns, arm.span);
                    self.list(&arm.body, arm.span);
                    if let Some(terminator) = arm.terminator {
                        assert!(self.slice(terminator).starts_with(';'));
                    }
                }
            }
            CommandKind::Function { name, body, .. } => {
                self.inside(name.span, span);
                self.reads(name.span, &name.value);
                self.list(body, span);
            }
            CommandKind::Coproc { body, .. } => self.list(body, span),
            CommandKind::Test(words) => self.words(words, span),
            CommandKind::Arithmetic(parts) => self.parts(parts, span),
        }
        for redirect in &command.redirects {
            self.inside(redirect.span, span);
            self.word(&redirect.target, redirect.span);
            if let Some(descriptor) = &redirect.descriptor {
                self.reads(descriptor.span, &descriptor.value);
            }
            assert!(redirect.here_document.is_none_or(|at| at < self.script.here_documents.len()));
        }
    }

    fn lists(&mut self, lists: &[&List], parent: Span) {
        self.ordered(lists.iter().map(|list| list.span));
        for list in lists {
            self.list(list, parent);
        }
    }

    fn assignment(&mut self, assignment: &Assignment, parent: Span) {
        self.inside(assignment.span, parent);
        self.inside(assignment.name.span, assignment.span);
        self.reads(assignment.name.span, &assignment.name.value);
        if let Some(index) = &assignment.index {
            self.word(index, assignment.span);
        }
        self.word(&assignment.value, assignment.span);
        assert_eq!(assignment.value.span.end, assignment.span.end, "in {:?}", self.text);
    }

    fn words(&mut self, words: &[Word], parent: Span) {
        self.ordered(words.iter().map(|word| word.span));
        for word in words {
            assert!(!word.span.is_empty());
            self.word(word, parent);
            if let Some(assignment) = word.as_assignment() {
                self.assignment(&assignment, word.span);
            }
        }
    }

    fn word(&mut self, word: &Word, parent: Span) {
        self.inside(word.span, parent);
        self.parts(&word.parts, word.span);
        let ends = word.parts.first().zip(word.parts.last());
        if let Some((first, last)) = ends {
            assert_eq!(first.span.cover(last.span), word.span, "in {:?}", self.text);
        }
    }

    fn parts(&mut self, parts: &[WordPart], parent: Span) {
        self.ordered(parts.iter().map(|part| part.span));
        for part in parts {
            self.inside(part.span, parent);
            self.part(part);
        }
    }

    fn part(&mut self, part: &WordPart) {
        let span = part.span;
        assert!(!span.is_empty(), "{part:?} in {:?}", self.text);
        match &part.kind {
            PartKind::Literal(text) => {
                assert!(!text.is_empty());
                self.reads(span, text);
            }
            PartKind::Escaped(c) => self.reads(span, &format!("\\{c}")),
            PartKind::SingleQuoted(text) => {
                if !self.in_backticks {
                    assert_eq!(self.slice(span), format!("'{text}'"));
                }
            }
            PartKind::AnsiQuoted(text) => {
                if !self.in_backticks && !self.slice(span).starts_with("$\\") {
                    assert_eq!(self.slice(span), format!("$'{text}'"));
                }
            }
            PartKind::DoubleQuoted { parts, dollar } => {
                if !self.in_backticks {
                    assert!(self.slice(span).starts_with(if *dollar { '$' } else { '"' }));
                    assert!(self.slice(span).ends_with('"'));
                }
                self.parts(parts, span);
            }
            PartKind::Parameter(parameter) => {
                if !parameter.braced {
                    self.reads(span, &format!("${}", parameter.name));
                } else if !self.in_backticks {
                    assert!(self.slice(span).starts_with('$') && self.slice(span).ends_with('}'));
                }
                if let Some(index) = &parameter.index {
                    self.word(index, span);
                }
                self.parts(&parameter.operand, span);
            }
            PartKind::CommandSubstitution { body, backticks } => {
                let outer = self.in_backticks;
                self.in_backticks |= *backticks;
                self.list(body, span);
                self.in_backticks = outer;
            }
            PartKind::Arithmetic { parts, .. } | PartKind::ExtendedGlob { parts, .. } | PartKind::Braces(parts) => {
                self.parts(parts, span);
            }
            PartKind::ProcessSubstitution { body, .. } => self.list(body, span),
            PartKind::Array(words) => self.words(words, span),
            PartKind::Glob(text) => self.reads(span, text),
            PartKind::Tilde(name) => self.reads(span, &format!("~{name}")),
        }
    }
}
