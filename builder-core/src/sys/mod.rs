//! System calls: all unsafe code of the crate, and the only module where it is allowed.
//!
//! It knows no containers: small functions, one kernel facility each, with the manual page and the oldest
//! kernel named. Containers are made of these by [`crate::sandbox`].

#![allow(unsafe_code)]

pub(crate) mod byte_lock;
mod child;
mod credentials;
mod error;
pub(crate) mod helper;
pub mod mount;
pub(crate) mod namespace;
pub(crate) mod process;
pub(crate) mod report;
pub(crate) mod seccomp;
pub(crate) mod setup_op;

pub use error::SysError;
