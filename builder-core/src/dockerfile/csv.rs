//! One CSV record, as flags with several fields use it (`--mount`, `--device`).
//!
//! Spec: RFC 4180 as Go's `encoding/csv` reads it, without its lazy-quotes mode.

/// The text is no CSV record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CsvError {
    /// A quote stands in a field that does not begin with one.
    #[error("parse error on line 1, column {column}: bare \" in non-quoted field")]
    BareQuote {
        /// The byte at which the quote stands, 1-based.
        column: usize,
    },
    /// A quoted field does not end, or something follows its end.
    #[error("parse error on line 1, column {column}: extraneous or missing \" in quoted-field")]
    Quote {
        /// The byte at which reading stopped, 1-based.
        column: usize,
    },
}

/// Splits one CSV record into its fields; an empty text has none.
///
/// # Errors
/// [`CsvError`] where quotes are out of place.
pub fn csv_fields(text: &str) -> Result<Vec<String>, CsvError> {
    let mut fields = Vec::new();
    if text.is_empty() {
        return Ok(fields);
    }
    let mut rest = text;
    loop {
        let at = text.len() - rest.len();
        let (field, after) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_field(quoted).map_err(|end| CsvError::Quote { column: at + 1 + end })?
        } else {
            let (field, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
            if let Some(quote) = field.find('"') {
                return Err(CsvError::BareQuote { column: at + quote + 1 });
            }
            (field.to_owned(), after)
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(fields),
            None => return Err(CsvError::Quote { column: text.len() - after.len() + 1 }),
        }
    }
}

/// Reads up to the closing quote; returns the field and what follows it, or the length that was read.
fn quoted_field(text: &str) -> Result<(String, &str), usize> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let Some((before, after)) = rest.split_once('"') else { return Err(text.len()) };
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(next) => {
                field.push('"');
                rest = next;
            }
            None => return Ok((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_split_as_go_splits_them() {
        for (text, expected) in [
            ("", Some(vec![])),
            ("a", Some(vec!["a"])),
            ("type=bind,target=/x", Some(vec!["type=bind", "target=/x"])),
            ("a,,b,", Some(vec!["a", "", "b", ""])),
            (r#"type=bind,"source=a,b""#, Some(vec!["type=bind", "source=a,b"])),
            (r#""say ""hi""",x"#, Some(vec![r#"say "hi""#, "x"])),
            (r#"a"b"#, None),
            (r#""a"#, None),
            (r#""a"b,c"#, None),
        ] {
            let fields = csv_fields(text).ok();
            assert_eq!(fields, expected.map(|e| e.into_iter().map(str::to_owned).collect()), "{text}");
        }
    }
}
