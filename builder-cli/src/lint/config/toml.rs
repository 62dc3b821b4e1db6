//! TOML to a tree with places.

use builder_core::diagnostic::Diagnostic;
use builder_core::text::{SourceFile, Span, Spanned};
use toml::de::{DeTable, DeValue};

use super::value::{Data, Value};

/// Reads a text.
///
/// # Errors
/// What does not parse, with its place.
pub(super) fn parse(source: &SourceFile) -> Result<Value, Diagnostic> {
    let table = DeTable::parse(source.text()).map_err(|error| {
        let span = error.span().map(Span::from_range).unwrap_or_default();
        Diagnostic::error("invalid-toml", span, format!("this is not TOML: {}", error.message()))
    })?;
    Ok(Value { span: Span::from_range(table.span()), data: entries(table.get_ref()) })
}

fn entries(table: &DeTable<'_>) -> Data {
    let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let name: &std::borrow::Cow<'_, str> = key.get_ref();
        (Spanned::new(name.clone().into_owned(), Span::from_range(key.span())), self::value(value))
    };
    let mut entries: Vec<_> = table.iter().map(entry).collect();
    entries.sort_by_key(|(key, _)| key.span);
    Data::Table(entries)
}

fn value(value: &toml::Spanned<DeValue<'_>>) -> Value {
    let data = match value.get_ref() {
        DeValue::String(text) => Data::Text(text.clone().into_owned()),
        DeValue::Boolean(flag) => Data::Flag(*flag),
        DeValue::Array(items) => Data::List(items.iter().map(self::value).collect()),
        DeValue::Table(table) => entries(table),
        DeValue::Integer(_) | DeValue::Float(_) => Data::Other("a number"),
        DeValue::Datetime(_) => Data::Other("a date"),
    };
    Value { span: Span::from_range(value.span()), data }
}
