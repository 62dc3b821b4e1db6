//! Images: assembled from what a build made, rendered in the form that an output asks for, kept, looked at.
//!
//! Spec: OCI image-spec 1.1, config.md, manifest.md and image-index.md; times and history as dockerfile-semantics 8.

mod annotations;
mod assemble;
mod attestations;
mod compressed;
mod diff;
mod diff_tree;
mod documents;
mod error;
mod exact;
mod history;
mod image_list;
mod inspect;
mod keep;
mod layers;
mod list;
mod make_layer;
mod render;
mod sizes;
mod view;

pub use annotations::{Annotation, AnnotationLevel};
pub use assemble::{AssembleRequest, NewHistory, NewLayer, assemble};
pub use attestations::{Attestation, package_url, statement};
#[cfg(feature = "registry")]
pub(crate) use compressed::CompressedLayer;
pub use compressed::CompressedLayers;
pub use diff::{ConfigChange, Difference, FileChange, ImageDiff, Totals, config_changes};
pub use diff_tree::file_changes;
pub use documents::Descriptor;
pub use error::ImageError;
pub use exact::as_stored;
pub use history::rfc3339;
pub use image_list::{ImageList, PlatformChange};
pub use inspect::inspect;
pub use keep::write;
pub(crate) use layers::Layer;
pub use layers::{Content, ImageForm, LayerBlobs, MediaTypes, WrittenLayers};
pub use list::{ImageFilter, LabelTest, ListedImage, list};
#[cfg(feature = "registry")]
pub(crate) use render::render_by_name;
pub use render::{ImageSet, Rendered, RenderedImage, check, render, render_with, render_written};
pub use sizes::{history_with_sizes, layer_sizes};
pub use view::{HistoryRow, ImageParts, ImageView, IndexView, StoredImage, history, read, read_all};
