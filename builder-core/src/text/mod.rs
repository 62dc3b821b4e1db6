//! Source text: a named file, byte spans into it, and the way from bytes to lines and columns.
//!
//! Pure values. Everything that points at source does so with a [`Span`]; lines and columns exist
//! only when something is drawn.

mod line_index;
mod quote;
mod size;
mod source_file;
mod span;

pub use line_index::{LineColumn, LineIndex};
pub use quote::{go_quoted, go_quoted_as, is_printable};
pub use size::parse_size;
pub use source_file::SourceFile;
pub use span::{Span, Spanned};
