//! Why a step ran: what in its key is not as it was, in words.

use std::collections::BTreeMap;
use std::fmt;

use super::KeyPart;

/// The longest value that is shown whole, in characters.
const MAX_SHOWN: usize = 80;

/// One part of a key that is not as it was.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct KeyChange {
    /// What it is, for a person: `variable VERSION`, `COPY src/`, `the base image or an earlier step`.
    pub what: String,
    /// Its value before; `None` where it was not there, or where its value says nothing to a person.
    pub old: Option<String>,
    /// Its value now.
    pub new: Option<String>,
    /// What changed in it, where it has parts of its own: files.
    pub details: Vec<String>,
}

impl fmt::Display for KeyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.old, &self.new) {
            (Some(old), Some(new)) => write!(f, "{}: {} → {}", self.what, shown(old), shown(new))?,
            (Some(old), None) => write!(f, "{} is gone, it was {}", self.what, shown(old))?,
            (None, Some(new)) => write!(f, "{} is new: {}", self.what, shown(new))?,
            (None, None) => write!(f, "{} changed", self.what)?,
        }
        if !self.details.is_empty() {
            write!(f, ": {}", self.details.join(", "))?;
        }
        Ok(())
    }
}

fn shown(value: &str) -> String {
    if value.chars().count() <= MAX_SHOWN {
        return format!("{value:?}");
    }
    let start: String = value.chars().take(MAX_SHOWN).collect();
    format!("{start:?}…")
}

/// Compares the parts of an earlier key with those of a new one; an empty answer means equal keys.
pub fn changes(before: &[KeyPart], now: &[KeyPart]) -> Vec<KeyChange> {
    let (before, now) = (grouped(before), grouped(now));
    let mut names: Vec<&str> = now.keys().chain(before.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let different = names.into_iter().filter(|name| before.get(name) != now.get(name));
    let mut changes: Vec<KeyChange> = different.map(|name| change(name, before.get(name), now.get(name))).collect();
    // The whole of the files says nothing that its sources do not say.
    if changes.iter().any(|change| change.what.starts_with("source ")) {
        changes.retain(|change| change.what != FILES);
    }
    changes
}

/// How alike two keys are: the number of parts that are the same. Finds the nearest of several records.
pub fn likeness(before: &[KeyPart], now: &[KeyPart]) -> usize {
    let before = grouped(before);
    grouped(now).iter().filter(|(name, values)| before.get(*name) == Some(values)).count()
}

const FILES: &str = "the selected files";

fn grouped(parts: &[KeyPart]) -> BTreeMap<&str, Vec<&str>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for part in parts {
        groups.entry(&part.name).or_default().push(&part.value);
    }
    groups
}

fn change(name: &str, old: Option<&Vec<&str>>, new: Option<&Vec<&str>>) -> KeyChange {
    let joined = |values: Option<&Vec<&str>>| values.map(|values| values.join(" "));
    let (kind, rest) = name.split_once(' ').unwrap_or((name, ""));
    let what = match (kind, name) {
        (_, "parent") => "the base image or an earlier step".to_owned(),
        (_, "source filesystem") => "the stage or image that is copied from".to_owned(),
        (_, "files") => FILES.to_owned(),
        (_, "argument") => "the command".to_owned(),
        (_, "cwd") => "the working directory".to_owned(),
        (_, "user") => "the user".to_owned(),
        (_, "source date epoch") => "SOURCE_DATE_EPOCH".to_owned(),
        ("env", _) => format!("variable {rest}"),
        ("script", _) => format!("script {rest}"),
        ("source", _) if !rest.is_empty() => name.to_owned(),
        _ => format!("the {name}"),
    };
    // Digests mean nothing to a person.
    let opaque = |value: &Option<String>| value.as_deref().is_some_and(|value| value.starts_with("blake3:"));
    let (mut old, mut new) = (joined(old), joined(new));
    if opaque(&old) || opaque(&new) {
        (old, new) = (None, None);
    }
    KeyChange { what, old, new, details: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::KeyBuilder;

    fn parts(build: impl FnOnce(&mut KeyBuilder)) -> Vec<KeyPart> {
        let mut key = KeyBuilder::new("run");
        key.digest("parent", &[1; 32]);
        build(&mut key);
        key.finish().1
    }

    fn words(before: &[KeyPart], now: &[KeyPart]) -> Vec<String> {
        changes(before, now).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_kind_of_change_has_its_words() {
        let run = |value: &str, command: [&str; 2]| {
            parts(|key| {
                key.list("argument", command.into_iter()).text("env VERSION", value);
            })
        };
        let before = run("1", ["sh", "make"]);
        assert_eq!(words(&before, &before), [""; 0]);
        assert_eq!(words(&before, &run("2", ["sh", "make"])), ["variable VERSION: \"1\" → \"2\""]);
        assert_eq!(words(&before, &run("1", ["sh", "make all"])), ["the command: \"sh make\" → \"sh make all\""]);
        let bare = parts(|key| {
            key.list("argument", ["sh", "make"].into_iter());
        });
        assert_eq!(words(&before, &bare), ["variable VERSION is gone, it was \"1\""]);
        assert_eq!(words(&bare, &before), ["variable VERSION is new: \"1\""]);
        let mut other = before.clone();
        other[1].value = "blake3:00".to_owned();
        assert_eq!(words(&before, &other), ["the base image or an earlier step changed"]);
    }

    #[test]
    fn a_source_that_changed_stands_for_all_files() {
        let copy = |a: u8| {
            parts(|key| {
                key.digest("files", &[a; 32]).digest("source src/", &[a; 32]).digest("source b", &[9; 32]);
            })
        };
        assert_eq!(words(&copy(1), &copy(2)), ["source src/ changed"]);
    }

    #[test]
    fn long_values_are_cut() {
        let run = |value: &str| {
            parts(|key| {
                key.text("env A", value);
            })
        };
        let words = words(&run("short"), &run(&"x".repeat(200)));
        assert_eq!(words, [format!("variable A: \"short\" → \"{}\"…", "x".repeat(80))]);
    }

    #[test]
    fn the_nearest_record_has_most_parts_in_common() {
        let one = parts(|key| {
            key.text("user", "").text("cwd", "/");
        });
        let two = parts(|key| {
            key.text("user", "me").text("cwd", "/");
        });
        let three = parts(|key| {
            key.text("user", "you").text("cwd", "/x");
        });
        assert!(likeness(&one, &two) > likeness(&one, &three));
    }
}
