//! Named contexts that lead to stages, or to nothing.
//!
//! Spec: dockerfile-semantics 4.6, 11.3.

use std::collections::{BTreeMap, BTreeSet};

use super::{Planner, Source};
use crate::diagnostic::Diagnostic;
use crate::ids::StageId;
use crate::plan::NamedContext;
use crate::semantic::reachability::{self, StageEdge};
use crate::semantic::stage_table::{Base, SCRATCH};
use crate::text::Span;

/// Tells whether a name means something that no context can replace.
pub(super) fn is_reserved(name: &str) -> bool {
    [SCRATCH, "context"].iter().any(|reserved| name.eq_ignore_ascii_case(reserved))
}

impl Planner<'_> {
    /// What a named context is to whoever builds upon it or copies from it.
    pub(super) fn context_source(&mut self, name: String, context: NamedContext, span: Span) -> Option<Source> {
        match &context {
            NamedContext::Scratch => Some(Source::Scratch),
            NamedContext::Stage(target) => match self.table.target(Some(target)) {
                Ok(stage) => Some(Source::Stage(stage)),
                Err(diagnostic) => {
                    let message = format!("{} (for the context `{name}`)", diagnostic.message);
                    self.diagnostics.push(Diagnostic::error("unknown-target", span, message));
                    None
                }
            },
            _ => Some(Source::Context(name, context)),
        }
    }

    /// The stage that a context of the form `target:STAGE` means.
    pub(super) fn stage_of(&self, context: &NamedContext) -> Option<StageId> {
        match context {
            NamedContext::Stage(name) => self.table.target(Some(name)).ok(),
            _ => None,
        }
    }

    /// The stages behind names for which a context says `target:STAGE`; they may be later ones.
    pub(super) fn redirected(&self, stage: StageId) -> Vec<StageEdge> {
        if !self.has_stage_contexts() {
            return Vec::new();
        }
        let span = self.span_of_from(stage);
        let base = match self.table.get(stage).map(|entry| &entry.base) {
            Some(Ok(Base::Outside(name))) => Some((name.clone(), span)),
            _ => None,
        };
        let operands = self.table.body(self.dockerfile, stage).iter().flat_map(reachability::from_operands);
        let operands = operands.filter(|(_, name)| !self.is_stage_number(&name.value));
        let names = base.into_iter().chain(operands.map(|(_, name)| (name.value, name.span)));
        let platform = self.platform(stage);
        let edge = |(name, span): (String, Span)| {
            let (_, context) = self.context(&name, &platform)?;
            Some(StageEdge { to: self.stage_of(&context)?, span })
        };
        let replaced = self.replaced(stage).and_then(|(_, context)| self.stage_of(&context));
        match replaced {
            Some(to) => vec![StageEdge { to, span }],
            None => names.filter_map(edge).collect(),
        }
    }

    fn has_stage_contexts(&self) -> bool {
        self.options.contexts.values().any(|context| matches!(context, NamedContext::Stage(_)))
    }

    /// Puts stages behind those that they need. That is the order of the file, but for contexts that lead to stages.
    pub(super) fn in_order(&self, needed: BTreeSet<StageId>) -> Vec<StageId> {
        if !self.has_stage_contexts() {
            return needed.into_iter().collect();
        }
        let mut left: BTreeMap<StageId, Vec<StageEdge>> = needed.iter().map(|id| (*id, self.edges(*id))).collect();
        let mut ordered = Vec::new();
        while !left.is_empty() {
            let ready = left.iter().find(|(_, edges)| edges.iter().all(|edge| !left.contains_key(&edge.to)));
            // There are no circles any more; without this one there could be no end.
            let Some(next) = ready.or_else(|| left.iter().next()).map(|(id, _)| *id) else { break };
            left.remove(&next);
            ordered.push(next);
        }
        ordered
    }
}
