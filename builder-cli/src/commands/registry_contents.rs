//! `registry tags`, `registry rm`: what a registry has, without a store.

use builder_core::cancel::CancelToken;
use builder_core::reference::Reference;
use builder_core::registry::{Client, Deleted, ManifestName};

use super::registry::{names_one, registry_error};
use crate::args::{GlobalArgs, RegistryArgs, RegistryCommand, RegistryRmArgs, RegistryTagsArgs};
use crate::error::CommandError;
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
    for reference in &references {
        let name = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => ManifestName::Digest(digest),
            (None, tag) => ManifestName::Tag(tag.unwrap_or_default()),
        };
        let client = Client::to_delete(reference, &options).map_err(registry_error)?;
        let line = match client.delete(name, cancel).map_err(registry_error)? {
            Deleted::Tag => format!("Untagged: {reference}\n"),
            Deleted::Manifest(digest) => {
                format!("Deleted: {}@{digest}, with every tag that it had\n", reference.familiar_name())
            }
        };
        printer.data(&line)?;
    }
    Ok(())
}

/// Without the scheme that skopeo has.
fn bare(text: &str) -> &str {
    text.strip_prefix("docker://").unwrap_or(text)
}
