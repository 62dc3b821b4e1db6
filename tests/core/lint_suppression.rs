//! ShellCheck's own comments, in our dialect and in hadolint's.

use builder_core::lint::{Applicability, Dialect, LintOptions, fix, lint};
use builder_core::text::SourceFile;

/// The lines with a finding of `SC2086`; hadolint knows no other than that of the instruction.
fn lines(text: &str, dialect: Dialect) -> Vec<u32> {
    let source = SourceFile::new("Dockerfile", text);
    let findings = lint(&source, &LintOptions::new(dialect));
    let findings = findings.iter().filter(|finding| finding.code() == "SC2086");
    findings.map(|finding| source.line_of(finding.span())).collect()
}

#[test]
fn a_directive_in_a_heredoc_is_for_the_command_below_it() {
    let text = "FROM debian:12\nRUN <<EOF\n# shellcheck disable=SC2086\nls $A && ls $B\nls $C\nEOF\n";
    assert_eq!(lines(text, Dialect::Builder), [5]);
    let text = "FROM debian:12\nRUN <<EOF\nset -e\n# shellcheck disable=SC2086\nif true; then\nls $A\nfi\nEOF\n";
    assert!(lines(text, Dialect::Builder).is_empty());
    assert!(lines(text, Dialect::Hadolint).is_empty());
}

#[test]
fn a_directive_between_continued_lines_is_ours_alone() {
    let text = "FROM debian:12\nRUN true && \\\n# shellcheck disable=SC2086\n    ls $A && \\\n    ls $B\n";
    assert_eq!(lines(text, Dialect::Builder), [5]);
    assert_eq!(lines(text, Dialect::Hadolint), [2]);
    let text = "FROM debian:12\nRUN ls \\\n# shellcheck disable=SC2086\n    $A \\\n    $B\n";
    assert_eq!(lines(text, Dialect::Builder), [5], "arguments are silenced by the line");
}

#[test]
fn a_malformed_directive_silences_nothing() {
    for directive in ["disable=SC2086 because", "Disable=SC2086", "disable=", "disable=SC2046"] {
        let text = format!("FROM debian:12\nRUN <<EOF\n# shellcheck {directive}\nls $A\nEOF\n");
        assert_eq!(lines(&text, Dialect::Builder), [4], "{directive}");
    }
    let text = "FROM debian:12\nRUN <<EOF\n# shellcheck disable=SC2000-SC2100\nls $A\nEOF\n";
    assert!(lines(text, Dialect::Builder).is_empty());
}

#[test]
fn fixes_in_a_heredoc_keep_its_tabs() {
    let text = "FROM debian:12\nRUN <<-EOF\n\tset -e\n\tapt-get install curl\n\tEOF\n";
    let source = SourceFile::new("Dockerfile", text);
    let fixed = fix(&source, &LintOptions::default(), Applicability::Unsafe);
    let changed = fixed.text.lines().nth(3).unwrap_or_default();
    assert!(changed.starts_with("\tapt-get install") && changed.contains("-y"), "{changed:?}");
    assert!(fixed.text.contains("\n\tset -e\n") && fixed.text.contains("\n\tEOF\n"), "{:?}", fixed.text);
}
