//! Shell scripts, as far as a linter has to understand them: the text of a `RUN` to a tree with a span on
//! everything.
//!
//! The language is POSIX sh with what bash adds, and there is one grammar for all shells: a rule that needs to
//! know whether something is in POSIX looks at the tree. [`parse`] stops at the first thing that neither bash
//! nor dash would accept, and says where. It takes linear time, and never more stack than
//! [`MAX_DEPTH`] levels of nesting need.
//!
//! [`Index`] is what rules read: every command, word and part of a script in order, each with where it stands.
//!
//! Spec: POSIX.1-2024, "Shell Command Language"; the bash manual, "Basic Shell Features".
//!
//! ```
//! use builder_core::shell::{Index, Invocation, parse};
//!
//! let text = "set -e; if ! command -v curl; then apt-get -y install curl; fi";
//! let script = parse(text)?;
//! let index = Index::new(&script);
//! let commands: Vec<_> = index.simple().filter_map(|(command, _)| Invocation::new(command, text)).collect();
//! assert_eq!(commands[2].name, "apt-get");
//! assert!(commands[2].has_flag("y"));
//! assert!(index.commands[2].checked, "the condition of `if`");
//! # Ok::<(), builder_core::shell::ShellError>(())
//! ```

mod ast;
mod invocation;
mod parser;
mod walk;
mod word;

#[cfg(test)]
mod dump;
#[cfg(test)]
mod tests;

pub use ast::*;
pub use invocation::{Arg, Flag, Invocation};
pub use parser::{MAX_DEPTH, ShellError, parse};
pub use walk::{CommandSite, Construct, Index, PartSite, Place, Scope, ScopeId, WordRole, WordSite};
