//! The live display: draws the picture of [`super::frame`] over the one before it.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use builder_core::event::Event;
use builder_core::registry::Wait;

use super::explain::Explain;
use super::frame::{Line, Moment, Size, Tone, draw};
use super::model::Model;
use super::progress::{Paint, Renderer};
use super::waits;
use super::width::{columns, truncate};

/// Hides the cursor and switches line wrapping off, so that a line that is wider than it was thought to be
/// cannot spoil the picture.
const BEGIN: &str = "\x1b[?25l\x1b[?7l";
/// Undoes [`BEGIN`]; harmless where it was never written.
pub(super) const RESTORE: &str = "\x1b[?7h\x1b[?25h";
/// The most servers that are shown to be waited for.
const MOST_WAITS: usize = 3;
/// The size to assume of a terminal that does not tell.
const FALLBACK: Size = Size { columns: 80, rows: 24 };

/// Turns events into pictures.
pub(super) struct Tty {
    model: Model,
    explain: Explain,
    paint: Paint,
    size: Box<dyn Fn() -> Option<Size> + Send>,
    /// The columns of each line that is on the screen now.
    drawn: Vec<usize>,
}

impl Tty {
    /// Makes a display for the terminal at standard error.
    pub(super) fn new(paint: Paint, explain: Explain) -> Self {
        Self { model: Model::default(), explain, paint, size: Box::new(terminal_size), drawn: Vec::new() }
    }

    fn picture(&mut self, now: Duration, moment: Moment, waits: &[Wait]) -> String {
        let size = (self.size)().unwrap_or(FALLBACK);
        let waits = waits::each_once(waits);
        let waits = &waits[..waits.len().min(MOST_WAITS)];
        let above = Size { rows: size.rows.saturating_sub(waits.len()).max(2), ..size };
        let mut lines = draw(&self.model, now, above, moment);
        lines.extend(waits.iter().map(|wait| Line {
            text: truncate(&format!(" {}", waits::text(wait)), size.columns.max(1)),
            tone: Tone::Cancelled,
        }));
        let text = redraw(&self.drawn, size, &lines, self.paint);
        self.drawn = lines.iter().map(|line| columns(&line.text)).collect();
        text
    }
}

impl Renderer for Tty {
    fn event(&mut self, at: Duration, event: &Event) -> String {
        if self.explain == Explain::Steps || !matches!(event, Event::StepExplained { .. }) {
            self.model.apply(at, event);
        }
        String::new()
    }

    fn tick(&mut self, at: Duration, waits: &[Wait]) -> String {
        self.picture(at, Moment::Live, waits)
    }

    fn finish(&mut self, at: Duration) -> String {
        self.model.close(at);
        if self.drawn.is_empty() && self.model.counts().1 == 0 {
            return String::new();
        }
        self.picture(at, Moment::Final, &[]) + RESTORE
    }
}

fn terminal_size() -> Option<Size> {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
    let (columns, rows) = (usize::from(size.ws_col), usize::from(size.ws_row));
    (columns > 0 && rows > 0).then_some(Size { columns, rows })
}

/// Returns what makes the terminal show `lines` in place of the picture that is there.
///
/// A terminal that became narrower has wrapped the old lines, so that they take more rows now.
fn redraw(drawn: &[usize], size: Size, lines: &[Line], paint: Paint) -> String {
    let width = size.columns.max(1);
    let rows: usize = drawn.iter().map(|columns| columns.div_ceil(width).max(1)).sum();
    let mut out = BEGIN.to_owned();
    // The cursor cannot go above the screen; what has left it at the top stays in the scroll-back.
    let up = rows.min(size.rows.saturating_sub(1));
    out.push('\r');
    if up > 0 {
        // Writing to a string cannot fail, here and below.
        let _ = write!(out, "\x1b[{up}A");
    }
    for line in lines {
        match style(line.tone).filter(|_| paint == Paint::Colored) {
            Some(style) => {
                let _ = write!(out, "{style}{}{style:#}\x1b[K\n\r", line.text);
            }
            None => {
                let _ = write!(out, "{}\x1b[K\n\r", line.text);
            }
        }
    }
    out.push_str("\x1b[J");
    out
}

fn style(tone: Tone) -> Option<Style> {
    match tone {
        Tone::Header => Some(Style::new().bold()),
        Tone::Running => None,
        Tone::Done => Some(AnsiColor::Blue.on_default()),
        Tone::Failed => Some(AnsiColor::Red.on_default()),
        Tone::Cancelled => Some(AnsiColor::Yellow.on_default()),
        Tone::Log => Some(Style::new().dimmed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<Line> {
        texts.iter().map(|text| Line { text: (*text).to_owned(), tone: Tone::Done }).collect()
    }

    const SIZE: Size = Size { columns: 20, rows: 10 };

    #[test]
    fn a_picture_replaces_the_one_before_it() {
        let text = redraw(&[20, 3], SIZE, &lines(&["a"]), Paint::Plain);
        assert_eq!(text, format!("{BEGIN}\r\x1b[2Aa\x1b[K\n\r\x1b[J"));
    }

    #[test]
    fn a_narrower_terminal_has_wrapped_the_old_lines() {
        let text = redraw(&[20, 3], Size { columns: 7, rows: 10 }, &lines(&["a"]), Paint::Plain);
        assert!(text.contains("\x1b[4A"), "{text:?}");
    }

    #[test]
    fn the_cursor_never_goes_above_the_screen() {
        let text = redraw(&[1; 30], SIZE, &lines(&["a"]), Paint::Plain);
        assert!(text.contains("\x1b[9A"), "{text:?}");
    }

    #[test]
    fn colours_are_closed_on_each_line() {
        let text = redraw(&[], SIZE, &lines(&["a"]), Paint::Colored);
        assert!(text.contains("\x1b[34ma\x1b[0m\x1b[K\n"), "{text:?}");
    }

    #[test]
    fn the_last_picture_gives_the_cursor_back() {
        let mut tty = Tty::new(Paint::Plain, Explain::Nothing);
        tty.size = Box::new(|| Some(SIZE));
        assert_eq!(tty.finish(Duration::ZERO), "");
        tty.event(Duration::ZERO, &Event::TaskStarted { task: 0, name: "x".to_owned() });
        tty.tick(Duration::ZERO, &[]);
        let text = tty.finish(Duration::from_secs(1));
        assert!(text.contains("CANCELED") && text.ends_with(RESTORE), "{text:?}");
    }
}
