//! `builder`: builds container images without a daemon.

mod args;
mod commands;
mod env;
mod error;
mod lsp;
mod settings;
mod signal;
mod ui;

use std::process::ExitCode;

use error::ErrorKind;
use ui::printer::Printer;

fn main() -> ExitCode {
    let (cli, refused) = match args::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(error) => {
            let shown = error.print();
            let usage = error.use_stderr() || shown.is_err();
            return ExitCode::from(if usage { ErrorKind::Usage.exit_code() } else { 0 });
        }
    };
    let printer = Printer::new(settings::paint(cli.global.color));
    match commands::run(cli, &refused, printer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            printer.error(&error);
            ExitCode::from(error.kind.exit_code())
        }
    }
}
