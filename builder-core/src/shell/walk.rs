//! Everything in a script in order, each with where it stands: what rules read instead of the tree.

use super::ast::{
    AndOr, Command, CommandKind, List, ListItem, Parameter, ParameterOperator, PartKind, Pipeline, Redirect,
    RedirectOperator, Script, SimpleCommand, Terminator, Word, WordPart,
};
use crate::text::Span;

/// Names a scope of one [`Index`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ScopeId(usize);

/// What commands may stand in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Construct {
    /// The script itself.
    Script,
    /// `( … )`.
    Subshell,
    /// `{ … }`.
    Group,
    /// Between `if` or `elif` and `then`.
    IfCondition,
    /// After `then` or `else`.
    IfBody,
    /// Between `while` or `until` and `do`.
    LoopCondition,
    /// Between `do` and `done`.
    LoopBody,
    /// An alternative of `case`.
    CaseArm,
    /// The body of a function.
    Function,
    /// `$( … )`.
    CommandSubstitution,
    /// `` `…` ``.
    Backticks,
    /// `<( … )` and `>( … )`.
    ProcessSubstitution,
    /// bash's `coproc`.
    Coproc,
}

impl Construct {
    /// Tells whether it is a shell of its own, whose variables are lost.
    pub fn is_subshell(self) -> bool {
        matches!(
            self,
            Self::Subshell | Self::CommandSubstitution | Self::Backticks | Self::ProcessSubstitution | Self::Coproc
        )
    }
}

/// Something that commands stand in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scope {
    /// What it is.
    pub construct: Construct,
    /// Where its commands stand.
    pub span: Span,
    /// What it stands in.
    pub parent: Option<ScopeId>,
    /// The command that it is a part of, as an index into [`Index::commands`]; for a substitution the one whose
    /// word it is in.
    pub command: Option<usize>,
}

/// A command and where it stands.
#[derive(Clone, Debug)]
pub struct CommandSite<'a> {
    /// The command.
    pub command: &'a Command,
    /// What it stands in.
    pub scope: ScopeId,
    /// The item of a list that it is in.
    pub item: &'a ListItem,
    /// The pipeline that it is in.
    pub pipeline: &'a Pipeline,
    /// Its place in the pipeline.
    pub position: usize,
    /// The operator before its pipeline.
    pub after: Option<AndOr>,
    /// The operator after its pipeline.
    pub before: Option<AndOr>,
    /// Whether something looks at its exit status, or at that of what it stands in: it is left of `&&` or `||`,
    /// or the last of a condition.
    pub checked: bool,
}

impl CommandSite<'_> {
    /// Tells whether its output goes into a pipe.
    pub fn writes_to_pipe(&self) -> bool {
        self.position + 1 < self.pipeline.commands.len()
    }

    /// Tells whether its input comes from a pipe.
    pub fn reads_from_pipe(&self) -> bool {
        self.position > 0
    }

    /// Tells whether it runs in the background.
    pub fn in_background(&self) -> bool {
        matches!(self.item.terminator, Some((Terminator::Background, _)))
    }
}

/// What a word is there for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WordRole {
    /// The name of a simple command.
    CommandName,
    /// An argument, counted from 0.
    Argument(usize),
    /// An argument that assigns, of `export`, `declare`, `local`, `readonly`, `typeset` or `alias`.
    Declaration(usize),
    /// The value of an assignment.
    AssignmentValue,
    /// An element of an array in an assignment.
    ArrayElement,
    /// The index of an assignment or a parameter.
    Index,
    /// The file or descriptor of a redirection.
    RedirectTarget,
    /// The delimiter of a here-document.
    HereDelimiter,
    /// The text of a here-string.
    HereString,
    /// The body of a here-document, which is no word.
    HereDocument,
    /// One of the words that `for` and `select` go through.
    ForItem,
    /// What `case` looks at.
    CaseSubject,
    /// A pattern of `case`.
    CasePattern,
    /// A word or an operator of `[[ … ]]`.
    Test,
    /// What is between `((` and `))`, which is no word.
    Arithmetic,
}

/// A word and where it stands.
#[derive(Clone, Debug)]
pub struct WordSite<'a> {
    /// The word.
    pub word: &'a Word,
    /// What it is there for.
    pub role: WordRole,
    /// The command it belongs to, as an index into [`Index::commands`].
    pub command: usize,
}

/// What is around a part of a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// What the word is there for.
    pub role: WordRole,
    /// Whether it is in double quotes.
    pub double_quoted: bool,
    /// Whether it is in arithmetic: `$((…))`, `((…))`, `$[…]`.
    pub arithmetic: bool,
    /// Whether it is in an index.
    pub index: bool,
    /// The operator of the `${…}` that it is in the operand of.
    pub operand: Option<ParameterOperator>,
}

impl Place {
    fn of(role: WordRole) -> Self {
        Self { role, double_quoted: false, arithmetic: role == WordRole::Arithmetic, index: false, operand: None }
    }

    /// Tells whether a shell splits what is expanded here at blanks, and takes it as a pattern for file names.
    pub fn splits(self) -> bool {
        let word = matches!(
            self.role,
            WordRole::CommandName
                | WordRole::Argument(_)
                | WordRole::ForItem
                | WordRole::ArrayElement
                | WordRole::RedirectTarget
        );
        let operand = matches!(
            self.operand,
            None | Some(ParameterOperator::Default { .. } | ParameterOperator::Alternative { .. })
        );
        word && operand && !self.double_quoted && !self.arithmetic && !self.index
    }
}

/// A part of a word, of a here-document or of arithmetic, and where it stands.
#[derive(Clone, Debug)]
pub struct PartSite<'a> {
    /// The part.
    pub part: &'a WordPart,
    /// What is around it.
    pub place: Place,
    /// The outermost word that it is in; `None` in here-documents and in `((…))`.
    pub word: Option<&'a Word>,
    /// The command it belongs to, as an index into [`Index::commands`].
    pub command: usize,
}

/// The contents of a script, each kind in the order of the text; only bodies of here-documents come where
/// their operators stand. What holds others comes before them.
#[derive(Clone, Debug)]
pub struct Index<'a> {
    /// All commands.
    pub commands: Vec<CommandSite<'a>>,
    /// All words.
    pub words: Vec<WordSite<'a>>,
    /// All parts of words, literals too.
    pub parts: Vec<PartSite<'a>>,
    /// What commands stand in.
    scopes: Vec<Scope>,
}

impl<'a> Index<'a> {
    /// Goes through a script.
    pub fn new(script: &'a Script) -> Self {
        let mut walk = Walk {
            index: Self { commands: Vec::new(), words: Vec::new(), parts: Vec::new(), scopes: Vec::new() },
            script,
            scope: ScopeId(0),
            command: None,
            word: None,
        };
        walk.scope(Construct::Script, &script.body, false);
        walk.index
    }

    /// Returns all simple commands in order.
    pub fn simple(&self) -> impl Iterator<Item = (&'a SimpleCommand, &CommandSite<'a>)> {
        self.commands.iter().filter_map(|site| match &site.command.kind {
            CommandKind::Simple(simple) => Some((simple, site)),
            _ => None,
        })
    }

    /// Returns all parameters in order.
    pub fn parameters(&self) -> impl Iterator<Item = (&'a Parameter, &PartSite<'a>)> {
        self.parts.iter().filter_map(|site| match &site.part.kind {
            PartKind::Parameter(parameter) => Some((parameter, site)),
            _ => None,
        })
    }

    /// Returns all pipelines in order.
    pub fn pipelines(&self) -> impl Iterator<Item = (&'a Pipeline, &CommandSite<'a>)> {
        self.commands.iter().filter(|site| site.position == 0).map(|site| (site.pipeline, site))
    }

    /// Returns all items of lists in order.
    pub fn items(&self) -> impl Iterator<Item = (&'a ListItem, &CommandSite<'a>)> {
        let is_first = |site: &&CommandSite<'a>| site.position == 0 && site.after.is_none();
        self.commands.iter().filter(is_first).map(|site| (site.item, site))
    }

    /// Returns a scope.
    pub fn scope(&self, id: ScopeId) -> Option<&Scope> {
        self.scopes.get(id.0)
    }

    /// Returns a scope and those around it, innermost first.
    pub fn ancestors(&self, id: ScopeId) -> impl Iterator<Item = &Scope> {
        std::iter::successors(self.scope(id), |scope| scope.parent.and_then(|parent| self.scope(parent)))
    }

    /// Tells whether a scope is inside of a construct, or one itself.
    pub fn is_inside(&self, id: ScopeId, construct: Construct) -> bool {
        self.ancestors(id).any(|scope| scope.construct == construct)
    }
}

struct Walk<'a> {
    index: Index<'a>,
    script: &'a Script,
    scope: ScopeId,
    command: Option<usize>,
    word: Option<&'a Word>,
}

impl<'a> Walk<'a> {
    fn scope(&mut self, construct: Construct, list: &'a List, condition: bool) {
        let parent = self.index.scopes.get(self.scope.0).map(|_| self.scope);
        let (outer_scope, outer_command, outer_word) = (self.scope, self.command, self.word.take());
        // What a scope stands in is checked, and so is everything in it.
        let checked = self.command.and_then(|at| self.index.commands.get(at)).is_some_and(|site| site.checked);
        self.scope = ScopeId(self.index.scopes.len());
        self.index.scopes.push(Scope { construct, span: list.span, parent, command: self.command });
        for (at, item) in list.items.iter().enumerate() {
            let decides = condition && at + 1 == list.items.len();
            self.item(item, checked || decides);
        }
        (self.scope, self.command, self.word) = (outer_scope, outer_command, outer_word);
    }

    fn item(&mut self, item: &'a ListItem, checked: bool) {
        let pipelines = std::iter::once((None, &item.first)).chain(item.rest.iter().map(|(op, p)| (Some(*op), p)));
        for (at, (after, pipeline)) in pipelines.enumerate() {
            let before = item.rest.get(at).map(|(operator, _)| *operator);
            for (position, command) in pipeline.commands.iter().enumerate() {
                let checked = checked || before.is_some();
                let scope = self.scope;
                self.command(CommandSite { command, scope, item, pipeline, position, after, before, checked });
            }
        }
    }

    fn command(&mut self, site: CommandSite<'a>) {
        let command = site.command;
        let outer = self.command.replace(self.index.commands.len());
        self.index.commands.push(site);
        match &command.kind {
            CommandKind::Simple(simple) => self.simple(simple, &command.redirects),
            CommandKind::Subshell(list) => self.scope(Construct::Subshell, list, false),
            CommandKind::Group(list) => self.scope(Construct::Group, list, false),
            CommandKind::If { branches, otherwise } => {
                for (condition, body) in branches {
                    self.scope(Construct::IfCondition, condition, true);
                    self.scope(Construct::IfBody, body, false);
                }
                if let Some(body) = otherwise {
                    self.scope(Construct::IfBody, body, false);
                }
            }
            CommandKind::Loop { condition, body, .. } => {
                self.scope(Construct::LoopCondition, condition, true);
                self.scope(Construct::LoopBody, body, false);
            }
            CommandKind::For { words, body, .. } => {
                for word in words.iter().flatten() {
                    self.word(word, WordRole::ForItem);
                }
                self.scope(Construct::LoopBody, body, false);
            }
            CommandKind::ArithmeticFor { header, body } => {
                self.parts(header, Place::of(WordRole::Arithmetic));
                self.scope(Construct::LoopBody, body, false);
            }
            CommandKind::Case { word, arms } => {
                self.word(word, WordRole::CaseSubject);
                for arm in arms {
                    for pattern in &arm.patterns {
                        self.word(pattern, WordRole::CasePattern);
                    }
                    self.scope(Construct::CaseArm, &arm.body, false);
                }
            }
            CommandKind::Function { body, .. } => self.scope(Construct::Function, body, false),
            CommandKind::Coproc { body, .. } => self.scope(Construct::Coproc, body, false),
            CommandKind::Test(words) => {
                for word in words {
                    self.word(word, WordRole::Test);
                }
            }
            CommandKind::Arithmetic(parts) => self.parts(parts, Place::of(WordRole::Arithmetic)),
        }
        if !matches!(command.kind, CommandKind::Simple(_)) {
            for redirect in &command.redirects {
                self.redirect(redirect);
            }
        }
        self.command = outer;
    }

    /// Goes through a simple command in the order of the text: redirections may stand among its words.
    fn simple(&mut self, simple: &'a SimpleCommand, redirects: &'a [Redirect]) {
        let mut redirects = redirects.iter().peekable();
        let mut redirects_before = |walk: &mut Self, place: u32| {
            while let Some(redirect) = redirects.next_if(|redirect| redirect.span.start < place) {
                walk.redirect(redirect);
            }
        };
        for assignment in &simple.assignments {
            redirects_before(self, assignment.span.start);
            if let Some(index) = &assignment.index {
                self.word(index, WordRole::Index);
            }
            self.word(&assignment.value, WordRole::AssignmentValue);
        }
        let name = simple.words.first().and_then(Word::literal);
        let declares =
            matches!(name.as_deref(), Some("export" | "declare" | "local" | "readonly" | "typeset" | "alias"));
        for (at, word) in simple.words.iter().enumerate() {
            redirects_before(self, word.span.start);
            let role = match at.checked_sub(1) {
                None => WordRole::CommandName,
                Some(at) if declares && word.as_assignment().is_some() => WordRole::Declaration(at),
                Some(at) => WordRole::Argument(at),
            };
            self.word(word, role);
        }
        redirects_before(self, u32::MAX);
    }

    fn redirect(&mut self, redirect: &'a Redirect) {
        let role = match redirect.operator {
            RedirectOperator::HereDocument | RedirectOperator::HereDocumentTabs => WordRole::HereDelimiter,
            RedirectOperator::HereString => WordRole::HereString,
            _ => WordRole::RedirectTarget,
        };
        self.word(&redirect.target, role);
        if let Some(document) = redirect.here_document.and_then(|at| self.script.here_documents.get(at)) {
            self.parts(&document.parts, Place::of(WordRole::HereDocument));
        }
    }

    fn word(&mut self, word: &'a Word, role: WordRole) {
        let command = self.command.unwrap_or(0);
        self.index.words.push(WordSite { word, role, command });
        let outer = self.word;
        // Elements of an array are words of their own.
        self.word = Some(word);
        self.parts(&word.parts, Place::of(role));
        self.word = outer;
    }

    fn parts(&mut self, parts: &'a [WordPart], place: Place) {
        let command = self.command.unwrap_or(0);
        for part in parts {
            self.index.parts.push(PartSite { part, place, word: self.word, command });
            match &part.kind {
                PartKind::DoubleQuoted { parts, .. } => self.parts(parts, Place { double_quoted: true, ..place }),
                PartKind::Parameter(parameter) => {
                    if let Some(index) = &parameter.index {
                        self.parts(&index.parts, Place { index: true, ..place });
                    }
                    self.parts(&parameter.operand, Place { operand: parameter.operator, ..place });
                }
                PartKind::CommandSubstitution { body, backticks } => {
                    let construct = if *backticks { Construct::Backticks } else { Construct::CommandSubstitution };
                    self.scope(construct, body, false);
                }
                PartKind::ProcessSubstitution { body, .. } => self.scope(Construct::ProcessSubstitution, body, false),
                PartKind::Arithmetic { parts, .. } => self.parts(parts, Place { arithmetic: true, ..place }),
                PartKind::ExtendedGlob { parts, .. } | PartKind::Braces(parts) => self.parts(parts, place),
                PartKind::Array(words) => {
                    for word in words {
                        self.word(word, WordRole::ArrayElement);
                    }
                }
                _ => {}
            }
        }
    }
}
