//! Completion in shells. What they source asks this program, with the words so far, whenever somebody presses the
//! key: so it knows every option of this version and the images of the moment.
//!
//! The question comes in the variable `BUILDER_COMPLETE`, which has the name of the shell, and in the arguments after
//! `--`. It is answered from `index.json`, which lists every image that has a name: no store is opened, let alone made.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, ValueCompleter};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use serde_json::Value;

use crate::args::{Cli, ShellArg};

/// The variable that says that the program is asked for completions, and by which shell.
pub(crate) const VARIABLE: &str = crate::env::BUILDER_COMPLETE;
/// What bash sources; the other two are those of `clap_complete`.
const BASH: &str = include_str!("builder.bash");
/// The largest `index.json` that is read while somebody waits at the prompt.
const MAX_INDEX: u64 = 64 << 20;
/// The arguments that are names of images of the store: command, argument.
const IMAGES: &[(&[&str], &str)] = &[
    (&["run"], "words"),
    (&["history"], "image"),
    (&["layers"], "image"),
    (&["inspect"], "images"),
    (&["diff"], "before"),
    (&["diff"], "after"),
    (&["export"], "image"),
    (&["tag"], "source"),
    (&["untag"], "image"),
    (&["rmi"], "images"),
    (&["save"], "images"),
    (&["push"], "image"),
    (&["pull"], "image"),
    (&["image", "history"], "image"),
    (&["image", "inspect"], "images"),
    (&["image", "tag"], "source"),
    (&["image", "untag"], "image"),
    (&["image", "export"], "image"),
    (&["image", "diff"], "before"),
    (&["image", "diff"], "after"),
    (&["image", "rm"], "images"),
    (&["image", "save"], "images"),
    (&["manifest", "create"], "images"),
    (&["manifest", "annotate"], "list"),
    (&["manifest", "annotate"], "image"),
    (&["manifest", "inspect"], "name"),
    (&["manifest", "rm"], "lists"),
    (&["manifest", "push"], "list"),
];

/// Returns what a shell has to read.
///
/// # Errors
/// None but those of memory.
pub(crate) fn script(shell: ShellArg) -> io::Result<Vec<u8>> {
    let mut script = Vec::new();
    match shell {
        ShellArg::Bash => script.extend_from_slice(BASH.as_bytes()),
        ShellArg::Zsh => Zsh.write_registration(VARIABLE, "builder", "builder", "builder", &mut script)?,
        ShellArg::Fish => Fish.write_registration(VARIABLE, "builder", "builder", "builder", &mut script)?,
    }
    Ok(script)
}

/// Returns what could stand in the place of the word at the cursor, as the shell wants it. `store` finds the store of
/// a `--root`, where one was typed.
///
/// # Errors
/// The shell is none that is known, or what it sent makes no sense.
pub(crate) fn answer(
    shell: &str,
    arguments: Vec<OsString>,
    store: impl FnOnce(Option<PathBuf>) -> Option<PathBuf>,
) -> io::Result<Vec<u8>> {
    let shell: &dyn EnvCompleter = match shell {
        "bash" => &Bash,
        "zsh" => &Zsh,
        "fish" => &Fish,
        _ => return Err(io::ErrorKind::Unsupported.into()),
    };
    let words: Vec<OsString> = arguments.into_iter().skip_while(|argument| argument != "--").skip(1).collect();
    if words.is_empty() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut command = command(store(typed_root(&words)), runs_something(&words));
    let mut out = Vec::new();
    shell.write_complete(&mut command, words, Some(Path::new(".")), &mut out)?;
    Ok(out)
}

/// Finds `--root DIR` or `--root=DIR` among the words.
fn typed_root(words: &[OsString]) -> Option<PathBuf> {
    let mut words = words.iter();
    let mut found = None;
    while let Some(word) = words.next() {
        if word == "--root" {
            found = words.next().map(PathBuf::from);
        } else if let Some(value) = word.to_str().and_then(|word| word.strip_prefix("--root=")) {
            found = Some(PathBuf::from(value));
        }
    }
    found
}

/// Whether the words before the cursor have named an image to run.
fn runs_something(words: &[OsString]) -> bool {
    let before = words.split_last().map_or(words, |(_, before)| before);
    let matches = Cli::command().ignore_errors(true).try_get_matches_from(before);
    let run = matches.ok().and_then(|matches| matches.subcommand_matches("run").cloned());
    run.and_then(|run| run.get_many::<String>("words").map(|words| words.len() > 0)).unwrap_or(false)
}

/// The command line, with what is known of the values of its arguments. Where an image is run already, what follows is
/// a program of it.
fn command(store: Option<PathBuf>, runs: bool) -> Command {
    let mut command = Cli::command();
    let Some(store) = store else { return command };
    for (path, argument) in IMAGES.iter().filter(|(path, _)| !(runs && *path == ["run"])) {
        command = with_images(command, path, argument, &store);
    }
    command
}

fn with_images(command: Command, path: &[&str], argument: &str, store: &Path) -> Command {
    match path.split_first() {
        Some((name, rest)) if command.find_subcommand(name).is_some() => {
            command.mut_subcommand(name, |command| with_images(command, rest, argument, store))
        }
        None if command.get_arguments().any(|known| known.get_id() == argument) => {
            let completer = ImageNames { index: store.join("index.json") };
            let mut completer = Some(ArgValueCompleter::new(completer));
            // In its place: the order of arguments is what tells them apart.
            command.mut_args(|known| match completer.take() {
                Some(completer) if known.get_id() == argument => known.add(completer),
                other => {
                    completer = other;
                    known
                }
            })
        }
        _ => command,
    }
}

/// The names of the images of a store.
struct ImageNames {
    index: PathBuf,
}

impl ValueCompleter for ImageNames {
    fn complete(&self, current: &OsStr) -> Vec<CompletionCandidate> {
        let Some(current) = current.to_str() else { return Vec::new() };
        let mut names = names(&self.index).unwrap_or_default();
        names.retain(|name| name.starts_with(current));
        // Without the tag where that says nothing, until somebody types a colon.
        let short = |name: &String| !name.ends_with(":latest") || current.contains(':');
        names.retain(short);
        names.into_iter().map(CompletionCandidate::new).collect()
    }
}

/// Reads the names in an `index.json`, each once, by the alphabet.
fn names(index: &Path) -> Option<Vec<String>> {
    let mut text = Vec::new();
    File::open(index).ok()?.take(MAX_INDEX).read_to_end(&mut text).ok()?;
    let index: Value = serde_json::from_slice(&text).ok()?;
    let name = |entry: &Value| entry["annotations"]["org.opencontainers.image.ref.name"].as_str().map(str::to_owned);
    let mut names: Vec<String> = index["manifests"].as_array()?.iter().filter_map(name).collect();
    names.sort_unstable();
    names.dedup();
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_argument_that_names_images_is_there() {
        // Those of commands that are there; others may come.
        let command = Cli::command();
        for (path, argument) in IMAGES {
            let mut at = Some(&command);
            for name in *path {
                at = at.and_then(|command| command.find_subcommand(name));
            }
            let Some(at) = at else { continue };
            assert!(at.get_arguments().any(|known| known.get_id() == *argument), "{path:?} {argument}");
        }
    }

    #[test]
    fn the_store_that_was_typed_is_asked() {
        let root = |words: &[&str]| typed_root(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(root(&["builder", "--root", "/a", "tag"]), Some(PathBuf::from("/a")));
        assert_eq!(root(&["builder", "tag", "--root=/b", ""]), Some(PathBuf::from("/b")));
        assert_eq!(root(&["builder", "tag"]), None);
    }
}
