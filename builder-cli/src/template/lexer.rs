//! A template cut into text and actions, and these into tokens.

use serde_json::Value;

/// A part of a template.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Piece {
    /// Text that stays as it is.
    Text(String),
    /// What stands between `{{` and `}}`.
    Action(Vec<Token>),
}

/// A word of an action, and whether there is space before it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) spaced: bool,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Kind {
    /// `.`
    Dot,
    /// `.Name`
    Field(String),
    /// `$` or `$name`
    Variable(String),
    /// The name of a function, or a keyword.
    Word(String),
    /// A text, number, `true` or `false`.
    Literal(Value),
    /// `nil`
    Nil,
    Pipe,
    Open,
    Close,
    Comma,
    /// `:=`
    Declare,
    /// `=`
    Assign,
}

/// Cuts a template.
pub(super) fn split(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut trim = false;
    loop {
        let start = rest.find("{{");
        let mut plain = &rest[..start.unwrap_or(rest.len())];
        if trim {
            plain = plain.trim_start();
        }
        let Some(start) = start else {
            push_text(&mut pieces, plain);
            return Ok(pieces);
        };
        let mut inside = &rest[start + 2..];
        if let Some(after) = inside.strip_prefix('-').filter(|after| after.starts_with(char::is_whitespace)) {
            plain = plain.trim_end();
            inside = after;
        }
        push_text(&mut pieces, plain);
        let length = end_of(inside)?;
        let mut action = &inside[..length];
        rest = &inside[length + 2..];
        trim = false;
        if let Some(before) = action.strip_suffix('-').filter(|before| before.ends_with(char::is_whitespace)) {
            action = before;
            trim = true;
        }
        if action.trim_start().starts_with("/*") {
            if !action.trim_end().ends_with("*/") {
                return Err("a comment is not closed".to_owned());
            }
            continue;
        }
        pieces.push(Piece::Action(tokens(action)?));
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

/// Where the action ends that begins here: `}}` within a quoted text ends nothing.
fn end_of(text: &str) -> Result<usize, String> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match quote {
            Some('`') if c == '`' => quote = None,
            Some('`') => {}
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if text[at..].starts_with("}}") => return Ok(at),
            None if text[at..].starts_with("/*") => {
                let end = text[at..].find("*/").ok_or("a comment is not closed")? + at;
                let after = &text[end + 2..];
                let tail = after.find("}}").ok_or("an action is not closed")?;
                return Ok(end + 2 + tail);
            }
            None if matches!(c, '"' | '`' | '\'') => quote = Some(c),
            None => {}
        }
    }
    Err("an action is not closed, `}}` is missing".to_owned())
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start();
        let spaced = trimmed.len() != rest.len();
        rest = trimmed;
        let Some(first) = rest.chars().next() else { return Ok(found) };
        let (kind, length) = match first {
            '|' => (Kind::Pipe, 1),
            '(' => (Kind::Open, 1),
            ')' => (Kind::Close, 1),
            ',' => (Kind::Comma, 1),
            ':' if rest.starts_with(":=") => (Kind::Declare, 2),
            '=' => (Kind::Assign, 1),
            '"' | '\'' => quoted(rest, first)?,
            '`' => {
                let end = rest[1..].find('`').ok_or("a quoted text is not closed")?;
                (Kind::Literal(rest[1..=end].into()), end + 2)
            }
            '$' => {
                let name = name_at(&rest[1..]);
                (Kind::Variable(name.to_owned()), 1 + name.len())
            }
            '.' if !rest[1..].starts_with(|c: char| c.is_ascii_digit()) => match name_at(&rest[1..]) {
                "" => (Kind::Dot, 1),
                name => (Kind::Field(name.to_owned()), 1 + name.len()),
            },
            c if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => number(rest)?,
            c if c.is_alphabetic() || c == '_' => {
                let name = name_at(rest);
                let kind = match name {
                    "true" => Kind::Literal(true.into()),
                    "false" => Kind::Literal(false.into()),
                    "nil" => Kind::Nil,
                    name => Kind::Word(name.to_owned()),
                };
                (kind, name.len())
            }
            other => return Err(format!("unexpected `{other}`")),
        };
        found.push(Token { kind, spaced });
        rest = &rest[length..];
    }
}

fn name_at(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..end]
}

fn number(text: &str) -> Result<(Kind, usize), String> {
    let end =
        text[1..].find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_'))).map_or(text.len(), |n| n + 1);
    let digits = text[..end].trim_start_matches('+').replace('_', "");
    let (sign, plain) = digits.strip_prefix('-').map_or((1, &*digits), |plain| (-1, plain));
    let based = [("0x", 16), ("0b", 2), ("0o", 8)].into_iter().find_map(|(prefix, base)| {
        let lower = plain.to_ascii_lowercase();
        i64::from_str_radix(lower.strip_prefix(prefix)?, base).ok()
    });
    let value = based.map(|value| sign * value).or_else(|| digits.parse::<i64>().ok()).map(Value::from);
    let value = value.or_else(|| digits.parse::<f64>().ok().map(Value::from));
    value.map(|value| (Kind::Literal(value), end)).ok_or_else(|| format!("`{}` is no number", &text[..end]))
}

/// A text in quotes with Go's escapes; one in single quotes is a character, which is a number to Go.
fn quoted(text: &str, quote: char) -> Result<(Kind, usize), String> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote && quote == '\'' => {
                let mut read = value.chars();
                let (Some(one), None) = (read.next(), read.next()) else {
                    return Err(format!("`'{value}'` is no character; texts have double quotes"));
                };
                return Ok((Kind::Literal(u32::from(one).into()), at + 1));
            }
            c if c == quote => return Ok((Kind::Literal(value.into()), at + 1)),
            '\n' => break,
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 'a')) => value.push('\x07'),
                Some((_, 'b')) => value.push('\x08'),
                Some((_, 'f')) => value.push('\x0c'),
                Some((_, 'v')) => value.push('\x0b'),
                Some((_, first @ '0'..='7')) => {
                    let digits: String = std::iter::once(first).chain(chars.by_ref().take(2).map(|(_, c)| c)).collect();
                    let code = u32::from_str_radix(&digits, 8).ok().filter(|_| digits.len() == 3);
                    value.push(code.and_then(char::from_u32).ok_or_else(|| format!("`\\{digits}` is no character"))?);
                }
                Some((_, c @ ('\\' | '"' | '\''))) => value.push(c),
                Some((_, c @ ('x' | 'u' | 'U'))) => {
                    let length = match c {
                        'x' => 2,
                        'u' => 4,
                        _ => 8,
                    };
                    let digits: String = chars.by_ref().take(length).map(|(_, c)| c).collect();
                    let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                    value.push(code.ok_or_else(|| format!("`\\{c}{digits}` is no character"))?);
                }
                other => return Err(format!("unknown escape `\\{}`", other.map_or(' ', |(_, c)| c))),
            },
            c => value.push(c),
        }
    }
    Err("a quoted text is not closed".to_owned())
}
