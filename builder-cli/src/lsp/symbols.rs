//! The outline: stages with their instructions.

use builder_core::dockerfile::{Instruction, InstructionKind};
use builder_core::text::Span;
use lsp_types::{DocumentSymbol, DocumentSymbolResponse, Location, SymbolInformation, SymbolKind};

use super::capabilities::Client;
use super::documents::Document;
use super::names::Stage;

/// How much of an instruction the outline shows, in characters.
const MAX_DETAIL: usize = 60;

/// Returns the outline; flat for clients that cannot nest.
pub(super) fn symbols(document: &Document, client: Client) -> DocumentSymbolResponse {
    let instructions = &document.dockerfile().instructions;
    let stages = &document.names().stages;
    let first = stages.first().map_or(instructions.len(), |stage| stage.from);
    let mut outline: Vec<_> = instructions.iter().take(first).map(|found| leaf(document, found)).collect();
    outline.extend(stages.iter().enumerate().filter_map(|(number, stage)| branch(document, number, stage)));
    if client.nested_symbols {
        return DocumentSymbolResponse::Nested(outline);
    }
    let mut flat = Vec::new();
    for symbol in outline {
        let container = symbol.name.clone();
        let children = symbol.children.clone().unwrap_or_default();
        flat.push(information(document, symbol, None));
        flat.extend(children.into_iter().map(|child| information(document, child, Some(container.clone()))));
    }
    DocumentSymbolResponse::Flat(flat)
}

fn branch(document: &Document, number: usize, stage: &Stage) -> Option<DocumentSymbol> {
    let instructions = &document.dockerfile().instructions;
    let from = instructions.get(stage.from)?;
    let image = match &from.kind {
        InstructionKind::From(from) => from.image.as_str().to_owned(),
        _ => String::new(),
    };
    let children = instructions.get(stage.from + 1..stage.end).unwrap_or_default();
    let name = stage.name.as_ref().map_or_else(|| format!("stage {number}"), |name| name.value.clone());
    let selection = stage.name.as_ref().map_or(from.head, |name| name.span);
    let children = children.iter().map(|found| leaf(document, found)).collect();
    Some(symbol(document, name, image, SymbolKind::MODULE, stage.span, selection, Some(children)))
}

fn leaf(document: &Document, found: &Instruction) -> DocumentSymbol {
    let kind = match &found.kind {
        InstructionKind::Arg(_) | InstructionKind::Env(_) => SymbolKind::VARIABLE,
        InstructionKind::Label(_) | InstructionKind::Expose(_) => SymbolKind::PROPERTY,
        InstructionKind::Cmd(_) | InstructionKind::Entrypoint(_) | InstructionKind::Run(_) => SymbolKind::FUNCTION,
        InstructionKind::Add(_) | InstructionKind::Copy(_) => SymbolKind::FILE,
        _ => SymbolKind::FIELD,
    };
    let line = found.line.as_str();
    let operands = line.get(found.keyword.value.len()..).unwrap_or("").split_whitespace();
    let words = operands.collect::<Vec<_>>().join(" ");
    let mut detail: String = words.chars().take(MAX_DETAIL).collect();
    if detail.len() < words.len() {
        detail.push('…');
    }
    symbol(document, found.keyword.value.clone(), detail, kind, found.span, found.head, None)
}

#[expect(deprecated, reason = "a field of the protocol's type that has to be there")]
fn symbol(
    document: &Document,
    name: String,
    detail: String,
    kind: SymbolKind,
    span: Span,
    selection: Span,
    children: Option<Vec<DocumentSymbol>>,
) -> DocumentSymbol {
    DocumentSymbol {
        name,
        detail: Some(detail),
        kind,
        tags: None,
        deprecated: None,
        range: document.range(span),
        selection_range: document.range(selection),
        children,
    }
}

#[expect(deprecated, reason = "a field of the protocol's type that has to be there")]
fn information(document: &Document, symbol: DocumentSymbol, container_name: Option<String>) -> SymbolInformation {
    let detail = symbol.detail.unwrap_or_default();
    SymbolInformation {
        name: format!("{} {detail}", symbol.name).trim_end().to_owned(),
        kind: symbol.kind,
        tags: None,
        deprecated: None,
        location: Location::new(document.uri.clone(), symbol.range),
        container_name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsp::testing::document;

    #[test]
    fn stages_hold_their_instructions() {
        let document = document("ARG V=1\nFROM a:$V AS x\nRUN a \\\n  b\nFROM b\nCOPY <<E /x\n1\nE\n");
        let client = Client { nested_symbols: true, ..Client::default() };
        let DocumentSymbolResponse::Nested(outline) = symbols(&document, client) else { panic!("nested") };
        let show = |symbol: &DocumentSymbol| {
            format!("{} {} {}", symbol.name, symbol.detail.as_deref().unwrap_or(""), symbol.range.end.line)
        };
        let shown: Vec<_> = outline.iter().map(show).collect();
        assert_eq!(shown, ["ARG V=1 0", "x a:$V 3", "stage 1 b 7"]);
        let children = outline[1].children.as_deref().unwrap_or_default();
        assert_eq!(children.iter().map(show).collect::<Vec<_>>(), ["RUN a b 3"]);
        let DocumentSymbolResponse::Flat(flat) = symbols(&document, Client::default()) else { panic!("flat") };
        assert_eq!(flat.len(), 5);
    }
}
