//! `registry tags`, `registry rm`: what a registry has, without a store.

use builder_core::cancel::CancelToken;
use builder_core::reference::Reference;
use builder_core::registry::{AlsoDelete, Client, Deleted, ManifestName, RegistryError, RegistryOptions};

use super::registry::{names_one, registry_error};
use crate::args::{GlobalArgs, RegistryArgs, RegistryCommand, RegistryRmArgs, RegistryTagsArgs};
use crate::error::{CommandError, ErrorKind};
use crate::settings;
use crate::signal::cancel_on_signals;
use crate::ui::printer::Printer;

pub(super) fn registry(arguments: &RegistryArgs, global: &GlobalArgs, printer: Printer) -> Result<(), CommandError> {
    let cancel = CancelToken::new();
    cancel_on_signals(cancel.clone()).map_err(CommandError::environment)?;
    match &arguments.command {
        RegistryCommand::Tags(arguments) => tags(arguments, global, printer, &cancel),
        RegistryCommand::Rm(arguments) => rm(arguments, global, printer, &cancel),
    }
}

fn tags(
    arguments: &RegistryTagsArgs,
    global: &GlobalArgs,
    printer: Printer,
    cancel: &CancelToken,
) -> Result<(), CommandError> {
    let repository = settings::reference(bare(&arguments.repository))?;
    if names_one(&arguments.repository) {
        return Err(CommandError::usage(format!("`{}` is one image of a repository", arguments.repository))
            .hint(format!("name the repository: `{}`", repository.familiar_name())));
    }
    let client = Client::new(&repository, &settings::registry::registry(global)?).map_err(registry_error)?;
    let tags = client.tags(cancel).map_err(registry_error)?;
    printer.data(&tags.into_iter().map(|tag| tag + "\n").collect::<String>())
}

fn rm(
    arguments: &RegistryRmArgs,
    global: &GlobalArgs,
    printer: Printer,
    cancel: &CancelToken,
) -> Result<(), CommandError> {
    let options = settings::registry::registry(global)?;
    let mut references: Vec<Reference> = Vec::new();
    for text in &arguments.references {
        if !names_one(text) {
            return Err(CommandError::usage(format!("`{text}` is a repository"))
                .hint(format!("say which image of it: `{text}:TAG` or `{text}@DIGEST`")));
        }
        references.push(settings::reference(bare(text))?);
    }
    let mut gone: Vec<String> = Vec::new();
    let mut failed: Vec<CommandError> = Vec::new();
    for reference in &references {
        cancel.check().map_err(|error| registry_error(error.into()))?;
        // What went with another that was named.
        if gone.contains(&reference.to_string()) {
            continue;
        }
        // As with `rmi`, one that cannot be deleted keeps nobody from deleting the others.
        match delete(reference, &references, arguments.force, &options, cancel) {
            Ok(deleted) => {
                printer.data(&told(reference, &deleted))?;
                gone.extend(untagged(reference, &deleted).iter().map(Reference::to_string));
            }
            Err(error) if error.kind == ErrorKind::Interrupted => return Err(error),
            Err(error) => failed.push(error),
        }
    }
    let last = failed.pop();
    for error in &failed {
        printer.error(error);
    }
    last.map_or(Ok(()), Err)
}

fn delete(
    reference: &Reference,
    named: &[Reference],
    force: bool,
    options: &RegistryOptions,
    cancel: &CancelToken,
) -> Result<Deleted, CommandError> {
    let name = match (reference.digest(), reference.tag()) {
        (Some(digest), _) => ManifestName::Digest(digest),
        (None, tag) => ManifestName::Tag(tag.unwrap_or_default()),
    };
    let is_sibling = |other: &&Reference| (other.domain(), other.path()) == (reference.domain(), reference.path());
    let also: Vec<String> =
        named.iter().filter(is_sibling).filter_map(|other| other.tag().map(str::to_owned)).collect();
    let also = if force { AlsoDelete::All } else { AlsoDelete::Only(&also) };
    let client = Client::to_delete(reference, options).map_err(registry_error)?;
    client.delete(name, also, cancel).map_err(|error| match error {
        error @ (RegistryError::OtherTags { .. } | RegistryError::UnknownTags { .. }) => {
            CommandError { kind: ErrorKind::Failed, ..registry_error(error) }
        }
        error => registry_error(error),
    })
}

/// The names that are gone.
fn untagged(reference: &Reference, deleted: &Deleted) -> Vec<Reference> {
    match deleted {
        Deleted::Tag => vec![reference.clone()],
        Deleted::Manifest { tags, .. } => {
            let name = |tag: &String| format!("{}/{}:{tag}", reference.domain(), reference.path()).parse().ok();
            tags.iter().flatten().filter_map(name).collect()
        }
    }
}

/// What is said of it, as `docker rmi` says it.
fn told(reference: &Reference, deleted: &Deleted) -> String {
    let mut text = String::new();
    text.extend(untagged(reference, deleted).iter().map(|name| format!("Untagged: {}\n", name.familiar())));
    if let Deleted::Manifest { digest, tags } = deleted {
        let rest = if tags.is_none() { ", with every tag that it had" } else { "" };
        text.push_str(&format!("Deleted: {}@{digest}{rest}\n", reference.familiar_name()));
    }
    text
}

/// Without the scheme that skopeo has.
fn bare(text: &str) -> &str {
    text.strip_prefix("docker://").unwrap_or(text)
}
