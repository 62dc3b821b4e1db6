//! `builder-core`: a container image builder as a library.
//!
//! ```text
//! source text ─▶ AST ─▶ plan (DAG of ops) ─▶ solve (cache, sandbox) ─▶ layers ─▶ image ─▶ export
//! ```
//!
//! Each stage takes the value that the stage before it made and returns a new one. A module uses only
//! modules above it in this list, and a test keeps the rule:
//!
//! 1. vocabulary, pure: `ids`, `digest`, `platform`, `reference`, `remote`, `oci`, `cancel`, `text`, `diagnostic`,
//!    `explanation`, `event`
//! 2. frontend, pure: `dockerfile`, `glob`, `dockerignore`, `semantic`, `shell`, `lint`, `plan`
//! 3. host: `sys`, `fs`, `secret`, `layer`, `store`, `snapshot`, `build_context`
//! 4. execution: `copy`, `sandbox`, `registry`, `source`, `cache`, `solve`
//! 5. results: `image`, `report`, `export`, `builder`
//!
//! The library never prints, reads no environment variable, home directory or terminal, and takes the time
//! of a build as an option.

pub mod cancel;
pub mod diagnostic;
pub mod digest;
pub mod dockerfile;
pub mod dockerignore;
pub mod event;
pub mod explanation;
pub mod glob;
pub mod ids;
pub mod oci;
pub mod platform;
pub mod reference;
pub mod remote;
pub mod semantic;
pub mod text;

#[cfg(feature = "build")]
pub mod build_context;
#[cfg(feature = "build")]
pub mod builder;
#[cfg(feature = "build")]
pub mod cache;
#[cfg(feature = "build")]
pub mod copy;
#[cfg(feature = "build")]
pub mod export;
#[cfg(feature = "build")]
pub mod fs;
#[cfg(feature = "build")]
pub mod image;
#[cfg(feature = "build")]
pub mod layer;
#[cfg(feature = "lint")]
pub mod lint;
#[cfg(feature = "build")]
pub mod plan;
#[cfg(feature = "registry")]
pub mod registry;
#[cfg(feature = "build")]
pub mod report;
#[cfg(feature = "build")]
pub mod sandbox;
#[cfg(feature = "build")]
pub mod secret;
#[cfg(feature = "lint")]
pub mod shell;
#[cfg(feature = "build")]
pub mod snapshot;
#[cfg(feature = "build")]
pub mod solve;
#[cfg(feature = "build")]
pub mod source;
#[cfg(feature = "build")]
pub mod store;
#[cfg(feature = "build")]
pub mod sys;
