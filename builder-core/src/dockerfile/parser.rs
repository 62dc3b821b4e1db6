//! The parser: lines to instructions, with recovery after each error.

use std::ops::Range;

use super::ast::{
    Comment, Dockerfile, EscapeCharacter, Flag, Heredoc, Instruction, InstructionKind, OnBuild, SourceText,
};
use super::directive::Directives;
use super::encoding::wrong_encoding;
use super::exec_form::{self, ExecForm};
use super::heredoc::{self, Marker};
use super::instructions::{self, Operands};
use super::line::{self, MAX_LINE_BYTES, PhysicalLine, Reader, TextBuilder};
use super::{flags, word};
use crate::diagnostic::{Diagnostic, Severity};
use crate::text::{SourceFile, Span, Spanned};

/// How much of a joined line a message quotes, in characters.
const QUOTED_LINE: usize = 120;
/// The lines with bytes that are not UTF-8 which are named: a file of another kind has nothing else.
const MAX_NOT_TEXT: usize = 10;

/// What parsing gives: always a tree, and what there is to say about the file.
#[derive(Clone, Debug)]
#[must_use]
pub struct Parsed {
    /// The tree; complete even where the file has errors.
    pub dockerfile: Dockerfile,
    /// Errors and warnings in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// Tells whether the file cannot be built as it is.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }
}

/// Parses a Dockerfile.
pub fn parse(source: &SourceFile) -> Parsed {
    let mut parser = Parser::new(source.text());
    if source.text().is_empty() {
        let empty = Diagnostic::error("empty-file", Span::at(0), "the Dockerfile cannot be empty");
        parser.diagnostics.push(empty.help("begin with `FROM` and the name of a base image"));
    } else if u32::try_from(source.text().len()).is_err() {
        // Spans count bytes in 32 bits.
        let message = "the Dockerfile is larger than 4 GiB";
        parser.diagnostics.push(Diagnostic::error("file-too-large", Span::at(0), message));
    } else {
        parser.file();
        parser.check_stages();
    }
    let mut diagnostics = parser.diagnostics;
    diagnostics.extend(not_text(source, &parser.comments));
    let is_wrong = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    if let Some(error) = wrong_encoding(source, is_wrong) {
        diagnostics = vec![error];
    }
    diagnostics.sort_by_key(|d| d.span().map(|span| span.start));
    let directives = parser.directives;
    let dockerfile = Dockerfile {
        directives: directives.found,
        escape: directives.escape,
        instructions: parser.instructions,
        comments: parser.comments,
    };
    Parsed { dockerfile, diagnostics }
}

/// What to say about bytes that are not UTF-8, once a line. In a comment they mean nothing; anywhere else the image
/// would have other bytes than the file.
fn not_text(source: &SourceFile, comments: &[Comment]) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = Vec::new();
    let mut last_line = 0;
    for span in source.replaced() {
        let line = source.line_of(*span);
        if line == last_line || found.len() == MAX_NOT_TEXT {
            continue;
        }
        last_line = line;
        let before = comments.partition_point(|comment| comment.span.start <= span.start);
        let comment = before.checked_sub(1).and_then(|index| comments.get(index));
        let message = "bytes that are not UTF-8";
        found.push(if comment.is_some_and(|comment| span.end <= comment.span.end) {
            Diagnostic::warning("invalid-utf8", *span, message)
        } else {
            let help = "save the file as UTF-8; to write such a byte into the image, name it: `printf '\\351'`";
            Diagnostic::error("invalid-utf8", *span, message).help(help)
        });
    }
    found
}

/// Parses the text of one `ONBUILD` trigger, as an image config holds it. Spans point into that text.
///
/// # Errors
/// What is wrong with it: a syntax error, more or less than one instruction, or one that cannot be a trigger.
pub fn parse_trigger(text: &str) -> Result<Instruction, Vec<Diagnostic>> {
    let mut parser = Parser::new(text);
    parser.directives.end();
    if u32::try_from(text.len()).is_ok() {
        parser.file();
    }
    parser.diagnostics.retain(|d| d.severity == Severity::Error);
    let whole = Span::from_range(0..text.len());
    let mut instructions = parser.instructions.into_iter();
    if let (Some(instruction), None) = (instructions.next(), instructions.next()) {
        parser.diagnostics.extend(instructions::forbidden_trigger(&instruction.keyword));
        return if parser.diagnostics.is_empty() { Ok(instruction) } else { Err(parser.diagnostics) };
    }
    let message = "onbuild trigger should be a single expression";
    parser.diagnostics.push(Diagnostic::error("invalid-trigger", whole, message));
    Err(parser.diagnostics)
}

/// The front of an instruction: what every one of them has.
struct Head {
    keyword: Range<usize>,
    flags: Vec<Flag>,
    operands: Range<usize>,
}

struct Parser<'t> {
    reader: Reader<'t>,
    directives: Directives,
    instructions: Vec<Instruction>,
    comments: Vec<Comment>,
    /// The comments above the next instruction.
    pending: Vec<Comment>,
    diagnostics: Vec<Diagnostic>,
    /// Whether a heredoc without end was found already: looking for a misplaced end is done only once,
    /// since each look may read the rest of the file.
    resynchronised: bool,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Self {
        Self {
            reader: Reader::new(text),
            directives: Directives::default(),
            instructions: Vec::new(),
            comments: Vec::new(),
            pending: Vec::new(),
            diagnostics: Vec::new(),
            resynchronised: false,
        }
    }

    fn escape(&self) -> EscapeCharacter {
        self.directives.escape
    }

    fn next_line(&mut self) -> Option<PhysicalLine<'t>> {
        let line = self.reader.next_line()?;
        if line.content.len() > MAX_LINE_BYTES {
            let message = format!("dockerfile line greater than max allowed size of {MAX_LINE_BYTES}");
            self.diagnostics.push(Diagnostic::error("line-too-long", line.span(), message));
        }
        Some(line)
    }

    fn file(&mut self) {
        while let Some(line) = self.next_line() {
            let (content, offset) = line.trimmed_start();
            if content.starts_with('#') {
                if !self.directives.take(content, offset, &mut self.diagnostics) {
                    self.comment(content, offset);
                }
                continue;
            }
            self.directives.end();
            if !content.is_empty() {
                self.instruction(content, offset);
            }
        }
    }

    fn comment(&mut self, content: &str, offset: usize) {
        let comment = line::comment(content, offset);
        if comment.text.is_empty() {
            self.pending.clear();
        } else {
            self.pending.push(comment.clone());
        }
        self.comments.push(comment);
    }

    /// Reads the instruction whose first line is `content`.
    fn instruction(&mut self, content: &str, offset: usize) {
        let joined = self.join(content, offset);
        let text = joined.as_str();
        let whole = word::trim(text, 0..text.len());
        let comments = std::mem::take(&mut self.pending);
        if whole.is_empty() {
            return;
        }
        let head = self.head(&joined, whole.clone());
        let markers = self.markers(&joined, &head);
        let heredocs = self.bodies(&joined, &markers);
        let mut instruction = self.build(&joined, whole, &head, &markers, heredocs);
        instruction.comments = comments;
        self.instructions.push(instruction);
    }

    /// Joins the lines of an instruction.
    fn join(&mut self, content: &str, offset: usize) -> SourceText {
        let mut joined = TextBuilder::default();
        let mut blank = None;
        let mut part = line::continued(content, self.escape());
        joined.push(part.unwrap_or(content), offset);
        while part.is_some() {
            let Some(line) = self.next_line() else { break };
            let (content, offset) = line.trimmed_start();
            if content.starts_with('#') {
                self.comments.push(line::comment(content, offset));
            } else if content.is_empty() {
                blank = blank.or_else(|| Some(line.span()));
            } else {
                part = line::continued(line.content, self.escape());
                joined.push(part.unwrap_or(line.content), line.start);
            }
        }
        let joined = joined.finish(offset);
        if let Some(blank) = blank {
            self.diagnostics.push(empty_continuation(&joined, blank));
        }
        joined
    }

    fn head(&self, line: &SourceText, range: Range<usize>) -> Head {
        let text = line.as_str();
        let part = text.get(range.clone()).unwrap_or("");
        let end = range.start + part.find(word::is_separator).unwrap_or(part.len());
        let (flags, operands) = flags::extract(line, end..range.end, self.escape());
        Head { keyword: range.start..end, flags, operands }
    }

    /// Finds the heredoc markers of an instruction that may have them.
    fn markers(&mut self, line: &SourceText, head: &Head) -> Vec<Marker> {
        let text = line.as_str();
        let keyword = |head: &Head| text.get(head.keyword.clone()).unwrap_or("").to_ascii_uppercase();
        let mut operands = head.operands.clone();
        let mut name = keyword(head);
        if name == "ONBUILD" {
            let trigger = self.head(line, operands);
            name = keyword(&trigger);
            operands = trigger.operands;
        }
        if !matches!(name.as_str(), "RUN" | "COPY" | "ADD") {
            return Vec::new();
        }
        let has_marker = text.get(operands.clone()).is_some_and(|part| part.contains("<<"));
        if !has_marker || !matches!(exec_form::parse(line, operands.clone()), ExecForm::Shell) {
            return Vec::new();
        }
        heredoc::markers(text, operands).unwrap_or_else(|open| {
            let kind = if open.quote == '"' { "double-quote" } else { "single-quote" };
            let message = format!("unexpected end of statement while looking for matching {kind}");
            self.diagnostics.push(Diagnostic::error("open-quote", line.span_of(open.range), message));
            Vec::new()
        })
    }

    /// Reads the bodies that the markers announce.
    fn bodies(&mut self, line: &SourceText, markers: &[Marker]) -> Vec<Heredoc> {
        let mut heredocs = Vec::with_capacity(markers.len());
        for marker in markers {
            let start = self.reader.position();
            let span = line.span_of(marker.range.clone());
            let (end, terminator) = if let Some(found) = self.terminator(marker) {
                found
            } else {
                self.unterminated(marker, span, start);
                let end = self.reader.position();
                (end, Span::from_range(end..end))
            };
            let body = self.reader.slice(start, end).to_owned();
            heredocs.push(Heredoc {
                marker: span,
                descriptor: marker.descriptor,
                name: marker.name.clone(),
                expand: marker.expand,
                strip_tabs: marker.strip_tabs,
                body: Spanned::new(body, Span::from_range(start..end)),
                terminator,
            });
        }
        heredocs
    }

    /// Reads up to the line that ends a heredoc; returns where the body ends and that line's span.
    fn terminator(&mut self, marker: &Marker) -> Option<(usize, Span)> {
        while let Some(line) = self.next_line() {
            let content = if marker.strip_tabs { line.content.trim_start_matches('\t') } else { line.content };
            if content == marker.name {
                return Some((line.start, line.span()));
            }
        }
        None
    }

    /// Reports a heredoc without end, and goes on behind a line that was perhaps meant as its end.
    fn unterminated(&mut self, marker: &Marker, span: Span, start: usize) {
        let mut diagnostic = Diagnostic::error("unterminated-heredoc", span, "unterminated heredoc");
        let mut meant = None;
        if !std::mem::replace(&mut self.resynchronised, true) {
            let end = self.reader.position();
            self.reader.seek(start);
            while let Some(line) = self.reader.next_line() {
                if line.content.trim() == marker.name.trim() {
                    meant = Some(line);
                    break;
                }
            }
            if meant.is_none() {
                self.reader.seek(end);
            }
        }
        let name = &marker.name;
        diagnostic = match meant {
            Some(line) => {
                let tabs = if marker.strip_tabs { ", behind tabs only" } else { "; `<<-` allows leading tabs" };
                diagnostic
                    .also(line.span(), "this line has blanks around the delimiter")
                    .help(format!("`{name}` must stand alone on its line{tabs}"))
            }
            None if name.contains(['>', '|', ';', '&', ')']) => {
                diagnostic.help(format!("the delimiter is `{name}`; put a blank behind the name if it is shorter"))
            }
            None => diagnostic.help(format!("end it with a line that holds `{name}` alone")),
        };
        self.diagnostics.push(diagnostic);
    }

    /// Makes the typed instruction that a part of a line stands for.
    fn build(
        &mut self,
        line: &SourceText,
        range: Range<usize>,
        head: &Head,
        markers: &[Marker],
        heredocs: Vec<Heredoc>,
    ) -> Instruction {
        let keyword = line.slice(head.keyword.clone());
        let keyword = Spanned::new(keyword.as_str().to_owned(), keyword.span());
        let mut operands = Operands {
            name: keyword.value.to_ascii_uppercase(),
            keyword: &keyword,
            line,
            range: head.operands.clone(),
            flags: &head.flags,
            escape: self.directives.escape,
            markers,
            diagnostics: &mut self.diagnostics,
        };
        let kind = match instructions::parse(&mut operands) {
            Some(kind) => kind,
            None => self.on_build(line, head, markers, &heredocs),
        };
        let whole = line.span_of(range.clone());
        let end = heredocs.last().map_or(whole.end, |h| h.terminator.end.max(whole.end));
        Instruction {
            span: Span::new(whole.start, end),
            head: whole,
            keyword,
            flags: head.flags.clone(),
            kind,
            heredocs,
            comments: Vec::new(),
            line: line.slice(range),
        }
    }

    /// Parses the trigger of an `ONBUILD`.
    fn on_build(
        &mut self,
        line: &SourceText,
        head: &Head,
        markers: &[Marker],
        heredocs: &[Heredoc],
    ) -> InstructionKind {
        let range = head.operands.clone();
        let trigger = self.head(line, range.clone());
        let keyword = line.slice(trigger.keyword.clone());
        let keyword = Spanned::new(keyword.as_str().to_owned(), keyword.span());
        if let Some(forbidden) = instructions::forbidden_trigger(&keyword) {
            self.diagnostics.push(forbidden);
            return InstructionKind::Invalid;
        }
        // The text behind the keyword as joined, blanks at its end included, as BuildKit stores it.
        let mut text = line.as_str().get(head.keyword.end..).unwrap_or("").trim_start().to_owned();
        for heredoc in heredocs {
            text.push('\n');
            text.push_str(&heredoc.body.value);
            text.push_str(&heredoc.name);
        }
        let before = self.diagnostics.len();
        let trigger = self.build(line, range, &trigger, markers, heredocs.to_vec());
        // BuildKit splits the words of a trigger, or reads their array, at once, and looks at the instruction itself in the child only.
        let is_split_at_once =
            ["ENV", "LABEL", "ARG"].iter().any(|name| trigger.keyword.value.eq_ignore_ascii_case(name));
        let is_late = |diagnostic: &&mut Diagnostic| !is_split_at_once && diagnostic.id != instructions::NOT_STRINGS;
        for diagnostic in self.diagnostics.iter_mut().skip(before).filter(is_late) {
            diagnostic.severity = diagnostic.severity.min(Severity::Warning);
            diagnostic.notes.push("every build from this image will fail at this trigger".to_owned());
        }
        InstructionKind::OnBuild(OnBuild { trigger: Box::new(trigger), text })
    }

    /// Reports what is wrong with the order of instructions.
    fn check_stages(&mut self) {
        let Some(last) = self.instructions.last() else {
            let end = Span::from_range(self.reader.position()..self.reader.position());
            let none = Diagnostic::error("no-instructions", end, "file with no instructions");
            self.diagnostics.push(none.help("begin with `FROM` and the name of a base image"));
            return;
        };
        let is = |i: &Instruction, name: &str| i.keyword.value.eq_ignore_ascii_case(name);
        // An unknown word may be a misspelt `FROM`: that is reported already.
        let first = self.instructions.iter().find(|i| !is(i, "ARG"));
        match first {
            None => {
                let message = "dockerfile contains no stages to build";
                let none = Diagnostic::error("no-stages", last.head, message);
                self.diagnostics.push(none.help("add a `FROM` and the name of a base image"));
            }
            Some(i) if !is(i, "FROM") && instructions::is_known(&i.keyword.value) => {
                let message = "no build stage in current context";
                let early = Diagnostic::error("no-build-stage", i.keyword.span, message);
                self.diagnostics.push(early.help("only `ARG` may stand before the first `FROM`"));
            }
            Some(_) => {}
        }
    }
}

fn empty_continuation(joined: &SourceText, blank: Span) -> Diagnostic {
    let text = joined.as_str().trim();
    let mut quoted: String = text.chars().take(QUOTED_LINE).collect();
    if quoted.len() < text.len() {
        quoted.push('…');
    }
    let message = format!("Empty continuation line found in: {quoted}");
    Diagnostic::warning("empty-continuation-line", blank, message)
        .note("empty continuation lines will become errors in a future release of BuildKit")
        .help("remove the blank line, or begin it with `#`")
}
