//! Files that are text for an editor and not for a builder.

use crate::diagnostic::Diagnostic;
use crate::text::{SourceFile, Span};

/// How many characters tell whether a text is UTF-16.
const TELLING: usize = 64;

/// Says what is wrong with the whole of a file: each line that the parser complains about would lead astray.
pub(super) fn wrong_encoding(source: &SourceFile) -> Option<Diagnostic> {
    let text = source.text();
    let error = |at: usize, message: &str, help: &str| {
        Diagnostic::error("wrong-encoding", Span::at(u32::try_from(at).unwrap_or(u32::MAX)), message).help(help)
    };
    if is_utf_16(text) {
        return Some(error(0, "the file is UTF-16", "save it as UTF-8, or convert it: `iconv -f UTF-16 -t UTF-8`"));
    }
    let first = text.trim_end().find('\r').filter(|_| !text.contains('\n'))?;
    let message = "the lines end in carriage returns alone: to a builder the file is a single line";
    Some(error(first, message, "save it with the line ends of Unix, or convert it: `tr '\\r' '\\n'`"))
}

/// Every second byte of such a text is zero where it is English.
fn is_utf_16(text: &str) -> bool {
    let begin = || text.chars().take(TELLING);
    let zeros = begin().filter(|c| *c == '\0').count();
    zeros > 1 && zeros * 3 >= begin().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::parse;

    fn errors(bytes: &[u8]) -> Vec<String> {
        parse(&SourceFile::from_bytes("Dockerfile", bytes)).diagnostics.into_iter().map(|d| d.message).collect()
    }

    fn utf_16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn utf_16_is_one_error() {
        let text = "FROM debian\nRUN x\n";
        for bytes in [
            utf_16(text, u16::to_le_bytes),
            utf_16(text, u16::to_be_bytes),
            utf_16(&format!("\u{feff}{text}"), u16::to_le_bytes),
            utf_16(&format!("\u{feff}{text}"), u16::to_be_bytes),
        ] {
            assert_eq!(errors(&bytes), ["the file is UTF-16"]);
        }
        assert!(!errors(b"FROM a\nRUN \0\0\0\0\n").contains(&"the file is UTF-16".to_owned()));
    }

    #[test]
    fn lines_of_an_old_mac_are_one_error() {
        let found = errors(b"FROM debian\rRUN x\r");
        assert!(found.len() == 1 && found[0].contains("carriage returns alone"), "{found:?}");
        for fine in ["FROM debian\r", "FROM debian\r\nRUN x\r\n", "FROM debian\nRUN echo a\rb\n"] {
            assert_eq!(errors(fine.as_bytes()), Vec::<String>::new(), "{fine:?}");
        }
    }
}
