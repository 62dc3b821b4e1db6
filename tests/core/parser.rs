//! The golden corpus: every file of `fixtures/dockerfiles`, its tree and its diagnostics as text.

use std::path::{Path, PathBuf};

use builder_core::diagnostic::render::{self, Style};
use builder_core::dockerfile::{Dockerfile, InstructionKind, dump, parse, parse_trigger};
use builder_core::text::SourceFile;

/// Reads the corpus files of one folder, sorted by name.
pub(crate) fn corpus(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/dockerfiles").join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "no file in {}", folder.display());
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

fn draw(text: &str) -> String {
    let source = SourceFile::new("Dockerfile", text);
    let parsed = parse(&source);
    let mut out = dump(&source, &parsed.dockerfile);
    for diagnostic in &parsed.diagnostics {
        out.push('\n');
        render::full(&mut out, &source, diagnostic, &Style::default()).unwrap();
    }
    out
}

fn snapshot(name: &str, text: &str) {
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, draw(text));
    });
}

#[test]
fn valid_files_have_the_recorded_tree_and_no_error() {
    for (name, text) in corpus("valid") {
        assert!(!parse(&SourceFile::new("Dockerfile", text.as_str())).has_errors(), "{name}:\n{}", draw(&text));
        snapshot(&format!("dockerfile-valid-{name}"), &text);
    }
}

#[test]
fn invalid_files_have_the_recorded_errors() {
    for (name, text) in corpus("invalid") {
        assert!(parse(&SourceFile::new("Dockerfile", text.as_str())).has_errors(), "{name}");
        snapshot(&format!("dockerfile-invalid-{name}"), &text);
    }
}

/// Returns messages of the diagnostics of a text.
fn messages(text: &str) -> Vec<String> {
    parse(&SourceFile::new("Dockerfile", text)).diagnostics.into_iter().map(|d| d.message).collect()
}

#[test]
fn a_physical_line_has_a_limit_and_a_joined_one_has_none() {
    let limit = "dockerfile line greater than max allowed size of 65535";
    let operand = "a".repeat(65_535 - "RUN ".len());
    assert_eq!(messages(&format!("FROM x\nRUN {operand}\n")), Vec::<String>::new());
    assert_eq!(messages(&format!("FROM x\nRUN {operand}a\nRNU\n")), [limit, "unknown instruction: RNU"]);
    assert_eq!(messages(&format!("FROM x\nRUN <<EOF\n{operand}12345\nEOF\n")), [limit]);
    let joined = "a \\\n".repeat(50_000);
    let warning = format!("Empty continuation line found in: RUN {}…", "a ".repeat(58));
    assert_eq!(messages(&format!("FROM x\nRUN {joined}\nb")), [warning]);
}

fn without_errors(text: &str) -> Dockerfile {
    let parsed = parse(&SourceFile::new("Dockerfile", text));
    assert!(!parsed.has_errors(), "{:?}", parsed.diagnostics);
    parsed.dockerfile
}

#[test]
fn triggers_are_stored_as_joined_and_parse_again() {
    for (text, stored) in [
        ("ONBUILD RUN echo hi", "RUN echo hi"),
        ("onbuild   copy a \\\n  b", "copy a   b"),
        ("ONBUILD RUN <<EOF\n a\nEOF\n", "RUN <<EOF\n a\nEOF"),
        ("ONBUILD COPY <<A <<'B' /d\n1\nA\n2\nB\n", "COPY <<A <<'B' /d\n1\nA\n2\nB"),
    ] {
        let dockerfile = without_errors(&format!("FROM x\n{text}"));
        let InstructionKind::OnBuild(on_build) = &dockerfile.instructions[1].kind else { panic!("{text}") };
        assert_eq!(on_build.text, stored);
        let again = parse_trigger(&on_build.text).unwrap();
        assert_eq!(again.keyword.value, on_build.trigger.keyword.value);
        assert_eq!(again.line.as_str(), on_build.trigger.line.as_str());
        assert_eq!(again.heredocs.len(), on_build.trigger.heredocs.len());
    }
}

#[test]
fn texts_that_are_no_trigger_are_refused() {
    for (text, message) in [
        ("", "onbuild trigger should be a single expression"),
        ("RUN a\nRUN b", "onbuild trigger should be a single expression"),
        ("ONBUILD RUN a", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("FROM a", "FROM isn't allowed as an ONBUILD trigger"),
        ("MAINTAINER a", "MAINTAINER isn't allowed as an ONBUILD trigger"),
        ("RNU a", "unknown instruction: RNU"),
        ("RUN <<EOF", "unterminated heredoc"),
    ] {
        let messages: Vec<_> = parse_trigger(text).unwrap_err().into_iter().map(|d| d.message).collect();
        assert!(messages.iter().any(|m| m == message), "{text}: {messages:?}");
    }
}

#[test]
fn instructions_and_diagnostics_come_in_the_order_of_the_file() {
    for (name, text) in corpus("valid").into_iter().chain(corpus("invalid")) {
        let parsed = parse(&SourceFile::new("Dockerfile", text));
        assert!(parsed.dockerfile.instructions.is_sorted_by_key(|i| i.span.start), "{name}");
        assert!(parsed.diagnostics.is_sorted_by_key(|d| d.span().map(|s| s.start)), "{name}");
    }
}

#[test]
fn many_errors_of_every_kind_take_linear_time() {
    let start = std::time::Instant::now();
    for line in [
        "RUN <<A\n A\n",
        "RUN <<A\n",
        "RNU a\n",
        "COPY --x --y --x a\n",
        "RUN [[[[[\n",
        "ENV a=b c d=e\n",
        "RUN a \\\n\n",
        "a \\\n",
        "ONBUILD ",
        "--a ",
        "a=b ",
        "[",
        "<<A ",
        "\\\n",
        "'",
    ] {
        for first in ["FROM x\n", "FROM x\nRUN ", "FROM x\nENV ", "FROM x\nCOPY "] {
            let text = format!("{first}{}", line.repeat(40_000));
            let _ = parse(&SourceFile::new("Dockerfile", text));
        }
    }
    // Quadratic behaviour takes minutes here; the bound is far from what a slow machine needs.
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}
