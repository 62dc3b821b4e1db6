//! The source window that BuildKit shows: a few lines around those that it is about, which have `>>>` before them.

use std::fmt;

use super::visible;
use crate::text::SourceFile;

/// Lines that are shown besides those it is about, where it is several of them.
const PADDING: u32 = 2;
/// The same where it is one.
const PADDING_OF_ONE: u32 = 4;
const RULE: &str = "--------------------";

/// Draws the lines from the first to the last, counted from 1, with what is around them.
///
/// # Errors
/// Those of the writer.
pub fn window(out: &mut dyn fmt::Write, source: &SourceFile, (first, last): (u32, u32)) -> fmt::Result {
    let lines: Vec<&str> = source.text().split('\n').collect();
    let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    if first < 1 || first > count {
        return Ok(());
    }
    let last = last.clamp(first, count);
    let (mut from, mut to) = (first, last);
    let padding = if first == last { PADDING_OF_ONE } else { PADDING };
    let mut added = 0;
    while added < padding {
        if from > 1 {
            from -= 1;
            added += 1;
        }
        if to < count {
            to += 1;
            added += 1;
        }
        added += 1;
    }
    writeln!(out, "{}:{first}\n{RULE}", visible(source.name()))?;
    for (number, line) in (1..).zip(&lines).skip(from as usize - 1).take((to - from + 1) as usize) {
        let mark = if (first..=last).contains(&number) { ">>>" } else { "   " };
        writeln!(out, " {number:>3} | {mark} {}", visible(line.trim_end_matches('\r')))?;
    }
    writeln!(out, "{RULE}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_around_are_shown() {
        let source = SourceFile::new("Dockerfile", "FROM x\n\nRUN bad\n# end\nRUN a\nRUN b\nRUN c\nRUN d");
        let drawn = |lines| {
            let mut text = String::new();
            window(&mut text, &source, lines).unwrap();
            text
        };
        assert_eq!(
            drawn((3, 3)),
            "Dockerfile:3\n--------------------\n   1 |     FROM x\n   2 |     \n   3 | >>> RUN bad\n   4 |     # end\n   \
             5 |     RUN a\n--------------------\n"
        );
        assert_eq!(
            drawn((7, 8)),
            "Dockerfile:7\n--------------------\n   6 |     RUN b\n   7 | >>> RUN c\n   8 | >>> RUN d\n\
             --------------------\n"
        );
        assert_eq!(drawn((9, 9)), "");
    }
}
