//! The commands: settings in, one call of the library, output through `ui`.

mod archive_progress;
mod build;
mod build_metadata;
mod cache;
mod call;
mod completion;
mod confirm;
mod images;
mod info;
mod layers;
mod lint;
mod listing;
mod login;
mod manifest;
mod registry;
mod registry_contents;
mod transfer;
mod trial;

pub(crate) use trial::FAILED as NOTHING_RAN;

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use builder_core::builder::{Builder, BuilderOptions};
use builder_core::cancel::CancelToken;
use builder_core::fs::PathError;
use builder_core::registry::RegistryOptions;
use builder_core::sandbox::{isolation, rootless};
use builder_core::store::{
    Owner, is_damaged_database, is_full_database, is_store, mark_damaged_database, release_reserve,
};

use crate::args::{Cli, Command, GlobalArgs, ImageCommand, Refused};
use crate::error::{CommandError, ErrorKind};
use crate::settings;
use crate::signal::cancel_on_signals;
use crate::ui::printer::Printer;

/// What every command that uses the store has.
pub(crate) struct Session {
    pub(crate) builder: Builder,
    pub(crate) printer: Printer,
    pub(crate) cancel: CancelToken,
    /// The empty store that stands for one that does not exist.
    _stand_in: Option<tempfile::TempDir>,
}

/// What a command does to the store.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// It only looks: a store that does not exist is not made.
    Read,
    /// It adds something.
    Write,
    /// It removes something: on a full disk it gets what was set aside for that.
    Remove,
}

impl Session {
    /// Enters a user namespace where that is needed, and opens the store. Nothing may have started a thread
    /// before.
    fn open(global: &GlobalArgs, printer: Printer, registry: RegistryOptions) -> Result<Self, CommandError> {
        let session = Self::open_quietly(global, printer, registry)?;
        cancel_on_signals(session.cancel.clone()).map_err(CommandError::environment)?;
        Ok(session)
    }

    /// Does the same for a command that does not add anything.
    fn open_to(access: Access, global: &GlobalArgs, printer: Printer) -> Result<Self, CommandError> {
        let session = Self::open_for(global, printer, RegistryOptions::default(), access)?;
        cancel_on_signals(session.cancel.clone()).map_err(CommandError::environment)?;
        Ok(session)
    }

    /// Does the same for a command that looks into layers, which may still be where they were when an image was built.
    fn open_to_layers(global: &GlobalArgs, printer: Printer) -> Result<Self, CommandError> {
        let session = Self::open_for(global, printer, perhaps_registries(global), Access::Read)?;
        cancel_on_signals(session.cancel.clone()).map_err(CommandError::environment)?;
        Ok(session)
    }

    /// Opens the store and leaves signals alone.
    fn open_quietly(global: &GlobalArgs, printer: Printer, registry: RegistryOptions) -> Result<Self, CommandError> {
        Self::open_for(global, printer, registry, Access::Write)
    }

    fn open_for(
        global: &GlobalArgs,
        printer: Printer,
        registry: RegistryOptions,
        access: Access,
    ) -> Result<Self, CommandError> {
        let ordinary = settings::is_ordinary_user();
        let root = settings::store_root(global, ordinary)?;
        let is_missing = access != Access::Write && !is_store(&root);
        let owner = if ordinary {
            let options = settings::rootless();
            let owner = Owner::Rootless { uid: options.uid };
            rootless::enter(&options).map_err(|error| {
                let error = CommandError::environment(error);
                error.hint("`builder info` says what this machine allows and what is missing")
            })?;
            owner
        } else if isolation::in_initial_user_namespace() {
            Owner::Root
        } else {
            Owner::Rootless { uid: 0 }
        };
        let cancel = CancelToken::new();
        let stand_in = is_missing.then(tempfile::tempdir).transpose().map_err(CommandError::environment)?;
        let root = stand_in.as_ref().map_or(root, |directory| directory.path().to_owned());
        let mut options = BuilderOptions::new(root, owner);
        options.registry = registry;
        let path = options.root.clone();
        let builder = Builder::open(options.clone()).or_else(|error| {
            let helped = access == Access::Remove && is_full(&error) && release_reserve(&path).unwrap_or(false);
            if helped { Builder::open(options) } else { Err(error) }
        });
        let builder = builder.map_err(build::command_error)?;
        for repair in builder.store().repairs() {
            printer.note(&format!("warning: {repair}"));
        }
        Ok(Self { builder, printer, cancel, _stand_in: stand_in })
    }
}

/// Runs a command; returns the exit code.
///
/// # Errors
/// Why it failed; the kind decides the exit code.
pub(crate) fn run(cli: Cli, refused: &[Refused], printer: Printer) -> Result<u8, CommandError> {
    if let Some(Refused { flag, why }) = refused.first() {
        if matches!(cli.command, Command::Run(_)) {
            printer.error(&CommandError::usage(format!("`{flag}` is not supported")).hint(*why));
            return Ok(trial::FAILED);
        }
        return Err(CommandError::usage(format!("`{flag}` is not supported yet")).hint(*why));
    }
    let global = cli.global.clone();
    command(cli, printer).map_err(|error| about_store(error, &global))
}

/// Says what can be done about trouble with the store.
fn about_store(error: CommandError, global: &GlobalArgs) -> CommandError {
    if is_full(&*error.source) {
        let root = settings::store_root(global, settings::is_ordinary_user()).ok();
        let is_elsewhere = |path| root.is_some_and(|root| disk_of(path) != disk_of(&root));
        let hint = if written_path(&*error.source).is_some_and(is_elsewhere) {
            "there is no room left where the result goes: free some, or write it to another disk"
        } else {
            "the disk is full: `builder cache prune` removes what no image needs, `builder system df` says what there is"
        };
        return CommandError { kind: ErrorKind::Environment, ..error }.hint(hint);
    }
    if is_damaged_database(&*error.source)
        && let Ok(root) = settings::store_root(global, settings::is_ordinary_user())
        && mark_damaged_database(&root).is_ok()
    {
        return error.hint("the store's database is damaged: run the command again, it begins with a new one");
    }
    error
}

/// The file system that something is on, or would be on.
fn disk_of(path: &Path) -> Option<u64> {
    let path = std::path::absolute(path).ok()?;
    path.ancestors().find_map(|path| std::fs::metadata(path).ok()).map(|metadata| metadata.dev())
}

/// What could not be written, where the error says so.
fn written_path<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e Path> {
    let mut next = Some(error);
    while let Some(cause) = next {
        let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let inner = inner.and_then(|inner| inner.downcast_ref::<PathError>());
        if let Some(found) = inner {
            return Some(&found.path);
        }
        next = cause.source();
    }
    None
}

/// Whether an error means that a disk is full.
fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        let kind = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if matches!(kind, Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)) {
            return true;
        }
        next = cause.source();
    }
    is_full_database(error)
}

/// What this machine says of registries, for commands that hardly ever need one: where it cannot be read, those that do
/// tell.
pub(crate) fn perhaps_registries(global: &GlobalArgs) -> RegistryOptions {
    settings::registry::registry(global).unwrap_or_default()
}

fn command(cli: Cli, printer: Printer) -> Result<u8, CommandError> {
    let open = || Session::open(&cli.global, printer, RegistryOptions::default());
    // What this machine says of registries is looked at by who asks them.
    let open_to_registries = || Session::open(&cli.global, printer, settings::registry::registry(&cli.global)?);
    let open_to_layers = || Session::open_to_layers(&cli.global, printer);
    let open_to_read = || Session::open_to(Access::Read, &cli.global, printer);
    let open_to_remove = || Session::open_to(Access::Remove, &cli.global, printer);
    match cli.command {
        Command::Lint(arguments) => return lint::lint(&arguments, &cli.global, printer),
        Command::Build(arguments) => return build::build(&arguments, &open_to_registries()?),
        Command::Run(arguments) => return trial::run(&arguments, &cli.global, printer),
        Command::Diff(arguments) => return images::diff(&arguments, &open_to_layers()?),
        Command::Images(arguments) => images::images(&arguments, &open_to_read()?),
        Command::History(arguments) => images::history(&arguments, &open_to_read()?),
        Command::Inspect(arguments) => images::inspect(&arguments, &open_to_read()?),
        Command::Tag(arguments) => images::tag(&arguments, &open_to_layers()?),
        Command::Untag(arguments) => images::untag(&arguments, &open_to_read()?),
        Command::Layers(arguments) => layers::layers(&arguments, &open_to_layers()?),
        Command::Rmi(arguments) => images::rmi(&arguments, &open_to_remove()?),
        Command::Image(arguments) => return image(arguments.command, cli.global, printer),
        Command::Save(arguments) => transfer::save(&arguments, &open_to_layers()?),
        Command::Load(arguments) => transfer::load(&arguments, &open()?),
        Command::Export(arguments) => images::export(&arguments, &open_to_layers()?),
        Command::Import(arguments) => images::import(&arguments, &open_to_registries()?),
        Command::Cache(arguments) => cache::cache(&arguments, &open_to_remove()?),
        Command::System(arguments) => cache::system(&arguments, &open_to_remove()?),
        Command::Pull(arguments) => registry::pull(&arguments, &open_to_registries()?),
        Command::Push(arguments) => registry::push(&arguments, &open_to_registries()?),
        Command::Manifest(arguments) => manifest::manifest(&arguments.command, &open_to_registries()?),
        Command::Registry(arguments) => registry_contents::registry(&arguments, &cli.global, printer),
        Command::Login(arguments) => login::login(&arguments, &cli.global, printer),
        Command::Logout(arguments) => login::logout(&arguments, printer),
        Command::Info(arguments) => info::info(&arguments, &cli.global, printer),
        Command::Lsp(_) => crate::lsp::serve(),
        Command::Completion(arguments) => completion::completion(&arguments, printer),
        Command::Version => printer.data(&format!("builder {}\n", env!("CARGO_PKG_VERSION"))),
    }
    .map(|()| 0)
}

/// Runs one of docker's commands about images: all but `prune` are also commands of their own.
fn image(asked: ImageCommand, global: GlobalArgs, printer: Printer) -> Result<u8, CommandError> {
    let same = match asked {
        ImageCommand::Prune(arguments) => {
            let session = Session::open_to(Access::Remove, &global, printer)?;
            return images::prune(&arguments, &session).map(|()| 0);
        }
        ImageCommand::Ls(arguments) => Command::Images(arguments),
        ImageCommand::History(arguments) => Command::History(arguments),
        ImageCommand::Inspect(arguments) => Command::Inspect(arguments),
        ImageCommand::Tag(arguments) => Command::Tag(arguments),
        ImageCommand::Untag(arguments) => Command::Untag(arguments),
        ImageCommand::Rm(arguments) => Command::Rmi(arguments),
        ImageCommand::Save(arguments) => Command::Save(arguments),
        ImageCommand::Load(arguments) => Command::Load(arguments),
        ImageCommand::Export(arguments) => Command::Export(arguments),
        ImageCommand::Import(arguments) => Command::Import(arguments),
        ImageCommand::Diff(arguments) => Command::Diff(arguments),
    };
    command(Cli { global, command: same }, printer)
}
