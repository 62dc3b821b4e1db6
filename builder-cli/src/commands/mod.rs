//! The commands: settings in, one call of the library, output through `ui`.

mod build;
mod build_metadata;
mod call;
mod images;
mod info;
mod lint;
mod transfer;
mod trial;

use builder_core::builder::{Builder, BuilderOptions};
use builder_core::cancel::CancelToken;
use builder_core::sandbox::{isolation, rootless};
use builder_core::store::Owner;

use crate::args::{Cli, Command, GlobalArgs};
use crate::error::CommandError;
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
    fn open(global: &GlobalArgs, printer: Printer) -> Result<Self, CommandError> {
        let session = Self::open_quietly(global, printer)?;
        cancel_on_signals(session.cancel.clone()).map_err(CommandError::environment)?;
        Ok(session)
    }

    /// Does the same, and leaves signals alone.
    fn open_quietly(global: &GlobalArgs, printer: Printer) -> Result<Self, CommandError> {
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
        options.registry.proxy = settings::proxy();
        options.registry.plain_proxy = settings::plain_proxy();
        let builder = Builder::open(options).map_err(build::command_error)?;
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
    let open = || Session::open(&cli.global, printer);
    match cli.command {
        Command::Lint(arguments) => return lint::lint(&arguments, &cli.global, printer),
        Command::Build(arguments) => return build::build(&arguments, &open()?),
        Command::Run(arguments) => return trial::run(&arguments, &cli.global, printer),
        Command::Images(arguments) => images::images(&arguments, &open()?),
        Command::History(arguments) => images::history(&arguments, &open()?),
        Command::Inspect(arguments) => images::inspect(&arguments, &open()?),
        Command::Tag(arguments) => images::tag(&arguments, &open()?),
        Command::Rmi(arguments) => images::rmi(&arguments, &open()?),
        Command::Save(arguments) => transfer::save(&arguments, &open()?),
        Command::Load(arguments) => transfer::load(&arguments, &open()?),
        Command::Import(arguments) => transfer::import(&arguments, &open()?),
        Command::Info(arguments) => info::info(&arguments, &cli.global, printer),
        Command::Lsp(_) => crate::lsp::serve(),
        Command::Version => printer.data(&format!("builder {}\n", env!("CARGO_PKG_VERSION"))),
    }
    .map(|()| 0)
}
