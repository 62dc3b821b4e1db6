//! The place of the parser in the text, and what all of its parts share.

use std::collections::HashSet;

use super::MAX_DEPTH;
use crate::shell::ast::HereDocument;
use crate::text::Span;

/// Why a construct could not be read.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) span: Span,
    pub(super) message: String,
    /// Whether trying another reading is pointless.
    pub(super) fatal: bool,
}

pub(super) type Parsed<T> = Result<T, Failure>;

/// A here-document whose operator was read, and whose body begins after the next line feed.
#[derive(Clone, Debug)]
pub(super) struct PendingHere {
    /// Its place in the table.
    pub(super) index: usize,
    pub(super) strip_tabs: bool,
}

/// What parsers of nested texts have in common.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) comments: Vec<Span>,
    pub(super) here_documents: Vec<HereDocument>,
    /// Where `((` turned out to be two subshells, so that no text is tried as arithmetic twice.
    pub(super) not_arithmetic: HashSet<u32>,
}

/// Where the bytes of a parsed text stand in the script.
#[derive(Debug)]
enum Origin {
    /// It is the script itself.
    Same,
    /// The content of backticks with escapes removed: the place of each byte, and of the end.
    Bytes(Vec<u32>),
}

/// A place to come back to.
#[derive(Debug)]
pub(super) struct Mark {
    position: usize,
    consumed: usize,
    comments: usize,
    here_documents: usize,
    pending: Vec<PendingHere>,
}

pub(super) struct Parser<'t, 's> {
    pub(super) text: &'t str,
    pub(super) bytes: &'t [u8],
    origin: Origin,
    /// The next byte.
    pub(super) position: usize,
    /// Where the text ends for now: inside of a here-document, at the end of its body.
    pub(super) end: usize,
    /// The byte after the last one that belongs to something: unlike `position`, never after a continuation.
    pub(super) consumed: usize,
    pub(super) depth: usize,
    pub(super) pending: Vec<PendingHere>,
    /// No `[` before this place has its `]`.
    pub(super) no_bracket_before: usize,
    pub(super) shared: &'s mut Shared,
}

impl<'t, 's> Parser<'t, 's> {
    pub(super) fn new(text: &'t str, shared: &'s mut Shared) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            origin: Origin::Same,
            position: 0,
            end: text.len(),
            consumed: 0,
            depth: 0,
            pending: Vec::new(),
            no_bracket_before: 0,
            shared,
        }
    }

    /// Makes the parser of a text that stands in this one in another spelling.
    pub(super) fn nested_text<'n>(&'n mut self, text: &'n str, places: Vec<u32>) -> Parser<'n, 'n> {
        let mut nested = Parser::new(text, &mut *self.shared);
        nested.origin = Origin::Bytes(places);
        nested.depth = self.depth;
        nested
    }

    /// Returns where a byte stands in the script.
    pub(super) fn place(&self, offset: usize) -> u32 {
        match &self.origin {
            Origin::Same => u32::try_from(offset).unwrap_or(u32::MAX),
            Origin::Bytes(places) => places.get(offset).or(places.last()).copied().unwrap_or(0),
        }
    }

    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.place(start), self.place(end))
    }

    /// Returns the span from an offset to what was read last.
    pub(super) fn span_from(&self, start: usize) -> Span {
        self.span(start, self.consumed)
    }

    /// Returns a part of the text; empty where the range is none.
    pub(super) fn slice(&self, start: usize, end: usize) -> &'t str {
        self.text.get(start..end).unwrap_or("")
    }

    /// Steps over `\` and line feed, which no shell sees.
    pub(super) fn skip_continuations(&mut self) {
        while self.position + 1 < self.end && &self.bytes[self.position..self.position + 2] == b"\\\n" {
            self.position += 2;
        }
    }

    /// Returns the next byte; continuations before it are stepped over.
    pub(super) fn peek(&mut self) -> Option<u8> {
        self.skip_continuations();
        self.raw(self.position)
    }

    /// Returns a byte of the text.
    pub(super) fn raw(&self, at: usize) -> Option<u8> {
        if at < self.end { self.bytes.get(at).copied() } else { None }
    }

    /// Returns the byte `n` places after the next one.
    pub(super) fn peek_at(&self, n: usize) -> Option<u8> {
        let mut at = self.position;
        let mut left = n;
        loop {
            while self.raw(at) == Some(b'\\') && self.raw(at + 1) == Some(b'\n') {
                at += 2;
            }
            if left == 0 {
                return self.raw(at);
            }
            left -= 1;
            at += 1;
        }
    }

    /// Tells whether the next bytes are these.
    pub(super) fn looking_at(&mut self, expected: &[u8]) -> bool {
        self.skip_continuations();
        if self.position + expected.len() <= self.end
            && &self.bytes[self.position..self.position + expected.len()] == expected
        {
            return true;
        }
        expected.iter().enumerate().all(|(n, byte)| self.peek_at(n) == Some(*byte))
    }

    /// Takes the next byte, which is ASCII.
    pub(super) fn take(&mut self) {
        self.skip_continuations();
        if self.position < self.end {
            self.position += 1;
            self.consumed = self.position;
        }
    }

    /// Takes these bytes if they are next.
    pub(super) fn take_if(&mut self, expected: &[u8]) -> bool {
        let found = self.looking_at(expected);
        if found {
            for _ in expected {
                self.take();
            }
        }
        found
    }

    /// Takes everything up to a place.
    pub(super) fn take_to(&mut self, end: usize) {
        self.position = end;
        self.consumed = end;
    }

    /// Takes the next character whatever it is; continuations count.
    pub(super) fn take_char(&mut self) -> Option<char> {
        let c = self.slice(self.position, self.end).chars().next()?;
        self.take_to(self.position + c.len_utf8());
        Some(c)
    }

    /// Returns the offset of the next byte that is not a continuation.
    pub(super) fn here(&mut self) -> usize {
        self.skip_continuations();
        self.position
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            position: self.position,
            consumed: self.consumed,
            comments: self.shared.comments.len(),
            here_documents: self.shared.here_documents.len(),
            pending: self.pending.clone(),
        }
    }

    pub(super) fn back_to(&mut self, mark: Mark) {
        self.position = mark.position;
        self.consumed = mark.consumed;
        self.shared.comments.truncate(mark.comments);
        self.shared.here_documents.truncate(mark.here_documents);
        self.pending = mark.pending;
    }

    /// Reads something that may hold itself.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            let at = self.position;
            let message = format!("more than {MAX_DEPTH} constructs are nested here");
            return Err(Failure { span: self.span(at, at), message, fatal: true });
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    pub(super) fn fail<T>(span: Span, message: impl Into<String>) -> Parsed<T> {
        Err(Failure { span, message: message.into(), fatal: false })
    }

    /// Returns the span and the spelling of what comes next, for messages.
    pub(super) fn next_token(&mut self) -> (Span, String) {
        let start = self.here();
        let operator: &[&[u8]] = &[
            b";;&", b"&&", b"||", b";;", b";&", b"|&", b"<<<", b"<<", b">>", b"<", b">", b"&", b"|", b";", b"(", b")",
        ];
        let length = operator.iter().find(|o| self.looking_at(o)).map_or(0, |o| o.len());
        let end = match self.raw(start) {
            None => start,
            Some(b'\n') => return (self.span(start, start + 1), "the end of the line".to_owned()),
            Some(_) if length > 0 => start + length,
            Some(_) => {
                let rest = self.slice(start, self.end);
                start + rest.find(|c: char| c.is_whitespace() || ";&|()<>".contains(c)).unwrap_or(rest.len())
            }
        };
        let token = self.slice(start, end);
        let spelling = match token.char_indices().nth(30) {
            _ if token.is_empty() => "the end".to_owned(),
            Some((cut, _)) => format!("`{}…`", &token[..cut]),
            None => format!("`{token}`"),
        };
        (self.span(start, end), spelling)
    }

    /// Fails because something else had to come next. At the end of the text the error stands at what was
    /// left open.
    pub(super) fn expected<T>(&mut self, wanted: &str, opener: Span) -> Parsed<T> {
        if self.peek().is_none() {
            return Self::fail(opener, format!("{wanted} is missing: the text ends before"));
        }
        let (span, found) = self.next_token();
        Self::fail(span, format!("expected {wanted}, found {found}"))
    }
}
