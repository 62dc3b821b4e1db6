//! Parser directives: `# name=value` comments at the very top of a file.

use super::ast::{Directive, EscapeCharacter};
use super::line::Reader;
use crate::diagnostic::Diagnostic;
use crate::text::{Span, Spanned};

/// The directives that exist.
const KNOWN: [&str; 3] = ["syntax", "escape", "check"];

/// The state of the scan: it ends for good at the first line that is no known directive.
#[derive(Debug, Default)]
pub(super) struct Directives {
    /// What was found so far.
    pub(super) found: Vec<Directive>,
    /// The escape character in force.
    pub(super) escape: EscapeCharacter,
    ended: bool,
}

impl Directives {
    /// Ends the scan.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// Takes a comment line that begins at `offset`; tells whether it is a directive.
    pub(super) fn take(&mut self, content: &str, offset: usize, diagnostics: &mut Vec<Diagnostic>) -> bool {
        if self.ended {
            return false;
        }
        let directive = read("#", content, offset).filter(|d| KNOWN.contains(&d.name.value.as_str()));
        let Some(directive) = directive else {
            self.ended = true;
            return false;
        };
        let name = directive.name.value.as_str();
        if let Some(first) = self.found.iter().find(|d| d.name.value == name) {
            let message = format!("only one {name} parser directive can be used");
            diagnostics.push(
                Diagnostic::error("duplicate-directive", directive.span, message).also(first.span, "first given here"),
            );
        } else if name == "escape" {
            match directive.value.value.as_str() {
                "\\" => self.escape = EscapeCharacter::Backslash,
                "`" => self.escape = EscapeCharacter::Backtick,
                other => {
                    let message = format!("invalid escape token '{other}' does not match ` or \\");
                    diagnostics.push(Diagnostic::error("invalid-escape", directive.value.span, message));
                }
            }
        }
        self.found.push(directive);
        true
    }
}

/// Reads `PREFIX name = value`; the name comes out in lower case.
fn read(prefix: &str, content: &str, offset: usize) -> Option<Directive> {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\u{c}' | '\r');
    let at = |part: &str| {
        let start = offset + (part.as_ptr() as usize - content.as_ptr() as usize);
        Span::from_range(start..start + part.len())
    };
    let (name, value) = content.strip_prefix(prefix)?.split_once('=')?;
    let (name, value) = (name.trim_matches(blank), value.trim_matches(blank));
    let well_formed =
        name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().all(|b| b.is_ascii_alphanumeric());
    if !well_formed || value.is_empty() {
        return None;
    }
    let start = u32::try_from(offset).unwrap_or(u32::MAX);
    Some(Directive {
        span: Span::new(start, at(value).end),
        name: Spanned::new(name.to_ascii_lowercase(), at(name)),
        value: Spanned::new(value.to_owned(), at(value)),
    })
}

/// Returns the value of the `syntax` directive as the detector of frontends sees it: after a `#!` line,
/// in `#` comments, in `//` comments, or as a key of a file that is one JSON object.
///
/// This builder is its own frontend; it looks at the value only to tell the user that it does.
pub fn detect_syntax(text: &str) -> Option<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = if text.starts_with("#!") { text.split_once('\n').map_or("", |(_, rest)| rest) } else { text };
    for prefix in ["#", "//"] {
        let mut reader = Reader::new(text);
        while let Some(line) = reader.next_line() {
            let (content, offset) = line.trimmed_start();
            let Some(directive) = read(prefix, content, offset) else { break };
            match directive.name.value.as_str() {
                "syntax" => return Some(directive.value.value),
                name if KNOWN.contains(&name) => {}
                _ => break,
            }
        }
    }
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let object: serde_json::Value = serde_json::from_str(text).ok()?;
    object.get("syntax")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_syntax_detector_knows_four_places() {
        for (text, expected) in [
            ("# syntax=x\nFROM a", Some("x")),
            ("#syntax = a b c \nFROM a", Some("a b c")),
            ("# escape=`\n# SYNTAX=x\n", Some("x")),
            ("#!/usr/bin/env x\n# syntax=y\n", Some("y")),
            ("#!/usr/bin/env x\n\n# syntax=y\n", None),
            ("// syntax=z\n", Some("z")),
            ("{\"syntax\": \"j\"}", Some("j")),
            ("# foo=bar\n# syntax=x\n", None),
            ("\n# syntax=x\n", None),
            ("FROM a\n# syntax=x\n", None),
            ("\u{feff}# syntax=x\r\n", Some("x")),
            ("# syntax=\n", None),
            ("", None),
        ] {
            assert_eq!(detect_syntax(text).as_deref(), expected, "{text:?}");
        }
    }
}
