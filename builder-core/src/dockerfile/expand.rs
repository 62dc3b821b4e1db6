//! Word expansion: variables, their modifiers, quotes and escapes.
//!
//! The grammar and its oddities are BuildKit's (its `shell` package): what is kept, dropped or refused here
//! decides what an existing Dockerfile means. Values are looked up by a function, so that the same code
//! serves the global scope, a stage and the linter.

mod pattern;
#[cfg(test)]
mod tests;

use std::ops::Range;

use self::pattern::Pattern;
use super::ast::EscapeCharacter;
use crate::text::go_quoted;

/// How deep `${a:-${b:-…}}` may nest. Expansion is recursive and input is untrusted; people nest two or three.
const MAX_DEPTH: usize = 64;
/// How many bytes the values of variables may add to one word. `ENV A=$A$A` doubles with every line, and
/// Linux takes no argument or variable above 128 KiB.
const MAX_ADDED: usize = 1 << 20;
/// How much of a word an error quotes.
const MAX_QUOTED: usize = 200;

/// Finds the value of a variable; `None` where it is unset.
pub type Lookup<'e> = dyn Fn(&str) -> Option<&'e str> + 'e;

/// What became of a word.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expansion {
    /// The expanded text.
    pub text: String,
    /// The expanded text split at blanks that are not quoted or escaped, those inside values included.
    pub words: Vec<String>,
    /// The variables that the word names, in order of appearance.
    pub references: Vec<VariableReference>,
}

/// A variable in a word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VariableReference {
    /// Its name.
    pub name: String,
    /// The bytes of the word from `$` to the end of the name.
    pub range: Range<usize>,
    /// Whether it had a value.
    pub set: bool,
}

/// A word that cannot be expanded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("failed to process {}: {kind}", quoted(word))]
pub struct ExpandError {
    /// The word as written.
    pub word: String,
    /// What is wrong with it.
    pub kind: ExpandErrorKind,
    /// The bytes of the word that show it.
    pub range: Range<usize>,
}

/// What can be wrong with a word.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExpandErrorKind {
    /// `'` without its partner.
    #[error("unexpected end of statement while looking for matching single-quote")]
    UnterminatedSingleQuote,
    /// `"` without its partner.
    #[error("unexpected end of statement while looking for matching double-quote")]
    UnterminatedDoubleQuote,
    /// `${` without `}`.
    #[error("syntax error: missing '}}'")]
    MissingBrace,
    /// `${v/p` without the second slash.
    #[error("syntax error: missing '/' in ${{}}")]
    MissingSlash,
    /// `${}` and the like.
    #[error("syntax error: bad substitution")]
    BadSubstitution,
    /// A modifier that the language does not have.
    #[error("unsupported modifier ({0}) in substitution")]
    UnsupportedModifier(String),
    /// A pattern that escapes what needs no escape.
    #[error("invalid pattern ({pattern}) in substitution: {reason}")]
    InvalidPattern {
        /// The pattern.
        pattern: String,
        /// Why it is refused.
        reason: String,
    },
    /// `${v:?message}` where `v` is unset or empty.
    #[error("{name}: {message}")]
    Required {
        /// The variable.
        name: String,
        /// What the author says about it.
        message: String,
    },
    /// Modifiers nest too deep.
    #[error("substitutions nest deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// Values are too large.
    #[error("the result is too large, variables may add at most {MAX_ADDED} bytes to a word")]
    TooLarge,
}

fn quoted(word: &str) -> String {
    match word.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => go_quoted(&format!("{}…", &word[..end])),
        None => go_quoted(word),
    }
}

/// Expands a word: values put in place, quotes and escapes removed.
///
/// # Errors
/// [`ExpandError`] for quotes, braces or modifiers that make no sense.
pub fn expand(word: &str, escape: EscapeCharacter, lookup: &Lookup<'_>) -> Result<Expansion, ExpandError> {
    Expander::new(word, escape, true, lookup).run()
}

/// Expands a word and splits the result at blanks (`EXPOSE`).
///
/// # Errors
/// [`ExpandError`] for quotes, braces or modifiers that make no sense.
pub fn expand_words(word: &str, escape: EscapeCharacter, lookup: &Lookup<'_>) -> Result<Vec<String>, ExpandError> {
    Ok(expand(word, escape, lookup)?.words)
}

/// Expands the body of a heredoc: quotes are ordinary characters, and the escape is always a backslash.
///
/// # Errors
/// [`ExpandError`] for quotes, braces or modifiers that make no sense.
pub fn expand_heredoc(body: &str, lookup: &Lookup<'_>) -> Result<Expansion, ExpandError> {
    Expander::new(body, EscapeCharacter::Backslash, false, lookup).run()
}

type Result1<T> = std::result::Result<T, (ExpandErrorKind, Range<usize>)>;

struct Expander<'w, 'l, 'e> {
    word: &'w str,
    position: usize,
    escape: char,
    quotes: bool,
    depth: usize,
    added: usize,
    lookup: &'l Lookup<'e>,
    references: Vec<VariableReference>,
}

/// Collects expanded text, and the same text as words.
#[derive(Default)]
struct Output {
    text: String,
    words: Vec<String>,
    word: String,
}

impl Output {
    fn push(&mut self, ch: char, may_split: bool) {
        self.text.push(ch);
        if !may_split || !ch.is_whitespace() {
            self.word.push(ch);
        } else if !self.word.is_empty() {
            self.words.push(std::mem::take(&mut self.word));
        }
    }

    fn push_str(&mut self, text: &str, may_split: bool) {
        text.chars().for_each(|ch| self.push(ch, may_split));
    }
}

impl<'w, 'l, 'e> Expander<'w, 'l, 'e> {
    fn new(word: &'w str, escape: EscapeCharacter, quotes: bool, lookup: &'l Lookup<'e>) -> Self {
        let escape = escape.as_char();
        Self { word, position: 0, escape, quotes, depth: 0, added: 0, lookup, references: Vec::new() }
    }

    fn run(mut self) -> Result<Expansion, ExpandError> {
        match self.until(None, false) {
            Ok(mut output) => {
                if !output.word.is_empty() {
                    output.words.push(output.word);
                }
                Ok(Expansion { text: output.text, words: output.words, references: self.references })
            }
            Err((kind, range)) => Err(ExpandError { word: self.word.to_owned(), kind, range }),
        }
    }

    fn peek(&self) -> Option<char> {
        self.word[self.position..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let ch = self.peek()?;
        self.position += ch.len_utf8();
        Some(ch)
    }

    /// Expands up to `stop` (which is consumed) or the end. `raw` keeps escapes as they are, for patterns.
    fn until(&mut self, stop: Option<char>, raw: bool) -> Result1<Output> {
        let start = self.position;
        let mut output = Output::default();
        while let Some(ch) = self.peek() {
            match ch {
                _ if Some(ch) == stop => {
                    self.next();
                    return Ok(output);
                }
                '$' => {
                    let value = self.dollar()?;
                    output.push_str(&value, true);
                }
                '\'' if self.quotes => output.push_str(&self.single_quoted()?, false),
                '"' if self.quotes => output.push_str(&self.double_quoted(raw)?, false),
                _ => {
                    self.next();
                    if ch != self.escape {
                        output.push(ch, true);
                        continue;
                    }
                    if raw {
                        output.push(ch, false);
                    }
                    // An escape at the very end escapes nothing and is dropped.
                    if let Some(escaped) = self.next() {
                        output.push(escaped, false);
                    }
                }
            }
        }
        match stop {
            None => Ok(output),
            Some(_) => Err((ExpandErrorKind::MissingBrace, start..self.position)),
        }
    }

    fn single_quoted(&mut self) -> Result1<String> {
        let start = self.position;
        self.next();
        let content = &self.word[self.position..];
        let Some(length) = content.find('\'') else {
            self.position = self.word.len();
            return Err((ExpandErrorKind::UnterminatedSingleQuote, start..self.word.len()));
        };
        self.position += length + 1;
        Ok(content[..length].to_owned())
    }

    fn double_quoted(&mut self, raw: bool) -> Result1<String> {
        let start = self.position;
        self.next();
        let mut result = String::new();
        while let Some(mut ch) = self.peek() {
            if ch == '$' {
                result.push_str(&self.dollar()?);
                continue;
            }
            self.next();
            if ch == '"' {
                return Ok(result);
            }
            if ch == self.escape {
                if raw {
                    result.push(ch);
                }
                match self.peek() {
                    None => break,
                    Some(next) if matches!(next, '"' | '$') || next == self.escape => {
                        self.next();
                        ch = next;
                    }
                    Some(_) => {}
                }
            }
            result.push(ch);
        }
        Err((ExpandErrorKind::UnterminatedDoubleQuote, start..self.word.len()))
    }

    /// Expands what begins with the `$` at the current position.
    fn dollar(&mut self) -> Result1<String> {
        let start = self.position;
        self.next();
        if self.peek() != Some('{') {
            let name = self.name();
            if name.is_empty() {
                return Ok("$".to_owned());
            }
            let value = self.value(name, start..self.position);
            return self.charge(value.unwrap_or_default().to_owned(), start);
        }
        self.next();
        match self.peek() {
            None => return Err((ExpandErrorKind::MissingBrace, start..self.position)),
            Some(ch @ ('{' | '}' | ':')) => {
                return Err((ExpandErrorKind::BadSubstitution, start..self.position + ch.len_utf8()));
            }
            Some(_) => {}
        }
        if self.depth >= MAX_DEPTH {
            return Err((ExpandErrorKind::TooDeep, start..self.position));
        }
        self.depth += 1;
        let result = self.braced(start);
        self.depth -= 1;
        let result = result?;
        self.charge(result, start)
    }

    /// Expands `${…}` from the name on.
    fn braced(&mut self, start: usize) -> Result1<String> {
        let name = self.name();
        let value = self.value(name, start..self.position);
        match self.next() {
            None => Err((ExpandErrorKind::MissingBrace, start..self.position)),
            Some('}') => Ok(value.unwrap_or_default().to_owned()),
            Some('/') => self.replacement(start, value.unwrap_or_default()),
            Some(ch @ ('+' | '-' | '?' | '#' | '%')) => self.modified(start, name, value, None, Some(ch)),
            Some(':') => {
                let ch = self.next();
                self.modified(start, name, value, Some(':'), ch)
            }
            Some(ch) => Err((ExpandErrorKind::UnsupportedModifier(ch.to_string()), start..self.position)),
        }
    }

    /// Expands `${name<colon><modifier>word}` from the word on.
    fn modified(
        &mut self,
        start: usize,
        name: &str,
        value: Option<&str>,
        colon: Option<char>,
        modifier: Option<char>,
    ) -> Result1<String> {
        let raw = matches!(modifier, Some('#' | '%'));
        let operand = self.operand('}', raw, start, ExpandErrorKind::MissingBrace)?;
        let usable = value.filter(|value| colon.is_none() || !value.is_empty());
        match (modifier, colon) {
            (Some('-'), _) => Ok(usable.map_or(operand, str::to_owned)),
            (Some('+'), _) => Ok(if usable.is_some() { operand } else { String::new() }),
            (Some('?'), _) => {
                if let Some(value) = usable {
                    Ok(value.to_owned())
                } else {
                    let message = match (operand.is_empty(), value) {
                        (false, _) => operand,
                        (true, None) => "is not allowed to be unset".to_owned(),
                        (true, Some(_)) => "is not allowed to be empty".to_owned(),
                    };
                    Err((ExpandErrorKind::Required { name: name.to_owned(), message }, start..self.position))
                }
            }
            (Some(side @ ('#' | '%')), None) => {
                let (longest, text) = match operand.strip_prefix(side) {
                    Some(rest) => (true, rest),
                    None => (false, operand.as_str()),
                };
                let pattern = self.pattern(text, start)?;
                let value = value.unwrap_or_default();
                Ok(if side == '#' {
                    pattern.strip_prefix(value, longest)
                } else {
                    pattern.strip_suffix(value, longest)
                })
            }
            (modifier, colon) => {
                let text = colon.into_iter().chain(modifier).collect();
                Err((ExpandErrorKind::UnsupportedModifier(text), start..self.position))
            }
        }
    }

    /// Expands `${name/pattern/replacement}` from the second character of the modifier on.
    fn replacement(&mut self, start: usize, value: &str) -> Result1<String> {
        let all = self.peek() == Some('/');
        if all {
            self.next();
        }
        let text = self.operand('/', true, start, ExpandErrorKind::MissingSlash)?;
        let replacement = self.operand('}', true, start, ExpandErrorKind::MissingBrace)?;
        let pattern = self.pattern(&text, start)?;
        let result = if all {
            pattern.replace_all(value, &replacement, MAX_ADDED)
        } else {
            Some(pattern.replace_first(value, &replacement))
        };
        result.ok_or((ExpandErrorKind::TooLarge, start..self.position))
    }

    /// Expands an operand inside braces; whatever goes wrong at the end of the word means that `stop` is missing.
    fn operand(&mut self, stop: char, raw: bool, start: usize, missing: ExpandErrorKind) -> Result1<String> {
        match self.until(Some(stop), raw) {
            Ok(output) => Ok(output.text),
            Err(error) if matches!(error.0, ExpandErrorKind::TooDeep | ExpandErrorKind::TooLarge) => Err(error),
            Err(_) if self.position >= self.word.len() => Err((missing, start..self.position)),
            Err(error) => Err(error),
        }
    }

    fn pattern(&self, text: &str, start: usize) -> Result1<Pattern> {
        Pattern::new(text).map_err(|reason| {
            let pattern = text.to_owned();
            (ExpandErrorKind::InvalidPattern { pattern, reason }, start..self.position)
        })
    }

    /// Counts what a substitution yields against the limit.
    fn charge(&mut self, text: String, start: usize) -> Result1<String> {
        self.added = self.added.saturating_add(text.len());
        if self.added > MAX_ADDED {
            return Err((ExpandErrorKind::TooLarge, start..self.position));
        }
        Ok(text)
    }

    fn value(&mut self, name: &str, range: Range<usize>) -> Option<&'e str> {
        let value = (self.lookup)(name);
        self.references.push(VariableReference { name: name.to_owned(), range, set: value.is_some() });
        value
    }

    /// Reads a name: letters, digits and `_`; or digits only; or one special character; possibly nothing.
    fn name(&mut self) -> &'w str {
        let word = self.word;
        let rest = &word[self.position..];
        let length = match rest.chars().next() {
            Some(ch) if ch.is_numeric() => rest.find(|c: char| !c.is_numeric()).unwrap_or(rest.len()),
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => 1,
            _ => rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len()),
        };
        self.position += length;
        &rest[..length]
    }
}
