//! YAML to a tree with places.

use std::collections::BTreeMap;

use builder_core::diagnostic::Diagnostic;
use builder_core::text::{SourceFile, Span, Spanned};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::value::{Data, Value};

/// How deep lists and tables may be nested, and how many values there may be once aliases are followed.
const MAX_DEPTH: usize = 32;
const MAX_VALUES: usize = 20_000;

/// Reads the first document of a text.
///
/// # Errors
/// What does not parse, with its place.
pub(super) fn parse(source: &SourceFile) -> Result<Value, Diagnostic> {
    if let Some(tab) = indenting_tab(source.text()) {
        let help = "indent with blanks; hadolint does not read the file either";
        return Err(Diagnostic::error("invalid-yaml", tab, "tabs cannot indent YAML").help(help));
    }
    let mut builder =
        Builder { source, parser: Parser::new_from_str(source.text()), anchors: BTreeMap::new(), values: 0 };
    loop {
        match builder.next()? {
            (Event::DocumentStart(_), _) => return builder.value(0),
            (Event::StreamEnd, span) => return Ok(Value { span, data: Data::Nothing }),
            _ => {}
        }
    }
}

/// The parser takes some of them.
fn indenting_tab(text: &str) -> Option<Span> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let rest = line.trim_start();
        let tab = line[..line.len() - rest.len()].find('\t');
        if let Some(tab) = tab.filter(|_| !rest.is_empty() && !rest.starts_with('#')) {
            return Some(Span::from_range(start + tab..start + tab + 1));
        }
        start += line.len();
    }
    None
}

struct Builder<'s> {
    source: &'s SourceFile,
    parser: Parser<'s, saphyr_parser::StrInput<'s>>,
    anchors: BTreeMap<usize, (Data, usize)>,
    values: usize,
}

impl<'s> Builder<'s> {
    fn next(&mut self) -> Result<(Event<'s>, Span), Diagnostic> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, Span::new(self.offset(span.start), self.offset(span.end)))),
            Some(Err(error)) => {
                let at = Span::at(self.offset(*error.marker()));
                Err(Diagnostic::error("invalid-yaml", at, format!("this is not YAML: {}", error.info())))
            }
            None => Ok((Event::StreamEnd, Span::at(self.end()))),
        }
    }

    fn end(&self) -> u32 {
        u32::try_from(self.source.text().len()).unwrap_or(u32::MAX)
    }

    /// The parser counts characters of a line.
    fn offset(&self, marker: Marker) -> u32 {
        let line = u32::try_from(marker.line()).unwrap_or(u32::MAX);
        let Some(start) = self.source.lines().line_start(line) else { return self.end() };
        let rest = &self.source.text()[start as usize..];
        let bytes = rest.char_indices().nth(marker.col()).map_or(rest.len(), |(at, _)| at);
        start.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX))
    }

    fn value(&mut self, depth: usize) -> Result<Value, Diagnostic> {
        let (event, span) = self.next()?;
        self.value_of(event, span, depth)
    }

    fn value_of(&mut self, event: Event<'s>, span: Span, depth: usize) -> Result<Value, Diagnostic> {
        let before = self.values;
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES {
            return Err(Diagnostic::error("invalid-yaml", span, "this is nested too deeply, or too large"));
        }
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, _) => (anchor, Value { span, data: scalar(text.into_owned(), style) }),
            Event::SequenceStart(anchor, _) => {
                let mut items = Vec::new();
                let end = loop {
                    match self.next()? {
                        (Event::SequenceEnd, end) => break end,
                        (event, at) => items.push(self.value_of(event, at, depth + 1)?),
                    }
                };
                (anchor, Value { span: span.cover(end), data: Data::List(items) })
            }
            Event::MappingStart(anchor, _) => {
                let mut entries: Vec<(Spanned<String>, Value)> = Vec::new();
                let end = loop {
                    let (key, at) = match self.next()? {
                        (Event::MappingEnd, end) => break end,
                        (Event::Scalar(key, ..), at) => (key, at),
                        (_, at) => return Err(Diagnostic::error("invalid-yaml", at, "a key must be a text")),
                    };
                    if let Some((first, _)) = entries.iter().find(|(known, _)| known.value == key) {
                        let message = format!("`{key}` is set twice");
                        return Err(Diagnostic::error("duplicate-key", at, message).also(first.span, "first here"));
                    }
                    entries.push((Spanned::new(key.into_owned(), at), self.value(depth + 1)?));
                };
                (anchor, Value { span: span.cover(end), data: Data::Table(entries) })
            }
            Event::Alias(anchor) => {
                let (data, size) = self.anchors.get(&anchor).cloned().unwrap_or((Data::Nothing, 1));
                self.values += size;
                (0, Value { span, data })
            }
            _ => (0, Value { span, data: Data::Nothing }),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, (value.data.clone(), self.values - before));
        }
        Ok(value)
    }
}

/// The core schema of YAML 1.2, as far as settings need it.
fn scalar(text: String, style: ScalarStyle) -> Data {
    if style != ScalarStyle::Plain {
        return Data::Text(text);
    }
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Data::Nothing,
        "true" | "True" | "TRUE" => Data::Flag(true),
        "false" | "False" | "FALSE" => Data::Flag(false),
        number if number.parse::<f64>().is_ok() && number.starts_with(|c: char| !c.is_alphabetic()) => {
            Data::Other("a number")
        }
        _ => Data::Text(text),
    }
}
