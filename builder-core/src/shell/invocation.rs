//! A simple command as the program sees it: a name, flags and arguments.

use std::borrow::Cow;

use super::ast::{SimpleCommand, Word};
use crate::text::Span;

/// The name and the arguments of a simple command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invocation<'a> {
    /// The name, with quotes removed: a path stays one.
    pub name: Cow<'a, str>,
    /// Where the name stands.
    pub name_span: Span,
    /// What follows the name, flags included.
    pub args: Vec<Arg<'a>>,
}

/// An argument.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arg<'a> {
    /// The argument with quotes and escapes removed, and expansions as they were written.
    pub text: Cow<'a, str>,
    /// Whether the text is what the program gets: nothing in it is expanded.
    pub literal: bool,
    /// Where it stands.
    pub span: Span,
    /// The word itself.
    pub word: &'a Word,
}

/// A flag: `-x` gives one, `-xy` two, and `--name=value` one without its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flag<'a> {
    /// The letter, or the name without dashes.
    pub name: &'a str,
    /// The value after `=` of a long flag.
    pub value: Option<&'a str>,
    /// The argument that it is in.
    pub arg: usize,
}

/// A program that runs its arguments as a command.
struct Prefix {
    name: &'static str,
    /// Options whose value is the next argument.
    takes_value: &'static [&'static str],
    /// How many arguments stand before the command.
    operands: usize,
    /// Whether `name=value` may stand before the command.
    assignments: bool,
}

const fn prefix(name: &'static str, takes_value: &'static [&'static str], operands: usize) -> Prefix {
    Prefix { name, takes_value, operands, assignments: false }
}

static PREFIXES: [Prefix; 18] = [
    prefix("builtin", &[], 0),
    prefix("busybox", &[], 0),
    prefix("chroot", &[], 1),
    prefix("command", &[], 0),
    prefix("doas", &["-u", "-C"], 0),
    Prefix {
        name: "env",
        takes_value: &["-u", "--unset", "-C", "--chdir", "-S", "--split-string"],
        operands: 0,
        assignments: true,
    },
    prefix("exec", &["-a"], 0),
    prefix("fakeroot", &["-l", "-s", "-i", "-b"], 0),
    prefix("gosu", &[], 1),
    prefix("ionice", &["-c", "-n", "--class", "--classdata"], 0),
    prefix("nice", &["-n", "--adjustment"], 0),
    prefix("nohup", &[], 0),
    prefix("setsid", &[], 0),
    prefix("stdbuf", &["-i", "-o", "-e", "--input", "--output", "--error"], 0),
    prefix("su-exec", &[], 1),
    Prefix {
        name: "sudo",
        takes_value: &[
            "-u", "--user", "-g", "--group", "-h", "--host", "-p", "--prompt", "-C", "-D", "-r", "-t", "-T", "-U",
        ],
        operands: 0,
        assignments: true,
    },
    prefix("time", &["-f", "--format", "-o", "--output"], 0),
    prefix("timeout", &["-s", "--signal", "-k", "--kill-after"], 1),
];

impl<'a> Invocation<'a> {
    /// Reads a command as it is written. `None` where it has no words; a name that is expanded is given as
    /// written. `source` is the text that was parsed.
    pub fn new(command: &'a SimpleCommand, source: &str) -> Option<Self> {
        let (name, args) = command.words.split_first()?;
        let arg = |word: &'a Word| Arg {
            text: word.unquoted(source),
            literal: word.literal().is_some(),
            span: word.span,
            word,
        };
        let args = args.iter().map(arg).collect();
        Some(Self { name: name.unquoted(source), name_span: name.span, args })
    }

    /// Reads the command that really runs: behind `sudo`, `env A=b`, `exec`, `timeout 5` and the like, and
    /// without the folder of its name.
    pub fn effective(command: &'a SimpleCommand, source: &str) -> Option<Self> {
        let mut invocation = Self::new(command, source)?;
        while let Some(inner) = invocation.behind_prefix() {
            invocation = inner;
        }
        if let Some(at) = invocation.name.rfind('/') {
            invocation.name = Cow::Owned(invocation.name[at + 1..].to_owned());
        }
        Some(invocation)
    }

    fn behind_prefix(&self) -> Option<Self> {
        let name = self.name.rsplit('/').next()?;
        let prefix = PREFIXES.iter().find(|p| p.name == name)?;
        let mut at = 0;
        let mut operands = prefix.operands;
        let mut options = true;
        loop {
            let arg = self.args.get(at)?;
            at += 1;
            if options && arg.text == "--" {
                options = false;
            } else if options && arg.text.len() > 1 && arg.text.starts_with('-') {
                // `command -v` and `-V` only ask for a name.
                if name == "command" && arg.text.contains(['v', 'V']) {
                    return None;
                }
                at += usize::from(prefix.takes_value.contains(&arg.text.as_ref()));
            } else if prefix.assignments && arg.word.as_assignment().is_some() {
                options = false;
            } else if operands > 0 {
                operands -= 1;
                options = false;
            } else {
                let args = self.args.get(at..)?.to_vec();
                return Some(Self { name: arg.text.clone(), name_span: arg.span, args });
            }
        }
    }

    /// Returns the flags in order: of every argument that begins with `-`, whatever stands before it.
    pub fn flags(&self) -> impl Iterator<Item = Flag<'_>> {
        self.args.iter().enumerate().flat_map(|(arg, Arg { text, .. })| {
            let long = text.strip_prefix("--");
            let short = if long.is_some() { "" } else { text.strip_prefix('-').unwrap_or("") };
            let long = long.filter(|name| !name.is_empty()).map(|name| match name.split_once('=') {
                Some((name, value)) => Flag { name, value: Some(value), arg },
                None => Flag { name, value: None, arg },
            });
            let letter = move |(at, c): (usize, char)| Flag { name: &short[at..at + c.len_utf8()], value: None, arg };
            long.into_iter().chain(short.char_indices().map(letter))
        })
    }

    /// Tells whether a flag is there: a letter, or a name without dashes.
    pub fn has_flag(&self, name: &str) -> bool {
        self.flags().any(|flag| flag.name == name)
    }

    /// Tells whether one of these flags is there.
    pub fn has_any_flag(&self, names: &[&str]) -> bool {
        self.flags().any(|flag| names.contains(&flag.name))
    }

    /// Returns how often a flag is there.
    pub fn count_flag(&self, name: &str) -> usize {
        self.flags().filter(|flag| flag.name == name).count()
    }

    /// Returns the value of a flag: behind its `=`, or the argument after it.
    pub fn flag_value(&self, name: &str) -> Option<&str> {
        let flag = self.flags().find(|flag| flag.name == name)?;
        let (value, arg) = (flag.value.map(str::len), flag.arg);
        match value {
            Some(length) => self.args[arg].text.get(self.args[arg].text.len() - length..),
            None => self.args.get(arg + 1).map(|arg| arg.text.as_ref()),
        }
    }

    /// Returns the arguments that do not begin with `-`.
    pub fn args_without_flags(&self) -> impl Iterator<Item = &Arg<'a>> {
        self.args.iter().filter(|arg| !arg.text.starts_with('-'))
    }

    /// Tells whether one of the arguments is this text.
    pub fn has_arg(&self, text: &str) -> bool {
        self.args.iter().any(|arg| arg.text == text)
    }

    /// Returns the command without these flags, and without the arguments that are their values.
    #[must_use]
    pub fn without_flags(&self, names: &[&str]) -> Self {
        let mut dropped = vec![false; self.args.len()];
        for flag in self.flags().filter(|flag| names.contains(&flag.name)) {
            dropped[flag.arg] = true;
            if flag.value.is_none() && flag.arg + 1 < dropped.len() {
                dropped[flag.arg + 1] = true;
            }
        }
        let kept = self.args.iter().zip(dropped).filter(|(_, dropped)| !dropped).map(|(arg, _)| arg.clone());
        Self { name: self.name.clone(), name_span: self.name_span, args: kept.collect() }
    }
}
