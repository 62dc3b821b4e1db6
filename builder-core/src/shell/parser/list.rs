//! Lists and pipelines, and the blanks, comments and line feeds between commands.

use super::cursor::{Parsed, Parser};
use crate::shell::ast::{AndOr, List, ListItem, Pipeline, Terminator};
use crate::text::Span;

/// Tells whether a byte ends a word outside of quotes.
pub(super) fn is_meta(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>')
}

impl<'t> Parser<'t, '_> {
    /// Reads the whole text.
    pub(super) fn script(&mut self) -> Parsed<List> {
        let list = self.list()?;
        if self.peek().is_some() {
            let (span, found) = self.next_token();
            return Self::fail(span, format!("{found} has nothing to end here"));
        }
        Ok(list)
    }

    /// Steps over blanks and a comment.
    pub(super) fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.position += 1;
        }
        if self.peek() == Some(b'#') {
            let start = self.position;
            let line = &self.bytes[start..self.end];
            let end = line.iter().position(|b| *b == b'\n').map_or(self.end, |n| start + n);
            self.position = end;
            let comment = self.span(start, end);
            self.shared.comments.push(comment);
        }
    }

    /// Takes a line feed, and with it the bodies of the here-documents that wait for it.
    pub(super) fn line_feed(&mut self) {
        self.take();
        let consumed = self.consumed;
        if !self.pending.is_empty() {
            self.here_document_bodies();
        }
        // A body belongs to no command.
        self.consumed = consumed;
    }

    /// Steps over blanks, comments and line feeds.
    pub(super) fn skip_lines(&mut self) {
        loop {
            self.skip_blanks();
            if self.peek() != Some(b'\n') {
                return;
            }
            self.line_feed();
        }
    }

    /// Returns the next word if it is made of the characters of reserved words alone.
    pub(super) fn keyword(&mut self) -> &'t str {
        let start = self.here();
        let rest = &self.bytes[start..self.end];
        let length = rest.iter().take(9).take_while(|b| matches!(b, b'a'..=b'z' | b'!' | b'{' | b'}' | b'[' | b']'));
        let end = start + length.count();
        let mut after = end;
        // What follows a continuation is part of the word.
        while self.raw(after) == Some(b'\\') && self.raw(after + 1) == Some(b'\n') {
            after += 2;
        }
        if self.raw(after).is_none_or(is_meta) { self.slice(start, end) } else { "" }
    }

    /// Takes a reserved word if it is next, and returns its span.
    pub(super) fn take_keyword(&mut self, word: &str) -> Option<Span> {
        if self.keyword() != word {
            return None;
        }
        let start = self.position;
        self.take_to(start + word.len());
        Some(self.span(start, self.position))
    }

    /// Steps over lines and takes the reserved word that has to be there.
    pub(super) fn expect_keyword(&mut self, word: &str, opener: Span) -> Parsed<Span> {
        self.skip_lines();
        match self.take_keyword(word) {
            Some(span) => Ok(span),
            None => self.expected(&format!("`{word}`"), opener),
        }
    }

    /// Tells whether what comes next ends the list around it.
    fn at_list_end(&mut self) -> bool {
        match self.peek() {
            None | Some(b')') => true,
            Some(b';') => matches!(self.peek_at(1), Some(b';' | b'&')),
            Some(b't' | b'e' | b'f' | b'd' | b'}') => {
                matches!(self.keyword(), "then" | "else" | "elif" | "fi" | "do" | "done" | "esac" | "}")
            }
            _ => false,
        }
    }

    /// Reads commands up to something that cannot begin one.
    pub(super) fn list(&mut self) -> Parsed<List> {
        let before = self.consumed;
        self.skip_lines();
        let start = self.here();
        let mut items = Vec::new();
        while !self.at_list_end() {
            let mut item = self.item()?;
            self.skip_blanks();
            item.terminator = self.terminator();
            let more = item.terminator.is_some();
            items.push(item);
            if !more {
                break;
            }
            self.skip_lines();
        }
        let span = if items.is_empty() { self.span(before, before) } else { self.span_from(start) };
        Ok(List { span, items })
    }

    /// Reads commands, at least one.
    pub(super) fn commands(&mut self, closer: &str, opener: Span) -> Parsed<List> {
        let list = self.list()?;
        if list.items.is_empty() {
            return self.expected(&format!("a command before `{closer}`"), opener);
        }
        Ok(list)
    }

    fn terminator(&mut self) -> Option<(Terminator, Span)> {
        let kind = match (self.peek()?, self.peek_at(1)) {
            (b';', Some(b';' | b'&')) => return None,
            (b';', _) => Terminator::Semicolon,
            (b'&', _) => Terminator::Background,
            (b'\n', _) => Terminator::Newline,
            _ => return None,
        };
        let start = self.position;
        let span = self.span(start, start + 1);
        if kind == Terminator::Newline {
            self.line_feed();
        } else {
            self.take();
        }
        Some((kind, span))
    }

    fn item(&mut self) -> Parsed<ListItem> {
        let start = self.here();
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        let mut span = self.span_from(start);
        loop {
            self.skip_blanks();
            let operator = if self.take_if(b"&&") {
                AndOr::And
            } else if self.take_if(b"||") {
                AndOr::Or
            } else {
                return Ok(ListItem { span, first, rest, terminator: None });
            };
            self.skip_lines();
            rest.push((operator, self.pipeline()?));
            span = self.span_from(start);
        }
    }

    fn pipeline(&mut self) -> Parsed<Pipeline> {
        let start = self.here();
        let mut negated = None;
        let mut timed = false;
        loop {
            if let Some(span) = self.take_keyword("!") {
                negated.get_or_insert(span);
            } else if self.take_time() {
                timed = true;
            } else {
                break;
            }
            self.skip_blanks();
        }
        let mut commands = vec![self.command()?];
        let mut pipes = Vec::new();
        let mut span = self.span_from(start);
        loop {
            self.skip_blanks();
            let pipe = self.here();
            if self.looking_at(b"||") || !self.take_if(b"|") {
                return Ok(Pipeline { span, negated, timed, commands, pipes });
            }
            if self.raw(self.position) == Some(b'&') {
                self.take();
            }
            pipes.push(self.span_from(pipe));
            self.skip_lines();
            commands.push(self.command()?);
            span = self.span_from(start);
        }
    }

    /// Takes `time` where it is bash's word: not alone, and not with options that only the program has.
    fn take_time(&mut self) -> bool {
        if self.keyword() != "time" {
            return false;
        }
        let mark = self.mark();
        self.take_to(self.position + 4);
        self.skip_blanks();
        if self.looking_at(b"-p") && self.peek_at(2).is_none_or(is_meta) {
            self.take();
            self.take();
            self.skip_blanks();
        }
        let alone = match self.peek() {
            None | Some(b'\n' | b';' | b'&' | b'|' | b')' | b'-') => true,
            Some(_) => matches!(self.keyword(), "}" | "then" | "do" | "fi" | "done" | "esac"),
        };
        if alone {
            self.back_to(mark);
        }
        !alone
    }
}
