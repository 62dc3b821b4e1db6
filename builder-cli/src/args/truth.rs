//! Truth values of flags, as docker takes them: `--pull=true` is `--pull`, and `-i=false` is nothing.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

/// Takes the values from the flags of `build` and `run`. What comes after the image of `run` is its program's.
pub(super) fn without_truth_values(command: &Command, mut arguments: Vec<OsString>) -> Vec<OsString> {
    let is_known = |argument: &OsString| argument == "build" || argument == "run";
    let Some(place) = arguments.iter().skip(1).position(is_known).map(|place| place + 1) else { return arguments };
    let is_run = arguments[place] == "run";
    let Some(subcommand) = command.find_subcommand(&arguments[place]) else { return arguments };
    let flags = Flags { command, subcommand };
    let mut rest = arguments.split_off(place + 1).into_iter();
    while let Some(argument) = rest.next() {
        let text = argument.to_str().unwrap_or_default().to_owned();
        let is_positional = !text.starts_with('-') || text == "-";
        if text == "--" || is_run && is_positional {
            arguments.push(argument);
            arguments.extend(rest);
            break;
        }
        match flags.read(&text) {
            Read::Other => arguments.push(argument),
            Read::NeedsValue => {
                arguments.push(argument);
                arguments.extend(rest.next());
            }
            Read::Instead(text) => arguments.extend(text.map(OsString::from)),
        }
    }
    arguments
}

/// What an argument is.
enum Read {
    /// Nothing to change.
    Other,
    /// An option whose value is the next argument.
    NeedsValue,
    /// A flag with a truth value, and what stands for it.
    Instead(Option<String>),
}

struct Flags<'c> {
    command: &'c Command,
    subcommand: &'c Command,
}

impl Flags<'_> {
    fn find(&self, is: impl Fn(&Arg) -> bool) -> Option<&Arg> {
        self.subcommand.get_arguments().chain(self.command.get_arguments()).find(|argument| is(argument))
    }

    fn read(&self, text: &str) -> Read {
        if let Some(long) = text.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
            return match (self.find(|argument| argument.get_long() == Some(name)), value.and_then(truth)) {
                (Some(argument), Some(is)) if is_flag(argument) => Read::Instead(is.then(|| format!("--{name}"))),
                (Some(argument), _) if value.is_none() && argument.get_action().takes_values() => Read::NeedsValue,
                _ => Read::Other,
            };
        }
        let letters = text.strip_prefix('-').unwrap_or_default();
        for (index, letter) in letters.char_indices() {
            let Some(argument) = self.find(|argument| argument.get_short() == Some(letter)) else { break };
            let after = &letters[index + letter.len_utf8()..];
            if !is_flag(argument) {
                return if after.is_empty() { Read::NeedsValue } else { Read::Other };
            }
            if let Some(is) = after.strip_prefix('=').and_then(truth) {
                let kept = if is { &letters[..=index] } else { &letters[..index] };
                return Read::Instead((!kept.is_empty()).then(|| format!("-{kept}")));
            }
        }
        Read::Other
    }
}

fn is_flag(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::SetTrue | ArgAction::Count)
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}
