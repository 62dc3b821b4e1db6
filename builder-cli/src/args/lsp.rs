//! The command for editors.

use clap::Args;

/// Serve an editor.
#[derive(Debug, Args)]
pub(crate) struct LspArgs {
    /// Talk over standard input and output, which is the only way there is; editors say it anyway
    #[arg(long)]
    pub(crate) stdio: bool,
    /// The editor's process; its end is noticed without
    #[arg(long = "clientProcessId", value_name = "PID", hide = true)]
    pub(crate) client_process_id: Option<u32>,
}
