//! Two other parsers as oracles: what they accept we accept, with the same instructions, image references,
//! stage names and arguments. Every exception is in a table, with its reason.
//!
//! Arguments are compared without blanks, quotes and backslashes, since the crates differ in what they
//! unquote; the lists that arguments form must be the same.

use builder_core::diagnostic::Severity;
use builder_core::dockerfile::{
    Command, EscapeCharacter, Flag, Instruction, InstructionKind, KeyValues, Parsed, TransferSource, parse,
};
use builder_core::text::SourceFile;
use dockerfile_parser as stage_parser;
use parse_dockerfile as span_parser;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::parser::corpus;

/// Errors of ours in files that an oracle accepts: it does not make the check, `BuildKit` does.
const CHECKS_OF_BUILDKIT_ONLY: [(&str, &str); 29] = [
    ("unknown-flag", "both take any flag"),
    ("duplicate-flag", "both take flags twice"),
    ("missing-flag-value", "both take flags without value"),
    ("invalid-flag-value", "neither knows what values mean"),
    ("invalid-mount", "neither reads the record of a mount"),
    ("mount-from-variable", "neither reads the record of a mount"),
    ("copy-from-variable", "neither knows what values mean"),
    ("invalid-duration", "neither knows what values mean"),
    ("invalid-retries", "neither knows what values mean"),
    ("invalid-stage-name", "neither restricts the characters of stage names"),
    ("missing-operand", "`ENV a`, `HEALTHCHECK CMD` and the like pass as text"),
    ("missing-equals", "both keep pairs as text, or stop at the first wrong one"),
    ("blank-name", "both keep pairs as text"),
    ("blank-volume", "neither looks at the paths"),
    ("json-not-strings", "both take an array with other values for a shell command"),
    ("invalid-trigger", "neither forbids FROM and MAINTAINER as triggers"),
    ("healthcheck-none", "the catch-all of dockerfile-parser"),
    ("healthcheck-type", "the catch-all of dockerfile-parser"),
    ("shell-not-json", "the catch-all of dockerfile-parser"),
    ("from-operands", "the catch-all of dockerfile-parser"),
    ("unknown-instruction", "the catch-all of dockerfile-parser"),
    ("no-build-stage", "dockerfile-parser takes instructions without stage"),
    ("empty-file", "dockerfile-parser takes files without instruction"),
    ("no-instructions", "dockerfile-parser takes files without instruction"),
    ("no-stages", "dockerfile-parser takes files without stage"),
    ("duplicate-directive", "parse-dockerfile drops all directives then, dockerfile-parser knows none"),
    ("invalid-escape", "dockerfile-parser knows no directives"),
    ("unterminated-heredoc", "heredocs behind other words: parse-dockerfile sees no marker there"),
    ("heredoc-destination", "neither looks at the destination"),
];

/// What an instruction says: its keyword, and its arguments in a form that the oracle can give as well.
type Fact = (String, Vec<String>);

/// Removes blanks, quotes and backslashes.
fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\'' | '\\')).collect()
}

/// Joins continuation lines of raw source.
fn joined(text: &str, escape: EscapeCharacter) -> String {
    let mut lines = text.split('\n');
    let mut out = lines.next().unwrap_or("").to_owned();
    for line in lines {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let kept = out.trim_end().trim_end_matches(escape.as_char()).len();
        out.truncate(kept);
        out.push_str(line);
    }
    out
}

fn ours(text: &str) -> Result<Parsed, String> {
    if text.lines().any(|line| line.trim_end().ends_with("\\\\")) {
        return Err("both take an escaped backslash at the end of a line for a continuation".to_owned());
    }
    let parsed = parse(&SourceFile::new("Dockerfile", text));
    let errors: Vec<_> = parsed.diagnostics.iter().filter(|d| d.severity == Severity::Error).collect();
    if errors.is_empty() {
        return Ok(parsed);
    }
    for error in errors {
        let listed = CHECKS_OF_BUILDKIT_ONLY.iter().any(|(id, _)| *id == error.id);
        assert!(listed, "accepted by the oracle, not by us: {}: {}\n{text}", error.id, error.message);
    }
    Err("a check that BuildKit alone makes".to_owned())
}

/// Returns the text behind the keyword.
fn rest(instruction: &Instruction) -> String {
    bare(instruction.line.as_str().get(instruction.keyword.value.len()..).unwrap_or(""))
}

fn our_command(command: &Command) -> Vec<String> {
    match command {
        Command::Shell(text) => vec![bare(text.as_str())],
        Command::Exec(words) => words.iter().map(|word| format!("exec {}", bare(&word.value))).collect(),
    }
}

fn our_flags(flags: &[Flag]) -> Vec<String> {
    let value = |flag: &Flag| flag.value.as_ref().map(|value| value.value.clone()).unwrap_or_default();
    flags.iter().map(|flag| bare(&format!("--{}={}", flag.name.value, value(flag)))).collect()
}

fn our_transfer(instruction: &Instruction) -> Vec<String> {
    let (InstructionKind::Copy(transfer) | InstructionKind::Add(transfer)) = &instruction.kind else { unreachable!() };
    let mut facts = our_flags(&instruction.flags);
    facts.extend(transfer.sources.iter().map(|source| match source {
        TransferSource::Path(path) => bare(path.as_str()),
        TransferSource::Heredoc(index) => format!("heredoc {}", bare(&instruction.heredocs[*index].content())),
    }));
    facts.push(bare(transfer.destination.as_str()));
    facts
}

fn our_pairs(pairs: &KeyValues) -> Vec<String> {
    pairs.pairs.iter().map(|pair| bare(&format!("{}={}", pair.key.as_str(), pair.value.as_str()))).collect()
}

mod with_parse_dockerfile {
    use super::*;
    use span_parser::{HealthcheckArguments, JsonOrStringArray, Source};

    fn command(command: &span_parser::Command<'_>, escape: EscapeCharacter) -> Vec<String> {
        match command {
            span_parser::Command::Shell(text) => vec![bare(&joined(text.value, escape))],
            span_parser::Command::Exec(words) => {
                words.value.iter().map(|word| format!("exec {}", bare(&word.value))).collect()
            }
            _ => unreachable!("no other form"),
        }
    }

    fn flags(flags: &[span_parser::Flag<'_>]) -> Vec<String> {
        let value = |flag: &span_parser::Flag<'_>| flag.value.as_ref().map(|v| v.value.to_string()).unwrap_or_default();
        flags.iter().map(|flag| bare(&format!("--{}={}", flag.name.value, value(flag)))).collect()
    }

    fn transfer(options: &[span_parser::Flag<'_>], sources: &[Source<'_>], destination: &str) -> Vec<String> {
        let mut facts = flags(options);
        facts.extend(sources.iter().map(|source| match source {
            Source::Path(path) => bare(&path.value),
            Source::HereDoc(heredoc) => format!("heredoc {}", bare(&heredoc.value)),
            _ => unreachable!("no other source"),
        }));
        facts.push(bare(destination));
        facts
    }

    fn theirs(instruction: &span_parser::Instruction<'_>, escape: EscapeCharacter) -> Fact {
        use span_parser::Instruction as I;
        let text = |text: &str| vec![bare(text)];
        let (keyword, facts) = match instruction {
            I::Add(i) => ("ADD", transfer(&i.options, &i.src, &i.dest.value)),
            I::Copy(i) => ("COPY", transfer(&i.options, &i.src, &i.dest.value)),
            I::Arg(i) => ("ARG", text(&i.arguments.value)),
            I::Cmd(i) => ("CMD", command(&i.arguments, escape)),
            I::Entrypoint(i) => ("ENTRYPOINT", command(&i.arguments, escape)),
            I::Env(i) => ("ENV", text(&i.arguments.value)),
            I::Label(i) => ("LABEL", text(&i.arguments.value)),
            I::Expose(i) => ("EXPOSE", i.arguments.iter().map(|word| bare(&word.value)).collect()),
            I::From(i) => {
                let mut facts = flags(&i.options);
                facts.push(bare(&i.image.value));
                facts.extend(i.as_.as_ref().map(|(_, name)| bare(&name.value)));
                ("FROM", facts)
            }
            I::Healthcheck(i) => (
                "HEALTHCHECK",
                match &i.arguments {
                    HealthcheckArguments::Cmd { arguments, .. } => command(arguments, escape),
                    _ => vec!["none".to_owned()],
                },
            ),
            I::Maintainer(i) => ("MAINTAINER", text(&i.name.value)),
            I::Onbuild(i) => {
                let (keyword, mut facts) = theirs(&i.instruction, escape);
                facts.insert(0, keyword);
                ("ONBUILD", facts)
            }
            I::Run(i) => {
                let mut facts = flags(&i.options);
                facts.extend(command(&i.arguments, escape));
                facts.extend(i.here_docs.iter().map(|heredoc| format!("heredoc {}", bare(&heredoc.value))));
                ("RUN", facts)
            }
            I::Shell(i) => ("SHELL", i.arguments.iter().map(|word| bare(&word.value)).collect()),
            I::Stopsignal(i) => ("STOPSIGNAL", text(&i.arguments.value)),
            I::User(i) => ("USER", text(&i.arguments.value)),
            I::Volume(i) => (
                "VOLUME",
                match &i.arguments {
                    JsonOrStringArray::Json(words) => words.value.iter().map(|word| bare(&word.value)).collect(),
                    JsonOrStringArray::String(words) => words.iter().map(|word| bare(&word.value)).collect(),
                },
            ),
            I::Workdir(i) => ("WORKDIR", text(&i.arguments.value)),
            _ => unreachable!("no other instruction"),
        };
        (keyword.to_owned(), facts)
    }

    /// Returns our facts in the form of this oracle, or why it cannot know them.
    fn facts(instruction: &Instruction) -> Result<Fact, &'static str> {
        let facts = match &instruction.kind {
            InstructionKind::Add(_) | InstructionKind::Copy(_) => {
                if instruction.heredocs.iter().any(|heredoc| heredoc.name.contains(char::is_whitespace)) {
                    return Err("a delimiter with blanks in it is two words to the oracle");
                }
                our_transfer(instruction)
            }
            InstructionKind::Arg(_)
            | InstructionKind::Env(_)
            | InstructionKind::Label(_)
            | InstructionKind::StopSignal(_) => vec![rest(instruction)],
            InstructionKind::Cmd(command) | InstructionKind::Entrypoint(command) => our_command(command),
            InstructionKind::Expose(words) | InstructionKind::Volume(words) => {
                words.iter().map(|word| bare(word.as_str())).collect()
            }
            InstructionKind::From(from) => {
                let mut facts = our_flags(&instruction.flags);
                facts.push(bare(from.image.as_str()));
                facts.extend(from.name.as_ref().map(|name| bare(&name.value)));
                facts
            }
            InstructionKind::Healthcheck(check) => {
                check.command.as_ref().map_or_else(|| vec!["none".to_owned()], our_command)
            }
            InstructionKind::OnBuild(on_build) => {
                let (keyword, mut facts) = self::facts(&on_build.trigger)?;
                facts.insert(0, keyword);
                facts
            }
            InstructionKind::Run(run) => {
                let mut facts = our_flags(&instruction.flags);
                match (&run.command, instruction.heredocs.as_slice()) {
                    (command, []) => facts.extend(our_command(command)),
                    (Command::Shell(text), [heredoc]) if heredoc.marker.start == text.span().start => {
                        let written = (heredoc.marker.end - heredoc.marker.start) as usize;
                        facts.push(bare(text.as_str().get(written..).unwrap_or("")));
                        facts.push(format!("heredoc {}", bare(&heredoc.content())));
                    }
                    _ => return Err("the oracle knows one heredoc, at the front of a command"),
                }
                facts
            }
            InstructionKind::Shell(words) => words.iter().map(|word| bare(&word.value)).collect(),
            InstructionKind::Maintainer(text) | InstructionKind::User(text) | InstructionKind::Workdir(text) => {
                vec![bare(text.as_str())]
            }
            InstructionKind::Invalid => unreachable!("there are no errors"),
        };
        Ok((instruction.keyword.value.to_ascii_uppercase(), facts))
    }

    /// Compares; `Err` says why there was nothing to compare.
    pub(super) fn compare(text: &str) -> Result<(), String> {
        let theirs = span_parser::parse(text).map_err(|error| format!("refused: {error}"))?;
        let parsed = ours(text)?;
        let escape = parsed.dockerfile.escape;
        let ours: Result<Vec<Fact>, _> = parsed.dockerfile.instructions.iter().map(facts).collect();
        let theirs: Vec<Fact> =
            theirs.instructions.iter().map(|instruction| self::theirs(instruction, escape)).collect();
        assert_eq!(ours?, theirs, "{text}");
        Ok(())
    }
}

mod with_dockerfile_parser {
    use super::*;
    use stage_parser::{Dockerfile, Instruction as Theirs, ShellOrExecExpr};

    fn command(command: &ShellOrExecExpr) -> Vec<String> {
        match command {
            ShellOrExecExpr::Shell(text) => vec![bare(&text.to_string())],
            ShellOrExecExpr::Exec(words) => {
                words.elements.iter().map(|word| format!("exec {}", bare(&word.content))).collect()
            }
        }
    }

    /// Returns the facts that the oracle gives and ours in the same form; `None` where it cannot know them.
    fn facts(theirs: &Theirs, ours: &Instruction) -> Option<(Fact, Fact)> {
        let fact = |keyword: &str, facts: Vec<String>| (keyword.to_owned(), facts);
        let our_keyword = ours.keyword.value.to_ascii_uppercase();
        let (theirs, our_facts) = match (theirs, &ours.kind) {
            (Theirs::From(i), InstructionKind::From(from)) => {
                let mut facts = vec![i.image.content.clone()];
                facts.extend(i.alias.as_ref().map(|name| name.content.clone()));
                let mut our_facts = vec![from.image.as_str().to_owned()];
                our_facts.extend(from.name.as_ref().map(|name| name.value.clone()));
                (fact("FROM", facts), our_facts)
            }
            (Theirs::Arg(i), InstructionKind::Arg(declarations)) => {
                // It knows one name for each instruction and refuses files with more.
                let [declaration] = declarations.as_slice() else { return None };
                let mut facts = vec![i.name.content.clone()];
                facts.extend(i.value.as_ref().map(|value| bare(&value.content)));
                let mut our_facts = vec![declaration.name.value.clone()];
                our_facts.extend(declaration.default.as_ref().map(|default| bare(default.as_str())));
                (fact("ARG", facts), our_facts)
            }
            (Theirs::Label(i), InstructionKind::Label(pairs)) => {
                let pair = |l: &stage_parser::Label| bare(&format!("{}={}", l.name.content, l.value.content));
                (fact("LABEL", i.labels.iter().map(pair).collect()), our_pairs(pairs))
            }
            (Theirs::Env(i), InstructionKind::Env(pairs)) => {
                let pair = |v: &stage_parser::EnvVar| bare(&format!("{}={}", v.key.content, v.value));
                (fact("ENV", i.vars.iter().map(pair).collect()), our_pairs(pairs))
            }
            // It takes flags of RUN for a part of the command.
            (Theirs::Run(_), InstructionKind::Run(_)) if !ours.flags.is_empty() => return None,
            (Theirs::Run(i), InstructionKind::Run(run)) => (fact("RUN", command(&i.expr)), our_command(&run.command)),
            (Theirs::Cmd(i), InstructionKind::Cmd(ours)) => (fact("CMD", command(&i.expr)), our_command(ours)),
            (Theirs::Entrypoint(i), InstructionKind::Entrypoint(ours)) => {
                (fact("ENTRYPOINT", command(&i.expr)), our_command(ours))
            }
            (Theirs::Copy(i), InstructionKind::Copy(transfer)) => {
                // It knows no JSON here, and only flags that have a value and no dash in their name.
                // A lone `--` is a path to it.
                let dashes = ours.line.as_str().split_whitespace().any(|word| word == "--");
                if transfer.json || dashes || i.flags.len() != ours.flags.len() {
                    return None;
                }
                let flags = i.flags.iter().map(|flag| bare(&format!("--{}={}", flag.name.content, flag.value.content)));
                let paths = i.sources.iter().chain([&i.destination]).map(|path| bare(&path.content));
                (fact("COPY", flags.chain(paths).collect()), our_transfer(ours))
            }
            // Everything else, and what its rules for the others do not cover, is a word and text to it.
            (Theirs::Misc(i), _) => {
                let keyword = i.instruction.content.to_ascii_uppercase();
                ((keyword, vec![bare(&i.arguments.to_string())]), vec![rest(ours)])
            }
            (theirs, ours) => panic!("{theirs:?} is not {ours:?}"),
        };
        // It takes single quotes and a comma at the end for JSON; BuildKit does not, and runs a shell.
        let exec = |facts: &[String]| facts.first().is_some_and(|fact| fact.starts_with("exec "));
        if exec(&theirs.1) && !exec(&our_facts) && rest(ours).starts_with('[') {
            return None;
        }
        Some((theirs, (our_keyword, our_facts)))
    }

    /// Says why the oracle cannot know a file.
    fn beyond(text: &str, parsed: &Parsed) -> Option<&'static str> {
        let heredocs = parsed.dockerfile.instructions.iter().any(|i| !i.heredocs.is_empty());
        if parsed.dockerfile.escape != EscapeCharacter::Backslash {
            return Some("it knows no directives");
        }
        if heredocs {
            return Some("it knows no heredocs");
        }
        text.contains(['\u{b}', '\u{c}']).then_some("it knows no blanks but space and tab")
    }

    /// Compares; `Err` says why there was nothing to compare.
    pub(super) fn compare(text: &str) -> Result<(), String> {
        let theirs = Dockerfile::parse(text).map_err(|error| format!("refused: {error}"))?;
        let parsed = ours(text)?;
        if let Some(reason) = beyond(text, &parsed) {
            return Err(reason.to_owned());
        }
        assert_eq!(theirs.instructions.len(), parsed.dockerfile.instructions.len(), "{text}");
        for (theirs, ours) in theirs.instructions.iter().zip(&parsed.dockerfile.instructions) {
            if let Some((theirs, ours)) = facts(theirs, ours) {
                assert_eq!(ours, theirs, "{text}");
            }
        }
        Ok(())
    }
}

type Compare = fn(&str) -> Result<(), String>;

/// Compares the files of the corpus; returns the names of those where there was something to compare.
fn compared_files(compare: Compare) -> Vec<String> {
    let files = corpus("valid").into_iter().chain(corpus("invalid"));
    files.filter(|(_, text)| compare(text).is_ok()).map(|(name, _)| name).collect()
}

#[test]
fn the_corpus_reads_as_parse_dockerfile_reads_it() {
    insta::assert_snapshot!(compared_files(with_parse_dockerfile::compare).join(" "), @"args byte-order-mark comments crlf directives-backtick directives-ended empty-continuations env-forms json-fallback json-forms minimal multistage odd-whitespace onbuild plain-operands real-python unicode");
}

#[test]
fn the_corpus_reads_as_dockerfile_parser_reads_it() {
    insta::assert_snapshot!(compared_files(with_dockerfile_parser::compare).join(" "), @"comments directives-ended flags minimal real-python");
}

/// Returns whole files in the common part of the language, with continuations, comments and odd cases.
fn files() -> impl Strategy<Value = String> {
    let word = "[a-zA-Z0-9/._:$-]{0,6}[a-z0-9]";
    let name = "[a-zA-Z][a-zA-Z0-9_]{0,5}";
    let blank = prop::sample::select(vec![" ", "  ", "\t", " \\\n", " \\\n  ", " \\\n# comment\n   ", " \\ \n\t"]);
    let quoted = "\"[a-z $]{0,6}\"|'[a-z $]{0,6}'";
    let value = prop_oneof![word.prop_map(|s| s), quoted.prop_map(|s| s)];
    let words = prop::collection::vec((blank.clone(), word), 1..5)
        .prop_map(|words| words.into_iter().map(|(blank, word)| blank.to_owned() + &word).collect::<String>());
    let exec =
        prop::collection::vec("[a-z /-]{0,6}", 1..4).prop_map(|words| format!(" [\"{}\"]", words.join("\", \"")));
    let command = prop_oneof![words.clone(), exec];
    let instruction = prop_oneof![
        (prop::sample::select(vec!["RUN", "run", "CMD", "ENTRYPOINT", "Cmd"]), command.clone())
            .prop_map(|(k, c)| k.to_owned() + &c),
        (prop::sample::select(vec!["WORKDIR", "USER", "EXPOSE", "VOLUME", "expose"]), words.clone())
            .prop_map(|(k, w)| k.to_owned() + &w),
        (name, prop::option::of(name)).prop_map(|(image, stage)| match stage {
            Some(stage) => format!("FROM {image}:tag AS {stage}"),
            None => format!("from {image}"),
        }),
        (prop::sample::select(vec!["COPY", "ADD", "copy --from=x", "COPY --chown=a:b"]), words.clone(), word)
            .prop_map(|(k, sources, destination)| format!("{k}{sources} {destination}")),
        (prop::sample::select(vec!["ENV", "LABEL"]), prop::collection::vec((blank, name, value.clone()), 1..4))
            .prop_map(
                |(k, pairs)| k.to_owned() + &pairs.iter().flat_map(|(b, n, v)| [*b, n, "=", v]).collect::<String>()
            ),
        (name, prop::option::of(value)).prop_map(|(name, default)| match default {
            Some(default) => format!("ARG {name}={default}"),
            None => format!("ARG {name}"),
        }),
        command.clone().prop_map(|command| format!("HEALTHCHECK --interval=30s CMD{command}")),
        command.prop_map(|command| format!("ONBUILD RUN{command}")),
    ];
    let between = prop::sample::select(vec!["\n", "\n\n", "\n# comment\n", "\n  ", "\n\n  # comment \n\t"]);
    prop::collection::vec((instruction, between), 0..10).prop_map(|instructions| {
        "FROM base AS first\n".to_owned()
            + &instructions.into_iter().map(|(instruction, after)| instruction + after).collect::<String>()
    })
}

/// Compares generated files; most of them must be accepted by the oracle, or nothing is tested.
fn compare_generated(compare: Compare) {
    const FILES: usize = 1_000;
    let mut runner = TestRunner::deterministic();
    let strategy = files();
    let mut compared = 0;
    let mut last = String::new();
    for _ in 0..FILES {
        let text = strategy.new_tree(&mut runner).unwrap().current();
        match compare(&text) {
            Ok(()) => compared += 1,
            Err(reason) => last = format!("{reason}\n{text}"),
        }
    }
    assert!(compared > FILES / 2, "only {compared} files were compared; one was not: {last}");
}

#[test]
fn generated_files_read_as_parse_dockerfile_reads_them() {
    compare_generated(with_parse_dockerfile::compare);
}

#[test]
fn generated_files_read_as_dockerfile_parser_reads_them() {
    compare_generated(with_dockerfile_parser::compare);
}
