//! The typed tree of a Dockerfile: every instruction, flag and operand with the bytes it came from.
//!
//! Operands are kept as written (quotes, escapes and variables in place) after continuation lines were
//! joined; expansion belongs to the plan.

use crate::text::{Span, Spanned};

/// The character that continues lines and escapes in words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EscapeCharacter {
    /// `\`, the default.
    #[default]
    Backslash,
    /// The backtick.
    Backtick,
}

impl EscapeCharacter {
    /// Returns the character itself.
    pub fn as_char(self) -> char {
        match self {
            Self::Backslash => '\\',
            Self::Backtick => '`',
        }
    }
}

/// A stretch of source text whose continuation lines were joined. It remembers where every byte came from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SourceText {
    text: String,
    span: Span,
    /// (offset in `text`, offset in the source) of each run of bytes that are adjacent in both; sorted.
    pieces: Vec<(u32, u32)>,
}

impl SourceText {
    /// Makes a text that stands in the source as it is, at `start`.
    pub fn contiguous(text: impl Into<String>, start: u32) -> Self {
        let text = text.into();
        let end = start.saturating_add(u32::try_from(text.len()).unwrap_or(u32::MAX));
        Self { text, span: Span::new(start, end), pieces: vec![(0, start)] }
    }

    /// Makes a text from runs that are adjacent in both: pairs of (offset in `text`, offset in the source),
    /// sorted by the first. `span` covers all of it in the source.
    pub fn from_pieces(text: impl Into<String>, span: Span, pieces: Vec<(u32, u32)>) -> Self {
        Self { text: text.into(), span, pieces }
    }

    /// Returns the joined text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the runs of bytes that are adjacent in the text and in the source, as [`SourceText::from_pieces`]
    /// takes them.
    pub fn pieces(&self) -> &[(u32, u32)] {
        &self.pieces
    }

    /// Returns the source bytes from the first to the last byte of the text, continuations included.
    pub fn span(&self) -> Span {
        self.span
    }

    /// Returns the source offset of a byte of the joined text.
    pub fn source_offset(&self, offset: usize) -> u32 {
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        match self.pieces.partition_point(|(text, _)| *text <= offset).checked_sub(1) {
            Some(i) => self.pieces[i].1 + (offset - self.pieces[i].0),
            None => self.span.start,
        }
    }

    /// Returns the source span of a range of the joined text.
    pub fn span_of(&self, range: std::ops::Range<usize>) -> Span {
        if range.is_empty() {
            return Span::at(self.source_offset(range.start));
        }
        Span::new(self.source_offset(range.start), self.source_offset(range.end - 1) + 1)
    }

    /// Returns a part of the text, with its own places; the range must be on character boundaries.
    #[must_use]
    pub fn slice(&self, range: std::ops::Range<usize>) -> Self {
        let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let text = self.text.get(range.clone()).unwrap_or("").to_owned();
        let mut pieces = vec![(0, self.source_offset(range.start))];
        let (start, end) = (narrow(range.start), narrow(range.end));
        let first = self.pieces.partition_point(|(t, _)| *t <= start);
        let inside = self.pieces.iter().skip(first).take_while(|(t, _)| *t < end);
        pieces.extend(inside.map(|(t, s)| (t - start, *s)));
        Self { text, span: self.span_of(range), pieces }
    }
}

/// A parsed Dockerfile. It is complete even where the file has errors: an instruction that could not be
/// understood is [`InstructionKind::Invalid`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dockerfile {
    /// The parser directives at the top, in order.
    pub directives: Vec<Directive>,
    /// The escape character in force.
    pub escape: EscapeCharacter,
    /// All instructions in order; stages begin at each `FROM`.
    pub instructions: Vec<Instruction>,
    /// Every comment line of the file outside of heredocs, directives excluded.
    pub comments: Vec<Comment>,
}

/// A parser directive: `# name=value`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Directive {
    /// The whole comment, from `#` to the last byte of the value.
    pub span: Span,
    /// The name in lower case: `syntax`, `escape` or `check`.
    pub name: Spanned<String>,
    /// The value without blanks around it.
    pub value: Spanned<String>,
}

/// A comment line, from `#` to the end of the line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Comment {
    /// Where it stands.
    pub span: Span,
    /// What follows the `#`, trimmed.
    pub text: String,
}

/// One instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Instruction {
    /// From the keyword to the last byte of operands or heredoc bodies with their terminators.
    pub span: Span,
    /// From the keyword to the last byte of the (joined) instruction line, heredoc bodies excluded.
    pub head: Span,
    /// The keyword as written.
    pub keyword: Spanned<String>,
    /// All flags in order, known or not.
    pub flags: Vec<Flag>,
    /// What it says.
    pub kind: InstructionKind,
    /// The heredocs in order of their markers; RUN, COPY, ADD and ONBUILD of those have them.
    pub heredocs: Vec<Heredoc>,
    /// The comments directly before it, top first (dockerfile-semantics 1.4).
    pub comments: Vec<Comment>,
    /// The instruction line after joining continuations, keyword and flags included, bodies excluded.
    pub line: SourceText,
}

/// A flag of an instruction: `--name` or `--name=value`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flag {
    /// All of it.
    pub span: Span,
    /// The name without dashes.
    pub name: Spanned<String>,
    /// The value with quotes and escapes of the flag syntax removed, and the span of its source; `None`
    /// where there is no `=`.
    pub value: Option<Spanned<String>>,
}

/// A heredoc: a marker in the instruction line and a body after it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heredoc {
    /// The marker in the instruction line, from the optional descriptor number to the end of the delimiter.
    pub marker: Span,
    /// The file descriptor before `<<`, where written.
    pub descriptor: Option<u32>,
    /// The delimiter without quotes: the name of the file that COPY makes.
    pub name: String,
    /// Whether variables in the body are expanded (the delimiter is unquoted).
    pub expand: bool,
    /// Whether it was written `<<-`: leading tabs do not count.
    pub strip_tabs: bool,
    /// The body as it stands in the source, line terminators included.
    pub body: Spanned<String>,
    /// The line that ends the body, without its line terminator.
    pub terminator: Span,
}

impl Heredoc {
    /// Returns the body as it is used: without leading tabs where `<<-` was written.
    pub fn content(&self) -> String {
        if !self.strip_tabs {
            return self.body.value.clone();
        }
        self.body.value.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect()
    }
}

/// The instructions of the Dockerfile language.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InstructionKind {
    /// `ADD`.
    Add(Transfer),
    /// `ARG`.
    Arg(Vec<ArgDeclaration>),
    /// `CMD`.
    Cmd(Command),
    /// `COPY`.
    Copy(Transfer),
    /// `ENTRYPOINT`.
    Entrypoint(Command),
    /// `ENV`.
    Env(KeyValues),
    /// `EXPOSE`.
    Expose(Vec<SourceText>),
    /// `FROM`.
    From(From),
    /// `HEALTHCHECK`.
    Healthcheck(HealthcheckInstruction),
    /// `LABEL`.
    Label(KeyValues),
    /// `MAINTAINER`.
    Maintainer(SourceText),
    /// `ONBUILD`.
    OnBuild(OnBuild),
    /// `RUN`.
    Run(Run),
    /// `SHELL`.
    Shell(Vec<Spanned<String>>),
    /// `STOPSIGNAL`.
    StopSignal(SourceText),
    /// `USER`.
    User(SourceText),
    /// `VOLUME`; JSON strings are decoded, words are as written.
    Volume(Vec<SourceText>),
    /// `WORKDIR`.
    Workdir(SourceText),
    /// An unknown keyword or operands that make no sense; the parser reported it.
    Invalid,
}

/// `FROM [--platform=P] image [AS name]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct From {
    /// The value of `--platform`.
    pub platform: Option<Spanned<String>>,
    /// The image, stage or context name as written.
    pub image: SourceText,
    /// The word `AS` as written.
    pub as_keyword: Option<Spanned<String>>,
    /// The stage name as written (its meaning is its lower case).
    pub name: Option<Spanned<String>>,
}

/// One `NAME` or `NAME=default` of an `ARG`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArgDeclaration {
    /// The whole word.
    pub span: Span,
    /// The name, quotes removed.
    pub name: Spanned<String>,
    /// What follows the `=`, with quotes and escapes; `None` where there is no `=`.
    pub default: Option<SourceText>,
}

/// The operands of `ENV` and `LABEL`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyValues {
    /// The pairs in order.
    pub pairs: Vec<KeyValue>,
    /// Whether they were written in the legacy form `KEY rest of line`.
    pub legacy: bool,
}

/// One `key=value`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyValue {
    /// The key with quotes and escapes.
    pub key: SourceText,
    /// The value with quotes and escapes; may be empty.
    pub value: SourceText,
}

/// A command in one of its two forms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Text for a shell.
    Shell(SourceText),
    /// Arguments from a JSON array, decoded; each span covers the string with its quotes.
    Exec(Vec<Spanned<String>>),
}

/// `RUN`. Heredocs are in [`Instruction::heredocs`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Run {
    /// The command.
    pub command: Command,
    /// The values of `--mount`, in order, as written.
    pub mounts: Vec<Spanned<String>>,
    /// The value of `--network`.
    pub network: Option<Spanned<String>>,
    /// The value of `--security`.
    pub security: Option<Spanned<String>>,
    /// The values of `--device`.
    pub devices: Vec<Spanned<String>>,
}

/// A source of `COPY` or `ADD`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TransferSource {
    /// A path, pattern, URL or git reference, with quotes and escapes as written (JSON strings decoded).
    Path(SourceText),
    /// A heredoc, by its index in [`Instruction::heredocs`].
    Heredoc(usize),
}

/// `COPY` and `ADD`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// The sources, at least one.
    pub sources: Vec<TransferSource>,
    /// The destination.
    pub destination: SourceText,
    /// Whether the operands were written as a JSON array.
    pub json: bool,
    /// `--from` (COPY).
    pub from: Option<Spanned<String>>,
    /// `--chown`.
    pub chown: Option<Spanned<String>>,
    /// `--chmod`.
    pub chmod: Option<Spanned<String>>,
    /// `--link`.
    pub link: Option<Spanned<bool>>,
    /// `--parents` (COPY).
    pub parents: Option<Spanned<bool>>,
    /// `--exclude`, in order.
    pub exclude: Vec<Spanned<String>>,
    /// `--checksum` (ADD).
    pub checksum: Option<Spanned<String>>,
    /// `--keep-git-dir` (ADD).
    pub keep_git_dir: Option<Spanned<bool>>,
    /// `--unpack` (ADD).
    pub unpack: Option<Spanned<bool>>,
}

/// `HEALTHCHECK`. Durations are in nanoseconds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HealthcheckInstruction {
    /// `--interval`.
    pub interval: Option<Spanned<i64>>,
    /// `--timeout`.
    pub timeout: Option<Spanned<i64>>,
    /// `--start-period`.
    pub start_period: Option<Spanned<i64>>,
    /// `--start-interval`.
    pub start_interval: Option<Spanned<i64>>,
    /// `--retries`.
    pub retries: Option<Spanned<i64>>,
    /// The command; `None` for `HEALTHCHECK NONE`.
    pub command: Option<Command>,
}

/// `ONBUILD`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OnBuild {
    /// The trigger as an instruction of its own.
    pub trigger: Box<Instruction>,
    /// The text that goes into the image config: the trigger as written after joining, bodies appended.
    pub text: String,
}
