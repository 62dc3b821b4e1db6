//! Where a build writes files to: looked at before anything is built, since a build may take an hour.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use builder_core::builder::{ExportTarget, Output, OutputKind};

use crate::args::BuildArgs;
use crate::error::CommandError;

/// Something that a build writes.
struct Destination<'a> {
    /// The option that asks for it.
    option: String,
    path: &'a Path,
    directory: bool,
}

/// Refuses files that cannot be written, and two results in one place.
///
/// # Errors
/// Two results go to the same file or to standard output; a directory is missing; a file is a directory or the reverse.
pub(crate) fn check(arguments: &BuildArgs, outputs: &[Output]) -> Result<(), CommandError> {
    if outputs.iter().filter(|output| output.target == ExportTarget::Stdout).count() > 1 {
        return Err(
            CommandError::usage("two outputs go to standard output").hint("give all but one of them `dest=FILE`")
        );
    }
    let mut taken: BTreeMap<PathBuf, Destination<'_>> = BTreeMap::new();
    for destination in destinations(arguments, outputs) {
        check_one(&destination)?;
        let Some(place) = place(destination.path) else { continue };
        if let Some(other) = taken.get(&place)
            && !(other.directory && destination.directory)
        {
            let (first, path) = (&other.option, destination.path.display());
            let second = if *first == destination.option { "another one" } else { &destination.option };
            return Err(CommandError::usage(format!("{first} and {second} both go to `{path}`"))
                .hint("give each of them a place of its own"));
        }
        taken.insert(place, destination);
    }
    Ok(())
}

fn destinations<'a>(arguments: &'a BuildArgs, outputs: &'a [Output]) -> Vec<Destination<'a>> {
    let outputs = outputs.iter().filter_map(|output| match &output.target {
        ExportTarget::Path(path) => {
            let directory = output.kind == OutputKind::Local || (output.directory && output.kind != OutputKind::Tar);
            Some(Destination { option: "an output".to_owned(), path, directory })
        }
        ExportTarget::Store | ExportTarget::Stdout => None,
    });
    let files = [("--iidfile", &arguments.iidfile), ("--metadata-file", &arguments.metadata_file)];
    let files = files.into_iter().filter_map(|(option, path)| {
        Some(Destination { option: option.to_owned(), path: path.as_deref()?, directory: false })
    });
    outputs.chain(files).collect()
}

fn check_one(destination: &Destination<'_>) -> Result<(), CommandError> {
    let (option, path) = (&destination.option, destination.path);
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() && !destination.directory => {
            Err(CommandError::usage(format!("cannot write {option}: `{}` is a directory", path.display()))
                .hint("name the file to write"))
        }
        Ok(metadata) if !metadata.is_dir() && destination.directory => {
            Err(CommandError::usage(format!("cannot write {option}: `{}` is not a directory", path.display()))
                .hint("name a directory, or one that does not exist yet"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound && !destination.directory => match parent(path) {
            Some(parent) if !parent.exists() => {
                let parent = parent.display();
                Err(CommandError::environment(format!(
                    "cannot write {option} to `{}`: there is no directory `{parent}`",
                    path.display()
                ))
                .hint(format!("make it first: `mkdir -p {parent}`")))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// What tells one place from another; nothing for pipes and devices, which take whatever comes.
fn place(path: &Path) -> Option<PathBuf> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() || metadata.is_dir() => std::fs::canonicalize(path).ok(),
        Ok(_) => None,
        Err(_) => {
            let parent = parent(path).and_then(|parent| std::fs::canonicalize(parent).ok());
            Some(parent.unwrap_or_default().join(path.file_name()?))
        }
    }
}

fn parent(path: &Path) -> Option<&Path> {
    let parent = path.parent()?;
    Some(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
}
