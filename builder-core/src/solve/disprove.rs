//! Whether a shared cache lied, once a step fails on what it said.
//!
//! What a RUN leaves is only known by running it. A copy, a working directory and the programs of this machine are
//! quickly made again, and show whether the layers of a cache are those of the steps that it names.

use std::collections::{BTreeMap, BTreeSet};

use super::explain::Explainer;
use super::op::Step;
use super::{SolveInputs, SolveOptions, Solver, StepResult};
use crate::cancel::CancelToken;
use crate::copy::{self, CopyTree, Selection};
use crate::event::NullSink;
use crate::fs::root::RootDir;
use crate::ids::VertexId;
use crate::plan::op::{CopySource, Op};
use crate::text::Span;

/// A step that a shared cache says something else of than what it makes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disproof {
    /// The number of the cache.
    pub cache: usize,
    /// The step's name.
    pub step: String,
}

impl Solver<'_> {
    /// Makes the steps that a failed one is built on again, those that were found in a shared cache and can be made
    /// again without running anything; returns the first that is something else. `results` are what the steps left.
    pub fn disprove(
        &self,
        inputs: &SolveInputs<'_>,
        failed: VertexId,
        results: &BTreeMap<usize, StepResult>,
        cancel: &CancelToken,
    ) -> Option<Disproof> {
        let shared = self.shared?;
        let options = SolveOptions {
            no_cache: true,
            blobs: BTreeSet::default(),
            files: BTreeSet::default(),
            ..self.options.clone()
        };
        let solver = Solver::new(self.store, self.snapshots, &options, &NullSink);
        let explainer = Explainer::new(self.store, &options, inputs);
        for index in below(inputs, failed) {
            let (Some(vertex), Some(said)) = (inputs.plan.vertexes.get(index), results.get(&index)) else { continue };
            let cache = said.keys.iter().find_map(|key| shared.found_in(&key.0));
            let (Some(cache), Some(layer), true) = (cache, &said.layer, can_be_made_again(&vertex.op)) else {
                continue;
            };
            let step = Step { solver: &solver, inputs, explainer: &explainer, vertex, results, cancel };
            // What cannot be made again is no proof: who asks has an error to tell already.
            let made = step.carry_out().ok()?;
            let is_like = made.layer.as_ref().is_none_or(|made| made.content == layer.content);
            // What is below already, with its time, is no part of a layer: times differ from one machine to another.
            if !is_like && self.content(&made, cancel)? != self.content(said, cancel)? {
                return Some(Disproof { cache, step: vertex.name.clone() });
            }
        }
        None
    }

    /// The content of a whole filesystem without times, where it can be read.
    fn content(&self, filesystem: &StepResult, cancel: &CancelToken) -> Option<[u8; 32]> {
        self.snapshots.bring(&filesystem.diff_ids, &|_, _, _| {}, cancel).ok()?;
        let root = RootDir::from_fd(self.snapshots.view(&filesystem.diff_ids).ok()?);
        let (tree, sources) =
            (CopyTree::Filesystem(&root), [CopySource::Path { path: "/".to_owned(), span: Span::default() }]);
        let selection = Selection::find(&tree, &sources, &[], cancel).ok()?;
        Some(copy::content_digest(&tree, &sources, &selection, cancel).ok()?.digest)
    }
}

/// All that a step is built on, in order.
fn below(inputs: &SolveInputs<'_>, step: VertexId) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut to_look_at = vec![step];
    while let Some(id) = to_look_at.pop() {
        for input in inputs.plan.vertex(id).op.inputs() {
            if found.insert(input.index()) {
                to_look_at.push(input);
            }
        }
    }
    found
}

fn can_be_made_again(op: &Op) -> bool {
    match op {
        Op::Host(_) | Op::Copy(_) | Op::Workdir(_) => true,
        Op::Image(_) | Op::Remote(_) | Op::Run(_) => false,
    }
}
