//! Where the values of variables come from: a walk through a script in the order in which a shell runs it, with what
//! is known of each variable. Rules ask whether a value can hold blanks or patterns, and whether a command is ever
//! come to.
//!
//! Branches are joined, loops are walked until nothing changes, functions are walked where they are called. The
//! number of steps is limited; beyond the limit loops are walked once and calls are not followed, so that the time is
//! linear.

mod value;

use std::collections::{HashMap, HashSet};

use imbl::OrdMap;
use value::{State, Value, get, is_assigning, is_name, is_plain_name, join, joined, of_text, set};

use super::model::{Grammar, Variables};
use crate::shell::{
    Assignment, Command, CommandKind, List, ListItem, ParameterOperator, PartKind, Pipeline, Script, SimpleCommand,
    Terminator, Word, WordPart,
};
use crate::text::Span;

/// What is known of a script.
#[derive(Debug, Default)]
pub(in crate::lint) struct Flow {
    /// Whether the value at each parameter is plain, by where the parameter begins.
    plain: HashMap<u32, bool>,
    /// The commands that are come to.
    reached: HashSet<Span>,
}

/// How many commands are walked before loops are walked once and calls not at all.
const STEPS: usize = 20_000;
const DEPTH: usize = 8;

impl Flow {
    /// Walks through a script.
    pub(in crate::lint) fn new(script: &Script, variables: &Variables, grammar: Grammar) -> Self {
        let mut walk =
            Walk { flow: Self::default(), grammar, functions: HashMap::new(), steps: 0, calls: 0, loops: Vec::new() };
        let end = walk.list(&script.body, Some(variables.clone()));
        for document in &script.here_documents {
            walk.parts(&document.parts, &end);
        }
        // A function may be called by what is not seen: a trap, a file that is read.
        let mut functions: Vec<&List> = walk.functions.values().copied().collect();
        functions.retain(|body| body.items.first().is_some_and(|item| !walk.is_reached(item)));
        for body in functions {
            walk.list(body, end.clone().or_else(|| Some(OrdMap::new())));
        }
        walk.flow
    }

    /// Tells whether the value of the parameter that begins here has neither blanks nor patterns, whatever way the
    /// shell comes here.
    pub(in crate::lint) fn is_plain(&self, start: u32) -> bool {
        self.plain.get(&start).copied().unwrap_or(false)
    }

    /// Tells whether the shell can come to a command.
    pub(in crate::lint) fn is_reached(&self, command: &Command) -> bool {
        self.reached.contains(&command.span)
    }
}

struct Walk<'a> {
    flow: Flow,
    grammar: Grammar,
    functions: HashMap<&'a str, &'a List>,
    steps: usize,
    calls: usize,
    /// The states in which each loop around is left.
    loops: Vec<Vec<State>>,
}

impl<'a> Walk<'a> {
    fn is_reached(&self, item: &ListItem) -> bool {
        item.first.commands.first().is_some_and(|command| self.flow.is_reached(command))
    }

    fn list(&mut self, list: &'a List, mut state: State) -> State {
        for item in &list.items {
            if matches!(item.terminator, Some((Terminator::Background, _))) {
                self.item(item, state.clone());
            } else {
                state = self.item(item, state);
            }
        }
        state
    }

    fn item(&mut self, item: &'a ListItem, state: State) -> State {
        let mut state = self.pipeline(&item.first, state);
        for (_, pipeline) in &item.rest {
            let right = self.pipeline(pipeline, state.clone());
            // Whether it ran depends on a status that nobody knows.
            state = join(state, right);
        }
        state
    }

    fn pipeline(&mut self, pipeline: &'a Pipeline, state: State) -> State {
        match pipeline.commands.as_slice() {
            [command] => self.command(command, state),
            commands => {
                let last = commands.len() - 1;
                let mut end = state.clone();
                for (at, command) in commands.iter().enumerate() {
                    let after = self.command(command, state.clone());
                    if at == last && self.grammar == Grammar::Ksh {
                        end = after;
                    }
                }
                end
            }
        }
    }

    fn command(&mut self, command: &'a Command, mut state: State) -> State {
        self.steps += 1;
        if state.is_some() {
            self.flow.reached.insert(command.span);
        }
        for redirect in &command.redirects {
            self.word(&redirect.target, &mut state);
        }
        match &command.kind {
            CommandKind::Simple(simple) => self.simple(simple, state),
            CommandKind::Subshell(list) => {
                self.apart(list, &state);
                state
            }
            CommandKind::Group(list) => self.list(list, state),
            CommandKind::If { branches, otherwise } => {
                let mut end = None;
                for (condition, body) in branches {
                    state = self.list(condition, state);
                    let after = self.list(body, state.clone());
                    end = join(end, after);
                }
                let last = match otherwise {
                    Some(body) => self.list(body, state),
                    None => state,
                };
                join(end, last)
            }
            CommandKind::Loop { condition, body, .. } => self.repeat(state, |walk, state| {
                let after = walk.list(condition, state);
                let end = walk.list(body, after.clone());
                (after, end)
            }),
            CommandKind::For { name, words, body, .. } => {
                let mut value = None;
                for word in words.iter().flatten() {
                    let of_word = self.word(word, &mut state);
                    // What is split may be anything.
                    let is_split = |part: &WordPart| matches!(part.kind, PartKind::Parameter(_));
                    let of_word = if word.parts.iter().any(is_split) { Value::Anything } else { of_word };
                    value = Some(value.map_or(of_word, |value| joined(value, of_word)));
                }
                let value = value.unwrap_or(Value::Anything);
                self.repeat(state, |walk, state| {
                    let mut inside = state.clone();
                    set(&mut inside, &name.value, value);
                    let end = walk.list(body, inside);
                    (join(state, end.clone()), end)
                })
            }
            CommandKind::ArithmeticFor { header, body } => {
                self.arithmetic(header, &mut state);
                self.repeat(state, |walk, state| {
                    let end = walk.list(body, state.clone());
                    (state, end)
                })
            }
            CommandKind::Case { word, arms } => {
                self.word(word, &mut state);
                let mut end = state.clone();
                for arm in arms {
                    for pattern in &arm.patterns {
                        self.word(pattern, &mut state);
                    }
                    let after = self.list(&arm.body, state.clone());
                    end = join(end, after);
                }
                end
            }
            CommandKind::Function { name, body, .. } => {
                self.functions.insert(&name.value, body);
                state
            }
            CommandKind::Test(words) => {
                for word in words {
                    self.word(word, &mut state);
                }
                state
            }
            CommandKind::Arithmetic(parts) => {
                self.arithmetic(parts, &mut state);
                state
            }
            CommandKind::Coproc { body, .. } => {
                self.apart(body, &state);
                state
            }
        }
    }

    /// Walks through a body until nothing changes. It gives the state where the loop ends and that at its end.
    fn repeat(&mut self, mut state: State, mut body: impl FnMut(&mut Self, State) -> (State, State)) -> State {
        let mut left = None;
        for _ in 0..4 {
            self.loops.push(Vec::new());
            let (after, end) = body(self, state.clone());
            let breaks = self.loops.pop().unwrap_or_default();
            left = breaks.into_iter().fold(after, join);
            let next = join(state.clone(), end);
            if next == state || self.steps > STEPS || self.loops.len() > DEPTH {
                break;
            }
            state = next;
        }
        left
    }

    /// Walks through a shell of its own.
    fn apart(&mut self, list: &'a List, state: &State) {
        self.list(list, state.clone());
    }

    fn simple(&mut self, simple: &'a SimpleCommand, mut state: State) -> State {
        let before = state.clone();
        for assignment in &simple.assignments {
            self.assign(assignment, &mut state);
        }
        let Some((name, arguments)) = simple.words.split_first() else { return state };
        // Assignments before a command are the command's.
        state = before;
        for word in &simple.words {
            self.word(word, &mut state);
        }
        let name = name.literal().unwrap_or_default();
        self.builtin(&name, arguments, state)
    }

    fn assign(&mut self, assignment: &'a Assignment, state: &mut State) {
        if let Some(index) = &assignment.index {
            self.word(index, state);
        }
        let mut value = self.word(&assignment.value, state);
        let name = &assignment.name.value;
        if assignment.append {
            value = get(state, name).followed_by(value);
        }
        if assignment.index.is_some() {
            value = Value::Anything;
        }
        set(state, name, value);
    }

    fn builtin(&mut self, name: &str, arguments: &'a [Word], mut state: State) -> State {
        match name {
            "command" | "builtin" => {
                if let Some((name, arguments)) = arguments.split_first().filter(|_| self.steps < STEPS) {
                    return self.builtin(&name.literal().unwrap_or_default(), arguments, state);
                }
            }
            "exit" => return None,
            "return" if self.calls > 0 => return None,
            "break" | "continue" => {
                if let Some(states) = self.loops.last_mut() {
                    states.push(state);
                    return None;
                }
            }
            "export" | "readonly" | "declare" | "typeset" | "local" => {
                let is_number = name != "export"
                    && arguments
                        .iter()
                        .filter_map(Word::literal)
                        .any(|flag| flag.starts_with('-') && flag.contains('i'));
                for assignment in arguments.iter().filter_map(Word::as_assignment) {
                    let value = self.value(&assignment.value, &state);
                    let value = if is_number { Value::Plain } else { value };
                    set(&mut state, &assignment.name.value, value);
                }
                if !matches!(name, "export" | "readonly") {
                    for word in arguments.iter().filter_map(Word::literal).filter(|word| is_name(word)) {
                        set(&mut state, &word, if is_number { Value::Plain } else { Value::Empty });
                    }
                }
            }
            "read" | "unset" | "mapfile" | "readarray" => {
                for word in arguments.iter().filter_map(Word::literal).filter(|word| is_name(word)) {
                    set(&mut state, &word, Value::Anything);
                }
            }
            "getopts" | "printf" => {
                let at = if name == "printf" {
                    arguments.iter().position(|word| is(word, "-v")).map(|at| at + 1)
                } else {
                    Some(1)
                };
                if let Some(word) = at.and_then(|at| arguments.get(at)).and_then(Word::literal) {
                    set(&mut state, &word, Value::Anything);
                }
            }
            _ => {
                if let Some(body) =
                    self.functions.get(name).copied().filter(|_| self.steps < STEPS && self.calls < DEPTH)
                {
                    self.calls += 1;
                    let loops = std::mem::take(&mut self.loops);
                    let end = self.list(body, state.clone());
                    self.loops = loops;
                    self.calls -= 1;
                    // `return` ends the function alone.
                    state = if returns(body) { join(state, end) } else { end };
                }
            }
        }
        state
    }

    /// Walks through a word and returns what it is worth.
    fn word(&mut self, word: &'a Word, state: &mut State) -> Value {
        let value = self.value(word, state);
        self.parts(&word.parts, state);
        self.defaults(&word.parts, state);
        value
    }

    /// `${x:=…}` assigns.
    fn defaults(&mut self, parts: &'a [WordPart], state: &mut State) {
        for part in parts {
            match &part.kind {
                PartKind::DoubleQuoted { parts, .. } => self.defaults(parts, state),
                PartKind::Parameter(parameter)
                    if matches!(parameter.operator, Some(ParameterOperator::Assign { .. })) =>
                {
                    set(state, &parameter.name, Value::Anything);
                }
                PartKind::Arithmetic { parts, .. } => self.arithmetic(parts, state),
                _ => {}
            }
        }
    }

    /// Names that arithmetic assigns become numbers.
    fn arithmetic(&mut self, parts: &'a [WordPart], state: &mut State) {
        self.parts(parts, state);
        for part in parts {
            let PartKind::Literal(text) = &part.kind else { continue };
            let bytes = text.as_bytes();
            let is_letter = |c: char| c == '_' || c.is_ascii_alphanumeric();
            for (at, name) in text.split(|c| !is_letter(c)).scan(0, |at, name| {
                let start = *at;
                *at += name.len() + 1;
                Some((start, name))
            }) {
                let rest = text.get(at + name.len()..).unwrap_or("").trim_start();
                let assigns = rest.starts_with("++")
                    || rest.starts_with("--")
                    || is_assigning(rest)
                    || bytes.get(..at).is_some_and(|before| before.ends_with(b"++") || before.ends_with(b"--"));
                if is_name(name) && assigns {
                    set(state, name, Value::Plain);
                }
            }
        }
    }

    /// Notes the parameters in parts, and walks through the commands in them.
    fn parts(&mut self, parts: &'a [WordPart], state: &State) {
        for part in parts {
            match &part.kind {
                PartKind::DoubleQuoted { parts, .. }
                | PartKind::ExtendedGlob { parts, .. }
                | PartKind::Braces(parts)
                | PartKind::Arithmetic { parts, .. } => self.parts(parts, state),
                PartKind::Parameter(parameter) => {
                    if state.is_some() {
                        // What is done to a plain value is not looked at.
                        let is_plain = parameter.length
                            || is_plain_name(&parameter.name)
                            || !parameter.indirect && get(state, &parameter.name) == Value::Plain;
                        let known = self.flow.plain.entry(part.span.start).or_insert(true);
                        *known &= is_plain;
                    }
                    if let Some(index) = &parameter.index {
                        self.parts(&index.parts, state);
                    }
                    self.parts(&parameter.operand, state);
                }
                PartKind::CommandSubstitution { body, .. } | PartKind::ProcessSubstitution { body, .. } => {
                    self.apart(body, state);
                }
                PartKind::Array(words) => {
                    for word in words {
                        self.parts(&word.parts, state);
                    }
                }
                _ => {}
            }
        }
    }

    fn value(&self, word: &Word, state: &State) -> Value {
        self.values(&word.parts, state)
    }

    fn values(&self, parts: &[WordPart], state: &State) -> Value {
        parts.iter().fold(Value::Empty, |value, part| value.followed_by(self.part_value(part, state)))
    }

    fn part_value(&self, part: &WordPart, state: &State) -> Value {
        match &part.kind {
            PartKind::Literal(text) | PartKind::SingleQuoted(text) => of_text(text),
            PartKind::AnsiQuoted(text) => of_text(text),
            PartKind::Escaped(c) => of_text(c.encode_utf8(&mut [0; 4])),
            PartKind::DoubleQuoted { parts, .. } => self.values(parts, state),
            PartKind::Arithmetic { .. } | PartKind::Tilde(_) => Value::Plain,
            PartKind::Parameter(parameter) if parameter.length || is_plain_name(&parameter.name) => Value::Plain,
            PartKind::Parameter(parameter)
                if parameter.operator.is_none() && parameter.index.is_none() && !parameter.indirect =>
            {
                get(state, &parameter.name)
            }
            _ => Value::Anything,
        }
    }
}

/// Tells whether a function has a `return` of its own.
fn returns(body: &List) -> bool {
    body.items.iter().any(|item| {
        let pipelines = std::iter::once(&item.first).chain(item.rest.iter().map(|(_, pipeline)| pipeline));
        pipelines.flat_map(|pipeline| &pipeline.commands).any(|command| match &command.kind {
            CommandKind::Simple(simple) => simple.words.first().is_some_and(|word| is(word, "return")),
            CommandKind::Group(list) => returns(list),
            CommandKind::If { branches, otherwise } => {
                branches.iter().any(|(_, body)| returns(body)) || otherwise.as_ref().is_some_and(returns)
            }
            CommandKind::Loop { body, .. } | CommandKind::For { body, .. } => returns(body),
            CommandKind::Case { arms, .. } => arms.iter().any(|arm| returns(&arm.body)),
            _ => false,
        })
    })
}

fn is(word: &Word, text: &str) -> bool {
    word.literal().is_some_and(|literal| literal == text)
}
