//! Values of the OCI image specification: descriptors, manifests, indexes, configs, media types.
//!
//! Manifests and descriptors are the `oci-spec` crate's. The config is our own: docker's extensions
//! (health check, `ONBUILD`, `SHELL`) must survive, and its field order is part of an image's identity.

#[cfg(feature = "build")]
mod chain;
#[cfg(feature = "build")]
mod closure;
mod config;
#[cfg(feature = "build")]
mod document;
#[cfg(feature = "build")]
mod links;
pub mod media_type;
#[cfg(feature = "build")]
mod select;

#[cfg(feature = "build")]
pub use chain::{chain_id, chain_ids};
#[cfg(feature = "build")]
pub(crate) use chain::{chain_ids_by, chain_upon};
#[cfg(feature = "registry")]
pub(crate) use closure::WholeDocument;
#[cfg(feature = "build")]
pub(crate) use closure::closure;
pub use config::{ContainerConfig, Healthcheck, History, ImageConfig, RootFs};
#[cfg(feature = "build")]
pub use document::{
    BlobDescriptor, Document, DocumentError, IndexEntry, MAX_CONFIG_SIZE, MAX_LAYERS, MAX_MANIFEST_SIZE, Manifest,
    check_config,
};
#[cfg(feature = "build")]
pub use links::{Links, links};
#[cfg(feature = "build")]
pub use select::{SelectError, choose};
