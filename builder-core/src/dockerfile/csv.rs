//! One CSV record, as flags with several fields use it (`--mount`, `--device`).
//!
//! Spec: RFC 4180 as Go's `encoding/csv` reads it, without its lazy-quotes mode.

use std::ops::Range;

use crate::text::{Span, Spanned};

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
    Ok(record(text)?.into_iter().map(|(field, _)| field).collect())
}

/// Splits the value of a flag into its fields, each with its own place. Where quotes, escapes or a continued line
/// make the value another text than the source, the place of a field is that of the value.
///
/// # Errors
/// [`CsvError`] where quotes are out of place.
pub fn flag_fields(value: &Spanned<String>) -> Result<Vec<Spanned<String>>, CsvError> {
    let as_written = value.span.range().len() == value.value.len();
    let start = value.span.range().start;
    let place = |range: Range<usize>| Span::from_range(start + range.start..start + range.end);
    let fields = record(&value.value)?.into_iter();
    Ok(fields.map(|(field, range)| Spanned::new(field, if as_written { place(range) } else { value.span })).collect())
}

/// The fields of a record, and where in the text they stand.
fn record(text: &str) -> Result<Vec<(String, Range<usize>)>, CsvError> {
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
        fields.push((field, at..text.len() - after.len()));
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

    #[test]
    fn fields_have_their_own_places_where_the_source_is_the_value() {
        let places = |text: &str, span: Span| {
            let fields = flag_fields(&Spanned::new(text.to_owned(), span)).unwrap();
            fields.into_iter().map(|field| (field.span.start, field.span.end)).collect::<Vec<_>>()
        };
        assert_eq!(places("a=é,,\"b\"", Span::new(10, 19)), [(10, 14), (15, 15), (16, 19)]);
        assert_eq!(places("a,b", Span::new(10, 15)), [(10, 15), (10, 15)]);
    }
}
