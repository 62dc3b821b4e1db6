//! `builder completion`.

use clap::{Args, ValueEnum};

/// A shell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ShellArg {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// Print what a shell has to read to complete commands, options and the names of images.
#[derive(Debug, Args)]
#[command(
    after_help = "For this shell:\n  bash:  source <(builder completion bash)\n  zsh:   source <(builder completion \
zsh)\n  fish:  builder completion fish | source\nFor all to come, that line belongs into ~/.bashrc, ~/.zshrc or \
~/.config/fish/config.fish."
)]
pub(crate) struct CompletionArgs {
    /// Shell
    #[arg(value_enum)]
    pub(crate) shell: ShellArg,
}
