//! The picture of the live display: a pure function from state, time and terminal size to lines.

use std::time::Duration;

use builder_core::event::ProgressUnit;

use super::format::{seconds, size};
use super::model::{Entry, Item, Model, Stage, TAIL_LINES};
use super::width::{columns, truncate};

/// Downloads and the like shown below one step at most.
const MAX_ITEMS: usize = 8;
/// Columns of a progress bar, with its brackets.
const BAR: usize = 22;
/// Below this width bars are left out.
const MIN_WIDTH_FOR_BARS: usize = 72;

/// How a line is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tone {
    Header,
    Running,
    Done,
    Failed,
    Cancelled,
    Log,
}

/// One line of the picture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) tone: Tone,
}

/// The size of a terminal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// Whether the build goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Moment {
    /// It does: the picture must fit into the terminal, running steps show their logs.
    Live,
    /// It is over: everything is shown once more, and stays.
    Final,
}

/// Draws the picture.
pub(super) fn draw(model: &Model, now: Duration, size: Size, moment: Moment) -> Vec<Line> {
    let width = size.columns.max(1);
    let header = Line { text: truncate(&header(model, now, moment), width), tone: Tone::Header };
    let blocks: Vec<Block<'_>> = model.shown().map(|entry| Block::new(entry, moment)).collect();
    let blocks = match moment {
        Moment::Final => blocks,
        // One row for the header and one below the picture, where the cursor waits.
        Moment::Live => fit(blocks, size.rows.saturating_sub(2)),
    };
    let mut lines = vec![header];
    for block in &blocks {
        block.draw(now, width, &mut lines);
    }
    if moment == Moment::Live {
        lines.truncate(size.rows.saturating_sub(1).max(1));
    }
    lines
}

fn header(model: &Model, now: Duration, moment: Moment) -> String {
    let (over, total) = model.counts();
    let end = match moment {
        Moment::Live => "",
        Moment::Final if model.any(Stage::Failed) => " FAILED",
        Moment::Final if model.any(Stage::Cancelled) => " CANCELED",
        Moment::Final => " FINISHED",
    };
    format!("[+] Building {} ({over}/{total}){end}", seconds(now))
}

/// An entry with what is shown below it.
struct Block<'a> {
    entry: &'a Entry,
    items: Vec<&'a Item>,
    logs: Vec<String>,
    reasons: &'a [String],
}

impl<'a> Block<'a> {
    fn new(entry: &'a Entry, moment: Moment) -> Self {
        let running = entry.stage == Stage::Running && moment == Moment::Live;
        let mut items: Vec<&Item> = if running { entry.items.iter().collect() } else { Vec::new() };
        if items.len() > MAX_ITEMS {
            // What is still moving tells more than what is complete.
            items.sort_by_key(|item| item.is_complete());
            items.truncate(MAX_ITEMS);
        }
        Self { entry, items, logs: if running { entry.tail() } else { Vec::new() }, reasons: &entry.reasons }
    }

    fn rows(&self) -> usize {
        1 + self.reasons.len() + self.items.len() + self.logs.len()
    }

    fn draw(&self, now: Duration, width: usize, lines: &mut Vec<Line>) {
        let (mark, tone) = match self.entry.stage {
            Stage::Cached => ("CACHED ", Tone::Done),
            Stage::Failed => ("ERROR ", Tone::Failed),
            Stage::Cancelled => ("CANCELED ", Tone::Cancelled),
            Stage::Done => ("", Tone::Done),
            Stage::Running | Stage::Waiting => ("", Tone::Running),
        };
        let left = format!(" => {mark}{}", self.entry.name);
        lines.push(Line { text: justify(&left, &seconds(self.entry.elapsed(now)), width), tone });
        for reason in self.reasons {
            lines.push(Line { text: truncate(&format!(" => => {reason}"), width), tone: Tone::Log });
        }
        for item in &self.items {
            lines.push(Line { text: item_line(item, now, width), tone });
        }
        for log in &self.logs {
            lines.push(Line { text: truncate(&format!(" => => # {log}"), width), tone: Tone::Log });
        }
    }
}

/// Makes blocks fit into a number of rows: the oldest finished steps go first, then log lines, then the
/// items, and at last the newest of the running steps.
fn fit(mut blocks: Vec<Block<'_>>, rows: usize) -> Vec<Block<'_>> {
    let total = |blocks: &[Block<'_>]| blocks.iter().map(Block::rows).sum::<usize>();
    while total(&blocks) > rows {
        match blocks.iter().position(|block| block.entry.stage.is_over()) {
            Some(index) => drop(blocks.remove(index)),
            None => break,
        }
    }
    for limit in (0..TAIL_LINES).rev() {
        if total(&blocks) <= rows {
            break;
        }
        for block in &mut blocks {
            let surplus = block.logs.len().saturating_sub(limit);
            block.logs.drain(..surplus);
        }
    }
    if total(&blocks) > rows {
        for block in &mut blocks {
            block.items.clear();
        }
    }
    blocks.truncate(rows);
    blocks
}

/// Puts one text at the left edge, cut where necessary, and another at the right edge.
fn justify(left: &str, right: &str, width: usize) -> String {
    let room = width.saturating_sub(columns(right) + 1);
    if room < 8 {
        return truncate(left, width);
    }
    let left = truncate(left, room);
    let gap = width - columns(&left) - columns(right);
    format!("{left}{}{right}", " ".repeat(gap))
}

fn item_line(item: &Item, now: Duration, width: usize) -> String {
    let amount = |n: u64| if item.unit == ProgressUnit::Bytes { size(n) } else { n.to_string() };
    let figures = match item.total {
        Some(total) => format!("{} / {}", amount(item.current), amount(total)),
        None => amount(item.current),
    };
    let rate = item.rate(now).map(|rate| format!(" {rate}")).unwrap_or_default();
    let left = format!(" => => {} {figures}{rate}", item.name);
    match item.total {
        Some(total) if width >= MIN_WIDTH_FOR_BARS => justify(&left, &bar(item.current, total), width),
        _ => truncate(&left, width),
    }
}

fn bar(current: u64, total: u64) -> String {
    let room = (BAR - 2) as u64;
    let filled = u128::from(current.min(total)) * u128::from(room) / u128::from(total.max(1));
    let filled = usize::try_from(filled).unwrap_or(0);
    let head = if filled < BAR - 2 { ">" } else { "" };
    format!("[{}{head}{}]", "=".repeat(filled), " ".repeat(BAR - 2 - filled - head.len()))
}
