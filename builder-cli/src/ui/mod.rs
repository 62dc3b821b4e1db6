//! All that a person or program sees: the only module that writes to the terminal.
//!
//! Data goes to standard output through [`printer::Printer::data`], everything else to standard error. The
//! progress displays are pure functions from events to text ([`progress_plain`], [`progress_json`], [`frame`])
//! with one thread ([`progress`]) that feeds them and one file ([`progress_tty`]) that moves the cursor.

pub(crate) mod diagnostics;
pub(crate) mod error_chain;
pub(crate) mod explain;
pub(crate) mod format;
mod frame;
mod log_lines;
mod model;
pub(crate) mod page;
pub(crate) mod printer;
pub(crate) mod progress;
pub(crate) mod progress_json;
mod progress_plain;
mod progress_tty;
pub(crate) mod table;
mod waits;
mod width;
