//! The value of `--chmod`: permissions in octal, or changes of them in words.
//!
//! Spec: dockerfile-semantics 5.6.4; chmod(1p) of POSIX.1-2024 for the words, with a umask of 0. As in BuildKit,
//! `=` leaves the sticky bit alone unless `t` is named, and takes setuid and setgid away from whom it names.

use std::fmt;

const SETUID: u32 = 0o4000;
const SETGID: u32 = 0o2000;
const STICKY: u32 = 0o1000;
const EXECUTE: u32 = 0o111;
/// Everything that `a` names: all but the sticky bit.
const EVERYBODY: u32 = SETUID | SETGID | 0o777;

/// A mode, or a change of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ModeChange {
    /// Exactly these bits.
    Exact(u32),
    /// Changes relative to what a file has.
    Symbolic(SymbolicMode),
}

/// Changes such as `u+x,go-w`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SymbolicMode {
    text: String,
    actions: Vec<Action>,
}

/// The text is no mode.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ModeError {
    /// It looks like a number, but is not one between 0 and 07777 in octal.
    #[error("invalid chmod parameter: '{0}'. it should be octal string and between 0 and 07777")]
    Octal(String),
    /// It is no list of changes either.
    #[error("invalid chmod parameter: '{0}': invalid syntax")]
    Syntax(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operator {
    Add,
    Remove,
    Set,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Action {
    /// The bits that the named classes have.
    who: u32,
    operator: Operator,
    /// Bits for every class.
    bits: u32,
    /// Whether execution counts where the file is a directory or can be executed by somebody.
    conditional_execute: bool,
    /// The classes whose bits are copied, as the distance of their bits.
    copied: [bool; 3],
}

impl ModeChange {
    /// Reads a mode.
    ///
    /// # Errors
    /// [`ModeError`] where it is neither a number in range nor a list of changes.
    pub fn parse(text: &str) -> Result<Self, ModeError> {
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            let digits = text.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
            let mode = u32::from_str_radix(text, 8).ok().filter(|mode| digits && *mode <= 0o7777);
            return mode.map(Self::Exact).ok_or_else(|| ModeError::Octal(text.to_owned()));
        }
        let mut actions = Vec::new();
        for clause in text.split(',') {
            clause_actions(clause, &mut actions).ok_or_else(|| ModeError::Syntax(text.to_owned()))?;
        }
        Ok(Self::Symbolic(SymbolicMode { text: text.to_owned(), actions }))
    }

    /// Returns the mode that a file gets.
    pub fn apply(&self, mode: u32, is_directory: bool) -> u32 {
        match self {
            Self::Exact(exact) => *exact,
            Self::Symbolic(symbolic) => {
                symbolic.actions.iter().fold(mode, |now, action| action.apply(now, mode, is_directory))
            }
        }
    }

    /// Returns the mode of directories that a copy needs and makes: only a number says something about them, and
    /// that without setuid, setgid and sticky bits.
    pub fn of_created(&self) -> Option<u32> {
        match self {
            Self::Exact(exact) => Some(*exact & 0o777),
            Self::Symbolic(_) => None,
        }
    }
}

impl fmt::Display for ModeChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(exact) => write!(f, "{exact:04o}"),
            Self::Symbolic(symbolic) => f.write_str(&symbolic.text),
        }
    }
}

/// Reads `[ugoa…]` and at least one operator with its permissions.
fn clause_actions(clause: &str, actions: &mut Vec<Action>) -> Option<()> {
    let named = clause.find(|c| !"ugoa".contains(c))?;
    let (classes, mut rest) = clause.split_at(named);
    let who = classes.chars().fold(0, |who, class| {
        who | match class {
            'u' => SETUID | 0o700,
            'g' => SETGID | 0o070,
            'o' => 0o007,
            _ => EVERYBODY,
        }
    });
    while !rest.is_empty() {
        let operator = match rest.chars().next()? {
            '+' => Operator::Add,
            '-' => Operator::Remove,
            '=' => Operator::Set,
            _ => return None,
        };
        rest = rest.get(1..)?;
        let end = rest.find(['+', '-', '=']).unwrap_or(rest.len());
        let (permissions, after) = rest.split_at(end);
        actions.push(action(if who == 0 { EVERYBODY } else { who }, operator, permissions)?);
        rest = after;
    }
    Some(())
}

fn action(who: u32, operator: Operator, permissions: &str) -> Option<Action> {
    let mut action = Action { who, operator, bits: 0, conditional_execute: false, copied: [false; 3] };
    // Setuid, setgid and the sticky bit mean nothing for others alone.
    let special = who & !0o007 != 0;
    for permission in permissions.chars() {
        match permission {
            'r' => action.bits |= 0o444,
            'w' => action.bits |= 0o222,
            'x' => action.bits |= EXECUTE,
            'X' => action.conditional_execute = true,
            's' if special => action.bits |= SETUID | SETGID,
            't' if special => {
                action.who |= STICKY;
                action.bits |= STICKY;
            }
            's' | 't' => {}
            'o' => action.copied[0] = true,
            'g' => action.copied[1] = true,
            'u' => action.copied[2] = true,
            _ => return None,
        }
    }
    Some(action)
}

impl Action {
    fn apply(&self, now: u32, original: u32, is_directory: bool) -> u32 {
        let mut bits = self.bits;
        if self.conditional_execute && (is_directory || original & EXECUTE != 0) {
            bits |= EXECUTE;
        }
        for (class, _) in self.copied.iter().enumerate().filter(|(_, copied)| **copied) {
            let copied = now >> (3 * class) & 0o007;
            bits |= copied | copied << 3 | copied << 6;
        }
        match self.operator {
            Operator::Add => now | (bits & self.who),
            Operator::Remove => now & !(bits & self.who),
            Operator::Set => now & !self.who | (bits & self.who),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_in_words_change_what_they_name() {
        for (text, before, directory, after) in [
            ("u+x", 0o644, false, 0o744),
            ("u+x,go-w", 0o666, false, 0o744),
            ("a=rX", 0o640, false, 0o444),
            ("a=rX", 0o740, false, 0o555),
            ("a=rX", 0o700, true, 0o555),
            ("u=rwX,go=rX", 0o600, false, 0o644),
            ("u=rwX,go=rX", 0o600, true, 0o755),
            ("+X", 0o010, false, 0o111),
            ("+X", 0o600, false, 0o600),
            ("-X", 0o750, false, 0o640),
            ("g=u", 0o640, false, 0o660),
            ("go=u-w", 0o770, false, 0o755),
            ("u=g", 0o742, false, 0o442),
            ("u+go", 0o021, false, 0o321),
            ("=", 0o777, false, 0),
            ("+", 0o421, false, 0o421),
            ("u+s,g+s", 0o755, false, 0o6755),
            ("o+s", 0o755, false, 0o755),
            ("+t", 0o777, true, 0o1777),
            ("o+t", 0o777, true, 0o777),
            ("-t", 0o1777, true, 0o777),
            ("a=rx", 0o1777, true, 0o1555),
            ("a=rx", 0o6777, false, 0o555),
            ("g=rx", 0o6777, false, 0o4757),
            ("o+r,g+w,a+t,g-s,u+og", 0o2100, false, 0o1724),
            ("u=rwx,go=u-w", 0, false, 0o755),
            ("a=r,ug=rw,u+x", 0, false, 0o764),
            ("u+r-w", 0o200, false, 0o400),
        ] {
            let change = ModeChange::parse(text).unwrap();
            assert_eq!(
                change.apply(before, directory),
                after,
                "{text} {before:o}: {:o}",
                change.apply(before, directory)
            );
        }
    }

    #[test]
    fn numbers_are_octal_and_in_range() {
        for (text, expected) in [("0", 0), ("7777", 0o7777), ("0755", 0o755), ("00644", 0o644)] {
            assert_eq!(ModeChange::parse(text), Ok(ModeChange::Exact(expected)), "{text}");
        }
        for text in ["8", "10000", "0o755", "75x", "99999999999999"] {
            assert_eq!(ModeChange::parse(text), Err(ModeError::Octal(text.to_owned())), "{text}");
        }
        for text in ["", "u", "go", "q+r", "u+z", ",", "u+x,", "+755", "-1", "rwx", "é+x", "u+é"] {
            assert_eq!(ModeChange::parse(text), Err(ModeError::Syntax(text.to_owned())), "{text}");
        }
    }
}
