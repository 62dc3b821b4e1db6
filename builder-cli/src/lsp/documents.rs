//! The open documents: their texts, versions, and what is known of each version.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use builder_core::dockerfile::{Dockerfile, Instruction, Parsed, parse};
use builder_core::lint::{Finding, LintOptions, lint};
use builder_core::text::{SourceFile, Span};
use lsp_types::{Position, Range, TextDocumentContentChangeEvent, TextDocumentItem, TextEdit, Uri};

use super::config;
use super::names::Names;
use super::position::{Encoding, Lines};

/// How long nobody types before the diagnostics follow.
const QUIET: Duration = Duration::from_millis(60);
/// How long diagnostics are put off by somebody who does not stop.
const PATIENCE: Duration = Duration::from_millis(500);

/// An open document. What is worked out of a version is kept until the next one.
#[derive(Debug)]
pub(super) struct Document {
    /// Its name.
    pub(super) uri: Uri,
    /// The version that the client counts.
    pub(super) version: i32,
    /// What the linter looks for in it.
    pub(super) options: LintOptions,
    source: SourceFile,
    lines: Lines,
    encoding: Encoding,
    parsed: OnceCell<Parsed>,
    findings: OnceCell<Vec<Finding>>,
    names: OnceCell<Names>,
    /// The first change that no diagnostics were sent for, and the time to send them.
    waiting: Option<(Instant, Instant)>,
}

impl Document {
    /// Opens a document; its diagnostics are due at once.
    pub(super) fn new(item: TextDocumentItem, encoding: Encoding, now: Instant) -> Self {
        let options = config::options_for(&item.uri);
        Self {
            source: SourceFile::new(item.uri.as_str(), ""),
            uri: item.uri,
            version: item.version,
            options,
            lines: Lines::new("", encoding),
            encoding,
            parsed: OnceCell::new(),
            findings: OnceCell::new(),
            names: OnceCell::new(),
            waiting: Some((now, now)),
        }
        .with_text(item.text)
    }

    fn with_text(mut self, text: String) -> Self {
        self.set_text(text);
        self
    }

    fn set_text(&mut self, text: String) {
        self.lines = Lines::new(&text, self.encoding);
        self.source = SourceFile::new(self.source.name(), text);
        self.forget();
    }

    fn forget(&mut self) {
        self.parsed = OnceCell::new();
        self.findings = OnceCell::new();
        self.names = OnceCell::new();
    }

    /// Applies changes in their order.
    pub(super) fn change(&mut self, version: i32, changes: Vec<TextDocumentContentChangeEvent>, now: Instant) {
        self.version = version;
        for change in changes {
            let Some(range) = change.range else {
                self.set_text(change.text);
                continue;
            };
            let (start, end) = (self.offset(range.start), self.offset(range.end));
            let mut text = self.text().to_owned();
            text.replace_range(start.min(end)..start.max(end), &change.text);
            self.set_text(text);
        }
        let first = self.waiting.map_or(now, |(first, _)| first);
        self.waiting = Some((first, (now + QUIET).min(first + PATIENCE)));
    }

    /// Looks at the document anew, with the configuration as it is now.
    pub(super) fn reconfigure(&mut self, now: Instant) {
        self.options = config::options_for(&self.uri);
        self.forget();
        self.waiting = Some((now, now));
    }

    /// Returns when the next diagnostics are to be sent.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.map(|(_, due)| due)
    }

    /// Notes that the diagnostics are sent.
    pub(super) fn sent(&mut self) {
        self.waiting = None;
    }

    /// Returns the text.
    pub(super) fn text(&self) -> &str {
        self.source.text()
    }

    /// Returns the source.
    pub(super) fn source(&self) -> &SourceFile {
        &self.source
    }

    /// Returns what the parser made of it.
    pub(super) fn parsed(&self) -> &Parsed {
        self.parsed.get_or_init(|| parse(&self.source))
    }

    /// Returns the tree.
    pub(super) fn dockerfile(&self) -> &Dockerfile {
        &self.parsed().dockerfile
    }

    /// Returns what the linter finds.
    pub(super) fn findings(&self) -> &[Finding] {
        self.findings.get_or_init(|| lint(&self.source, &self.options_now()))
    }

    /// Returns what the linter looks for, with the files that are beside the document now.
    pub(super) fn options_now(&self) -> LintOptions {
        let mut options = self.options.clone();
        options.facts.context = config::context_of(&self.uri);
        options
    }

    /// Returns its stages and variables.
    pub(super) fn names(&self) -> &Names {
        self.names.get_or_init(|| Names::new(&self.source, self.dockerfile()))
    }

    /// Returns the last instruction that begins at or before an offset, with its place in the file.
    pub(super) fn instruction_before(&self, offset: usize) -> Option<(usize, &Instruction)> {
        let instructions = &self.dockerfile().instructions;
        let after = instructions.partition_point(|instruction| instruction.span.start as usize <= offset);
        let index = after.checked_sub(1)?;
        Some((index, instructions.get(index)?))
    }

    /// Returns the instruction that an offset is in, its end included.
    pub(super) fn instruction_at(&self, offset: usize) -> Option<(usize, &Instruction)> {
        self.instruction_before(offset).filter(|(_, instruction)| offset <= instruction.span.end as usize)
    }

    /// Returns the offset of a position.
    pub(super) fn offset(&self, position: Position) -> usize {
        self.lines.offset(self.text(), position)
    }

    /// Returns the span of a range.
    pub(super) fn span(&self, range: Range) -> Span {
        Span::from_range(self.offset(range.start)..self.offset(range.end))
    }

    /// Returns the range of a span.
    pub(super) fn range(&self, span: Span) -> Range {
        self.lines.range(self.text(), span)
    }

    /// Makes an edit for the client.
    pub(super) fn edit(&self, span: Span, text: impl Into<String>) -> TextEdit {
        TextEdit::new(self.range(span), text.into())
    }

    /// Returns the line terminator that the document uses.
    pub(super) fn line_end(&self) -> &'static str {
        let text = self.text();
        let first = text.find('\n');
        if first.and_then(|at| at.checked_sub(1)).is_some_and(|at| text.as_bytes().get(at) == Some(&b'\r')) {
            "\r\n"
        } else {
            "\n"
        }
    }
}

/// All open documents.
#[derive(Debug, Default)]
pub(super) struct Documents {
    open: BTreeMap<String, Document>,
}

impl Documents {
    /// Opens a document, or opens it anew.
    pub(super) fn open(&mut self, document: Document) {
        self.open.insert(document.uri.as_str().to_owned(), document);
    }

    /// Closes a document; tells whether it was open.
    pub(super) fn close(&mut self, uri: &Uri) -> bool {
        self.open.remove(uri.as_str()).is_some()
    }

    /// Returns a document.
    pub(super) fn get(&self, uri: &Uri) -> Option<&Document> {
        self.open.get(uri.as_str())
    }

    /// Returns a document to change it.
    pub(super) fn get_mut(&mut self, uri: &Uri) -> Option<&mut Document> {
        self.open.get_mut(uri.as_str())
    }

    /// Returns all documents to change them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Document> {
        self.open.values_mut()
    }

    /// Returns when the next diagnostics are to be sent.
    pub(super) fn due(&self) -> Option<Instant> {
        self.open.values().filter_map(Document::due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsp::testing::document;

    fn change(from: (u32, u32), to: (u32, u32), text: &str) -> TextDocumentContentChangeEvent {
        let range = Range::new(Position::new(from.0, from.1), Position::new(to.0, to.1));
        TextDocumentContentChangeEvent { range: Some(range), range_length: None, text: text.to_owned() }
    }

    #[test]
    fn changes_are_applied_one_after_the_other() {
        let mut document = document("FROM a🦀b\r\nRUN x\r\n");
        let changes = vec![
            change((0, 5), (0, 8), "é"),
            change((1, 4), (1, 5), "true\r\nRUN y"),
            change((2, 5), (9, 9), ""),
            change((9, 0), (9, 0), "\n# end"),
        ];
        document.change(2, changes, Instant::now());
        assert_eq!(document.text(), "FROM éb\r\nRUN true\r\nRUN y\n# end");
        assert_eq!(document.version, 2);
        let whole = TextDocumentContentChangeEvent { range: None, range_length: None, text: "FROM x".to_owned() };
        document.change(3, vec![whole, change((0, 6), (0, 5), "y")], Instant::now());
        assert_eq!(document.text(), "FROM y");
    }

    #[test]
    fn typing_puts_diagnostics_off_for_a_while_only() {
        let mut document = document("FROM a\n");
        document.sent();
        let start = Instant::now();
        let mut now = start;
        for version in 0..100 {
            document.change(version, vec![change((0, 0), (0, 0), "#")], now);
            now += Duration::from_millis(20);
        }
        assert_eq!(document.due(), Some(start + PATIENCE));
    }
}
