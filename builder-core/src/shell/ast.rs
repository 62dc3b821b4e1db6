//! The tree of a shell script. Spans are byte offsets into the text that was parsed, not into the Dockerfile;
//! [`SourceText::span_of`](crate::dockerfile::SourceText::span_of) brings them there.
//!
//! A node's span lies inside of its parent's, and siblings stand in the order of the text. Bodies of
//! here-documents are the exception: they stand after the line that asks for them, so they are in a table of
//! their own ([`Script::here_documents`]).

use crate::text::{Span, Spanned};

/// A parsed script.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Script {
    /// Its commands.
    pub body: List,
    /// Its comments, from `#` to the end of the line.
    pub comments: Vec<Span>,
    /// The here-documents in order of their operators; [`Redirect::here_document`] is an index into them.
    pub here_documents: Vec<HereDocument>,
}

/// Commands one after the other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct List {
    /// From the first item to the terminator of the last; empty where there is none.
    pub span: Span,
    /// The items in order.
    pub items: Vec<ListItem>,
}

/// Pipelines joined by `&&` and `||`, with what ends them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListItem {
    /// Without the terminator.
    pub span: Span,
    /// The first pipeline.
    pub first: Pipeline,
    /// The others, each with the operator before it.
    pub rest: Vec<(AndOr, Pipeline)>,
    /// Where the operator stands that ends the item: `;`, `&` or a line feed; `None` at the end of a list.
    pub terminator: Option<(Terminator, Span)>,
}

/// What joins two pipelines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AndOr {
    /// `&&`.
    And,
    /// `||`.
    Or,
}

/// What ends an item of a list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Terminator {
    /// `;`.
    Semicolon,
    /// `&`: the item runs in the background.
    Background,
    /// A line feed.
    Newline,
}

/// Commands joined by `|` or `|&`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pipeline {
    /// With the `!` before it.
    pub span: Span,
    /// Where a `!` stands before it.
    pub negated: Option<Span>,
    /// Whether `time` stands before it.
    pub timed: bool,
    /// The commands, at least one.
    pub commands: Vec<Command>,
    /// The operators between them; one less than commands.
    pub pipes: Vec<Span>,
}

/// One command with its redirections.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// All of it, redirections included.
    pub span: Span,
    /// What it is.
    pub kind: CommandKind,
    /// Redirections, for a simple command those among its words as well.
    pub redirects: Vec<Redirect>,
}

/// The kinds of commands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CommandKind {
    /// Words, with assignments before them.
    Simple(SimpleCommand),
    /// `( … )`.
    Subshell(List),
    /// `{ …; }`.
    Group(List),
    /// `if … then … elif … else … fi`: conditions with their bodies, and the last alternative.
    If {
        /// Conditions and what follows each.
        branches: Vec<(List, List)>,
        /// What follows `else`.
        otherwise: Option<List>,
    },
    /// `while … do … done` and `until …`.
    Loop {
        /// `until` rather than `while`.
        until: bool,
        /// The condition.
        condition: List,
        /// What is repeated.
        body: List,
    },
    /// `for name in words; do … done` and bash's `select`.
    For {
        /// `select` rather than `for`.
        select: bool,
        /// The variable, as written: shells look at it only when the loop runs.
        name: Spanned<String>,
        /// The words; `None` where there is no `in`.
        words: Option<Vec<Word>>,
        /// What is repeated.
        body: List,
    },
    /// bash's `for ((…; …; …)); do … done`.
    ArithmeticFor {
        /// What is between the parentheses.
        header: Vec<WordPart>,
        /// What is repeated.
        body: List,
    },
    /// `case word in pattern) … ;; esac`.
    Case {
        /// What is looked at.
        word: Word,
        /// The alternatives.
        arms: Vec<CaseArm>,
    },
    /// `name() …` and `function name …`.
    Function {
        /// Its name, as written.
        name: Spanned<String>,
        /// Whether it was written with the word `function`.
        keyword: bool,
        /// Its body: one command.
        body: List,
    },
    /// bash's `[[ … ]]`: its words and operators in order. Operators (`!`, `&&`, `(`, `=~`, …) are words of
    /// one literal, so that rules read this as they read the arguments of `[`.
    Test(Vec<Word>),
    /// bash's `(( … ))`.
    Arithmetic(Vec<WordPart>),
    /// bash's `coproc …`.
    Coproc {
        /// Its name, where it has one.
        name: Option<Spanned<String>>,
        /// What runs: one command.
        body: List,
    },
}

/// An alternative of `case`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaseArm {
    /// From the first pattern to the terminator.
    pub span: Span,
    /// Its patterns.
    pub patterns: Vec<Word>,
    /// What it does.
    pub body: List,
    /// What ends it: `;;`, `;&`, `;;&`, or nothing before `esac`.
    pub terminator: Option<Span>,
}

/// Assignments and words.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SimpleCommand {
    /// `name=value` before the words.
    pub assignments: Vec<Assignment>,
    /// The command's name and its arguments. Arguments of `export`, `local`, `declare`, `readonly` and
    /// `typeset` that are assignments are here as words.
    pub words: Vec<Word>,
}

/// `name=value`, `name+=value`, `name[index]=value`, `name=(…)`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assignment {
    /// All of it.
    pub span: Span,
    /// The name.
    pub name: Spanned<String>,
    /// bash's index, without the brackets.
    pub index: Option<Word>,
    /// Whether it was written `+=`.
    pub append: bool,
    /// The value: without parts where nothing follows the `=`, one [`PartKind::Array`] for bash's `(…)`.
    pub value: Word,
}

/// A redirection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redirect {
    /// All of it.
    pub span: Span,
    /// The descriptor before the operator, or bash's `{name}`.
    pub descriptor: Option<Spanned<String>>,
    /// The operator.
    pub operator: RedirectOperator,
    /// The target; for a here-document its delimiter.
    pub target: Word,
    /// For a here-document, its place in [`Script::here_documents`].
    pub here_document: Option<usize>,
}

/// The body of a here-document inside a script.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HereDocument {
    /// The body's lines, without the line that ends it; empty where the text ends before a body can begin.
    pub span: Span,
    /// The delimiter without quotes.
    pub delimiter: String,
    /// The line that ends it, without its line feed; `None` where the text ends first, which shells accept.
    pub closing: Option<Span>,
    /// Its parts, with the tabs that `<<-` takes away; one literal where the delimiter is quoted, or where
    /// what it holds cannot be expanded.
    pub parts: Vec<WordPart>,
    /// Whether variables in it are expanded: the delimiter is unquoted.
    pub expand: bool,
}

/// The operators of redirections.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RedirectOperator {
    /// `<`.
    Read,
    /// `>`.
    Write,
    /// `>>`.
    Append,
    /// `>|`.
    Clobber,
    /// `<>`.
    ReadWrite,
    /// `<&`.
    DuplicateInput,
    /// `>&`.
    DuplicateOutput,
    /// bash's `&>`.
    WriteBoth,
    /// bash's `&>>`.
    AppendBoth,
    /// `<<`.
    HereDocument,
    /// `<<-`.
    HereDocumentTabs,
    /// bash's `<<<`.
    HereString,
}

/// A word: parts without blanks between them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Word {
    /// All of it.
    pub span: Span,
    /// Its parts.
    pub parts: Vec<WordPart>,
}

/// A part of a word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WordPart {
    /// All of it, quotes included.
    pub span: Span,
    /// What it is.
    pub kind: PartKind,
}

/// The kinds of parts of words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PartKind {
    /// Text that stands for itself. Escapes outside of quotes are [`PartKind::Escaped`].
    Literal(String),
    /// `\x` outside of quotes or in double quotes: the character after the backslash.
    Escaped(char),
    /// `'…'`.
    SingleQuoted(String),
    /// `"…"`, or bash's `$"…"`.
    DoubleQuoted {
        /// What is between the quotes.
        parts: Vec<WordPart>,
        /// Whether a `$` stands before them.
        dollar: bool,
    },
    /// bash's `$'…'`, as written between the quotes.
    AnsiQuoted(String),
    /// `$name`, `${…}` and special parameters.
    Parameter(Parameter),
    /// `$(…)` and `` `…` ``.
    CommandSubstitution {
        /// What runs.
        body: List,
        /// Whether it was written with backticks.
        backticks: bool,
    },
    /// `$((…))`, and `$[…]` of old bash.
    Arithmetic {
        /// What is between the parentheses: literals, and expansions where they are marked with `$`.
        parts: Vec<WordPart>,
        /// Whether it was written `$[…]`.
        brackets: bool,
    },
    /// bash's `<(…)` and `>(…)`.
    ProcessSubstitution {
        /// What runs.
        body: List,
        /// `>(…)` rather than `<(…)`.
        output: bool,
    },
    /// A pattern outside of quotes: `*`, `?`, `[…]`. A bracket expression with quotes or expansions in it is a
    /// lone `[` here, and its content follows as parts of the word.
    Glob(String),
    /// bash's pattern groups: `@(…)`, `?(…)`, `*(…)`, `+(…)`, `!(…)`.
    ExtendedGlob {
        /// The character before the parenthesis.
        operator: char,
        /// What is between the parentheses; `|` is literal.
        parts: Vec<WordPart>,
    },
    /// bash's `{a,b}` and `{1..3}` outside of quotes: what is between the braces; commas are literal.
    Braces(Vec<WordPart>),
    /// bash's `(…)` as the value of an assignment.
    Array(Vec<Word>),
    /// `~` or `~name` at the beginning of a word.
    Tilde(String),
}

/// A parameter expansion.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Parameter {
    /// The name, the number, or the special character (`@`, `*`, `#`, `?`, `-`, `$`, `!`).
    pub name: String,
    /// Whether it was written in braces.
    pub braced: bool,
    /// `${#name}`.
    pub length: bool,
    /// bash's `${!name}`.
    pub indirect: bool,
    /// bash's index `[…]`, without the brackets.
    pub index: Option<Word>,
    /// What follows the name in braces.
    pub operator: Option<ParameterOperator>,
    /// What follows the operator.
    pub operand: Vec<WordPart>,
}

/// What `${name…}` does with the value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParameterOperator {
    /// `-`, and `:-` which counts an empty value as none.
    Default {
        /// Whether it has the colon.
        colon: bool,
    },
    /// `=` and `:=`.
    Assign {
        /// Whether it has the colon.
        colon: bool,
    },
    /// `?` and `:?`.
    Require {
        /// Whether it has the colon.
        colon: bool,
    },
    /// `+` and `:+`.
    Alternative {
        /// Whether it has the colon.
        colon: bool,
    },
    /// `%` and `%%`.
    RemoveSuffix {
        /// Whether it is doubled.
        longest: bool,
    },
    /// `#` and `##`.
    RemovePrefix {
        /// Whether it is doubled.
        longest: bool,
    },
    /// bash's `/`, `//`, `/#`, `/%`; the operand is pattern, `/` and replacement.
    Replace {
        /// What follows the first slash, if it is one of `/`, `#`, `%`.
        mode: Option<char>,
    },
    /// bash's `:offset` and `:offset:length`.
    Substring,
    /// bash's `^`, `^^`, `,`, `,,`, and `~`, `~~`.
    Case {
        /// The character.
        operator: char,
        /// Whether it is doubled.
        all: bool,
    },
    /// bash's `@X`; the operand is the letter.
    Transform,
    /// bash's `${!prefix*}` and `${!prefix@}`.
    Names {
        /// `@` rather than `*`.
        separate: bool,
    },
    /// Something that shells refuse when they come to it (`bad substitution`); the operand is what stands
    /// there.
    Unknown,
}
