//! Values of the OCI image specification: descriptors, manifests, indexes, configs, media types.
//!
//! Manifests and descriptors are the `oci-spec` crate's. The config is our own: docker's extensions
//! (health check, `ONBUILD`, `SHELL`) must survive, and its field order is part of an image's identity.

mod config;
pub mod media_type;

pub use config::{ContainerConfig, Healthcheck, History, ImageConfig, RootFs};
