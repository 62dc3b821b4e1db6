//! One pattern, compiled.
//!
//! Moby turns a pattern into a regular expression, or into a comparison where it finds that one will do;
//! which of the two depends on where `**` stands, and the results differ. Both are kept here. Expressions
//! are run as a set of states over the path, so that no pattern can take more than (length of pattern) ×
//! (length of path) steps.

use std::iter::Peekable;
use std::str::Chars;

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
                tokens.push(escaped(&mut chars)?);
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

/// What a backslash and what follows it mean. Moby puts both into its regular expression, so that with a letter or a
/// digit they are what they are in Go's: a control character, a number, a class, a place, or an error. Go's names of
/// Unicode classes (`\pL`) and its quotes (`\Q`) are refused.
fn escaped(chars: &mut Peekable<Chars<'_>>) -> Result<Token, IgnoreErrorKind> {
    const DIGITS: &[(char, char)] = &[('0', '9')];
    const BLANKS: &[(char, char)] = &[('\t', '\n'), ('\u{c}', '\r'), (' ', ' ')];
    const OF_WORDS: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
    let c = chars.next().ok_or(IgnoreErrorKind::BadPattern)?;
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
        'b' | 'B' => Token::Place(Place::Boundary { is_one: c == 'b' }),
        'A' => Token::Place(Place::Start),
        'z' => Token::Place(Place::End),
        'x' => number(chars, 16, 2, 0).filter(|(_, digits)| *digits == 2).ok_or(IgnoreErrorKind::BadPattern)?.0,
        // A digit alone, but for 0, would refer to a group.
        '0'..='7' => {
            let begun = c.to_digit(8).unwrap_or(0);
            let found = number(chars, 8, 2, begun).filter(|(_, digits)| *digits > 0 || c == '0');
            found.ok_or(IgnoreErrorKind::BadPattern)?.0
        }
        c if c.is_ascii_alphanumeric() => return Err(IgnoreErrorKind::BadPattern),
        c => Token::Literal(c),
    })
}

/// Reads up to so many more digits of a character's number; says how many there were.
fn number(chars: &mut Peekable<Chars<'_>>, radix: u32, most: usize, begun: u32) -> Option<(Token, usize)> {
    let mut number = begun;
    let mut count = 0;
    while count < most
        && let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix))
    {
        number = number * radix + digit;
        count += 1;
        chars.next();
    }
    Some((Token::Literal(char::from_u32(number)?), count))
}

/// A place in a path that an expression can ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// `\b`, and `\B` where there is none: between a character of a word and another one, or an end.
    Boundary { is_one: bool },
    /// `\A`
    Start,
    /// `\z`
    End,
}

impl Place {
    fn is_between(self, before: Option<char>, after: Option<char>) -> bool {
        let is_of_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        match self {
            Self::Boundary { is_one } => (is_of_word(before) != is_of_word(after)) == is_one,
            Self::Start => before.is_none(),
            Self::End => after.is_none(),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Token {
    Literal(char),
    /// No character, but a place between two.
    Place(Place),
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
    /// Whether one of the tokens is a place.
    has_places: bool,
}

/// What running an expression over a path showed.
struct Run {
    /// The path or a directory above it matches.
    matched: bool,
    /// A longer path may match.
    alive: bool,
}

/// A set of positions in an expression.
trait States: Clone {
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
        let prefix = prefix.collect();
        let has_places = tokens.iter().any(|token| matches!(token, Token::Place(_)));
        Self { prefix, tokens, has_places }
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
        let mut before = self.prefix.chars().next_back();
        for c in rest.chars() {
            // A slash ends the name of a directory above the path.
            if parents && c == '/' && self.passed(states.clone(), before, None).contains(accepting) {
                return Run { matched: true, alive: true };
            }
            states = self.passed(states, before, Some(c));
            before = Some(c);
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
        let states = self.passed(states, before, None);
        Run { matched: states.contains(accepting), alive: !states.is_empty() }
    }

    /// Goes past the places that are asked for and that this is one of.
    fn passed<S: States>(&self, mut states: S, before: Option<char>, after: Option<char>) -> S {
        if self.has_places {
            for (at, token) in self.tokens.iter().enumerate() {
                let is_here = matches!(token, Token::Place(place) if place.is_between(before, after));
                if is_here && states.contains(at) {
                    self.enter(&mut states, at + 1);
                }
            }
        }
        states
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
