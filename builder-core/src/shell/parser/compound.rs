//! `if`, loops and `case`.

use super::cursor::{Parsed, Parser};
use super::word::Mode;
use crate::shell::ast::{CaseArm, CommandKind, List};
use crate::text::Span;

impl Parser<'_, '_> {
    pub(super) fn if_command(&mut self, opener: Span) -> Parsed<CommandKind> {
        let mut branches = Vec::new();
        loop {
            let condition = self.commands("then", opener)?;
            self.expect_keyword("then", opener)?;
            let body = self.commands("fi", opener)?;
            branches.push((condition, body));
            if self.take_keyword("elif").is_none() {
                break;
            }
        }
        let otherwise = match self.take_keyword("else") {
            Some(_) => Some(self.commands("fi", opener)?),
            None => None,
        };
        self.expect_keyword("fi", opener)?;
        Ok(CommandKind::If { branches, otherwise })
    }

    pub(super) fn loop_command(&mut self, until: bool, opener: Span) -> Parsed<CommandKind> {
        let condition = self.commands("do", opener)?;
        let body = self.do_group(opener)?;
        Ok(CommandKind::Loop { until, condition, body })
    }

    /// `do … done`.
    fn do_group(&mut self, opener: Span) -> Parsed<List> {
        self.expect_keyword("do", opener)?;
        let body = self.commands("done", opener)?;
        self.expect_keyword("done", opener)?;
        Ok(body)
    }

    /// The body of `for`: bash and ksh also take a group.
    fn for_body(&mut self, opener: Span) -> Parsed<List> {
        self.skip_lines();
        if let Some(brace) = self.take_keyword("{") {
            let body = self.commands("}", brace)?;
            self.expect_keyword("}", brace)?;
            return Ok(body);
        }
        self.do_group(opener)
    }

    pub(super) fn for_command(&mut self, select: bool, opener: Span) -> Parsed<CommandKind> {
        self.skip_blanks();
        let start = self.here();
        if !select && self.looking_at(b"((") {
            let Some(header) = self.double_parentheses(start, b"((")? else {
                return Self::fail(self.span(start, start + 2), "`((` of `for` is never closed by `))`");
            };
            self.skip_blanks();
            if self.peek() == Some(b';') {
                self.take();
            }
            let body = self.for_body(opener)?;
            return Ok(CommandKind::ArithmeticFor { header, body });
        }
        if self.optional_word()?.is_none() {
            return self.expected("the name of a variable", opener);
        }
        let name = self.written(start);
        // Before `in`, dash and bash step over line feeds; before `do`, over one `;` too.
        self.skip_lines();
        let mut words = None;
        if self.take_keyword("in").is_some() {
            let list = words.get_or_insert_with(Vec::new);
            loop {
                self.skip_blanks();
                match self.optional_word()? {
                    Some(word) => list.push(word),
                    None => break,
                }
            }
            match self.peek() {
                Some(b'\n') => self.line_feed(),
                Some(b';') if self.peek_at(1) != Some(b';') => self.take(),
                _ => return self.expected("`;` or the end of the line before `do`", opener),
            }
        } else if self.peek() == Some(b';') && self.peek_at(1) != Some(b';') {
            self.take();
        }
        let body = self.for_body(opener)?;
        Ok(CommandKind::For { select, name, words, body })
    }

    pub(super) fn case_command(&mut self, opener: Span) -> Parsed<CommandKind> {
        self.skip_blanks();
        let Some(word) = self.optional_word()? else {
            return self.expected("a word", opener);
        };
        self.expect_keyword("in", opener)?;
        let mut arms = Vec::new();
        loop {
            self.skip_lines();
            if self.take_keyword("esac").is_some() {
                return Ok(CommandKind::Case { word, arms });
            }
            let (arm, last) = self.case_arm(opener)?;
            arms.push(arm);
            if last {
                self.expect_keyword("esac", opener)?;
                return Ok(CommandKind::Case { word, arms });
            }
        }
    }

    /// Reads one alternative; tells also whether it can only be the last.
    fn case_arm(&mut self, opener: Span) -> Parsed<(CaseArm, bool)> {
        let start = self.here();
        self.take_if(b"(");
        let mut patterns = Vec::new();
        loop {
            self.skip_blanks();
            match self.word_in(Mode::Pattern)? {
                Some(pattern) => patterns.push(pattern),
                None => return self.expected("a pattern or `esac`", opener),
            }
            self.skip_blanks();
            if self.looking_at(b"||") || !self.take_if(b"|") {
                break;
            }
        }
        if self.peek() != Some(b')') {
            return self.expected("`)` after the pattern", opener);
        }
        self.take();
        let body = self.list()?;
        let at = self.here();
        let found = self.take_if(b";;&") || self.take_if(b";;") || self.take_if(b";&");
        let terminator = found.then(|| self.span_from(at));
        Ok((CaseArm { span: self.span_from(start), patterns, body, terminator }, !found))
    }
}
