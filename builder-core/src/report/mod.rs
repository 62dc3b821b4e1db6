//! Where the bytes of an image are: what each layer adds, changes and hides, what later layers make useless, and how
//! long the steps took that made it.
//!
//! ```text
//! layers' tars ─▶ entries ─▶ Analysis ─▶ ImageReport (figures), SizeTree (for a picture)
//! ```
//!
//! A layer's own bytes are those of its files' contents. Bytes are wasted once no path leads to them any more: a later
//! layer (or a later entry of the same one) deleted or replaced the last name of the file. What is not wasted is the
//! flattened root filesystem, hard links counted once:
//!
//! ```text
//! sum of the layers' own bytes − wasted bytes = bytes of the root filesystem
//! ```
//!
//! Layers are read as streams and not trusted: paths stay inside the root, links are followed a bounded number of
//! times, and the number of paths and the bytes of their names have limits.
//!
//! Spec: OCI image-spec 1.1, layer.md.

mod analysis;
mod error;
mod figures;
mod paths;
mod read;
mod sizes;
#[cfg(test)]
mod tests;

pub use analysis::{Analysis, Entry, EntryKind};
pub use error::ReportError;
pub use figures::{FileFigure, Hidden, ImageReport, LayerFigures, WasteFigure};
pub use read::analyse;
pub(crate) use read::each_entry;
pub use sizes::{SizeKind, SizeNode, SizeTree};
