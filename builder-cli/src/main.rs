//! `builder`: builds container images without a daemon.

mod args;
mod commands;
mod completion;
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
    if let Some(shell) = settings::completing() {
        return ExitCode::from(complete(&shell));
    }
    let (cli, refused) = match args::parse(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(error) => {
            let shown = error.print();
            let usage = error.use_stderr() || shown.is_err();
            // hadolint ends in 1 whatever is wrong.
            let compat = std::env::args_os().any(|argument| argument == "--hadolint-compat");
            let kind = if compat { ErrorKind::Failed } else { ErrorKind::Usage };
            let code = if args::is_run(std::env::args_os()) { commands::NOTHING_RAN } else { kind.exit_code() };
            return ExitCode::from(if usage { code } else { 0 });
        }
    };
    let printer = Printer::new(settings::paint(cli.global.color));
    match commands::run(cli, &refused, printer) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            printer.error(&error);
            ExitCode::from(match error.kind {
                ErrorKind::Interrupted => signal::exit_code(),
                kind => kind.exit_code(),
            })
        }
    }
}

/// Answers a shell; what goes wrong would be written into somebody's command line, so that nothing is said.
fn complete(shell: &str) -> u8 {
    let answer = completion::answer(shell, std::env::args_os().collect(), settings::completed_store);
    let printer = Printer::new(settings::paint(args::ColorArg::Never));
    match answer.map(|answer| printer.data(&String::from_utf8_lossy(&answer))) {
        Ok(Ok(())) => 0,
        Ok(Err(_)) | Err(_) => ErrorKind::Failed.exit_code(),
    }
}
