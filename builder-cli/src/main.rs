//! `builder`: builds container images without a daemon.

mod args;
mod commands;
mod env;
mod error;
mod lint;
mod lsp;
mod registry;
mod settings;
mod signal;
mod template;
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
            // hadolint ends in 1 whatever is wrong.
            let compat = std::env::args_os().any(|argument| argument == "--hadolint-compat");
            let kind = if compat { ErrorKind::Failed } else { ErrorKind::Usage };
            return ExitCode::from(if usage { kind.exit_code() } else { 0 });
        }
    };
    let printer = Printer::new(settings::paint(cli.global.color));
    match commands::run(cli, &refused, printer) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            printer.error(&error);
            ExitCode::from(error.kind.exit_code())
        }
    }
}
