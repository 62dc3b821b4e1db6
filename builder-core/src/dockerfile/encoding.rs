//! Files that are text for an editor and not for a builder.

use crate::diagnostic::Diagnostic;
use crate::text::{SourceFile, Span};

/// How many characters tell whether a text is UTF-16.
const TELLING: usize = 64;

/// Says what is wrong with the whole of a file: each line that the parser complains about would lead astray.
///
/// Whether a file is no text at all is asked only where there is something wrong with it.
pub(super) fn wrong_encoding(source: &SourceFile, is_wrong: bool) -> Option<Diagnostic> {
    let text = source.text();
    let error = |at: usize, message: &str, help: &str| {
        Diagnostic::error("wrong-encoding", Span::at(u32::try_from(at).unwrap_or(u32::MAX)), message).help(help)
    };
    if is_utf_16(text) {
        return Some(error(0, "the file is UTF-16", "save it as UTF-8, or convert it: `iconv -f UTF-16 -t UTF-8`"));
    }
    if is_wrong && is_binary(text) {
        let help = "give a Dockerfile; is this an archive or a program?";
        return Some(error(0, "the file is not text", help));
    }
    let first = text.trim_end().find('\r').filter(|_| !text.contains('\n'))?;
    let message = "the lines end in carriage returns alone: to a builder the file is a single line";
    Some(error(first, message, "save it with the line ends of Unix, or convert it: `tr '\\r' '\\n'`"))
}

/// How many characters are looked at for those that no text has.
const LOOKED_AT: usize = 4096;

/// Text has no control characters but for ends of lines, tabs and what colours a terminal; among random bytes they are
/// one of ten. Bytes that are not UTF-8 prove nothing: they may be a comment in an older encoding.
fn is_binary(text: &str) -> bool {
    let begin = || text.chars().take(LOOKED_AT);
    let controls = begin().filter(is_control).count();
    controls >= 4 && controls * 20 >= begin().count()
}

fn is_control(c: &char) -> bool {
    c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0b' | '\x0c' | '\x1b')
}

/// Every second byte of such a text is zero where it is English, and it has no control characters either.
fn is_utf_16(text: &str) -> bool {
    let begin = || text.chars().take(TELLING);
    let zeros = begin().filter(|c| *c == '\0').count();
    let others = begin().filter(is_control).count() - zeros;
    zeros > 1 && others == 0 && zeros * 3 >= begin().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::parse;

    fn errors(bytes: &[u8]) -> Vec<String> {
        parse(&SourceFile::from_bytes("Dockerfile", bytes)).diagnostics.into_iter().map(|d| d.message).collect()
    }

    #[test]
    fn what_is_no_text_is_one_error() {
        // Bytes that nobody chose, the same every day.
        let mut state = 1_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        let noise: Vec<u8> = (0..10_000).map(|_| random()).collect();
        assert_eq!(errors(&noise), ["the file is not text"]);
        assert_eq!(errors(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0"), ["the file is not text"]);
        // Chinese in the encoding of its time, and a file that builds.
        assert_eq!(errors(b"# \xd6\xd0\xce\xc4\xd7\xa2\xca\xcd\nFROM a\n").len(), 1);
        assert!(!errors(b"# \xd6\xd0\xce\xc4\nNOPE\n").contains(&"the file is not text".to_owned()));
        assert_eq!(errors(b"FROM a\nRUN printf '\x01\x02\x03\x04'\n"), Vec::<String>::new());
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
