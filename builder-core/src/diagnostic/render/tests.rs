//! Drawings, kept as they look.

use super::*;
use crate::diagnostic::Diagnostic;
use crate::text::Span;

const SOURCE: &str = "FROM alpine AS base\n\nRNU true\n\tCOPY --from=a --from=é x y\nRUN a \\\n  b \\\n  c\n";

fn span_of(text: &str, part: &str) -> Span {
    let start = text.find(part).unwrap();
    Span::from_range(start..start + part.len())
}

fn draw(text: &str, diagnostic: &Diagnostic) -> String {
    let mut out = String::new();
    full(&mut out, &SourceFile::new("Dockerfile", text), diagnostic, &Style::default()).unwrap();
    out
}

#[test]
fn one_word_is_underlined() {
    let diagnostic = Diagnostic::error("unknown-instruction", span_of(SOURCE, "RNU"), "unknown instruction: RNU")
        .help("did you mean `RUN`?");
    insta::assert_snapshot!(draw(SOURCE, &diagnostic), @r"
    error[unknown-instruction]: unknown instruction: RNU
     --> Dockerfile:3:1
      |
    3 | RNU true
      | ^^^
      |
      = help: did you mean `RUN`?
    ");
}

#[test]
fn labels_on_one_line_keep_their_columns_behind_tabs() {
    let diagnostic = Diagnostic::error("duplicate-flag", span_of(SOURCE, "--from=é"), "duplicate flag")
        .also(span_of(SOURCE, "--from=a"), "first given here")
        .note("a note\nwith two lines");
    insta::assert_snapshot!(draw(SOURCE, &diagnostic), @r"
    error[duplicate-flag]: duplicate flag
     --> Dockerfile:4:16
      |
    4 |     COPY --from=a --from=é x y
      |          -------- ^^^^^^^^
      |          |
      |          first given here
      |
      = note: a note
              with two lines
    ");
}

#[test]
fn spans_over_lines_are_marked_at_both_ends() {
    let whole = span_of(SOURCE, "RUN a \\\n  b \\\n  c\n");
    let diagnostic =
        Diagnostic::warning("w", whole, "three lines").at(whole, "here").also(span_of(SOURCE, "base"), "the stage");
    insta::assert_snapshot!(draw(SOURCE, &diagnostic), @r"
    warning[w]: three lines
     --> Dockerfile:5:1
      |
    1 | FROM alpine AS base
      |                ---- the stage
    ...
    5 | RUN a \
      | ^^^^^^^
    6 |   b \
    7 |   c
      |   ^ here
    ");
}

#[test]
fn hostile_characters_are_shown_and_not_sent() {
    let text = "\u{feff}RUN \u{1b}[31m\u{202e}x\u{7} \u{9b}2J\n";
    let diagnostic = Diagnostic::error("e", span_of(text, "x"), "bad \u{1b}[0m\nname").note("\u{8}\r");
    let out = draw(text, &diagnostic);
    assert!(!out.chars().any(|c| c.is_control() && c != '\n'));
    insta::assert_snapshot!(out, @r"
    error[e]: bad ␛[0m␊name
     --> Dockerfile:1:11
      |
    1 | RUN ␛[31m\u{202e}x␇ \u{9b}2J
      |                  ^
      |
      = note: ␈␍
    ");
}

#[test]
fn empty_places_and_the_end_of_the_file_get_one_sign() {
    let diagnostic = Diagnostic::error("e", Span::at(4), "nothing here").help("write something");
    insta::assert_snapshot!(draw("FROM", &diagnostic), @r"
    error[e]: nothing here
     --> Dockerfile:1:5
      |
    1 | FROM
      |     ^
      |
      = help: write something
    ");
    let diagnostic = Diagnostic::new(Severity::Note, "n", "no place at all").note("really");
    insta::assert_snapshot!(draw("", &diagnostic), @r"
    note[n]: no place at all
      = note: really
    ");
}

#[test]
fn wide_lines_are_cut_around_the_mark() {
    let text = format!("RUN {} needle {}", "a".repeat(300), "b".repeat(300));
    let out = draw(&text, &Diagnostic::error("e", span_of(&text, "needle"), "found"));
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[3].chars().count() < 170 && lines[3].contains("…aaa") && lines[3].ends_with("b…"));
    assert_eq!(lines[3].chars().skip(lines[4].find('^').unwrap()).take(6).collect::<String>(), "needle");
}

#[test]
fn spans_outside_of_the_text_are_drawn_without_panic() {
    for span in [Span::new(900, 1000), Span::new(2, 1000), Span::new(1, 2), Span::at(u32::MAX)] {
        let diagnostic = Diagnostic::error("e", span, "far").also(span, "label");
        assert!(draw("é\nFROM x", &diagnostic).starts_with("error[e]: far"));
    }
}

#[test]
fn colours_are_ended_on_every_line() {
    let diagnostic = Diagnostic::error("e", span_of(SOURCE, "RNU"), "message").help("help");
    let mut out = String::new();
    full(&mut out, &SourceFile::new("Dockerfile", SOURCE), &diagnostic, &Style { color: true }).unwrap();
    assert!(out.contains("\u{1b}[1;31merror[e]\u{1b}[0m"));
    for line in out.lines().filter(|line| line.contains('\u{1b}')) {
        assert!(line.rfind("\u{1b}[0m") >= line.rfind("\u{1b}[1"), "{line:?}");
    }
}

#[test]
fn one_line_and_json_say_the_same() {
    let diagnostic = Diagnostic::error("duplicate-flag", span_of(SOURCE, "--from=é"), "duplicate flag")
        .at(span_of(SOURCE, "--from=é"), "again")
        .also(span_of(SOURCE, "--from=a"), "first given here")
        .note("a note")
        .help("remove one");
    let source = SourceFile::new("Dockerfile", SOURCE);
    let mut out = String::new();
    concise(&mut out, &source, &diagnostic, &Style::default()).unwrap();
    json(&mut out, &source, &diagnostic).unwrap();
    insta::assert_snapshot!(out, @r#"
    Dockerfile:4:16: error[duplicate-flag]: duplicate flag (remove one)
    {"id":"duplicate-flag","severity":"error","message":"duplicate flag","file":"Dockerfile","spans":[{"primary":true,"start":45,"end":54,"line":4,"column":16,"end_line":4,"end_column":24,"label":"again"},{"primary":false,"start":36,"end":44,"line":4,"column":7,"end_line":4,"end_column":15,"label":"first given here"}],"notes":["a note"],"help":"remove one"}
    "#);
}
