//! The Dockerfile language: text to a typed tree with a byte span on every operand.

mod ast;
pub mod expand;

pub use ast::*;
