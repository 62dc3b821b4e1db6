//! `builder completion`.

use crate::args::CompletionArgs;
use crate::completion;
use crate::error::CommandError;
use crate::ui::printer::Printer;

pub(super) fn completion(arguments: &CompletionArgs, printer: Printer) -> Result<(), CommandError> {
    let script = completion::script(arguments.shell).map_err(CommandError::environment)?;
    printer.data(&String::from_utf8_lossy(&script))
}
