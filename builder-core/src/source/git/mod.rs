//! Git repositories, by the `git` of this machine.
//!
//! Nothing of this machine's or a person's configuration is read, no hook runs, nobody is asked for a password, and
//! only http, https, ssh and git's own protocol are spoken, by submodules too. Secrets reach git in its environment:
//! they are in no argument, file or message.
//!
//! | file | what |
//! |---|---|
//! | `resolve` | which commit a branch or tag is |
//! | `checkout` | the files of a commit |
//! | `command` | one run of git |
//! | `access` | what opens a repository: secrets and keys |
//!
//! Spec: dockerfile-semantics 5.6.10, 11.2.

mod access;
mod checkout;
mod command;
mod error;
mod resolve;

pub use checkout::checkout;
pub use error::GitError;
pub use resolve::{GitCommit, resolve};
