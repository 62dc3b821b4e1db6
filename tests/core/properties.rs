//! What holds for every text, whatever it is.

use builder_core::diagnostic::render::{self, Style};
use builder_core::dockerfile::{
    Command, Instruction, InstructionKind, Parsed, SourceText, TransferSource, detect_syntax, dump, parse,
    parse_duration, parse_trigger,
};
use builder_core::text::{SourceFile, Span, Spanned};
use builder_core::{dockerignore, glob};
use proptest::prelude::*;

use crate::parser::corpus;

/// Everything in a tree that has a place.
#[derive(Default)]
struct Places<'a> {
    spans: Vec<Span>,
    /// Values that stand in the source as they are, but for continuations.
    verbatim: Vec<&'a SourceText>,
    /// Values that were decoded or unquoted: only their places must be right.
    decoded: Vec<&'a SourceText>,
}

impl<'a> Places<'a> {
    fn of(parsed: &'a Parsed) -> Self {
        let mut places = Self::default();
        for directive in &parsed.dockerfile.directives {
            places.spans.extend([directive.span, directive.name.span, directive.value.span]);
        }
        places.spans.extend(parsed.dockerfile.comments.iter().map(|comment| comment.span));
        for diagnostic in &parsed.diagnostics {
            places.spans.extend(diagnostic.primary.iter().chain(&diagnostic.secondary).map(|label| label.span));
        }
        parsed.dockerfile.instructions.iter().for_each(|instruction| places.instruction(instruction));
        places
    }

    fn value<T>(&mut self, value: Option<&Spanned<T>>) {
        self.spans.extend(value.map(|value| value.span));
    }

    fn instruction(&mut self, instruction: &'a Instruction) {
        self.spans.extend([instruction.span, instruction.head, instruction.keyword.span]);
        self.verbatim.push(&instruction.line);
        self.spans.extend(instruction.comments.iter().map(|comment| comment.span));
        for flag in &instruction.flags {
            self.spans.extend([flag.span, flag.name.span]);
            self.value(flag.value.as_ref());
        }
        for heredoc in &instruction.heredocs {
            self.spans.extend([heredoc.marker, heredoc.body.span, heredoc.terminator]);
        }
        self.kind(&instruction.kind);
    }

    fn kind(&mut self, kind: &'a InstructionKind) {
        match kind {
            InstructionKind::Add(transfer) | InstructionKind::Copy(transfer) => {
                let paths = transfer.sources.iter().filter_map(|source| match source {
                    TransferSource::Path(path) => Some(path),
                    TransferSource::Heredoc(_) => None,
                });
                let paths = paths.chain([&transfer.destination]);
                if transfer.json {
                    self.decoded.extend(paths);
                } else {
                    self.verbatim.extend(paths);
                }
                self.value(transfer.from.as_ref());
                self.value(transfer.link.as_ref());
            }
            InstructionKind::Arg(declarations) => {
                for declaration in declarations {
                    self.spans.extend([declaration.span, declaration.name.span]);
                    self.verbatim.extend(&declaration.default);
                }
            }
            InstructionKind::Cmd(command) | InstructionKind::Entrypoint(command) => self.command(command),
            InstructionKind::Env(pairs) | InstructionKind::Label(pairs) => {
                self.verbatim.extend(pairs.pairs.iter().flat_map(|pair| [&pair.key, &pair.value]));
            }
            InstructionKind::Expose(words) => self.verbatim.extend(words),
            InstructionKind::From(from) => {
                self.verbatim.push(&from.image);
                self.value(from.platform.as_ref());
                self.value(from.as_keyword.as_ref());
                self.value(from.name.as_ref());
            }
            InstructionKind::Healthcheck(check) => {
                check.command.iter().for_each(|command| self.command(command));
                self.value(check.interval.as_ref());
                self.value(check.retries.as_ref());
            }
            InstructionKind::OnBuild(on_build) => self.instruction(&on_build.trigger),
            InstructionKind::Run(run) => {
                self.command(&run.command);
                run.mounts.iter().for_each(|mount| self.value(Some(mount)));
            }
            InstructionKind::Shell(words) => words.iter().for_each(|word| self.value(Some(word))),
            InstructionKind::Maintainer(text)
            | InstructionKind::StopSignal(text)
            | InstructionKind::User(text)
            | InstructionKind::Workdir(text) => self.verbatim.push(text),
            // JSON strings and words share one variant.
            InstructionKind::Volume(paths) => self.decoded.extend(paths),
            InstructionKind::Invalid => {}
        }
    }

    fn command(&mut self, command: &'a Command) {
        match command {
            Command::Shell(text) => self.verbatim.push(text),
            Command::Exec(words) => words.iter().for_each(|word| self.value(Some(word))),
        }
    }
}

fn check(text: &str) -> Result<(), TestCaseError> {
    let source = SourceFile::new("Dockerfile", text);
    let parsed = parse(&source);
    let places = Places::of(&parsed);
    let texts = places.verbatim.iter().chain(&places.decoded).map(|text| text.span());
    for span in places.spans.iter().copied().chain(texts) {
        prop_assert!(text.get(span.range()).is_some(), "{span:?} is not in {text:?}");
    }
    for value in &places.verbatim {
        for (offset, byte) in value.as_str().bytes().enumerate() {
            let at = value.source_offset(offset) as usize;
            prop_assert_eq!(text.as_bytes().get(at), Some(&byte), "byte {} of {:?} in {:?}", offset, value, text);
            prop_assert!(value.span().range().contains(&at), "{value:?}");
        }
    }
    for instruction in &parsed.dockerfile.instructions {
        if instruction.keyword.value.len() == instruction.keyword.span.len() as usize {
            prop_assert_eq!(source.slice(instruction.keyword.span), &instruction.keyword.value);
        }
        for heredoc in &instruction.heredocs {
            prop_assert_eq!(source.slice(heredoc.body.span), &heredoc.body.value);
        }
    }
    for directive in &parsed.dockerfile.directives {
        prop_assert_eq!(source.slice(directive.value.span), &directive.value.value);
    }
    // The others must only not panic.
    let mut out = String::new();
    for diagnostic in &parsed.diagnostics {
        render::full(&mut out, &source, diagnostic, &Style::default()).unwrap();
        render::concise(&mut out, &source, diagnostic, &Style::default()).unwrap();
        render::json(&mut String::new(), &source, diagnostic).unwrap();
    }
    prop_assert!(!out.chars().any(|c| c.is_control() && c != '\n'), "{out:?}");
    let _ = (dump(&source, &parsed.dockerfile), parse_trigger(text), detect_syntax(text), parse_duration(text));
    Ok(())
}

/// Texts made of the parts that the language is made of, in any order.
fn dockerfile_soup() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "FROM ",
        "RUN ",
        "COPY ",
        "ADD ",
        "ENV ",
        "ARG ",
        "LABEL ",
        "ONBUILD ",
        "HEALTHCHECK ",
        "CMD ",
        "VOLUME ",
        "SHELL ",
        "from ",
        "AS ",
        "NONE",
        "--from=",
        "--mount=",
        "--link",
        "--interval=1s ",
        "--",
        "=",
        "\"",
        "'",
        "\\",
        "`",
        "\\\n",
        "\n",
        "\r\n",
        "\r",
        " ",
        "\t",
        "#",
        "# escape=`\n",
        "# syntax=a\n",
        "<<EOF",
        "<<-",
        "<<",
        "EOF",
        "\nEOF\n",
        "<<'a b'",
        "$((",
        "))",
        "[",
        "]",
        "[\"",
        "\",",
        "\"]",
        "{",
        "}",
        "$",
        "${x}",
        ",",
        "a",
        "é",
        "😀",
        "\u{feff}",
        "\u{0}",
        "\u{b}",
        "\u{a0}",
        "\\u00e9",
        "1",
        "null",
        "word",
    ]);
    prop::collection::vec(parts, 0..60).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_parse_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn soup_parses_without_panic_and_its_spans_cover_it(text in dockerfile_soup()) {
        check(&text)?;
    }

    #[test]
    fn what_a_walk_skips_holds_nothing_that_is_included(file in "[!*?/\\[\\]\\\\^a\n-]{0,40}", path in "[ab*-]{1,3}(/[ab-]{1,3}){0,3}") {
        if let Ok(patterns) = dockerignore::parse(&file)
            && patterns.matches(&path, true)
            && !patterns.may_reinclude_below(&path)
        {
            for below in ["a", "-", "b/a"].map(|name| format!("{path}/{name}")) {
                prop_assert!(patterns.matches(&below, false), "{file:?} {below:?}");
            }
        }
    }

    #[test]
    fn any_ignore_file_parses_and_matches_without_panic(file in ".{0,40}", path in ".{0,20}") {
        if let Ok(patterns) = dockerignore::parse(&file) {
            let _ = (patterns.matches(&path, false), patterns.may_reinclude_below(&path));
        }
    }

    #[test]
    fn globs_match_as_a_plain_search_does(pattern in "[ab/*?]{0,8}", path in "[ab/]{0,8}") {
        let expected = by_search(pattern.as_bytes(), path.as_bytes());
        prop_assert_eq!(glob::Glob::new(&pattern).unwrap().matches(&path), expected);
    }
}

/// The definition of a glob, tried out in every way.
fn by_search(pattern: &[u8], path: &[u8]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), next) => {
            by_search(rest, path) || next.is_some_and(|(c, path)| *c != b'/' && by_search(pattern, path))
        }
        (Some((b'?', rest)), Some((c, path))) => *c != b'/' && by_search(rest, path),
        (Some((p, rest)), Some((c, path))) => p == c && by_search(rest, path),
        _ => false,
    }
}

#[test]
fn corpus_files_and_their_beginnings_keep_the_rules() {
    for (name, text) in corpus("valid").into_iter().chain(corpus("invalid")) {
        for (end, _) in text.char_indices().step_by(7).chain([(text.len(), ' ')]) {
            check(&text[..end]).unwrap_or_else(|error| panic!("{name} up to {end}: {error}"));
        }
    }
}
