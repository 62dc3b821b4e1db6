//! The plan: a graph of vertexes, and the image that each target becomes.

use std::collections::BTreeMap;

use super::op::{FilesystemRef, Op};
use crate::ids::{StageId, VertexId};
use crate::oci::ImageConfig;
use crate::text::Span;

/// One vertex of the plan. What is the same step twice is one vertex.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vertex {
    /// Its number; inputs have smaller numbers.
    pub id: VertexId,
    /// What it does.
    pub op: Op,
    /// The step's name in BuildKit's form: `[stage 2/3] RUN make`.
    pub name: String,
    /// The instruction in the Dockerfile (for triggers of a base image, the `FROM`).
    pub span: Span,
    /// The stage it belongs to.
    pub stage: StageId,
}

/// One entry of the image's history as the plan knows it; times and layers are added when it is solved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlannedHistory {
    /// `created_by` in BuildKit's form; `None` for a layer that no entry speaks of.
    pub created_by: Option<String>,
    /// The vertex whose layer this is about; `None` for entries without a layer.
    pub vertex: Option<VertexId>,
}

/// What to build: the whole result of planning.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// The vertexes that the target needs, in topological order; `vertexes[i].id` is `i`.
    pub vertexes: Vec<Vertex>,
    /// The filesystem of the target.
    pub result: FilesystemRef,
    /// The config of the target: the base's history and diff IDs kept, everything else as the instructions
    /// made it; `created` cleared.
    pub config: ImageConfig,
    /// The history entries that this build adds, in order.
    pub history: Vec<PlannedHistory>,
    /// The name of the target stage, or its number as text.
    pub target: String,
    /// Local contexts that the plan reads: name (empty for the main one) to whether anything needs it.
    pub contexts: BTreeMap<String, ContextUse>,
    /// The `SOURCE_DATE_EPOCH` that a global `ARG` default or a build arg gives, seconds since 1970.
    pub source_date_epoch: Option<i64>,
}

/// How a plan uses a local context.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ContextUse {
    /// The vertexes that read from it.
    pub readers: Vec<VertexId>,
}

impl Plan {
    /// Returns a vertex by its number.
    pub fn vertex(&self, id: VertexId) -> &Vertex {
        &self.vertexes[id.index()]
    }
}
