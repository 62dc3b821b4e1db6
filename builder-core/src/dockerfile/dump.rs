//! The tree as text, for snapshots and for people: one node a line, with its place.

use std::fmt::Write;

use super::ast::{Command, Dockerfile, Instruction, InstructionKind, KeyValues, SourceText, Transfer, TransferSource};
use crate::text::{SourceFile, Span, Spanned};

/// Returns a tree as text. Places are `line:column-line:column`, ends exclusive.
pub fn dump(source: &SourceFile, dockerfile: &Dockerfile) -> String {
    let mut dump = Dump { source, out: String::new(), depth: 0 };
    dump.line(format_args!("escape {:?}", dockerfile.escape.as_char()));
    for directive in &dockerfile.directives {
        dump.node("directive", &directive.name.value, directive.span);
        dump.inside(|d| d.node("value", &directive.value.value, directive.value.span));
    }
    for comment in &dockerfile.comments {
        dump.node("comment", &comment.text, comment.span);
    }
    for instruction in &dockerfile.instructions {
        dump.instruction(instruction);
    }
    dump.out
}

struct Dump<'s> {
    source: &'s SourceFile,
    out: String,
    depth: usize,
}

impl Dump<'_> {
    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        let indent = self.depth * 2;
        // Writing to a string cannot fail.
        let _ = writeln!(self.out, "{:indent$}{text}", "");
    }

    fn inside(&mut self, f: impl FnOnce(&mut Self)) {
        self.depth += 1;
        f(self);
        self.depth -= 1;
    }

    fn place(&self, span: Span) -> String {
        let text = self.source.text();
        let start = self.source.lines().line_column(text, span.start);
        let end = self.source.lines().line_column(text, span.end);
        format!("{}:{}-{}:{}", start.line, start.column, end.line, end.column)
    }

    fn node(&mut self, kind: &str, value: &str, span: Span) {
        let place = self.place(span);
        self.line(format_args!("{kind} {value:?} {place}"));
    }

    fn text(&mut self, kind: &str, text: &SourceText) {
        self.node(kind, text.as_str(), text.span());
    }

    fn flag<T: ToString>(&mut self, name: &str, value: Option<&Spanned<T>>) {
        if let Some(value) = value {
            self.node(name, &value.value.to_string(), value.span);
        }
    }

    fn instruction(&mut self, instruction: &Instruction) {
        let place = self.place(instruction.span);
        let invalid = if instruction.kind == InstructionKind::Invalid { " invalid" } else { "" };
        self.line(format_args!("{} {place}{invalid}", instruction.keyword.value));
        self.inside(|d| {
            for comment in &instruction.comments {
                d.node("above", &comment.text, comment.span);
            }
            for flag in &instruction.flags {
                let value = flag.value.as_ref().map(|v| format!("={}", v.value)).unwrap_or_default();
                d.node("flag", &format!("--{}{value}", flag.name.value), flag.span);
            }
            d.kind(&instruction.kind);
            for heredoc in &instruction.heredocs {
                let mut kind = String::from("heredoc");
                if let Some(descriptor) = heredoc.descriptor {
                    let _ = write!(kind, " fd={descriptor}");
                }
                kind.push_str(if heredoc.expand { "" } else { " raw" });
                kind.push_str(if heredoc.strip_tabs { " strip-tabs" } else { "" });
                d.node(&kind, &heredoc.name, heredoc.marker);
                d.inside(|d| {
                    d.node("body", &heredoc.body.value, heredoc.body.span);
                    let place = d.place(heredoc.terminator);
                    d.line(format_args!("end {place}"));
                });
            }
        });
    }

    fn kind(&mut self, kind: &InstructionKind) {
        match kind {
            InstructionKind::Add(transfer) | InstructionKind::Copy(transfer) => self.transfer(transfer),
            InstructionKind::Arg(declarations) => {
                for declaration in declarations {
                    self.node("name", &declaration.name.value, declaration.name.span);
                    if let Some(default) = &declaration.default {
                        self.text("default", default);
                    }
                }
            }
            InstructionKind::Cmd(command) | InstructionKind::Entrypoint(command) => self.command(command),
            InstructionKind::Env(pairs) | InstructionKind::Label(pairs) => self.key_values(pairs),
            InstructionKind::Expose(words) => words.iter().for_each(|word| self.text("port", word)),
            InstructionKind::From(from) => {
                self.text("image", &from.image);
                self.flag("stage", from.name.as_ref());
            }
            InstructionKind::Healthcheck(check) => {
                self.flag("interval", check.interval.as_ref());
                self.flag("timeout", check.timeout.as_ref());
                self.flag("start-period", check.start_period.as_ref());
                self.flag("start-interval", check.start_interval.as_ref());
                self.flag("retries", check.retries.as_ref());
                match &check.command {
                    Some(command) => self.command(command),
                    None => self.line(format_args!("none")),
                }
            }
            InstructionKind::OnBuild(on_build) => {
                self.line(format_args!("text {:?}", on_build.text));
                self.instruction(&on_build.trigger);
            }
            InstructionKind::Run(run) => self.command(&run.command),
            InstructionKind::Shell(words) => {
                for word in words {
                    self.node("argument", &word.value, word.span);
                }
            }
            InstructionKind::Maintainer(text)
            | InstructionKind::StopSignal(text)
            | InstructionKind::User(text)
            | InstructionKind::Workdir(text) => self.text("operand", text),
            InstructionKind::Volume(paths) => paths.iter().for_each(|path| self.text("path", path)),
            InstructionKind::Invalid => {}
        }
    }

    fn command(&mut self, command: &Command) {
        match command {
            Command::Shell(text) => self.text("shell", text),
            Command::Exec(words) => {
                self.line(format_args!("exec"));
                self.inside(|d| words.iter().for_each(|word| d.node("argument", &word.value, word.span)));
            }
        }
    }

    fn key_values(&mut self, pairs: &KeyValues) {
        for pair in &pairs.pairs {
            self.text(if pairs.legacy { "key (legacy form)" } else { "key" }, &pair.key);
            self.inside(|d| d.text("value", &pair.value));
        }
    }

    fn transfer(&mut self, transfer: &Transfer) {
        for source in &transfer.sources {
            match source {
                TransferSource::Path(path) => self.text(if transfer.json { "source (json)" } else { "source" }, path),
                TransferSource::Heredoc(index) => self.line(format_args!("source heredoc {index}")),
            }
        }
        self.text("destination", &transfer.destination);
    }
}
