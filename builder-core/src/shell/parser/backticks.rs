//! Backticks: their content is read twice, first to find the end and take the escapes away, then as a script.

use super::cursor::{Parsed, Parser};
use crate::shell::ast::PartKind;

impl Parser<'_, '_> {
    /// Reads `` `…` ``; the next byte is the first backtick.
    pub(super) fn backticks(&mut self, quoted: bool) -> Parsed<PartKind> {
        let start = self.here();
        self.take();
        let opener = self.span_from(start);
        let mut text = Vec::new();
        let mut places = Vec::new();
        let mut at = self.position;
        loop {
            let (byte, length) = match (self.raw(at), self.raw(at + 1)) {
                (None, _) => return Self::fail(opener, "this backtick has no partner"),
                (Some(b'`'), _) => break,
                (Some(b'\\'), Some(escaped @ (b'$' | b'`' | b'\\'))) => (escaped, 2),
                (Some(b'\\'), Some(b'"')) if quoted => (b'"', 2),
                (Some(byte), _) => (byte, 1),
            };
            text.push(byte);
            places.push(self.place(at));
            at += length;
        }
        places.push(self.place(at));
        // Only ASCII was taken away, so the text is as valid as before.
        let text = String::from_utf8(text).unwrap_or_default();
        let body = self.nested(|p| p.nested_text(&text, places).script())?;
        self.take_to(at + 1);
        Ok(PartKind::CommandSubstitution { body, backticks: true })
    }
}
