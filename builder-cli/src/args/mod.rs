//! The command line as clap reads it: types and help texts, no logic.

mod build;
mod cache;
mod completion;
mod images;
mod layers;
mod lint;
mod lsp;
mod manifest;
mod registry;
mod run;
mod trial;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub(crate) use build::{
    BuildArgs, LintArg, NetworkArg, PrintPlan, ProgressArg, UNSUPPORTED_FLAGS, UNSUPPORTED_OPTIONS,
};
pub(crate) use cache::{
    CacheArgs, CacheCommand, CacheDuArgs, CacheLsArgs, CachePruneArgs, SystemArgs, SystemCommand, SystemDfArgs,
    SystemPruneArgs,
};
pub(crate) use completion::{CompletionArgs, ShellArg};
pub(crate) use images::{
    DiffArgs, DiffFormat, ExportArgs, FormatArgs, HistoryArgs, ImageArgs, ImageCommand, ImagePruneArgs, ImagesArgs,
    ImportArgs, InfoArgs, InspectArgs, ListFormat, LoadArgs, RawDocument, RmiArgs, SaveArgs, SaveFormat, TagArgs,
    UntagArgs,
};
pub(crate) use layers::LayersArgs;
pub(crate) use lint::{LintArgs, LintFormat};
pub(crate) use lsp::LspArgs;
pub(crate) use manifest::{
    ManifestAnnotateArgs, ManifestArgs, ManifestCommand, ManifestCreateArgs, ManifestInspectArgs, ManifestPushArgs,
    ManifestRmArgs,
};
pub(crate) use registry::{LoginArgs, LogoutArgs, PullArgs, PushArgs};
pub(crate) use run::RunArgs;
pub(crate) use trial::{TrialArgs, TrialNetwork};

/// Build container images without a daemon.
#[derive(Debug, Parser)]
#[command(name = "builder", bin_name = "builder", version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct GlobalArgs {
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help_heading = "Global options",
        help = "Directory of images, layers and cache [env: BUILDER_ROOT; default: /var/lib/builder for root, \
                $XDG_DATA_HOME/builder for others]"
    )]
    /// The store.
    pub(crate) root: Option<PathBuf>,
    /// Colours in messages
    #[arg(long, global = true, value_enum, default_value_t = ColorArg::Auto, value_name = "WHEN", help_heading = "Global options")]
    pub(crate) color: ColorArg,
}

/// When messages have colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ColorArg {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build an image from a Dockerfile
    Build(Box<BuildArgs>),
    /// Look for mistakes in Dockerfiles, and mend them
    #[command(disable_version_flag = true)]
    Lint(Box<LintArgs>),
    /// Run an image, to try it
    Run(Box<TrialArgs>),
    /// List images
    Images(ImagesArgs),
    /// Show the history of an image, newest first
    History(HistoryArgs),
    /// Show where the bytes of an image are, layer by layer
    Layers(LayersArgs),
    /// Show what is known of images, as JSON
    Inspect(InspectArgs),
    /// Give an image another name
    Tag(TagArgs),
    /// Take names away from an image, which stays
    Untag(UntagArgs),
    /// Take names away, and remove what no name needs any more
    Rmi(RmiArgs),
    /// Write images into an archive
    Save(SaveArgs),
    /// Put the images of an archive into the store
    Load(LoadArgs),
    /// Write the root filesystem of an image as a tar archive
    Export(ExportArgs),
    /// Make an image of a root filesystem's tar archive
    Import(ImportArgs),
    /// Show in what two images differ: files and configs
    Diff(DiffArgs),
    /// The commands about images under docker's names, and `prune`
    Image(ImageArgs),
    /// Show or remove what the cache holds
    Cache(CacheArgs),
    /// Show what the store takes of the disk
    System(SystemArgs),
    /// Pull an image from a registry
    Pull(PullArgs),
    /// Push an image into a registry
    Push(PushArgs),
    /// Put images together under one name, one for each platform
    Manifest(ManifestArgs),
    /// Log in to a registry
    Login(LoginArgs),
    /// Log out of a registry
    Logout(LogoutArgs),
    /// Say how builds would run on this machine, and what is missing for better
    Info(InfoArgs),
    /// Serve an editor: diagnostics, fixes, completion and more for Dockerfiles (Language Server Protocol)
    Lsp(LspArgs),
    /// Print what a shell reads to complete commands and names of images
    Completion(CompletionArgs),
    /// Show the version
    Version,
}

/// Takes the values from the flags of `build`: `--pull=true` is `--pull`, and `--pull=false` nothing, as with docker.
fn without_truth_values(command: &clap::Command, mut arguments: Vec<OsString>) -> Vec<OsString> {
    let Some(build) = command.find_subcommand("build") else { return arguments };
    let Some(place) = arguments.iter().position(|argument| argument == "build") else { return arguments };
    let is_flag = |name: &str| {
        let of_this_name = |argument: &&Arg| argument.get_long() == Some(name);
        let found = build.get_arguments().find(of_this_name);
        found.is_some_and(|argument| matches!(argument.get_action(), ArgAction::SetTrue | ArgAction::Count))
    };
    let mut rest = arguments.split_off(place + 1);
    let end = rest.iter().position(|argument| argument == "--").unwrap_or(rest.len());
    let beyond = rest.split_off(end);
    for argument in rest {
        let text = argument.to_str().unwrap_or_default();
        let flag = text.strip_prefix("--").and_then(|text| text.split_once('=')).filter(|(name, _)| is_flag(name));
        match flag {
            Some((name, "1" | "t" | "T" | "true" | "TRUE" | "True")) => arguments.push(format!("--{name}").into()),
            Some((_, "0" | "f" | "F" | "false" | "FALSE" | "False")) => {}
            _ => arguments.push(argument),
        }
    }
    arguments.extend(beyond);
    arguments
}

/// Reads the command line. Options of `docker build` that are not supported yet are recognised, so that they
/// can be refused by name.
///
/// # Errors
/// clap's, which is also how help and version come back.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<(Cli, Vec<String>), clap::Error> {
    let hidden = |name: &'static str| Arg::new(name).long(name).hide(true);
    let command = Cli::command().after_help(crate::error::exit_code_help()).mut_subcommand("build", |mut build| {
        for name in UNSUPPORTED_FLAGS {
            build = build.arg(hidden(name).action(ArgAction::Count));
        }
        for name in UNSUPPORTED_OPTIONS {
            build = build.arg(hidden(name).action(ArgAction::Append).allow_hyphen_values(true));
        }
        build
    });
    let arguments = without_truth_values(&command, arguments.into_iter().collect());
    let matches = command.try_get_matches_from(arguments)?;
    let mut refused = Vec::new();
    if let Some(build) = matches.subcommand_matches("build") {
        let given = |name: &&&str| build.value_source(name) == Some(clap::parser::ValueSource::CommandLine);
        refused
            .extend(UNSUPPORTED_FLAGS.iter().chain(UNSUPPORTED_OPTIONS).filter(given).map(|name| format!("--{name}")));
    }
    Ok((Cli::from_arg_matches(&matches)?, refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_build_take_truth_values_as_with_docker() {
        let read = |arguments: &[&str]| {
            parse(arguments.iter().map(OsString::from)).map(|(cli, refused)| {
                let Command::Build(build) = cli.command else { panic!("not a build") };
                (build.no_cache, build.pull, refused)
            })
        };
        let given = ["builder", "build", "--no-cache=true", "--pull=false", "--squash=false", "."];
        assert_eq!(read(&given).unwrap(), (true, false, vec![]));
        assert!(read(&["builder", "build", "--no-cache=perhaps", "."]).is_err());
        assert_eq!(read(&["builder", "build", "--squash=1", "."]).unwrap().2, ["--squash"]);
    }
}
