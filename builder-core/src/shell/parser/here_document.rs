//! Bodies of here-documents.

use super::cursor::{Parsed, Parser, PendingHere};
use super::word::Mode;
use crate::shell::ast::{HereDocument, PartKind, Word, WordPart};

impl Parser<'_, '_> {
    /// Notes a here-document whose body comes after the line, and returns its place in the table.
    pub(super) fn here_document(&mut self, delimiter: &Word, written: &str, strip_tabs: bool) -> usize {
        // Nothing is expanded in a delimiter; what looks like an expansion is its text.
        let text = delimiter.literal().map_or_else(|| written.to_owned(), std::borrow::Cow::into_owned);
        let quoted = delimiter.parts.iter().any(WordPart::is_quoting);
        let index = self.shared.here_documents.len();
        let span = self.span(self.end, self.end);
        self.shared.here_documents.push(HereDocument {
            span,
            delimiter: text,
            closing: None,
            parts: Vec::new(),
            expand: !quoted,
        });
        self.pending.push(PendingHere { index, strip_tabs });
        index
    }

    /// Reads the bodies that begin here, behind a line feed.
    pub(super) fn here_document_bodies(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            self.here_document_body(&pending);
        }
    }

    fn here_document_body(&mut self, pending: &PendingHere) {
        let Some(document) = self.shared.here_documents.get(pending.index) else { return };
        let (delimiter, expand) = (document.delimiter.clone(), document.expand);
        let start = self.position;
        let mut at = start;
        let mut continued = false;
        let mut closing = None;
        while at < self.end {
            let rest = &self.bytes[at..self.end];
            let length = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            let line = self.slice(at, at + length);
            let stripped = if pending.strip_tabs { line.trim_start_matches('\t') } else { line };
            if stripped == delimiter && !continued {
                closing = Some(at..at + length);
                break;
            }
            let backslashes = line.bytes().rev().take_while(|b| *b == b'\\').count();
            continued = expand && backslashes % 2 == 1;
            at = (at + length + 1).min(self.end);
        }
        let parts = self.body_parts(start, at, expand);
        self.position = closing.as_ref().map_or(at, |line| (line.end + 1).min(self.end));
        let span = self.span(start, at);
        let closing = closing.map(|line| self.span(line.start, line.end));
        if let Some(document) = self.shared.here_documents.get_mut(pending.index) {
            document.span = span;
            document.closing = closing;
            document.parts = parts;
        }
    }

    fn body_parts(&mut self, start: usize, end: usize, expand: bool) -> Vec<WordPart> {
        if start == end {
            return Vec::new();
        }
        if expand {
            let outer_end = std::mem::replace(&mut self.end, end);
            let outer_pending = std::mem::take(&mut self.pending);
            self.position = start;
            let mark = self.mark();
            let parts: Parsed<_> = self.nested(|p| p.parts(Mode::HereDocument));
            self.end = outer_end;
            if let Ok(parts) = parts {
                self.pending = outer_pending;
                return parts;
            }
            // Shells look into a body only when the command runs, so a script with this is one.
            self.back_to(mark);
            self.pending = outer_pending;
        }
        let text = self.slice(start, end);
        let text = if expand { text.replace("\\\n", "") } else { text.to_owned() };
        vec![WordPart { span: self.span(start, end), kind: PartKind::Literal(text) }]
    }
}
