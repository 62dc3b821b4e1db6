//! The drawing with source lines and underlines, in the manner of rustc.

use std::collections::BTreeMap;
use std::fmt;

use super::super::{Diagnostic, Label};
use super::visible::{replacement, visible};
use super::{Paint, Style, place, word};
use crate::text::SourceFile;

/// The widest part of a source line that is drawn, in columns.
const MAX_COLUMNS: usize = 160;
/// How much is kept before the first mark where a line is cut, in columns.
const CONTEXT: usize = 40;

/// Draws a diagnostic with the lines that it is about:
///
/// ```text
/// error[unknown-instruction]: unknown instruction: RNU
///  --> Dockerfile:3:1
///   |
/// 3 | RNU true
///   | ^^^
///   |
///   = help: did you mean `RUN`?
/// ```
///
/// # Errors
/// Those of the writer.
pub fn full(out: &mut dyn fmt::Write, source: &SourceFile, diagnostic: &Diagnostic, style: &Style) -> fmt::Result {
    titled(out, source, diagnostic, style, word(diagnostic.severity), diagnostic.id)
}

/// Draws a diagnostic like [`full`] with other words in front of the message: `style[DL3048]`, say.
///
/// # Errors
/// Those of the writer.
pub fn titled(
    out: &mut dyn fmt::Write,
    source: &SourceFile,
    diagnostic: &Diagnostic,
    style: &Style,
    level: &str,
    code: &str,
) -> fmt::Result {
    let severity = Paint::Severity(diagnostic.severity);
    style.paint(out, severity, format_args!("{level}[{code}]"))?;
    style.paint(out, Paint::Strong, format_args!(": {}", visible(&diagnostic.message)))?;
    out.write_char('\n')?;

    let marks = marks(source, diagnostic);
    let width = marks.keys().next_back().map_or(1, |line| line.to_string().len());
    let drawing = Drawing { source, style: *style, severity, width };
    if let Some(span) = diagnostic.span() {
        let place = place(source, span.start);
        style.paint(out, Paint::Gutter, format_args!("{:width$}--> ", ""))?;
        writeln!(out, "{}:{}:{}", visible(source.name()), place.line, place.column)?;
    }
    if !marks.is_empty() {
        drawing.lines(out, &marks)?;
    }
    let more = !diagnostic.notes.is_empty() || diagnostic.help.is_some();
    if !marks.is_empty() && more {
        drawing.gutter(out, "")?;
        out.write_char('\n')?;
    }
    let notes = diagnostic.notes.iter().map(|note| ("note", note));
    for (kind, text) in notes.chain(diagnostic.help.iter().map(|help| ("help", help))) {
        style.paint(out, Paint::Gutter, format_args!("{:width$} = ", ""))?;
        style.paint(out, Paint::Strong, format_args!("{kind}"))?;
        for (index, line) in text.split('\n').enumerate() {
            let indent = if index == 0 { 0 } else { width + 3 + kind.len() };
            let lead = if index == 0 { ": " } else { "  " };
            writeln!(out, "{:indent$}{lead}{}", "", visible(line))?;
        }
    }
    Ok(())
}

/// A stretch of one line to underline, in characters of the line.
#[derive(Debug)]
struct Mark<'d> {
    start: usize,
    end: usize,
    primary: bool,
    message: &'d str,
}

/// Finds what to underline, by line. A span over several lines is marked on its first and its last one.
fn marks<'d>(source: &SourceFile, diagnostic: &'d Diagnostic) -> BTreeMap<u32, Vec<Mark<'d>>> {
    let mut marks: BTreeMap<u32, Vec<Mark<'d>>> = BTreeMap::new();
    let primary = diagnostic.primary.iter().map(|label| (label, true));
    for (label, primary) in primary.chain(diagnostic.secondary.iter().map(|label| (label, false))) {
        for (line, start, end, last) in stretches(source, label) {
            let message = if last { label.message.as_str() } else { "" };
            marks.entry(line).or_default().push(Mark { start, end, primary, message });
        }
    }
    marks
}

/// Returns the (line, first character, end, is last) that a label covers.
fn stretches(source: &SourceFile, label: &Label) -> Vec<(u32, usize, usize, bool)> {
    let (text, lines) = (source.text(), source.lines());
    let from = lines.line_column(text, label.span.start);
    let length = |line: u32| lines.line_text(text, line).chars().count();
    let mut to = lines.line_column(text, label.span.end);
    if to.line > from.line && to.column == 1 {
        // The span ends with a line terminator: that is the end of the line before.
        to.line -= 1;
        to.column = u32::try_from(length(to.line) + 1).unwrap_or(u32::MAX);
    }
    let index = |column: u32| column.saturating_sub(1) as usize;
    if from.line == to.line {
        return vec![(from.line, index(from.column), index(to.column).max(index(from.column)), true)];
    }
    let last = lines.line_text(text, to.line);
    let indent = last.chars().take_while(|c| c.is_whitespace()).count().min(index(to.column));
    vec![(from.line, index(from.column), length(from.line), false), (to.line, indent, index(to.column), true)]
}

struct Drawing<'s> {
    source: &'s SourceFile,
    style: Style,
    severity: Paint,
    width: usize,
}

impl Drawing<'_> {
    fn gutter(&self, out: &mut dyn fmt::Write, number: &str) -> fmt::Result {
        self.style.paint(out, Paint::Gutter, format_args!("{number:>width$} |", width = self.width))
    }

    fn lines(&self, out: &mut dyn fmt::Write, marks: &BTreeMap<u32, Vec<Mark<'_>>>) -> fmt::Result {
        self.gutter(out, "")?;
        out.write_char('\n')?;
        let mut previous: Option<u32> = None;
        for (line, marks) in marks {
            match previous.map(|previous| line - previous) {
                // One line in between costs no more than the sign that it is left out.
                Some(2) => self.source_line(out, line - 1, &[])?,
                Some(gap) if gap > 2 => {
                    self.style.paint(out, Paint::Gutter, format_args!("..."))?;
                    out.write_char('\n')?;
                }
                _ => {}
            }
            self.source_line(out, *line, marks)?;
            previous = Some(*line);
        }
        Ok(())
    }

    /// Draws a source line and what is marked in it.
    fn source_line(&self, out: &mut dyn fmt::Write, number: u32, marks: &[Mark<'_>]) -> fmt::Result {
        let text = self.source.lines().line_text(self.source.text(), number);
        let cells = Cells::new(text, marks.iter().map(|mark| mark.start).min().unwrap_or(0));
        self.gutter(out, &number.to_string())?;
        if cells.drawn.is_empty() {
            out.write_char('\n')?;
        } else {
            writeln!(out, " {}", cells.drawn)?;
        }
        if marks.is_empty() {
            return Ok(());
        }
        self.underlines(out, &cells, marks)
    }

    fn underlines(&self, out: &mut dyn fmt::Write, cells: &Cells, marks: &[Mark<'_>]) -> fmt::Result {
        // The primary mark is drawn over the others, and an empty place still gets one sign.
        let mut row: BTreeMap<usize, bool> = BTreeMap::new();
        for mark in marks {
            let start = cells.column(mark.start);
            for column in start..cells.column(mark.end).max(start + 1) {
                *row.entry(column).or_default() |= mark.primary;
            }
        }
        let end = row.keys().next_back().map_or(0, |last| last + 1);
        self.gutter(out, "")?;
        out.write_char(' ')?;
        let mut column = 0;
        while column < end {
            let kind = row.get(&column).copied();
            let length = (column..end).take_while(|c| row.get(c).copied() == kind).count();
            match kind {
                None => write!(out, "{:length$}", "")?,
                Some(true) => self.style.paint(out, self.severity, format_args!("{}", "^".repeat(length)))?,
                Some(false) => self.style.paint(out, Paint::Gutter, format_args!("{}", "-".repeat(length)))?,
            }
            column += length;
        }
        // The message of the rightmost mark stands beside it, the others below, from right to left.
        let mut with_message: Vec<&Mark<'_>> = marks.iter().filter(|mark| !mark.message.is_empty()).collect();
        with_message.sort_by_key(|mark| (mark.start, mark.end));
        let rightmost = marks.iter().map(|mark| (mark.start, mark.end)).max();
        let beside = with_message.pop_if(|mark| Some((mark.start, mark.end)) == rightmost);
        if let Some(mark) = beside {
            out.write_char(' ')?;
            self.style.paint(out, self.paint_of(mark), format_args!("{}", visible(mark.message)))?;
        }
        out.write_char('\n')?;
        for mark in with_message.iter().rev() {
            let column = cells.column(mark.start);
            for text in ["|", &visible(mark.message)] {
                self.gutter(out, "")?;
                write!(out, " {:column$}", "")?;
                self.style.paint(out, self.paint_of(mark), format_args!("{text}"))?;
                out.write_char('\n')?;
            }
        }
        Ok(())
    }

    fn paint_of(&self, mark: &Mark<'_>) -> Paint {
        if mark.primary { self.severity } else { Paint::Gutter }
    }
}

/// A source line as it is drawn, and the column at which each of its characters stands.
struct Cells {
    drawn: String,
    columns: Vec<usize>,
}

impl Cells {
    /// Draws a line; one that is too wide is cut so that the character `focus` stays in sight.
    fn new(text: &str, focus: usize) -> Self {
        let mut cells: Vec<(char, Option<std::borrow::Cow<'static, str>>)> =
            text.chars().map(|c| (c, replacement(c))).collect();
        if let Some(('\u{feff}', drawn)) = cells.first_mut() {
            *drawn = Some("".into());
        }
        let width = |cell: &(char, Option<std::borrow::Cow<'static, str>>)| {
            cell.1.as_ref().map_or(1, |replaced| replaced.chars().count())
        };
        let total: usize = cells.iter().map(width).sum();
        let before: usize = cells.iter().take(focus).map(width).sum();
        let from = if total > MAX_COLUMNS { before.saturating_sub(CONTEXT) } else { 0 };
        let mut drawn = String::new();
        let mut columns = Vec::with_capacity(cells.len() + 1);
        // `at` counts columns of the whole line, `column` those that are drawn.
        let (mut at, mut column) = (0, 0);
        if from > 0 {
            drawn.push('…');
            column = 1;
        }
        let mut cut = false;
        for cell in &cells {
            columns.push(column);
            let wide = width(cell);
            if at >= from && !cut {
                if column + wide > MAX_COLUMNS {
                    cut = true;
                    drawn.push('…');
                } else {
                    match &cell.1 {
                        Some(replaced) => drawn.push_str(replaced),
                        None => drawn.push(cell.0),
                    }
                    column += wide;
                }
            }
            at += wide;
        }
        columns.push(column);
        drawn.truncate(drawn.trim_end().len());
        Self { drawn, columns }
    }

    /// Returns the column of a character; that behind the last one for any behind it.
    fn column(&self, character: usize) -> usize {
        self.columns.get(character).or(self.columns.last()).copied().unwrap_or(0)
    }
}
