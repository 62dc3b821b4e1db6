//! Diagnostics in the terminal's colours.

use std::io::{self, Write};

use builder_core::diagnostic::Diagnostic;
use builder_core::diagnostic::render::{Style, full};
use builder_core::text::SourceFile;

use super::progress::Paint;

/// Writes one diagnostic. Without a source there is nothing to underline.
///
/// # Errors
/// Those of the writer.
pub(crate) fn write(
    out: &mut dyn Write,
    source: Option<&SourceFile>,
    diagnostic: &Diagnostic,
    paint: Paint,
) -> io::Result<()> {
    let nothing = SourceFile::new("", "");
    let mut text = String::new();
    let style = Style { color: paint == Paint::Colored };
    full(&mut text, source.unwrap_or(&nothing), diagnostic, &style).map_err(io::Error::other)?;
    out.write_all(text.as_bytes())
}
