//! One pattern, compiled.
//!
//! Moby turns a pattern into a regular expression, or into a comparison where it finds that one will do;
//! which of the two depends on where `**` stands, and the results differ. Both are kept here. Expressions
//! are run as a set of states over the path, so that no pattern can take more than (length of pattern) ×
//! (length of path) steps.

use super::error::IgnoreErrorKind;
use super::path;
use crate::glob::{Class, Glob};

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pattern {
    negated: bool,
    matcher: Matcher,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Matcher {
    /// No wildcard: the path itself.
    Exact(String),
    /// `text**`: every path that begins so.
    Prefix(String),
    /// `**text`: every path that ends so; a leading slash of it may also be the start of the path.
    Suffix(String),
    Expression(Expression),
}

impl Pattern {
    /// Compiles a pattern, `!` included.
    pub(super) fn new(written: &str) -> Result<Self, IgnoreErrorKind> {
        let cleaned = path::clean(written);
        let (negated, pattern) = match cleaned.strip_prefix('!') {
            Some("") => return Err(IgnoreErrorKind::IllegalExclusion),
            Some(rest) => (true, rest),
            None => (false, cleaned.as_str()),
        };
        if Glob::new(pattern).is_err() {
            return Err(IgnoreErrorKind::BadPattern);
        }
        Ok(Self { negated, matcher: compile(pattern)? })
    }

    pub(super) fn is_negated(&self) -> bool {
        self.negated
    }

    /// Tells whether the pattern matches a path itself.
    pub(super) fn matches_path(&self, path: &str) -> bool {
        match &self.matcher {
            Matcher::Exact(exact) => path == exact,
            Matcher::Prefix(prefix) => path.starts_with(prefix.as_str()),
            Matcher::Suffix(suffix) => has_suffix(path, suffix),
            Matcher::Expression(expression) => expression.run(path, false).matched,
        }
    }

    /// Tells whether the pattern matches a path or a directory above it.
    pub(super) fn matches_path_or_parent(&self, path: &str) -> bool {
        match &self.matcher {
            Matcher::Exact(exact) => {
                path.strip_prefix(exact.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            }
            Matcher::Prefix(prefix) => path.starts_with(prefix.as_str()),
            Matcher::Suffix(suffix) => ends(path).any(|end| has_suffix(path.get(..end).unwrap_or(path), suffix)),
            Matcher::Expression(expression) => expression.run(path, true).matched,
        }
    }

    /// Tells whether the pattern can match a path below a directory; may err on the side of yes.
    pub(super) fn may_match_below(&self, directory: &str) -> bool {
        if directory.is_empty() {
            return true;
        }
        let inside = format!("{directory}/");
        match &self.matcher {
            Matcher::Exact(exact) => exact.starts_with(&inside) || self.matches_path_or_parent(directory),
            Matcher::Prefix(prefix) => prefix.starts_with(&inside) || inside.starts_with(prefix.as_str()),
            Matcher::Suffix(_) => true,
            Matcher::Expression(expression) => {
                let run = expression.run(&inside, true);
                run.matched || run.alive
            }
        }
    }
}

/// Returns the offsets at which a path and the directories above it end.
fn ends(path: &str) -> impl Iterator<Item = usize> {
    path.match_indices('/').map(|(at, _)| at).chain([path.len()])
}

fn has_suffix(path: &str, suffix: &str) -> bool {
    path.ends_with(suffix) || suffix.strip_prefix('/') == Some(path)
}

/// Decides on the form of a pattern and translates it.
fn compile(pattern: &str) -> Result<Matcher, IgnoreErrorKind> {
    #[derive(PartialEq)]
    enum Form {
        Exact,
        Prefix,
        Suffix,
        Expression,
    }
    let mut form = Form::Exact;
    let mut tokens = Vec::new();
    let mut chars = pattern.chars().peekable();
    let mut first = true;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.next_if_eq(&'*').is_some() => {
                let _ = chars.next_if_eq(&'/');
                if chars.peek().is_none() {
                    if form == Form::Exact {
                        form = Form::Prefix;
                    } else {
                        tokens.push(Token::Rest);
                        form = Form::Expression;
                    }
                } else {
                    tokens.extend([Token::Fork, Token::Components]);
                    form = Form::Expression;
                }
                if first {
                    form = Form::Suffix;
                }
            }
            '*' => {
                tokens.push(Token::Run);
                form = Form::Expression;
            }
            '?' => {
                tokens.push(Token::Any);
                form = Form::Expression;
            }
            '[' => {
                tokens.push(Token::Class(Class::read(&mut chars).map_err(|_| IgnoreErrorKind::BadPattern)?));
                form = Form::Expression;
            }
            '\\' => {
                tokens.push(escaped(chars.next().ok_or(IgnoreErrorKind::BadPattern)?)?);
                form = Form::Expression;
            }
            c => tokens.push(Token::Literal(c)),
        }
        first = false;
    }
    Ok(match form {
        Form::Exact => Matcher::Exact(pattern.to_owned()),
        Form::Prefix => Matcher::Prefix(pattern.strip_suffix("**").unwrap_or(pattern).to_owned()),
        Form::Suffix => Matcher::Suffix(pattern.strip_prefix("**").unwrap_or(pattern).to_owned()),
        Form::Expression => Matcher::Expression(Expression::new(tokens)),
    })
}

/// What a backslash and a character mean. Moby puts both into its regular expression, so that with a letter they are
/// what they are in Go's: a control character, a class, or an error. Those that look at more than one character are
/// refused here too.
fn escaped(c: char) -> Result<Token, IgnoreErrorKind> {
    const DIGITS: &[(char, char)] = &[('0', '9')];
    const BLANKS: &[(char, char)] = &[('\t', '\n'), ('\u{c}', '\r'), (' ', ' ')];
    const OF_WORDS: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
    let class = |ranges| Token::Class(Class::of(ranges, c.is_ascii_uppercase()));
    Ok(match c {
        'a' => Token::Literal('\u{7}'),
        'f' => Token::Literal('\u{c}'),
        'n' => Token::Literal('\n'),
        'r' => Token::Literal('\r'),
        't' => Token::Literal('\t'),
        'v' => Token::Literal('\u{b}'),
        'd' | 'D' => class(DIGITS),
        's' | 'S' => class(BLANKS),
        'w' | 'W' => class(OF_WORDS),
        c if c.is_ascii_alphanumeric() => return Err(IgnoreErrorKind::BadPattern),
        c => Token::Literal(c),
    })
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Token {
    Literal(char),
    /// `?`
    Any,
    /// `*`
    Run,
    Class(Class),
    /// Goes on at the next token and behind it: makes [`Token::Components`] optional.
    Fork,
    /// Any text that ends in a slash.
    Components,
    /// Any text.
    Rest,
}

/// An expression: the characters that it begins with, and what follows them.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Expression {
    /// A path that does not begin so cannot match; most paths are decided here.
    prefix: String,
    tokens: Vec<Token>,
}

/// What running an expression over a path showed.
struct Run {
    /// The path or a directory above it matches.
    matched: bool,
    /// A longer path may match.
    alive: bool,
}

/// A set of positions in an expression.
trait States {
    fn empty(size: usize) -> Self;
    fn insert(&mut self, state: usize) -> bool;
    fn contains(&self, state: usize) -> bool;
    fn is_empty(&self) -> bool;
}

/// For expressions of less than 64 tokens, which are nearly all: no allocation.
impl States for u64 {
    fn empty(_: usize) -> Self {
        0
    }

    fn insert(&mut self, state: usize) -> bool {
        let before = *self;
        *self |= 1 << state;
        before != *self
    }

    fn contains(&self, state: usize) -> bool {
        self & (1 << state) != 0
    }

    fn is_empty(&self) -> bool {
        *self == 0
    }
}

impl States for Vec<bool> {
    fn empty(size: usize) -> Self {
        vec![false; size]
    }

    fn insert(&mut self, state: usize) -> bool {
        self.get_mut(state).is_some_and(|slot| !std::mem::replace(slot, true))
    }

    fn contains(&self, state: usize) -> bool {
        self.get(state).copied().unwrap_or(false)
    }

    fn is_empty(&self) -> bool {
        !self.iter().any(|state| *state)
    }
}

impl Expression {
    fn new(mut tokens: Vec<Token>) -> Self {
        let literals = tokens.iter().take_while(|token| matches!(token, Token::Literal(_))).count();
        let prefix = tokens.drain(..literals).filter_map(|token| match token {
            Token::Literal(c) => Some(c),
            _ => None,
        });
        Self { prefix: prefix.collect(), tokens }
    }

    /// Runs the expression over a path; with `parents`, a directory above that matches is enough.
    fn run(&self, path: &str, parents: bool) -> Run {
        let Some(rest) = path.strip_prefix(self.prefix.as_str()) else {
            return Run { matched: false, alive: self.prefix.starts_with(path) };
        };
        if self.tokens.len() < 64 {
            self.simulate::<u64>(rest, parents)
        } else {
            self.simulate::<Vec<bool>>(rest, parents)
        }
    }

    fn simulate<S: States>(&self, rest: &str, parents: bool) -> Run {
        let accepting = self.tokens.len();
        let mut states = S::empty(accepting + 1);
        self.enter(&mut states, 0);
        for c in rest.chars() {
            // A slash ends the name of a directory above the path.
            if parents && c == '/' && states.contains(accepting) {
                return Run { matched: true, alive: true };
            }
            let mut next = S::empty(accepting + 1);
            for (at, token) in self.tokens.iter().enumerate().filter(|(at, _)| states.contains(*at)) {
                match token {
                    Token::Literal(literal) if *literal == c => self.enter(&mut next, at + 1),
                    Token::Any if c != '/' => self.enter(&mut next, at + 1),
                    Token::Class(class) if class.matches(c) => self.enter(&mut next, at + 1),
                    Token::Run if c != '/' => self.enter(&mut next, at),
                    Token::Rest => self.enter(&mut next, at),
                    Token::Components => {
                        self.enter(&mut next, at);
                        if c == '/' {
                            self.enter(&mut next, at + 1);
                        }
                    }
                    _ => {}
                }
            }
            states = next;
            if states.is_empty() {
                break;
            }
        }
        Run { matched: states.contains(accepting), alive: !states.is_empty() }
    }

    /// Adds a state and those that it leads to without a character.
    fn enter<S: States>(&self, states: &mut S, state: usize) {
        let mut open = [Some(state), None];
        while let Some(at) = open[0].take().or_else(|| open[1].take()) {
            if !states.insert(at) {
                continue;
            }
            match self.tokens.get(at) {
                Some(Token::Run | Token::Rest) => open[0] = Some(at + 1),
                Some(Token::Fork) => {
                    states.insert(at + 1);
                    open[1] = Some(at + 2);
                }
                _ => {}
            }
        }
    }
}
