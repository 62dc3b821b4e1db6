//! What kind of command comes next, and what every compound command has in common.

use super::cursor::{Parsed, Parser};
use crate::shell::ast::{Command, CommandKind, List, ListItem, Pipeline, Redirect};
use crate::text::{Span, Spanned};

impl Parser<'_, '_> {
    /// Reads one command with its redirections.
    pub(super) fn command(&mut self) -> Parsed<Command> {
        let start = self.here();
        let kind = match self.peek() {
            Some(b'(') => self.nested(Self::parenthesis)?,
            Some(b'a'..=b'z' | b'{' | b'}' | b'[' | b'!') => {
                let keyword = self.keyword();
                match keyword {
                    "{" | "if" | "while" | "until" | "for" | "select" | "case" | "function" | "[[" | "coproc" => {
                        self.nested(|p| p.compound(keyword))?
                    }
                    "}" | "then" | "else" | "elif" | "fi" | "do" | "done" | "esac" | "!" => {
                        let (span, found) = self.next_token();
                        return Self::fail(span, format!("expected a command, found {found}"));
                    }
                    _ => return self.simple(),
                }
            }
            _ => return self.simple(),
        };
        let mut span = self.span_from(start);
        // The redirections of a function's body are the body's.
        let takes_redirects = !matches!(kind, CommandKind::Function { .. } | CommandKind::Coproc { .. });
        let redirects = if takes_redirects { self.redirects()? } else { Vec::new() };
        if let Some(last) = redirects.last() {
            span = span.cover(last.span);
        }
        Ok(Command { span, kind, redirects })
    }

    fn redirects(&mut self) -> Parsed<Vec<Redirect>> {
        let mut redirects = Vec::new();
        loop {
            self.skip_blanks();
            match self.redirect()? {
                Some(redirect) => redirects.push(redirect),
                None => return Ok(redirects),
            }
        }
    }

    fn compound(&mut self, keyword: &str) -> Parsed<CommandKind> {
        let start = self.here();
        self.take_to(start + keyword.len());
        let opener = self.span_from(start);
        match keyword {
            "{" => {
                let body = self.commands("}", opener)?;
                self.expect_keyword("}", opener)?;
                Ok(CommandKind::Group(body))
            }
            "if" => self.if_command(opener),
            "while" | "until" => self.loop_command(keyword == "until", opener),
            "for" | "select" => self.for_command(keyword == "select", opener),
            "case" => self.case_command(opener),
            "[[" => self.test_command(opener),
            "function" => self.function_command(opener),
            _ => self.coproc_command(opener),
        }
    }

    /// `(( … ))`, or `( … )`.
    fn parenthesis(&mut self) -> Parsed<CommandKind> {
        let start = self.here();
        if self.looking_at(b"((")
            && let Some(parts) = self.double_parentheses(start, b"((")?
        {
            return Ok(CommandKind::Arithmetic(parts));
        }
        self.take();
        let opener = self.span_from(start);
        let body = self.commands(")", opener)?;
        self.close_parenthesis(opener)?;
        Ok(CommandKind::Subshell(body))
    }

    /// Takes the `)` that has to be there.
    pub(super) fn close_parenthesis(&mut self, opener: Span) -> Parsed<()> {
        if self.peek() == Some(b')') {
            self.take();
            return Ok(());
        }
        self.expected("`)`", opener)
    }

    /// Reads the body of a function: any command, as dash has it.
    pub(super) fn function_body(&mut self, name: Spanned<String>, keyword: bool) -> Parsed<CommandKind> {
        self.skip_lines();
        let body = self.nested(Self::single)?;
        Ok(CommandKind::Function { name, keyword, body })
    }

    fn function_command(&mut self, opener: Span) -> Parsed<CommandKind> {
        self.skip_blanks();
        let start = self.here();
        if self.optional_word()?.is_none() {
            return self.expected("the name of a function", opener);
        }
        let name = self.written(start);
        self.skip_blanks();
        if self.peek() == Some(b'(') && self.parenthesis_pair() {
            self.take();
            self.skip_blanks();
            self.take();
        }
        self.function_body(name, true)
    }

    /// Tells whether `(`, blanks and `)` come next.
    pub(super) fn parenthesis_pair(&mut self) -> bool {
        let blanks = (1..).take_while(|n| matches!(self.peek_at(*n), Some(b' ' | b'\t'))).take(16).count();
        self.peek() == Some(b'(') && self.peek_at(blanks + 1) == Some(b')')
    }

    /// Returns the source from an offset to what was read last.
    pub(super) fn written(&self, start: usize) -> Spanned<String> {
        Spanned::new(self.slice(start, self.consumed).replace("\\\n", ""), self.span_from(start))
    }

    fn coproc_command(&mut self, opener: Span) -> Parsed<CommandKind> {
        self.skip_blanks();
        let mark = self.mark();
        let start = self.here();
        let mut name = None;
        // A name is one only before a compound command.
        if matches!(self.peek(), Some(b'A'..=b'Z' | b'a'..=b'z' | b'_')) && !self.at_compound() {
            while matches!(self.peek(), Some(b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'0'..=b'9')) {
                self.take();
            }
            let end = self.consumed;
            let blank = matches!(self.peek(), Some(b' ' | b'\t'));
            self.skip_blanks();
            if blank && self.at_compound() {
                name = Some(Spanned::new(self.slice(start, end).to_owned(), self.span(start, end)));
            } else {
                self.back_to(mark);
            }
        }
        if self.peek().is_none() {
            return self.expected("a command", opener);
        }
        let body = self.single()?;
        Ok(CommandKind::Coproc { name, body })
    }

    /// Reads one command as a list.
    fn single(&mut self) -> Parsed<List> {
        let command = self.command()?;
        let span = command.span;
        let commands = vec![command];
        let first = Pipeline { span, negated: None, timed: false, commands, pipes: Vec::new() };
        Ok(List { span, items: vec![ListItem { span, first, rest: Vec::new(), terminator: None }] })
    }

    fn at_compound(&mut self) -> bool {
        self.peek() == Some(b'(')
            || matches!(self.keyword(), "{" | "if" | "while" | "until" | "for" | "select" | "case" | "[[")
    }
}
