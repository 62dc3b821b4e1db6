//! An error with its causes, as text.

use std::error::Error;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::log_lines::printable;

/// Writes `error: …`, a `caused by:` line for each cause, and a `help:` line for each hint.
///
/// # Errors
/// Those of the writer.
pub(crate) fn write_chain(out: &mut dyn Write, error: &dyn Error, hints: &[String]) -> io::Result<()> {
    let red = AnsiColor::Red.on_default().bold();
    writeln!(out, "{red}error{red:#}: {}", lines(&error.to_string()))?;
    let mut previous = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        // A wrapper that shows its source's text says nothing new.
        if !previous.ends_with(&message) {
            writeln!(out, "  caused by: {}", lines(&message))?;
        }
        previous = message;
        cause = error.source();
    }
    write_hints(out, hints)
}

/// Writes a `help:` line for each hint.
///
/// # Errors
/// Those of the writer.
pub(crate) fn write_hints(out: &mut dyn Write, hints: &[String]) -> io::Result<()> {
    let bold = Style::new().bold();
    for hint in hints {
        writeln!(out, "  {bold}help{bold:#}: {}", lines(hint))?;
    }
    Ok(())
}

/// Error texts repeat names from outside: each line is made printable, further lines are indented.
fn lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n    ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open `x\u{1b}[2J`")]
    struct Outer(#[source] io::Error);

    #[test]
    fn causes_and_hints_follow_the_message() {
        let error = Outer(io::Error::other("disk on fire"));
        let mut out = anstream::StripStream::new(Vec::new());
        write_chain(&mut out, &error, &["call the fire brigade".to_owned()]).expect("written");
        let text = String::from_utf8(out.into_inner()).expect("text");
        assert_eq!(text, "error: cannot open `x`\n  caused by: disk on fire\n  help: call the fire brigade\n");
    }
}
