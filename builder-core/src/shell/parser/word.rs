//! Words: one loop over what they are made of, for every place that a word can stand in.

use super::cursor::{Parsed, Parser};
use super::list::is_meta;
use crate::shell::ast::{PartKind, Word, WordPart};

/// Where text stands, and with that what its characters mean and where it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    /// A word of a command. In the value of an assignment nothing is split and no pattern looked up.
    Word { assignment: bool },
    /// A pattern of `case`, or a word in `[[ … ]]`: braces mean nothing.
    Pattern,
    /// A regular expression after `=~`.
    Regex,
    /// Inside of `@(…)`.
    Group,
    /// Behind the operator in `${…}`.
    Operand,
    /// The same in double quotes, where only the operators that take a pattern have quotes and globs.
    QuotedOperand { pattern: bool },
    /// Inside of double quotes.
    DoubleQuotes,
    /// The body of a here-document.
    HereDocument,
    /// Inside of `((…))` or `$[…]`.
    Arithmetic { close: u8 },
    /// Between the brackets of an index.
    Index,
}

impl Mode {
    fn is_quoted(self) -> bool {
        matches!(self, Self::QuotedOperand { .. } | Self::DoubleQuotes | Self::HereDocument | Self::Arithmetic { .. })
    }

    fn has_globs(self) -> bool {
        matches!(
            self,
            Self::Word { assignment: false }
                | Self::Pattern
                | Self::Group
                | Self::Operand
                | Self::QuotedOperand { pattern: true }
        )
    }

    fn has_groups(self) -> bool {
        self.has_globs() || self == Self::Word { assignment: true }
    }

    fn has_single_quotes(self) -> bool {
        !matches!(self, Self::DoubleQuotes | Self::HereDocument | Self::QuotedOperand { pattern: false })
    }

    fn has_double_quotes(self) -> bool {
        !matches!(self, Self::DoubleQuotes | Self::HereDocument)
    }

    /// Tells whether a backslash means something before this byte.
    fn escapes(self, byte: u8) -> bool {
        match byte {
            b'$' | b'`' | b'\\' => true,
            b'"' => self != Self::HereDocument,
            b'}' => !self.is_quoted() || matches!(self, Self::QuotedOperand { .. }),
            // A pattern has its own escapes.
            _ => !self.is_quoted() || self == Self::QuotedOperand { pattern: true },
        }
    }

    /// Tells whether text ends here, and counts the brackets that have to be closed before.
    fn ends(self, byte: u8, next: Option<u8>, level: &mut usize) -> bool {
        let (open, close) = match self {
            Self::Word { .. } | Self::Pattern => {
                return is_meta(byte) && !(matches!(byte, b'<' | b'>') && next == Some(b'('));
            }
            Self::Regex => {
                let stops = matches!(byte, b' ' | b'\t' | b'\n' | b';' | b'&' | b'<' | b'>');
                if stops && (*level == 0 || byte == b'\n') {
                    return true;
                }
                (b'(', b')')
            }
            Self::Group | Self::Arithmetic { close: b')' } => (b'(', b')'),
            Self::Index | Self::Arithmetic { .. } => (b'[', b']'),
            Self::Operand | Self::QuotedOperand { .. } => return byte == b'}',
            Self::DoubleQuotes => return byte == b'"',
            Self::HereDocument => return false,
        };
        if byte == open {
            *level += 1;
        } else if byte == close {
            if *level == 0 {
                return true;
            }
            *level -= 1;
        }
        false
    }
}

/// Tells whether a byte may mean something in a text; all others are taken without a look.
const fn special(byte: u8, quoted: bool) -> bool {
    match byte {
        b'\\' | b'"' | b'$' | b'`' => true,
        b'\'' | b'*' | b'?' | b'+' | b'@' | b'!' | b'[' | b']' | b'{' | b',' | b'}' | b'~' | b'(' | b')' | b'<'
        | b'>' | b'|' | b'&' | b';' | b' ' | b'\t' | b'\n' => !quoted,
        _ => false,
    }
}

const fn table(quoted: bool) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0u8;
    loop {
        table[byte as usize] = special(byte, quoted);
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

static SPECIAL: [bool; 256] = table(false);
static SPECIAL_IN_QUOTES: [bool; 256] = table(true);

/// A `{` that may become a brace expansion.
struct OpenBrace {
    /// The part that it begins.
    part: usize,
    start: usize,
    comma: bool,
}

/// What was read of a word.
#[derive(Default)]
struct Run {
    parts: Vec<WordPart>,
    /// Text that is not yet a part, and its range.
    literal: String,
    range: Option<(usize, usize)>,
    braces: Vec<OpenBrace>,
}

impl Run {
    fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.range.is_none()
    }

    fn flush(&mut self, parser: &Parser<'_, '_>) {
        if let Some((start, end)) = self.range.take() {
            let kind = PartKind::Literal(std::mem::take(&mut self.literal));
            self.parts.push(WordPart { span: parser.span(start, end), kind });
        }
    }

    /// Adds bytes from `start` to what was read last as text.
    fn literal(&mut self, parser: &Parser<'_, '_>, start: usize) {
        self.literal.push_str(parser.slice(start, parser.consumed));
        self.range = Some((self.range.map_or(start, |(first, _)| first), parser.consumed));
    }

    /// Adds a part that began at `start`.
    fn push(&mut self, parser: &Parser<'_, '_>, start: usize, kind: PartKind) {
        self.flush(parser);
        self.parts.push(WordPart { span: parser.span_from(start), kind });
    }

    /// Handles a `}` that was just read: a brace expansion ends, or it is text.
    fn close_brace(&mut self, parser: &Parser<'_, '_>, start: usize) {
        let Some(brace) = self.braces.pop() else { return self.literal(parser, start) };
        self.flush(parser);
        let is_range = match &self.parts[brace.part..] {
            [WordPart { kind: PartKind::Literal(text), .. }] => is_range(text.strip_prefix('{').unwrap_or(text)),
            _ => false,
        };
        if !brace.comma && !is_range {
            return self.literal(parser, start);
        }
        let mut inner: Vec<WordPart> = self.parts.drain(brace.part..).collect();
        if let Some(WordPart { span, kind: PartKind::Literal(text) }) = inner.first_mut() {
            text.remove(0);
            span.start = parser.place(brace.start + 1).min(span.end);
            if text.is_empty() {
                inner.remove(0);
            }
        }
        let kind = PartKind::Braces(merged(inner));
        self.parts.push(WordPart { span: parser.span_from(brace.start), kind });
    }

    fn finish(mut self, parser: &Parser<'_, '_>) -> Vec<WordPart> {
        self.flush(parser);
        merged(self.parts)
    }
}

/// Joins literals that stand next to each other.
fn merged(parts: Vec<WordPart>) -> Vec<WordPart> {
    let is_literal = |part: &WordPart| matches!(part.kind, PartKind::Literal(_));
    if !parts.windows(2).any(|pair| is_literal(&pair[0]) && is_literal(&pair[1])) {
        return parts;
    }
    let mut joined: Vec<WordPart> = Vec::with_capacity(parts.len());
    for part in parts {
        match (joined.last_mut(), &part.kind) {
            (Some(WordPart { span, kind: PartKind::Literal(text) }), PartKind::Literal(more)) => {
                text.push_str(more);
                *span = span.cover(part.span);
            }
            _ => joined.push(part),
        }
    }
    joined
}

/// Tells whether the text between braces is `x..y` or `x..y..step`, of numbers or single letters.
fn is_range(text: &str) -> bool {
    let is_number = |end: &str| {
        let digits = end.strip_prefix(['-', '+']).unwrap_or(end);
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    };
    let is_letter = |end: &str| end.len() == 1 && end.bytes().all(|b| b.is_ascii_alphabetic());
    let mut ends = text.split("..");
    let (Some(first), Some(last), step, None) = (ends.next(), ends.next(), ends.next(), ends.next()) else {
        return false;
    };
    let same_kind = is_number(first) && is_number(last) || is_letter(first) && is_letter(last);
    same_kind && step.is_none_or(is_number)
}

enum Bracket {
    /// A bracket expression up to this offset.
    Whole(usize),
    /// One with quotes or expansions in it.
    Mixed,
    /// Just a bracket.
    Text,
}

impl Parser<'_, '_> {
    /// Reads a word of a command.
    pub(super) fn word(&mut self) -> Parsed<Word> {
        if let Some(word) = self.optional_word()? {
            return Ok(word);
        }
        let (span, found) = self.next_token();
        Self::fail(span, format!("expected a word, found {found}"))
    }

    /// Reads a word of a command if one is next.
    pub(super) fn optional_word(&mut self) -> Parsed<Option<Word>> {
        self.word_in(Mode::Word { assignment: false })
    }

    /// Reads a word if one is next.
    pub(super) fn word_in(&mut self, mode: Mode) -> Parsed<Option<Word>> {
        let start = self.here();
        let parts = self.parts(mode)?;
        Ok((!parts.is_empty()).then(|| Word { span: self.span_from(start), parts }))
    }

    /// Reads a word that may be empty.
    pub(super) fn word_or_nothing(&mut self, mode: Mode) -> Parsed<Word> {
        let end = self.consumed;
        Ok(self.word_in(mode)?.unwrap_or(Word { span: self.span(end, end), parts: Vec::new() }))
    }

    /// Reads text up to where it ends in a place of this kind. What ends it is left alone.
    pub(super) fn parts(&mut self, mode: Mode) -> Parsed<Vec<WordPart>> {
        let mut run = Run::default();
        let mut level = 0;
        while let Some(byte) = self.peek() {
            if mode.ends(byte, self.raw(self.position + 1), &mut level) {
                break;
            }
            let start = self.position;
            if let Some(kind) = self.part(byte, mode, &mut run)? {
                run.push(self, start, kind);
            } else if self.position == start {
                self.text_run(mode);
                run.literal(self, start);
            }
        }
        Ok(run.finish(self))
    }

    /// Reads the part that begins with this byte. `None` where something was added to the run already, or
    /// where nothing was read because the byte stands for itself.
    fn part(&mut self, byte: u8, mode: Mode, run: &mut Run) -> Parsed<Option<PartKind>> {
        Ok(match byte {
            b'\\' => self.escape(mode),
            b'\'' if mode.has_single_quotes() => Some(self.single_quotes()?),
            b'"' if mode.has_double_quotes() => Some(self.double_quotes(false)?),
            b'$' => self.dollar(mode.is_quoted())?,
            b'`' => Some(self.backticks(mode.is_quoted())?),
            b'<' | b'>' if matches!(mode, Mode::Word { .. } | Mode::Pattern) => {
                Some(self.process_substitution(byte == b'>')?)
            }
            b'*' | b'?' | b'+' | b'@' | b'!' if mode.has_groups() => self.glob(byte, mode)?,
            b'[' if mode.has_globs() => match self.bracket(mode) {
                Bracket::Whole(end) => {
                    let text = self.slice(self.position, end).replace("\\\n", "");
                    self.take_to(end);
                    Some(PartKind::Glob(text))
                }
                Bracket::Mixed => {
                    self.take();
                    Some(PartKind::Glob("[".to_owned()))
                }
                Bracket::Text => None,
            },
            b'{' | b',' | b'}' if mode == (Mode::Word { assignment: false }) => {
                self.brace(byte, run);
                None
            }
            b'~' => self.tilde(mode, run),
            _ => None,
        })
    }

    /// Takes a byte that stands for itself, and all after it that cannot be anything else.
    fn text_run(&mut self, mode: Mode) {
        let quoted = matches!(mode, Mode::DoubleQuotes | Mode::HereDocument);
        let table = if quoted { &SPECIAL_IN_QUOTES } else { &SPECIAL };
        let rest = self.bytes.get(self.position + 1..self.end).unwrap_or_default();
        let length = rest.iter().position(|b| table[usize::from(*b)]).unwrap_or(rest.len());
        self.take_to(self.position + 1 + length);
    }

    fn escape(&mut self, mode: Mode) -> Option<PartKind> {
        let next = self.raw(self.position + 1)?;
        if !mode.escapes(next) {
            return None;
        }
        self.position += 1;
        self.take_char().map(PartKind::Escaped)
    }

    fn single_quotes(&mut self) -> Parsed<PartKind> {
        let start = self.position;
        let rest = &self.bytes[start + 1..self.end];
        let Some(length) = rest.iter().position(|b| *b == b'\'') else {
            return Self::fail(self.span(start, start + 1), "this single quote has no partner");
        };
        let end = start + 1 + length;
        self.take_to(end + 1);
        Ok(PartKind::SingleQuoted(self.slice(start + 1, end).to_owned()))
    }

    /// Reads `"…"`; a `$` before it is read already.
    pub(super) fn double_quotes(&mut self, dollar: bool) -> Parsed<PartKind> {
        let start = self.here();
        self.take();
        let opener = self.span_from(start);
        let parts = self.nested(|p| p.parts(Mode::DoubleQuotes))?;
        if self.peek() != Some(b'"') {
            return Self::fail(opener, "this double quote has no partner");
        }
        self.take();
        Ok(PartKind::DoubleQuoted { parts, dollar })
    }

    fn glob(&mut self, byte: u8, mode: Mode) -> Parsed<Option<PartKind>> {
        let start = self.position;
        if self.peek_at(1) == Some(b'(') && self.peek_at(2) != Some(b')') {
            self.take();
            self.take();
            let opener = self.span_from(start);
            let parts = self.nested(|p| p.parts(Mode::Group))?;
            if self.peek() != Some(b')') {
                return self.expected("`)`", opener);
            }
            self.take();
            return Ok(Some(PartKind::ExtendedGlob { operator: char::from(byte), parts }));
        }
        if !mode.has_globs() || !matches!(byte, b'*' | b'?') {
            return Ok(None);
        }
        self.take();
        Ok(Some(PartKind::Glob(char::from(byte).to_string())))
    }

    fn bracket(&mut self, mode: Mode) -> Bracket {
        if self.position < self.no_bracket_before {
            return Bracket::Text;
        }
        let mut at = self.position + 1;
        if matches!(self.raw(at), Some(b'!' | b'^')) {
            at += 1;
        }
        if self.raw(at) == Some(b']') {
            at += 1;
        }
        let in_word = matches!(mode, Mode::Word { .. } | Mode::Pattern);
        loop {
            match self.raw(at) {
                Some(b']') => return Bracket::Whole(at + 1),
                Some(b'"' | b'\'' | b'$' | b'`') => return Bracket::Mixed,
                Some(b'\\') => at += 2,
                Some(b'[') if matches!(self.raw(at + 1), Some(b':' | b'.' | b'=')) => {
                    let name = &self.bytes[at + 2..self.end];
                    let length = name.iter().take_while(|b| b.is_ascii_alphanumeric()).take(32).count();
                    let closed = self.raw(at + 2 + length) == self.raw(at + 1);
                    at += if closed && self.raw(at + 3 + length) == Some(b']') { length + 4 } else { 1 };
                }
                Some(byte) if !(in_word && is_meta(byte) || !in_word && byte == b'}') => at += 1,
                _ => {
                    self.no_bracket_before = at;
                    return Bracket::Text;
                }
            }
        }
    }

    /// Takes `{`, `,` or `}` as text, and notes what it may be.
    fn brace(&mut self, byte: u8, run: &mut Run) {
        let start = self.position;
        if byte == b'{' && self.depth + run.braces.len() < super::MAX_DEPTH {
            run.flush(self);
            run.braces.push(OpenBrace { part: run.parts.len(), start, comma: false });
        }
        self.take();
        match (byte, run.braces.last_mut()) {
            (b'}', _) => return run.close_brace(self, start),
            (b',', Some(brace)) => brace.comma = true,
            _ => {}
        }
        run.literal(self, start);
    }

    fn tilde(&mut self, mode: Mode, run: &Run) -> Option<PartKind> {
        let at_value = run.range.is_some() && run.literal.ends_with(':');
        let may_be = match mode {
            Mode::Word { assignment: true } => run.is_empty() || at_value,
            Mode::Word { .. } | Mode::Pattern | Mode::Operand => run.is_empty(),
            _ => false,
        };
        if !may_be {
            return None;
        }
        let start = self.position + 1;
        let name = &self.bytes[start..self.end];
        let is_name = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+');
        let end = start + name.iter().take_while(is_name).count();
        let ends = match self.raw(end) {
            None | Some(b'/') => true,
            Some(b':') => mode == Mode::Word { assignment: true },
            Some(b'}') => mode == Mode::Operand,
            Some(byte) => is_meta(byte),
        };
        if !ends {
            return None;
        }
        self.take_to(end);
        Some(PartKind::Tilde(self.slice(start, end).to_owned()))
    }
}
