//! Which stages a target needs.

use std::collections::{BTreeMap, BTreeSet};

use super::stage_table::{Base, StageLookup, StageTable};
use crate::dockerfile::{Dockerfile, Instruction, InstructionKind, flag_fields};
use crate::ids::StageId;
use crate::text::{Span, Spanned};

/// How one stage refers to another, or to something outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReferenceKind {
    /// `FROM`.
    Base,
    /// `COPY --from`.
    Copy,
    /// `RUN --mount=from=…`.
    Mount,
}

/// An edge between stages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StageEdge {
    /// The stage that is needed.
    pub to: StageId,
    /// The operand that says so.
    pub span: Span,
}

/// Stages that need each other: the stage at which the circle was noticed, and the edges around it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cycle {
    /// Where it was noticed.
    pub stage: StageId,
    /// Pairs of stage and edge, around the circle.
    pub edges: Vec<(StageId, StageEdge)>,
}

/// Returns the names in `--from` and `from=` of one instruction, in order.
pub fn from_operands(instruction: &Instruction) -> Vec<(ReferenceKind, Spanned<String>)> {
    match &instruction.kind {
        InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) => {
            transfer.from.iter().map(|name| (ReferenceKind::Copy, name.clone())).collect()
        }
        InstructionKind::Run(run) => run
            .mounts
            .iter()
            .filter_map(|mount| {
                // The parser has refused what is no record. Of several the last one holds.
                let fields = flag_fields(mount).ok()?;
                let name = fields.iter().rev().find_map(|field| {
                    let (key, value) = field.value.split_once('=')?;
                    key.eq_ignore_ascii_case("from").then(|| Spanned::new(value.to_owned(), field.span))
                })?;
                Some((ReferenceKind::Mount, name))
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Returns the stages that a stage refers to by its own text, forward references included.
pub fn edges(table: &StageTable, dockerfile: &Dockerfile, stage: StageId) -> Vec<StageEdge> {
    let mut edges = Vec::new();
    let Some(entry) = table.get(stage) else { return edges };
    if let (Ok(Base::Stage(to)), Some(from)) = (&entry.base, dockerfile.instructions.get(entry.from)) {
        edges.push(StageEdge { to: *to, span: from.head });
    }
    for (_, name) in table.body(dockerfile, stage).iter().flat_map(from_operands) {
        if let StageLookup::Earlier(to) | StageLookup::NotYet(to) = table.lookup(stage, &name.value) {
            edges.push(StageEdge { to, span: name.span });
        }
    }
    edges
}

/// Finds all stages that a target needs, itself included, when `edges_of` names what each stage refers to.
///
/// # Errors
/// The circle, where stages need each other.
pub fn reachable(
    target: StageId,
    mut edges_of: impl FnMut(StageId) -> Vec<StageEdge>,
) -> Result<BTreeSet<StageId>, Cycle> {
    let mut done = BTreeSet::new();
    let mut known: BTreeMap<StageId, Vec<StageEdge>> = BTreeMap::new();
    // The way from the target to the stage at hand, with the next edge to follow. An explicit stack: a file
    // may have more stages than a thread has room for.
    let mut path = vec![(target, 0)];
    while let Some((stage, next)) = path.last_mut() {
        let stage = *stage;
        let edges = known.entry(stage).or_insert_with(|| edges_of(stage));
        let Some(edge) = edges.get(*next).copied() else {
            done.insert(stage);
            path.pop();
            continue;
        };
        *next += 1;
        if let Some(position) = path.iter().position(|(on_path, _)| *on_path == edge.to) {
            let around = path[position..].iter().filter_map(|(stage, next)| {
                let edge = known.get(stage)?.get(next.checked_sub(1)?)?;
                Some((*stage, *edge))
            });
            return Err(Cycle { stage: edge.to, edges: around.collect() });
        }
        if !done.contains(&edge.to) {
            path.push((edge.to, 0));
        }
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &'static [(u32, u32)]) -> impl FnMut(StageId) -> Vec<StageEdge> {
        move |stage| {
            let of = edges.iter().filter(move |(from, _)| *from == stage.0);
            of.map(|(_, to)| StageEdge { to: StageId(*to), span: Span::default() }).collect()
        }
    }

    #[test]
    fn only_what_the_target_needs_is_reached() {
        let found = reachable(StageId(3), graph(&[(3, 1), (3, 0), (1, 0), (2, 1)])).expect("no circle");
        assert_eq!(found.into_iter().map(|s| s.0).collect::<Vec<_>>(), [0, 1, 3]);
    }

    #[test]
    fn a_circle_is_found_with_its_edges() {
        let cycle = reachable(StageId(3), graph(&[(3, 1), (1, 2), (2, 0), (0, 1)])).expect_err("circle");
        assert_eq!(cycle.stage, StageId(1));
        assert_eq!(cycle.edges.iter().map(|(s, e)| (s.0, e.to.0)).collect::<Vec<_>>(), [(1, 2), (2, 0), (0, 1)]);
    }

    #[test]
    fn a_hundred_thousand_stages_in_a_row_are_no_problem() {
        let found = reachable(StageId(100_000), |stage| {
            let before = stage.0.checked_sub(1).map(|to| StageEdge { to: StageId(to), span: Span::default() });
            before.into_iter().collect()
        });
        assert_eq!(found.expect("no circle").len(), 100_001);
    }
}
