//! What is known of the value of a variable.

use std::rc::Rc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;

pub(super) use crate::lint::model::Known as Value;

impl Value {
    pub(super) fn followed_by(self, other: Self) -> Self {
        match (self, other) {
            (Self::Empty, other) => other,
            (this, Self::Empty) => this,
            (Self::Plain, Self::Plain) => Self::Plain,
            _ => Self::Anything,
        }
    }
}

/// The variables that are known; `None` where the shell never comes to.
pub(super) type State = Option<OrdMap<Rc<str>, Value>>;

/// Names whose values are numbers, or set by the shell without blanks.
const PLAIN_NAMES: [&str; 24] = [
    "$",
    "-",
    "?",
    "!",
    "#",
    "BASHPID",
    "BASH_ARGC",
    "BASH_LINENO",
    "BASH_SUBSHELL",
    "EUID",
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "LINENO",
    "OPTIND",
    "PPID",
    "RANDOM",
    "READLINE_ARGUMENT",
    "READLINE_MARK",
    "READLINE_POINT",
    "SECONDS",
    "SHELLOPTS",
    "SHLVL",
    "SRANDOM",
    "UID",
];
const PLAIN_NAMES_TOO: [&str; 5] = ["COLUMNS", "HISTFILESIZE", "HISTSIZE", "LINES", "FUNCNEST"];

/// Tells whether a parameter has a value without blanks by its nature.
pub(super) fn is_plain_name(name: &str) -> bool {
    PLAIN_NAMES.contains(&name) || PLAIN_NAMES_TOO.contains(&name)
}

pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic())
        && text.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
}

/// Tells whether a text begins with an operator that assigns: `=`, `+=`, `<<=`, but not `==`.
pub(super) fn is_assigning(text: &str) -> bool {
    let rest = text.trim_start_matches(['+', '-', '*', '/', '%', '&', '^', '|']);
    let rest = rest.strip_prefix("<<").or_else(|| rest.strip_prefix(">>")).unwrap_or(rest);
    rest.starts_with('=') && !rest.starts_with("==")
}

pub(super) fn of_text(text: &str) -> Value {
    match text {
        "" => Value::Empty,
        _ if text.contains([' ', '\t', '\n', '*', '?', '[']) => Value::Anything,
        _ => Value::Plain,
    }
}

pub(super) fn get(state: &State, name: &str) -> Value {
    state.as_ref().and_then(|state| state.get(name)).copied().unwrap_or(Value::Anything)
}

pub(super) fn set(state: &mut State, name: &str, value: Value) {
    if let Some(state) = state
        && state.get(name) != Some(&value)
    {
        state.insert(name.into(), value);
    }
}

pub(super) fn joined(a: Value, b: Value) -> Value {
    a.followed_by(b)
}

pub(super) fn join(a: State, b: State) -> State {
    match (a, b) {
        (None, other) | (other, None) => other,
        (Some(a), Some(b)) => {
            // Nearly always they share nearly everything.
            let mut both = a.clone();
            for difference in a.diff(&b) {
                match difference {
                    DiffItem::Add(..) => {}
                    DiffItem::Remove(name, _) => {
                        both.remove(name);
                    }
                    DiffItem::Update { old: (name, old), new: (_, new) } => {
                        both.insert(Rc::clone(name), joined(*old, *new));
                    }
                }
            }
            Some(both)
        }
    }
}
