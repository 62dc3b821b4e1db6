//! What a half-written line is about to say.

use builder_core::dockerfile::EscapeCharacter;

use super::documents::Document;
use super::variables::name_length;

/// What stands before the cursor. A `prefix` is what was typed of the word so far.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// Nothing that could be completed.
    Nowhere,
    /// A comment that is nothing yet; `top` where directives may stand.
    Comment { prefix: String, top: bool },
    /// A code in a comment that silences rules.
    Code { prefix: String },
    /// A keyword; `trigger` behind `ONBUILD`.
    Keyword { prefix: String, trigger: bool },
    /// A flag, dashes included.
    Flag { keyword: String, prefix: String },
    /// The value of a flag.
    FlagValue { keyword: String, flag: String, prefix: String },
    /// The name of a variable; `brace` behind `${`.
    Variable { prefix: String, brace: bool },
    /// An operand, with those before it.
    Operand { keyword: String, before: Vec<String>, prefix: String },
}

/// Finds out what stands before an offset.
pub(super) fn place(document: &Document, offset: usize) -> Place {
    let text = document.text();
    let dockerfile = document.dockerfile();
    let Some(before) = text.get(..offset) else { return Place::Nowhere };
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.get(line_start..).unwrap_or("").trim_start_matches('\u{feff}').trim_start();
    let last = document.instruction_before(offset).map(|(_, instruction)| instruction);
    if let Some(heredoc) = last.and_then(|instruction| {
        let is_in = |start: u32, end: u32| start as usize <= offset && offset <= end as usize;
        instruction.heredocs.iter().find(|h| is_in(h.body.span.start, h.terminator.end))
    }) {
        let is_body = offset <= heredoc.body.span.end as usize;
        return variable(line, '\\').filter(|_| is_body).unwrap_or(Place::Nowhere);
    }
    if let Some(comment) = line.strip_prefix('#') {
        let top = before.get(..line_start).unwrap_or("").lines().count()
            == dockerfile.directives.iter().filter(|d| (d.span.start as usize) < line_start).count();
        return in_comment(comment, top);
    }
    let typed = match last {
        Some(instruction) if goes_on(text, instruction.head.end as usize, offset, dockerfile.escape) => {
            joined(text.get(instruction.head.start as usize..offset).unwrap_or(""), dockerfile.escape)
        }
        _ => line.to_owned(),
    };
    in_instruction(&typed, dockerfile.escape)
}

/// Tells whether an offset still belongs to the instruction whose line ends at `end`.
fn goes_on(text: &str, end: usize, offset: usize, escape: EscapeCharacter) -> bool {
    let Some(between) = text.get(end..offset) else { return true };
    // Behind a line that is continued come only blank lines and comments, or it would not end there.
    between.split_once('\n').is_none_or(|(rest, _)| rest.trim().ends_with(escape.as_char()))
}

/// Joins the lines of an instruction, the last one as far as it was typed.
fn joined(text: &str, escape: EscapeCharacter) -> String {
    let mut out = String::new();
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        if lines.peek().is_none() {
            out.push_str(line);
        } else if !line.trim_start().starts_with('#') {
            let line = line.trim_end();
            out.push_str(line.strip_suffix(escape.as_char()).unwrap_or(line));
        }
    }
    out
}

fn in_comment(comment: &str, top: bool) -> Place {
    let content = comment.trim_start();
    let last = |list: &str| {
        let start = list.rfind([',', ' ', '\t']).map_or(0, |at| at + 1);
        Place::Code { prefix: list.get(start..).unwrap_or("").to_owned() }
    };
    let pragma = content.strip_prefix("hadolint").or_else(|| content.strip_prefix("builder"));
    if let Some((what, list)) = pragma.and_then(|rest| rest.split_once('=')) {
        let is_ignore = what.trim().ends_with("ignore") && !list.contains('#');
        return if is_ignore { last(list) } else { Place::Nowhere };
    }
    if let Some((_, list)) = content.split_once("check=").filter(|(before, _)| before.is_empty()) {
        return list.rsplit(';').next().and_then(|part| part.trim().strip_prefix("skip=")).map_or(Place::Nowhere, last);
    }
    let is_word = content.chars().all(|c| c.is_ascii_alphabetic() || c == ' ');
    if is_word { Place::Comment { prefix: content.to_owned(), top } } else { Place::Nowhere }
}

fn in_instruction(typed: &str, escape: EscapeCharacter) -> Place {
    let mut rest = typed;
    let mut trigger = false;
    let keyword = loop {
        let Some((keyword, operands)) = rest.split_once(char::is_whitespace) else {
            let is_word = rest.chars().all(|c| c.is_ascii_alphabetic());
            return if is_word { Place::Keyword { prefix: rest.to_owned(), trigger } } else { Place::Nowhere };
        };
        rest = operands.trim_start();
        if trigger || !keyword.eq_ignore_ascii_case("ONBUILD") {
            break keyword.to_ascii_uppercase();
        }
        trigger = true;
    };
    if let Some(variable) = variable(rest, escape.as_char()) {
        return variable;
    }
    let start = rest.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let prefix = rest.get(start..).unwrap_or("").to_owned();
    let before: Vec<_> = rest.get(..start).unwrap_or("").split_whitespace().map(str::to_owned).collect();
    if !before.iter().all(|word| word.starts_with("--")) || !prefix.starts_with('-') {
        let before = before.into_iter().skip_while(|word| word.starts_with("--")).collect();
        return Place::Operand { keyword, before, prefix };
    }
    match prefix.split_once('=') {
        Some((flag, value)) => {
            let flag = flag.trim_start_matches('-').to_owned();
            Place::FlagValue { keyword, flag, prefix: value.to_owned() }
        }
        None => Place::Flag { keyword, prefix },
    }
}

/// Reads `$NAME` or `${NAME` at the end of a text.
fn variable(text: &str, escape: char) -> Option<Place> {
    let start = text.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    let prefix = text.get(start + text.get(start..)?.chars().next()?.len_utf8()..)?;
    if !prefix.is_empty() && name_length(prefix) == 0 {
        return None;
    }
    let head = text.get(..text.len() - prefix.len())?;
    let (head, brace) = head.strip_suffix('{').map_or((head, false), |head| (head, true));
    let head = head.strip_suffix('$')?;
    let escapes = head.len() - head.trim_end_matches(escape).len();
    (escapes % 2 == 0).then(|| Place::Variable { prefix: prefix.to_owned(), brace })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsp::testing::document_at;

    fn at(text: &str) -> String {
        let (document, offset) = document_at(text);
        match place(&document, offset) {
            Place::Nowhere => "nowhere".to_owned(),
            Place::Comment { prefix, top } => format!("comment {prefix:?}{}", if top { " at the top" } else { "" }),
            Place::Code { prefix } => format!("code {prefix:?}"),
            Place::Keyword { prefix, trigger } => {
                format!("keyword {prefix:?}{}", if trigger { " trigger" } else { "" })
            }
            Place::Flag { keyword, prefix } => format!("flag of {keyword} {prefix:?}"),
            Place::FlagValue { keyword, flag, prefix } => format!("value of {keyword} --{flag} {prefix:?}"),
            Place::Variable { prefix, brace } => {
                format!("variable {prefix:?}{}", if brace { " in braces" } else { "" })
            }
            Place::Operand { keyword, before, prefix } => format!("operand of {keyword} {before:?} {prefix:?}"),
        }
    }

    #[test]
    fn the_words_before_the_cursor_decide() {
        for (text, expected) in [
            ("‸", "keyword \"\""),
            ("FR‸", "keyword \"FR\""),
            ("\u{feff}FR‸", "keyword \"FR\""),
            ("FROM a\n‸\nRUN x", "keyword \"\""),
            ("FROM a\n  co‸", "keyword \"co\""),
            ("FROM a\nONBUILD C‸", "keyword \"C\" trigger"),
            ("FROM a\nONBUILD RUN --‸", "flag of RUN \"--\""),
            ("FROM ‸", "operand of FROM [] \"\""),
            ("FROM ‸\nRUN x", "operand of FROM [] \"\""),
            ("FROM --platform=‸", "value of FROM --platform \"\""),
            ("FROM --platform=$‸", "variable \"\""),
            ("FROM --platform=$B a‸", "operand of FROM [] \"a\""),
            ("from a ‸", "operand of FROM [\"a\"] \"\""),
            ("FROM a\nCOPY --‸ x y", "flag of COPY \"--\""),
            ("FROM a\nCOPY --from=b‸ x y", "value of COPY --from \"b\""),
            ("FROM a\nCOPY x --‸", "operand of COPY [\"x\"] \"--\""),
            ("FROM a\nRUN --mount=type=cache,ta‸", "value of RUN --mount \"type=cache,ta\""),
            ("FROM a\nRUN a \\\n  # c\n\n  $X‸", "variable \"X\""),
            ("FROM a\nCOPY \\\n  --fr‸", "flag of COPY \"--fr\""),
            ("FROM a\nCOPY \\\n  ‸", "operand of COPY [] \"\""),
            ("FROM a\nCOPY \\\r\n  --fr‸\r\n", "flag of COPY \"--fr\""),
            ("FROM a\nENV A=${‸", "variable \"\" in braces"),
            ("FROM a\nENV A=${x_‸}", "variable \"x_\" in braces"),
            ("FROM a\nENV A=\\$x‸", "operand of ENV [] \"A=\\\\$x\""),
            ("FROM a\nENV A=é$x‸", "variable \"x\""),
            ("FROM a\nENV 🦀‸", "operand of ENV [] \"🦀\""),
            ("FROM a\nRUN <<E\nRU‸\nE\n", "nowhere"),
            ("FROM a\nRUN <<E\nx $H‸\nE\n", "variable \"H\""),
            ("FROM a\nRUN <<E\nx\nE‸\n", "nowhere"),
            ("FROM a\nRUN <<E\nx\nE\n‸", "keyword \"\""),
            ("@‸", "nowhere"),
        ] {
            assert_eq!(at(text), expected, "{text:?}");
        }
    }

    #[test]
    fn comments_have_directives_and_codes() {
        for (text, expected) in [
            ("# s‸", "comment \"s\" at the top"),
            ("# syntax=x\n# ‸", "comment \"\" at the top"),
            ("# hello\n# s‸", "comment \"s\""),
            ("FROM a\n# had‸", "comment \"had\""),
            ("FROM a\n# hadolint ignore=‸", "code \"\""),
            ("FROM a\n# hadolint ignore=DL1, D‸\nRUN x", "code \"D\""),
            ("FROM a\n# hadolint global ignore=D‸", "code \"D\""),
            ("FROM a\n# hadolint shell=‸", "nowhere"),
            ("# check=skip=A,B‸", "code \"B\""),
            ("# check=error=true;skip=A‸", "code \"A\""),
            ("# check=error=t‸", "nowhere"),
            ("FROM a\nRUN x \\\n # hadolint ignore=S‸\n y", "code \"S\""),
            ("# it's‸", "nowhere"),
        ] {
            assert_eq!(at(text), expected, "{text:?}");
        }
    }
}
