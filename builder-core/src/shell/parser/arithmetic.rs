//! `$((…))`, `((…))` and `$[…]`.

use super::cursor::{Parsed, Parser};
use super::word::Mode;
use crate::shell::ast::{PartKind, WordPart};

impl Parser<'_, '_> {
    /// Reads from an opener that ends with `((` to the `))`, or finds out that it is two parentheses of another
    /// kind, and reads nothing.
    pub(super) fn double_parentheses(&mut self, start: usize, opener: &[u8]) -> Parsed<Option<Vec<WordPart>>> {
        let place = self.place(start);
        if self.shared.not_arithmetic.contains(&place) {
            return Ok(None);
        }
        let mark = self.mark();
        self.take_if(opener);
        let result = self.nested(|p| p.parts(Mode::Arithmetic { close: b')' }));
        match result {
            Ok(parts) if self.looking_at(b"))") => {
                self.take();
                self.take();
                return Ok(Some(parts));
            }
            Err(failure) if failure.fatal => return Err(failure),
            _ => {}
        }
        self.back_to(mark);
        self.shared.not_arithmetic.insert(place);
        Ok(None)
    }

    /// `$[…]`; `None` where nothing closes it.
    pub(super) fn bracket_arithmetic(&mut self) -> Parsed<Option<PartKind>> {
        let place = self.place(self.position);
        if self.shared.not_arithmetic.contains(&place) {
            return Ok(None);
        }
        let mark = self.mark();
        self.take_if(b"$[");
        match self.nested(|p| p.parts(Mode::Arithmetic { close: b']' })) {
            Ok(parts) if self.peek() == Some(b']') => {
                self.take();
                return Ok(Some(PartKind::Arithmetic { parts, brackets: true }));
            }
            Err(failure) if failure.fatal => return Err(failure),
            _ => {}
        }
        self.back_to(mark);
        self.shared.not_arithmetic.insert(place);
        Ok(None)
    }
}
