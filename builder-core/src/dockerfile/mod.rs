//! The Dockerfile language: text to a typed tree with a byte span on every operand.
//!
//! [`parse`] never fails and never panics: it recovers after each error, so that one run reports all of
//! them, and an instruction that could not be understood is [`InstructionKind::Invalid`]. Nothing is
//! expanded or resolved here; operands stay as written, with their places.
//!
//! ```
//! use builder_core::dockerfile::{InstructionKind, parse};
//! use builder_core::text::SourceFile;
//!
//! let source = SourceFile::new("Dockerfile", "FROM alpine\nRNU true\n");
//! let parsed = parse(&source);
//! assert!(matches!(parsed.dockerfile.instructions[0].kind, InstructionKind::From(_)));
//! assert_eq!(parsed.diagnostics[0].message, "unknown instruction: RNU");
//! assert_eq!(parsed.diagnostics[0].help.as_deref(), Some("did you mean `RUN`?"));
//! ```

mod ast;
mod csv;
mod directive;
mod dump;
mod duration;
mod encoding;
mod exec_form;
pub mod expand;
mod flags;
mod heredoc;
mod instructions;
mod line;
mod parser;
mod suggest;
mod word;

pub use ast::*;
pub use csv::{CsvError, csv_fields, flag_fields};
pub use directive::detect_syntax;
pub use dump::dump;
pub use duration::{DurationError, parse_duration};
pub use line::MAX_LINE_BYTES;
pub use parser::{Parsed, parse, parse_trigger};
pub use suggest::closest;
