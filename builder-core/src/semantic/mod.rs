//! What a Dockerfile means before anything outside it is known: stages, their links, variables in scope.
//!
//! Pure; shared by the planner and the linter.

pub mod outline;
pub mod reachability;
pub mod scope;
pub mod secret_names;
pub mod stage_table;
mod suggest;

pub use suggest::nearest;
