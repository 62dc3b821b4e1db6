//! Every Dockerfile of the fixtures, whole and cut off at many places as while it is typed: no feature may panic, and
//! formatting has to keep what the file says.

use std::path::{Path, PathBuf};

use builder_core::text::Span;
use lsp_types::{CodeActionContext, CodeActionParams, TextDocumentIdentifier};

use super::capabilities::Client;
use super::documents::Document;
use super::testing::document;
use super::{actions, completion, definition, diagnostics, folding, formatting, hover, rename, symbols};

/// How many places a file is cut off at.
const CUTS: usize = 20;

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("fixtures").flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.to_string_lossy().to_lowercase().contains("dockerfile") {
            found.push(path);
        }
    }
}

fn everything(document: &Document, offset: usize) {
    let client = Client::default();
    diagnostics::diagnostics(document, client);
    hover::hover(document, offset, client);
    completion::completion(document, offset, client);
    definition::definition(document, offset);
    definition::references(document, offset, true);
    definition::highlights(document, offset);
    // Most places cannot be renamed.
    drop(rename::rename(document, offset, "renamed", client));
    symbols::symbols(document, client);
    folding::ranges(document);
    let params = CodeActionParams {
        text_document: TextDocumentIdentifier::new(document.uri.clone()),
        range: document.range(Span::from_range(0..document.text().len())),
        context: CodeActionContext::default(),
        work_done_progress_params: lsp_types::WorkDoneProgressParams::default(),
        partial_result_params: lsp_types::PartialResultParams::default(),
    };
    actions::actions(document, &params, client);
}

#[test]
fn every_fixture_can_be_typed() {
    let mut found = Vec::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures"), &mut found);
    assert!(found.len() > 100, "{} fixtures", found.len());
    for path in found {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        if text.len() > 20_000 {
            continue;
        }
        let whole = document(&text);
        formatting::check(&whole);
        // The linter's, and those compared with BuildKit, are many and alike.
        let are_many =
            |part: std::path::Component<'_>| matches!(part.as_os_str().to_str(), Some("lint" | "conformance"));
        let cuts = if path.components().any(are_many) { 2 } else { CUTS };
        for cut in 0..=cuts {
            let mut end = text.len() * cut / cuts;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            let typed = document(&text[..end]);
            everything(&typed, end);
            everything(&whole, end);
            formatting::check(&typed);
        }
    }
}
