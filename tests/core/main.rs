//! Tests of the library as a whole, one binary for all of them.

#![allow(clippy::unwrap_used, reason = "test code")]

mod architecture;
mod language;
#[cfg(feature = "lint")]
mod lint;
#[cfg(feature = "lint")]
mod lint_buildkit;
#[cfg(feature = "lint")]
mod lint_suppression;
mod oracle;
mod parser;
mod properties;
