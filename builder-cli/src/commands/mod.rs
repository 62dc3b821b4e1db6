//! The commands: settings in, one call of the library, output through `ui`.

mod build;
mod build_metadata;
mod cache;
mod call;
mod images;
mod info;
mod lint;
mod login;
mod registry;
mod transfer;
mod trial;

use builder_core::builder::{Builder, BuilderOptions};
use builder_core::cancel::CancelToken;
use builder_core::registry::RegistryOptions;
use builder_core::sandbox::{isolation, rootless};
use builder_core::store::{Owner, is_damaged_database, is_full_database, mark_damaged_database, release_reserve};

use crate::args::{Cli, Command, GlobalArgs};
use crate::error::{CommandError, ErrorKind};
use crate::settings;
use crate::signal::cancel_on_signals;
use crate::ui::printer::Printer;

/// What every command that uses the store has.
pub(crate) struct Session {
    pub(crate) builder: Builder,
    pub(crate) printer: Printer,
    pub(crate) cancel: CancelToken,
}

impl Session {
    /// Enters a user namespace where that is needed, and opens the store. Nothing may have started a thread
    /// before.
    fn open(global: &GlobalArgs, printer: Printer, registry: RegistryOptions) -> Result<Self, CommandError> {
        let session = Self::open_quietly(global, printer, registry)?;
        cancel_on_signals(session.cancel.clone()).map_err(CommandError::environment)?;
        Ok(session)
    }

    /// Does the same for a command that removes things: on a full disk it gets what was set aside for that.
    fn open_to_remove(global: &GlobalArgs, printer: Printer) -> Result<Self, CommandError> {
        let session = Self::open_for(global, printer, RegistryOptions::default(), true)?;
        cancel_on_signals(session.cancel.clone()).map_err(CommandError::environment)?;
        Ok(session)
    }

    /// Opens the store and leaves signals alone.
    fn open_quietly(global: &GlobalArgs, printer: Printer, registry: RegistryOptions) -> Result<Self, CommandError> {
        Self::open_for(global, printer, registry, false)
    }

    fn open_for(
        global: &GlobalArgs,
        printer: Printer,
        registry: RegistryOptions,
        removes: bool,
    ) -> Result<Self, CommandError> {
        let ordinary = settings::is_ordinary_user();
        let root = settings::store_root(global, ordinary)?;
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
        let mut options = BuilderOptions::new(root, owner);
        options.registry = registry;
        let path = options.root.clone();
        let builder = Builder::open(options.clone()).or_else(|error| {
            let helped = removes && is_full(&error) && release_reserve(&path).unwrap_or(false);
            if helped { Builder::open(options) } else { Err(error) }
        });
        let builder = builder.map_err(build::command_error)?;
        for repair in builder.store().repairs() {
            printer.note(&format!("warning: {repair}"));
        }
        Ok(Self { builder, printer, cancel })
    }
}

/// Runs a command; returns the exit code.
///
/// # Errors
/// Why it failed; the kind decides the exit code.
pub(crate) fn run(cli: Cli, refused: &[String], printer: Printer) -> Result<u8, CommandError> {
    if let Some(first) = refused.first() {
        return Err(
            CommandError::usage(format!("`{first}` is not supported yet")).hint("`builder build --help` lists what is")
        );
    }
    let global = cli.global.clone();
    command(cli, printer).map_err(|error| about_store(error, &global))
}

/// Says what can be done about trouble with the store.
fn about_store(error: CommandError, global: &GlobalArgs) -> CommandError {
    if is_full(&*error.source) {
        let error = CommandError { kind: ErrorKind::Environment, ..error };
        return error.hint(
            "the disk is full: `builder cache prune` removes what no image needs, `builder system df` says what there is",
        );
    }
    if is_damaged_database(&*error.source)
        && let Ok(root) = settings::store_root(global, settings::is_ordinary_user())
        && mark_damaged_database(&root).is_ok()
    {
        return error.hint("the store's database is damaged: run the command again, it begins with a new one");
    }
    error
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
pub(crate) fn perhaps_registries() -> RegistryOptions {
    settings::registry::registry().unwrap_or_default()
}

fn command(cli: Cli, printer: Printer) -> Result<u8, CommandError> {
    let open = || Session::open(&cli.global, printer, RegistryOptions::default());
    // What this machine says of registries is looked at by who asks them.
    let open_to_registries = || Session::open(&cli.global, printer, settings::registry::registry()?);
    let open_perhaps = || Session::open(&cli.global, printer, perhaps_registries());
    let open_to_remove = || Session::open_to_remove(&cli.global, printer);
    match cli.command {
        Command::Lint(arguments) => return lint::lint(&arguments, &cli.global, printer),
        Command::Build(arguments) => return build::build(&arguments, &open_to_registries()?),
        Command::Run(arguments) => return trial::run(&arguments, &cli.global, printer),
        Command::Images(arguments) => images::images(&arguments, &open()?),
        Command::History(arguments) => images::history(&arguments, &open()?),
        Command::Inspect(arguments) => images::inspect(&arguments, &open()?),
        Command::Tag(arguments) => images::tag(&arguments, &open_perhaps()?),
        Command::Rmi(arguments) => images::rmi(&arguments, &open_to_remove()?),
        Command::Save(arguments) => transfer::save(&arguments, &open_perhaps()?),
        Command::Load(arguments) => transfer::load(&arguments, &open()?),
        Command::Import(arguments) => transfer::import(&arguments, &open()?),
        Command::Cache(arguments) => cache::cache(&arguments, &cli.global, printer),
        Command::System(arguments) => cache::system(&arguments, &cli.global, printer),
        Command::Pull(arguments) => registry::pull(&arguments, &open_to_registries()?),
        Command::Push(arguments) => registry::push(&arguments, &open_to_registries()?),
        Command::Login(arguments) => login::login(&arguments, printer),
        Command::Logout(arguments) => login::logout(&arguments, printer),
        Command::Info(arguments) => info::info(&arguments, &cli.global, printer),
        Command::Lsp(_) => crate::lsp::serve(),
        Command::Version => printer.data(&format!("builder {}\n", env!("CARGO_PKG_VERSION"))),
    }
    .map(|()| 0)
}
