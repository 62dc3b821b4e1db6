//! `$NAME` and `${NAME` in texts.

/// Finds the names of variables in a text. Text in single quotes is left out where quotes count.
pub(super) fn variables(text: &str, escape: char, quotes: bool) -> Vec<(&str, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            _ if quote == Some('\'') => quote = quote.filter(|_| c != '\''),
            _ if c == escape => drop(chars.next()),
            '\'' | '"' if quotes => quote = if quote == Some(c) { None } else { quote.or(Some(c)) },
            '$' => {
                let rest = text.get(at + 1..).unwrap_or("");
                let brace = usize::from(rest.starts_with('{'));
                let rest = rest.get(brace..).unwrap_or("");
                let length = name_length(rest);
                if length > 0 {
                    let start = at + 1 + brace;
                    found.push((rest.get(..length).unwrap_or(""), start..start + length));
                }
            }
            _ => {}
        }
    }
    found
}

/// Returns how many bytes at the beginning of a text are the name of a variable.
pub(super) fn name_length(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_they_are_expanded() {
        for (text, expected) in [
            ("$a ${b} ${c:-$d} $$e", vec!["a", "b", "c", "d", "e"]),
            (r"\$a \\$b", vec!["b"]),
            ("'$a' \"'$b'\" $1 $ ${ $", vec!["b"]),
            ("é$a🦀$b", vec!["a", "b"]),
        ] {
            let found = variables(text, '\\', true);
            assert_eq!(found.iter().map(|(name, _)| *name).collect::<Vec<_>>(), expected, "{text}");
            assert!(found.iter().all(|(name, range)| &text[range.clone()] == *name), "{text}");
        }
        assert_eq!(variables("it's $a", '\\', false).len(), 1);
    }
}
