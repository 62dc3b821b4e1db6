//! The linter's options for a document.

use builder_core::lint::LintOptions;
use lsp_types::Uri;

/// Returns what the linter looks for in a document; asked for when it is opened and when a configuration changed.
pub(super) fn options_for(_document: &Uri) -> LintOptions {
    LintOptions::default()
}
