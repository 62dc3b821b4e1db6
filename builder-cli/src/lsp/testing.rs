//! What the unit tests share.

use std::time::Instant;

use lsp_types::TextDocumentItem;

use super::documents::Document;
use super::position::Encoding;

/// Opens a text.
pub(super) fn document(text: &str) -> Document {
    let uri = "file:///Dockerfile".parse().expect("a name");
    let item = TextDocumentItem::new(uri, "dockerfile".to_owned(), 1, text.to_owned());
    Document::new(item, Encoding::Utf16, Instant::now())
}

/// Opens a text with a `‸` in it; returns the document without it, and where it stood.
pub(super) fn document_at(text: &str) -> (Document, usize) {
    let at = text.find('‸').expect("a place");
    (document(&text.replacen('‸', "", 1)), at)
}
