//! bash's `[[ … ]]`. The tree keeps its words in a row; the grammar is followed to know where a regular
//! expression begins, and what is an operator.

use super::cursor::{Parsed, Parser};
use super::list::is_meta;
use super::word::Mode;
use crate::shell::ast::{CommandKind, PartKind, Word, WordPart};
use crate::text::Span;

/// Operators between two words that look like words.
const BINARY: [&str; 13] = ["=", "==", "!=", "=~", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"];

impl Parser<'_, '_> {
    pub(super) fn test_command(&mut self, opener: Span) -> Parsed<CommandKind> {
        let mut words = Vec::new();
        self.test_list(&mut words, opener)?;
        self.expect_keyword("]]", opener)?;
        Ok(CommandKind::Test(words))
    }

    /// Takes an operator as a word.
    fn test_operator(&mut self, length: usize) -> Word {
        let start = self.here();
        for _ in 0..length {
            self.take();
        }
        let span = self.span_from(start);
        let text = self.slice(start, self.consumed).replace("\\\n", "");
        Word { span, parts: vec![WordPart { span, kind: PartKind::Literal(text) }] }
    }

    /// Reads operands joined by `&&` and `||`.
    fn test_list(&mut self, words: &mut Vec<Word>, opener: Span) -> Parsed<()> {
        loop {
            self.test_operand(words, opener)?;
            self.skip_lines();
            if !self.looking_at(b"&&") && !self.looking_at(b"||") {
                return Ok(());
            }
            words.push(self.test_operator(2));
        }
    }

    fn test_operand(&mut self, words: &mut Vec<Word>, opener: Span) -> Parsed<()> {
        loop {
            self.skip_lines();
            if self.keyword() != "!" {
                break;
            }
            words.push(self.test_operator(1));
        }
        if self.peek() == Some(b'(') {
            let start = self.position;
            words.push(self.test_operator(1));
            let parenthesis = self.span_from(start);
            self.nested(|p| p.test_list(words, parenthesis))?;
            if self.peek() != Some(b')') {
                return self.expected("`)`", parenthesis);
            }
            words.push(self.test_operator(1));
            return Ok(());
        }
        let Some(first) = self.test_word(opener)? else {
            return self.expected("an operand", opener);
        };
        let unary = matches!(Self::plain(&first), [b'-', b'a'..=b'z' | b'A'..=b'Z']);
        words.push(first);
        self.skip_lines();
        if let Some(length) = self.binary_operator() {
            let regex = length == 2 && self.looking_at(b"=~");
            words.push(self.test_operator(length));
            // A line feed may not stand before a regular expression.
            if regex {
                self.skip_blanks();
            } else {
                self.skip_lines();
            }
            let mode = if regex { Mode::Regex } else { Mode::Pattern };
            match self.word_in(mode)? {
                Some(word) => words.push(word),
                None => return self.expected("an operand", opener),
            }
        } else if unary && let Some(operand) = self.test_word(opener)? {
            words.push(operand);
        }
        Ok(())
    }

    /// Reads a word unless the test ends here.
    fn test_word(&mut self, opener: Span) -> Parsed<Option<Word>> {
        if self.keyword() == "]]" {
            return Ok(None);
        }
        if self.peek().is_none() {
            return self.expected("`]]`", opener);
        }
        self.word_in(Mode::Pattern)
    }

    /// Returns the bytes of a word that is one literal.
    fn plain(word: &Word) -> &[u8] {
        match word.parts.as_slice() {
            [WordPart { kind: PartKind::Literal(text), .. }] => text.as_bytes(),
            _ => b"",
        }
    }

    fn binary_operator(&mut self) -> Option<usize> {
        match self.peek()? {
            b'<' | b'>' => (self.peek_at(1) != Some(b'(')).then_some(1),
            _ => BINARY
                .iter()
                .find(|o| self.looking_at(o.as_bytes()) && self.peek_at(o.len()).is_none_or(is_meta))
                .map(|o| o.len()),
        }
    }
}
