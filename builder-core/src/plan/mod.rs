//! From a parsed Dockerfile to a graph of operations: pure, no disk, no network, no clock.
//!
//! Planning needs the configs of base images (their environment, `ONBUILD` triggers, working directory).
//! It never fetches them: [`plan`] answers [`Planned::NeedImages`] until the caller has handed in all that
//! the target needs.

pub mod dump;
mod error;
mod graph;
mod lower;
pub mod mode;
pub mod mount;
pub mod op;
mod options;

pub use error::PlanError;
pub use graph::{ContextUse, Plan, PlannedHistory, Vertex};
pub use lower::{plan, plan_onto, unused_build_args};
pub use options::{Entitlement, EpochSource, ImageRequest, NamedContext, PlanOptions, Planned, ResolvedImage};
