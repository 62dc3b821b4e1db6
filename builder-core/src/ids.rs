//! Identifiers as types: a stage cannot be passed where a vertex is meant.

use std::fmt;

/// Identifies a build stage by its position in the Dockerfile, counting every `FROM` from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StageId(pub u32);

/// Identifies a vertex of one plan; vertexes are numbered from 0 in topological order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct VertexId(pub u32);

impl StageId {
    /// Returns the identifier as an index into a list of stages.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl VertexId {
    /// Returns the identifier as an index into a list of vertexes.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for StageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for VertexId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
