//! What a person is told about a source text: one type for syntax errors, findings and failed steps,
//! and renderers that draw it to any writer.

mod check;
mod model;
pub mod render;

pub use check::CheckWarning;
pub use model::{Diagnostic, Label, Severity};
