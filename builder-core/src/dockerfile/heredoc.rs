//! Heredoc markers in an instruction line. Their bodies are read by the parser, since they are lines.
//!
//! The line is split as a shell would split it, always with the backslash as escape character, whatever
//! `escape` says; a word `[n]<<[-]delimiter` is a marker.

use std::ops::Range;

/// A marker, by its place in the joined line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Marker {
    /// From the descriptor number to the end of the delimiter.
    pub(super) range: Range<usize>,
    /// The number before `<<`.
    pub(super) descriptor: Option<u32>,
    /// The delimiter, unquoted.
    pub(super) name: String,
    /// Whether no part of the delimiter is quoted.
    pub(super) expand: bool,
    /// Whether it is `<<-`.
    pub(super) strip_tabs: bool,
}

/// A quote in a delimiter is never closed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct OpenQuote {
    /// From the marker to the end of the line.
    pub(super) range: Range<usize>,
    /// The quote.
    pub(super) quote: char,
}

/// Finds the markers in a part of a joined line.
pub(super) fn markers(text: &str, range: Range<usize>) -> Result<Vec<Marker>, OpenQuote> {
    if !text.get(range.clone()).is_some_and(|part| part.contains("<<")) {
        return Ok(Vec::new());
    }
    let (words, open) = shell_words(text, range.clone());
    if let Some((start, quote)) = open {
        let word = text.get(start..range.end).unwrap_or("");
        // An open quote elsewhere is the shell's business: the line has no heredocs then.
        let marker = word.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with("<<");
        return if marker { Err(OpenQuote { range: start..range.end, quote }) } else { Ok(Vec::new()) };
    }
    let mut markers = Vec::new();
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let Some((descriptor, strip_tabs, rest)) = split_marker(text.get(word.clone()).unwrap_or("")) else { continue };
        let (range, delimiter) = if rest.is_empty() {
            // `<< EOF`: the delimiter is the next word, where that can be one.
            let Some(next) = words.next_if(|next| text.get((*next).clone()).is_some_and(is_plausible_delimiter)) else {
                continue;
            };
            (word.start..next.end, text.get(next).unwrap_or(""))
        } else {
            (word, rest)
        };
        if delimiter.contains('<') {
            continue;
        }
        let (name, quoted) = unquote(delimiter);
        if !name.is_empty() {
            markers.push(Marker { range, descriptor, name, expand: !quoted, strip_tabs });
        }
    }
    Ok(markers)
}

/// Splits `[n]<<[-]rest`.
fn split_marker(word: &str) -> Option<(Option<u32>, bool, &str)> {
    let after = word.trim_start_matches(|c: char| c.is_ascii_digit());
    let descriptor = word.get(..word.len() - after.len()).and_then(|digits| digits.parse().ok());
    let rest = after.strip_prefix("<<")?;
    match rest.strip_prefix('-') {
        Some(rest) => Some((descriptor, true, rest)),
        None => Some((descriptor, false, rest)),
    }
}

/// Tells whether the word after a lone `<<` is a delimiter rather than the operand of a shift.
fn is_plausible_delimiter(word: &str) -> bool {
    let begins =
        word.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '-' | '\'' | '"' | '.' | '/' | '\\'));
    begins && !word.contains(['(', ')', '<', '>'])
}

/// Splits into words at white space outside of quotes. Words inside `$(( … ))` are left out: there `<<` is
/// a shift. Also returns the start of the word and the quote that is never closed.
fn shell_words(text: &str, range: Range<usize>) -> (Vec<Range<usize>>, Option<(usize, char)>) {
    let mut words = Vec::new();
    let mut start: Option<usize> = None;
    let mut quote: Option<char> = None;
    let mut arithmetic = 0_usize;
    let mut began_in_arithmetic = false;
    let part = text.get(range.clone()).unwrap_or("");
    let mut chars = part.char_indices();
    while let Some((at, c)) = chars.next() {
        let rest = part.get(at..).unwrap_or("");
        let at = range.start + at;
        if let Some(open) = quote {
            if c == open {
                quote = None;
            } else if c == '\\' && open == '"' {
                chars.next();
            }
            continue;
        }
        if c.is_whitespace() {
            words.extend(start.take().filter(|_| !began_in_arithmetic).map(|from| from..at));
            continue;
        }
        if start.is_none() {
            start = Some(at);
            began_in_arithmetic = arithmetic > 0;
        }
        match c {
            '\'' | '"' => quote = Some(c),
            '\\' => drop(chars.next()),
            '$' if rest.starts_with("$((") => arithmetic += 1,
            ')' if arithmetic > 0 && rest.starts_with("))") => {
                arithmetic -= 1;
                chars.next();
            }
            _ => {}
        }
    }
    match (start, quote) {
        (Some(from), Some(quote)) => (words, Some((from, quote))),
        (Some(from), None) => {
            words.extend((!began_in_arithmetic).then_some(from..range.end));
            (words, None)
        }
        (None, _) => (words, None),
    }
}

/// Removes quotes and escapes from a delimiter; tells whether any part was quoted.
fn unquote(word: &str) -> (String, bool) {
    let mut name = String::with_capacity(word.len());
    let mut quote = None;
    let mut quoted = false;
    let mut chars = word.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '\'' | '"') => {
                quote = Some(c);
                quoted = true;
            }
            (Some(open), _) if c == open => quote = None,
            (None, '\\') => name.extend(chars.next()),
            (Some('"'), '\\') => match chars.next_if(|next| matches!(next, '"' | '$' | '\\')) {
                Some(next) => name.push(next),
                None => name.push('\\'),
            },
            _ => name.push(c),
        }
    }
    (name, quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name` plain, `name!` quoted, `-name` with tabs stripped, `n:name` with a descriptor.
    fn found(text: &str) -> Vec<String> {
        let markers = markers(text, 0..text.len()).expect("no open quote");
        let show = |m: &Marker| {
            let descriptor = m.descriptor.map(|n| format!("{n}:")).unwrap_or_default();
            format!("{descriptor}{}{}{}", if m.strip_tabs { "-" } else { "" }, m.name, if m.expand { "" } else { "!" })
        };
        markers.iter().map(show).collect()
    }

    #[test]
    fn markers_are_found_where_a_shell_would_look() {
        for (text, expected) in [
            ("<<EOF", vec!["EOF"]),
            ("<<-EOF", vec!["-EOF"]),
            ("<< EOF", vec!["EOF"]),
            ("<< -EOF", vec!["-EOF"]),
            ("<<- EOF", vec!["-EOF"]),
            ("3<<EOF", vec!["3:EOF"]),
            ("<<'EOF'", vec!["EOF!"]),
            ("<<\"EOF\"", vec!["EOF!"]),
            ("<<E\"O\"F", vec!["EOF!"]),
            ("<<'one two' x", vec!["one two!"]),
            (r"<<eo\'f", vec!["eo'f"]),
            (r"<<'e'o\'f", vec!["eo'f!"]),
            ("<<$EOF", vec!["$EOF"]),
            ("<<${EOF}", vec!["${EOF}"]),
            ("<<a.txt <<'b c' /d/", vec!["a.txt", "b c!"]),
            ("cat <<X && echo <<<y", vec!["X"]),
            ("cat <<A 4<<-B > x", vec!["A", "4:-B"]),
            ("\"<<EOF\"", vec![]),
            ("<<<x", vec![]),
            ("a<<EOF", vec![]),
            ("<<", vec![]),
            ("<<''", vec![]),
            ("echo it's <<EOF", vec![]),
            ("echo $((1 << 2)) $(( x << y ))", vec![]),
            ("echo $(( x <<y )) <<EOF", vec!["EOF"]),
            ("echo 1 << 2", vec![]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn an_open_quote_in_a_delimiter_is_an_error() {
        for text in ["cat <<'EOF", "<<\"EOF", "<<EOF'"] {
            assert!(markers(text, 0..text.len()).is_err(), "{text}");
        }
    }
}
