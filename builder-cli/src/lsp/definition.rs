//! From a name to the place where it is made, and to all places where it is used.

use builder_core::text::Span;
use lsp_types::{DocumentHighlight, DocumentHighlightKind, GotoDefinitionResponse, Location};

use super::documents::Document;
use super::names::Names;

/// Goes to the stage or variable that is named at an offset.
pub(super) fn definition(document: &Document, offset: usize) -> Option<GotoDefinitionResponse> {
    let span = made_at(document, offset)?;
    Some(GotoDefinitionResponse::Scalar(location(document, span)))
}

fn made_at(document: &Document, offset: usize) -> Option<Span> {
    let names = document.names();
    if let Some((stage, _)) = names.stage_at(offset) {
        let stage = names.stages.get(stage)?;
        let from = document.dockerfile().instructions.get(stage.from)?;
        return Some(stage.name.as_ref().map_or(from.keyword.span, |name| name.span));
    }
    let definition = match names.use_at(offset) {
        Some(used) => used.definition?,
        // An `ARG` that repeats one before the first `FROM` leads there.
        None => names.definition_at(offset).map(|at| global_of(names, at))?,
    };
    names.definitions.get(definition).map(|definition| definition.name.span)
}

/// Returns the places where the stage or variable at an offset is used, and those where it is made if wanted.
pub(super) fn references(document: &Document, offset: usize, declarations: bool) -> Option<Vec<Location>> {
    let found = occurrences(document, offset)?;
    let wanted = found.into_iter().filter(|(_, is_made)| declarations || !is_made);
    Some(wanted.map(|(span, _)| location(document, span)).collect())
}

/// Returns the same places to highlight.
pub(super) fn highlights(document: &Document, offset: usize) -> Option<Vec<DocumentHighlight>> {
    let highlight = |(span, is_made): (Span, bool)| DocumentHighlight {
        range: document.range(span),
        kind: Some(if is_made { DocumentHighlightKind::WRITE } else { DocumentHighlightKind::READ }),
    };
    Some(occurrences(document, offset)?.into_iter().map(highlight).collect())
}

/// Finds every place of what is named at an offset, and whether it is made there.
fn occurrences(document: &Document, offset: usize) -> Option<Vec<(Span, bool)>> {
    let names = document.names();
    let mut found = Vec::new();
    if let Some((number, _)) = names.stage_at(offset) {
        let stage = names.stages.get(number)?;
        found.extend(stage.name.as_ref().map(|name| (name.span, true)));
        let uses = names.stage_uses.iter().filter(|used| used.stage == number);
        found.extend(uses.map(|used| (used.span, false)));
    } else {
        let definition = match names.use_at(offset) {
            Some(used) => used.definition?,
            None => names.definition_at(offset)?,
        };
        let root = global_of(names, definition);
        let made = names.definitions.iter().enumerate().filter(|(at, _)| global_of(names, *at) == root);
        found.extend(made.map(|(_, definition)| (definition.name.span, true)));
        let is_same = |definition: Option<usize>| definition.is_some_and(|at| global_of(names, at) == root);
        let uses = names.uses.iter().filter(|used| is_same(used.definition));
        found.extend(uses.map(|used| (used.name.span, false)));
    }
    found.sort();
    Some(found)
}

fn global_of(names: &Names, definition: usize) -> usize {
    names.definitions.get(definition).and_then(|made| made.global).unwrap_or(definition)
}

fn location(document: &Document, span: Span) -> Location {
    Location::new(document.uri.clone(), document.range(span))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsp::testing::document_at;

    fn places(text: &str) -> (Option<u32>, Vec<(u32, bool)>) {
        let (document, offset) = document_at(text);
        let line = |span| document.source().line_of(span);
        let found = occurrences(&document, offset).unwrap_or_default();
        (made_at(&document, offset).map(line), found.into_iter().map(|(span, made)| (line(span), made)).collect())
    }

    #[test]
    fn names_lead_to_where_they_are_made() {
        let stages =
            "FROM a AS x\nFROM X\nFROM b\nCOPY --from=‸x / /\nRUN --mount=from=x,target=/t y\nCOPY --from=0 / /\n";
        assert_eq!(places(stages), (Some(1), vec![(1, true), (2, false), (4, false), (5, false), (6, false)]));
        assert_eq!(places("FROM a AS x\nFROM b\nRUN --mount=type=bind,from=‸x,target=/t y\n").0, Some(1));
        assert_eq!(places("FROM a\nFROM b\nCOPY --from=‸0 / /\n").0, Some(1));
        let variables = "ARG V=1\nFROM a:$V\nARG V\nRUN $‸V\nENV V=2\nRUN $V\n";
        assert_eq!(places(variables), (Some(3), vec![(1, true), (2, false), (3, true), (4, false)]));
        assert_eq!(places("ARG V=1\nFROM a\nARG ‸V\n").0, Some(1));
        assert_eq!(places("FROM a\nRUN ‸x\n"), (None, Vec::new()));
        assert_eq!(places("FROM a\nCOPY --from=‸zzz / /\n"), (None, Vec::new()));
    }
}
