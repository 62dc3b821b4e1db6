//! Simple commands: assignments, words and redirections in one row; and functions, which begin as one.

use super::cursor::{Parsed, Parser};
use super::word::Mode;
use crate::shell::ast::{
    Assignment, Command, CommandKind, PartKind, Redirect, RedirectOperator, SimpleCommand, Word, WordPart,
};
use crate::text::Spanned;

/// Builtins whose arguments may be assignments of arrays.
const TAKES_ARRAYS: [&str; 10] =
    ["alias", "builtin", "command", "declare", "eval", "export", "let", "local", "readonly", "typeset"];

/// How far an index may reach, in bytes: looking for its end must not read the same text over and over.
const LONGEST_INDEX: usize = 500;

/// The operators of redirections, longest first.
const OPERATORS: [(&[u8], RedirectOperator); 12] = [
    (b"<<<", RedirectOperator::HereString),
    (b"<<-", RedirectOperator::HereDocumentTabs),
    (b"&>>", RedirectOperator::AppendBoth),
    (b"<<", RedirectOperator::HereDocument),
    (b"<&", RedirectOperator::DuplicateInput),
    (b"<>", RedirectOperator::ReadWrite),
    (b">>", RedirectOperator::Append),
    (b">&", RedirectOperator::DuplicateOutput),
    (b">|", RedirectOperator::Clobber),
    (b"&>", RedirectOperator::WriteBoth),
    (b"<", RedirectOperator::Read),
    (b">", RedirectOperator::Write),
];

/// What a word that assigns begins with.
struct AssignmentHead {
    /// The end of the name.
    name: usize,
    /// The `]` of its index.
    index: Option<usize>,
    append: bool,
    /// The byte after the `=`.
    value: usize,
}

impl Parser<'_, '_> {
    pub(super) fn simple(&mut self) -> Parsed<Command> {
        let start = self.here();
        let mut simple = SimpleCommand::default();
        let mut redirects = Vec::new();
        let mut takes_arrays = false;
        let mut end = start;
        loop {
            self.skip_blanks();
            match self.peek() {
                None | Some(b'\n' | b';' | b'|' | b')') => break,
                Some(b'&') if self.peek_at(1) != Some(b'>') => break,
                Some(b'(') => {
                    let alone = simple.assignments.is_empty() && redirects.is_empty();
                    if let ([name], true) = (simple.words.as_slice(), alone) {
                        return self.function(start, end, name.span);
                    }
                    let (span, _) = self.next_token();
                    return Self::fail(span, "expected a word or the end of the command, found `(`");
                }
                Some(_) => {}
            }
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
            } else if let Some(head) = self.assignment_head() {
                if simple.words.is_empty() {
                    simple.assignments.push(self.assignment(&head)?);
                } else {
                    simple.words.push(self.assigning_word(&head, takes_arrays)?);
                }
            } else {
                let word = self.word()?;
                if simple.words.is_empty() {
                    takes_arrays = word.literal().is_some_and(|name| TAKES_ARRAYS.contains(&name.as_ref()));
                }
                simple.words.push(word);
            }
            end = self.consumed;
        }
        if end == start {
            let (span, found) = self.next_token();
            return Self::fail(span, format!("expected a command, found {found}"));
        }
        Ok(Command { span: self.span(start, end), kind: CommandKind::Simple(simple), redirects })
    }

    /// Reads `()` and the body of a function.
    fn function(&mut self, start: usize, end: usize, name: crate::text::Span) -> Parsed<Command> {
        if !self.parenthesis_pair() {
            let (span, _) = self.next_token();
            return Self::fail(span, "expected a word or the end of the command, found `(`");
        }
        let name = Spanned::new(self.slice(start, end).replace("\\\n", ""), name);
        self.take();
        self.skip_blanks();
        self.take();
        let kind = self.function_body(name, false)?;
        Ok(Command { span: self.span_from(start), kind, redirects: Vec::new() })
    }

    /// Finds out whether the next word assigns; reads nothing.
    fn assignment_head(&mut self) -> Option<AssignmentHead> {
        let start = self.here();
        let rest = &self.bytes[start..self.end];
        if !rest.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_') {
            return None;
        }
        let name = start + rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let mut at = name;
        let mut index = None;
        if self.raw(at) == Some(b'[') {
            let close = self.closing_bracket(at)?;
            index = Some(close);
            at = close + 1;
        }
        let append = self.raw(at) == Some(b'+');
        at += usize::from(append);
        (self.raw(at) == Some(b'=')).then_some(AssignmentHead { name, index, append, value: at + 1 })
    }

    /// Returns where the `]` of the `[` at an offset stands, on the same line.
    fn closing_bracket(&mut self, open: usize) -> Option<usize> {
        let mut level = 0;
        let mut quote = None;
        let mut at = open;
        while let Some(byte) = self.raw(at).filter(|_| at < open + LONGEST_INDEX) {
            match (byte, quote) {
                (b'\n', _) => break,
                (b'\\', None | Some(b'"')) => at += 1,
                (b'"' | b'\'', None) => quote = Some(byte),
                (_, Some(open)) if open == byte => quote = None,
                (_, Some(_)) => {}
                (b'[', None) => level += 1,
                (b']', None) => {
                    level -= 1;
                    if level == 0 {
                        return Some(at);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        None
    }

    fn assignment(&mut self, head: &AssignmentHead) -> Parsed<Assignment> {
        let start = self.position;
        self.take_to(head.name);
        let name = Spanned::new(self.slice(start, head.name).to_owned(), self.span(start, head.name));
        let mut index = None;
        if let Some(close) = head.index {
            self.take_to(head.name + 1);
            let outer_end = std::mem::replace(&mut self.end, close);
            let word = self.nested(|p| p.word_or_nothing(Mode::Index));
            self.end = outer_end;
            index = Some(word?);
        }
        self.take_to(head.value);
        let value = match self.array()? {
            Some(array) => Word { span: array.span, parts: vec![array] },
            None => self.word_or_nothing(Mode::Word { assignment: true })?,
        };
        Ok(Assignment { span: self.span_from(start), name, index, append: head.append, value })
    }

    /// Reads an argument that looks like an assignment. Up to the `=` it is parts of its own.
    fn assigning_word(&mut self, head: &AssignmentHead, declares: bool) -> Parsed<Word> {
        let start = self.position;
        let outer_end = std::mem::replace(&mut self.end, head.value);
        let before = self.nested(|p| p.parts(Mode::Word { assignment: true }));
        self.end = outer_end;
        let mut parts = before?;
        // An index may hold blanks, which end a word.
        if self.position != head.value {
            self.take_to(head.value);
            let span = self.span(start, head.value);
            let text = self.slice(start, head.value).to_owned();
            parts = vec![WordPart { span, kind: PartKind::Literal(text) }];
        }
        match if declares { self.array()? } else { None } {
            Some(array) => parts.push(array),
            None => parts.extend(self.parts(Mode::Word { assignment: declares })?),
        }
        Ok(Word { span: self.span_from(start), parts })
    }

    /// Reads `(…)` as the value of an assignment.
    fn array(&mut self) -> Parsed<Option<WordPart>> {
        let start = self.position;
        if self.raw(start) != Some(b'(') {
            return Ok(None);
        }
        self.take();
        let opener = self.span_from(start);
        let words = self.nested(|p| {
            let mut words = Vec::new();
            loop {
                p.skip_lines();
                match p.optional_word()? {
                    Some(word) => words.push(word),
                    None => return Ok(words),
                }
            }
        })?;
        self.close_parenthesis(opener)?;
        Ok(Some(WordPart { span: self.span_from(start), kind: PartKind::Array(words) }))
    }

    /// Reads a redirection if one is next.
    pub(super) fn redirect(&mut self) -> Parsed<Option<Redirect>> {
        let start = self.here();
        let rest = &self.bytes[start..self.end];
        let length = match rest.first() {
            Some(b'0'..=b'9') => rest.iter().take_while(|b| b.is_ascii_digit()).count(),
            Some(b'{') => {
                let name = rest[1..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
                if name == 0 || rest.get(name + 1) != Some(&b'}') {
                    return Ok(None);
                }
                name + 2
            }
            Some(b'<' | b'>' | b'&') => 0,
            _ => return Ok(None),
        };
        match (rest.get(length), rest.get(length + 1)) {
            (Some(b'<' | b'>'), Some(b'(')) => return Ok(None),
            (Some(b'<' | b'>'), _) => {}
            (Some(b'&'), Some(b'>')) if length == 0 => {}
            _ => return Ok(None),
        }
        let descriptor = (length > 0).then(|| {
            let end = start + length;
            Spanned::new(self.slice(start, end).to_owned(), self.span(start, end))
        });
        self.take_to(start + length);
        let Some((_, operator)) = OPERATORS.iter().find(|(text, _)| self.take_if(text)) else { return Ok(None) };
        let opener = self.span_from(start);
        self.skip_blanks();
        let from = self.here();
        let Some(target) = self.optional_word()? else {
            return self.expected("a word after the redirection", opener);
        };
        let here_document = match operator {
            RedirectOperator::HereDocument | RedirectOperator::HereDocumentTabs => {
                let written = self.slice(from, self.consumed);
                Some(self.here_document(&target, written, *operator == RedirectOperator::HereDocumentTabs))
            }
            _ => None,
        };
        Ok(Some(Redirect { span: self.span_from(start), descriptor, operator: *operator, target, here_document }))
    }
}
