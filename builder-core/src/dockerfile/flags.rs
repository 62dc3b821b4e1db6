//! Flags: the words that begin with `--` before the operands.

use std::ops::Range;

use super::ast::{EscapeCharacter, Flag, SourceText};
use super::suggest::{closest, did_you_mean};
use super::word;
use crate::diagnostic::Diagnostic;
use crate::text::{Span, Spanned};

/// Takes the flags from the front of a part of a line; returns them and where the operands are.
pub(super) fn extract(line: &SourceText, range: Range<usize>, escape: EscapeCharacter) -> (Vec<Flag>, Range<usize>) {
    let text = line.as_str();
    let mut flags = Vec::new();
    let mut rest = word::trim(text, range);
    while text.get(rest.clone()).is_some_and(|part| part.starts_with("--")) {
        let scanned = scan(text, rest.clone(), escape);
        let after = word::trim(text, scanned.end..rest.end);
        if scanned.value == "--" {
            return (flags, after);
        }
        flags.push(flag(line, rest.start, &scanned));
        rest = after;
    }
    (flags, rest)
}

/// A flag word with its quotes and escapes removed.
struct Scanned {
    value: String,
    /// The offset in the line behind the word.
    end: usize,
    /// Where the first `=` stands: in `value`, and in the line.
    equals: Option<(usize, usize)>,
}

fn scan(text: &str, range: Range<usize>, escape: EscapeCharacter) -> Scanned {
    let mut scanned = Scanned { value: String::new(), end: range.end, equals: None };
    let mut quote = None;
    let mut chars = text.get(range.clone()).unwrap_or("").char_indices();
    while let Some((at, c)) = chars.next() {
        let at = range.start + at;
        let literal = if c == escape.as_char() {
            match chars.next() {
                Some((_, next)) => next,
                None => break,
            }
        } else if let Some(open) = quote {
            if c == open {
                quote = None;
                continue;
            }
            c
        } else if c.is_whitespace() {
            scanned.end = at;
            break;
        } else if c == '\'' || c == '"' {
            quote = Some(c);
            continue;
        } else {
            c
        };
        if literal == '=' && scanned.equals.is_none() {
            scanned.equals = Some((scanned.value.len(), at));
        }
        scanned.value.push(literal);
    }
    scanned
}

fn flag(line: &SourceText, start: usize, scanned: &Scanned) -> Flag {
    let span = line.span_of(start..scanned.end);
    let name_of = |text: &str| text.strip_prefix("--").unwrap_or(text).to_owned();
    match scanned.equals {
        None => {
            let name = Spanned::new(name_of(&scanned.value), line.span_of(start + 2..scanned.end));
            Flag { span, name, value: None }
        }
        Some((split, at)) => {
            let (name, value) = scanned.value.split_at(split);
            let name = Spanned::new(name_of(name), line.span_of(start + 2..at));
            let value_start = (at + 1).min(scanned.end);
            let value_span =
                if value_start < scanned.end { line.span_of(value_start..scanned.end) } else { Span::at(span.end) };
            let value = value.strip_prefix('=').unwrap_or(value).to_owned();
            Flag { span, name, value: Some(Spanned::new(value, value_span)) }
        }
    }
}

/// What a flag takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FlagKind {
    /// `--x`, `--x=true`, `--x=false`.
    Boolean,
    /// `--x=value`, once.
    Text,
    /// `--x=value`, as often as wanted.
    List,
}

/// A flag that an instruction knows.
pub(super) type FlagSpec = (&'static str, FlagKind);

/// The flags of an instruction that are known and well-formed.
#[derive(Debug)]
pub(super) struct Checked<'f> {
    flags: Vec<&'f Flag>,
}

/// Checks flags against those that an instruction knows, and reports the others.
pub(super) fn check<'f>(flags: &'f [Flag], specs: &[FlagSpec], diagnostics: &mut Vec<Diagnostic>) -> Checked<'f> {
    let mut first: Vec<Option<Span>> = vec![None; specs.len()];
    let mut checked = Checked { flags: Vec::new() };
    for flag in flags {
        let name = flag.name.value.as_str();
        let Some(index) = specs.iter().position(|(known, _)| *known == name) else {
            diagnostics.push(unknown(flag, specs));
            continue;
        };
        let Some((_, kind)) = specs.get(index) else { continue };
        if let Some(Some(first)) = first.get(index)
            && *kind != FlagKind::List
        {
            let message = format!("duplicate flag specified: --{name}");
            diagnostics.push(Diagnostic::error("duplicate-flag", flag.span, message).also(*first, "first given here"));
            continue;
        }
        if let Some(slot) = first.get_mut(index) {
            *slot = Some(flag.span);
        }
        match check_value(flag, *kind) {
            None => checked.flags.push(flag),
            Some(problem) => diagnostics.push(problem),
        }
    }
    checked
}

fn unknown(flag: &Flag, specs: &[FlagSpec]) -> Diagnostic {
    let name = flag.name.value.as_str();
    let span = Span::new(flag.span.start, flag.name.span.end);
    let diagnostic = Diagnostic::error("unknown-flag", span, format!("unknown flag: --{name}"));
    match closest(name, specs.iter().map(|(known, _)| *known)) {
        Some(known) => diagnostic.help(did_you_mean(&format!("--{known}"))),
        None if specs.is_empty() => diagnostic.note("this instruction takes no flags"),
        None => {
            let known: Vec<_> = specs.iter().map(|(known, _)| format!("`--{known}`")).collect();
            diagnostic.note(format!("this instruction takes {}", known.join(", ")))
        }
    }
}

fn check_value(flag: &Flag, kind: FlagKind) -> Option<Diagnostic> {
    let name = flag.name.value.as_str();
    let missing = || Diagnostic::error("missing-flag-value", flag.span, format!("missing a value on flag: --{name}"));
    match (kind, &flag.value) {
        (FlagKind::Boolean, Some(value)) if value.value.is_empty() => Some(missing()),
        (FlagKind::Boolean, Some(value)) if boolean(&value.value).is_none() => {
            let message = format!("expecting boolean value for flag --{name}, not: {}", value.value);
            Some(Diagnostic::error("invalid-flag-value", value.span, message).help("write `true` or `false`"))
        }
        (FlagKind::Text | FlagKind::List, None) => {
            Some(missing().help(format!("write the value after an equals sign: `--{name}=…`")))
        }
        _ => None,
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

impl Checked<'_> {
    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Flag> {
        self.flags.iter().copied().filter(move |flag| flag.name.value == name)
    }

    /// Returns the value of a text flag; an empty one is none, as with BuildKit.
    pub(super) fn text(&self, name: &str) -> Option<Spanned<String>> {
        let value = self.named(name).next().and_then(|flag| flag.value.clone());
        value.filter(|value| !value.value.is_empty())
    }

    /// Returns all values of a repeatable flag.
    pub(super) fn list(&self, name: &str) -> Vec<Spanned<String>> {
        self.named(name).filter_map(|flag| flag.value.clone()).collect()
    }

    /// Returns the value of a boolean flag.
    pub(super) fn boolean(&self, name: &str) -> Option<Spanned<bool>> {
        let flag = self.named(name).next()?;
        match &flag.value {
            None => Some(Spanned::new(true, flag.span)),
            Some(value) => boolean(&value.value).map(|on| Spanned::new(on, value.span)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_end_at_the_first_other_word() {
        for (text, flags, rest) in [
            ("--a=b --c d --e", vec!["a=b", "c"], "d --e"),
            ("--a='x y'\"z\" w", vec!["a=x yz"], "w"),
            (r"--a=x\ y w", vec!["a=x y"], "w"),
            ("-- --a b", vec![], "--a b"),
            ("--a -- --b", vec!["a"], "--b"),
            ("--", vec![], ""),
            ("a --b", vec![], "a --b"),
            ("--a=b=c", vec!["a=b=c"], ""),
            ("--a=", vec!["a="], ""),
            ("-a b", vec![], "-a b"),
            ("--a='open b", vec!["a=open b"], ""),
            ("", vec![], ""),
        ] {
            let line = SourceText::contiguous(text, 0);
            let (found, range) = extract(&line, 0..text.len(), EscapeCharacter::Backslash);
            let show = |f: &Flag| match &f.value {
                Some(value) => format!("{}={}", f.name.value, value.value),
                None => f.name.value.clone(),
            };
            assert_eq!(found.iter().map(show).collect::<Vec<_>>(), flags, "{text}");
            assert_eq!(&text[range], rest, "{text}");
        }
    }

    #[test]
    fn names_and_values_have_their_own_spans() {
        let line = SourceText::contiguous("--from=base x", 5);
        let (flags, _) = extract(&line, 0..13, EscapeCharacter::Backslash);
        assert_eq!(flags[0].span, Span::new(5, 16));
        assert_eq!(flags[0].name.span, Span::new(7, 11));
        assert_eq!(flags[0].value.as_ref().unwrap().span, Span::new(12, 16));
    }

    #[test]
    fn wrong_flags_are_all_reported() {
        let text = "--lnik --link --link --chown --link=maybe --chown=a --exclude=a --exclude=b x";
        let line = SourceText::contiguous(text, 0);
        let (flags, _) = extract(&line, 0..text.len(), EscapeCharacter::Backslash);
        let specs = [("link", FlagKind::Boolean), ("chown", FlagKind::Text), ("exclude", FlagKind::List)];
        let mut diagnostics = Vec::new();
        let checked = check(&flags, &specs, &mut diagnostics);
        let messages: Vec<_> = diagnostics.iter().map(|d| d.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "unknown flag: --lnik",
                "duplicate flag specified: --link",
                "missing a value on flag: --chown",
                "duplicate flag specified: --link",
                "duplicate flag specified: --chown",
            ]
        );
        assert_eq!(diagnostics[0].help.as_deref(), Some("did you mean `--link`?"));
        assert_eq!(checked.boolean("link").map(|b| b.value), Some(true));
        assert_eq!(checked.list("exclude").len(), 2);
    }
}
