//! What can be folded: stages, instructions of several lines, heredocs, blocks of comments.

use builder_core::text::Span;
use lsp_types::{FoldingRange, FoldingRangeKind};

use super::documents::Document;

/// Returns what can be folded.
pub(super) fn ranges(document: &Document) -> Vec<FoldingRange> {
    let dockerfile = document.dockerfile();
    let mut ranges = Vec::new();
    let mut add = |span: Span, kind: Option<FoldingRangeKind>| {
        let range = document.range(span);
        if range.start.line < range.end.line {
            let (start_line, end_line) = (range.start.line, range.end.line);
            ranges.push(FoldingRange { start_line, end_line, kind, ..FoldingRange::default() });
        }
    };
    document.names().stages.iter().for_each(|stage| add(stage.span, None));
    for instruction in &dockerfile.instructions {
        add(instruction.head, None);
        for heredoc in &instruction.heredocs {
            let start = heredoc.body.span.start.saturating_sub(1).max(heredoc.marker.start);
            add(Span::new(start, heredoc.terminator.end), None);
        }
    }
    let mut block: Option<Span> = None;
    for comment in &dockerfile.comments {
        let follows = |block: Span| {
            let between = document.text().get(block.end as usize..comment.span.start as usize).unwrap_or("-");
            between.trim().is_empty() && between.matches('\n').count() == 1
        };
        block = match block {
            Some(open) if follows(open) => Some(open.cover(comment.span)),
            ended => {
                if let Some(span) = ended {
                    add(span, Some(FoldingRangeKind::Comment));
                }
                Some(comment.span)
            }
        };
    }
    if let Some(span) = block {
        add(span, Some(FoldingRangeKind::Comment));
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsp::testing::document;

    #[test]
    fn what_has_several_lines_folds() {
        let document = document("# a\n# b\n\n# c\nFROM a\nRUN x \\\n  y\nFROM b\nRUN <<E\nx\nE\n");
        let lines: Vec<_> = ranges(&document).iter().map(|range| (range.start_line, range.end_line)).collect();
        assert_eq!(lines, [(4, 6), (7, 10), (5, 6), (8, 10), (0, 1)]);
    }
}
