//! Tables with columns as wide as their widest cell.

use builder_core::diagnostic::render::visible;

use super::width::columns;

/// Spaces between two columns.
const GAP: usize = 3;

/// Lays out rows, the first being the header; no line has trailing spaces, and nothing in them acts on a terminal.
pub(crate) fn layout(rows: &[Vec<String>]) -> String {
    let shown = |cell: &String| cell.split('\n').map(visible).collect::<Vec<_>>().join("\n");
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(shown).collect()).collect();
    layout_visible(&rows)
}

fn layout_visible(rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (index, cell) in row.iter().enumerate() {
            match widths.get_mut(index) {
                Some(width) => *width = (*width).max(columns(cell)),
                None => widths.push(columns(cell)),
            }
        }
    }
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(columns(cell)) + GAP));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let text = layout(&[row(["NAME", "ID", "SIZE"]), row(["漢字x", "1", "2"]), row(["a", "12345", ""])]);
        assert_eq!(text, "NAME    ID      SIZE\n漢字x   1       2\na       12345\n");
    }

    #[test]
    fn nothing_in_a_cell_acts_on_a_terminal() {
        let text = layout(&[vec!["a\u{1b}[2J\u{7}".to_owned(), "two\nlines".to_owned()]]);
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
        assert!(text.contains("two\nlines"), "{text:?}");
    }
}
