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
mod truth;

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
pub(crate) use registry::{
    ArchiveProgressArgs, LoginArgs, LogoutArgs, PullArgs, PushArgs, RegistryArgs, RegistryCommand, RegistryRmArgs,
    RegistryTagsArgs,
};
pub(crate) use run::RunArgs;
pub(crate) use trial::{TrialArgs, TrialNetwork, TrialPull};

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
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Global options",
        help = "What is said of registries: mirrors, places, trust [env: CONTAINERS_REGISTRIES_CONF; default: \
                registries.conf of the user or of the system]"
    )]
    /// The configuration of registries.
    pub(crate) registries_conf: Option<PathBuf>,
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
    /// List tags of a registry, and delete there
    Registry(RegistryArgs),
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

/// An option that is known and refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refused {
    /// The option as it is written.
    pub(crate) flag: String,
    /// Why, and what to do instead.
    pub(crate) why: &'static str,
}

/// Reads the command line. Options of `docker build` that are not supported yet, and those of `docker run` that mean
/// nothing here, are recognised, so that they can be refused by name.
///
/// # Errors
/// clap's, which is also how help and version come back.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<(Cli, Vec<Refused>), clap::Error> {
    let hidden = |name: &'static str| Arg::new(name).long(name).hide(true);
    let value = |argument: Arg| argument.action(ArgAction::Append).allow_hyphen_values(true);
    let command = Cli::command().after_help(crate::error::exit_code_help()).mut_subcommand("build", |mut build| {
        for name in UNSUPPORTED_FLAGS {
            build = build.arg(hidden(name).action(ArgAction::Count));
        }
        for name in UNSUPPORTED_OPTIONS {
            build = build.arg(value(hidden(name)));
        }
        build
    });
    let command = command.mut_subcommand("run", |mut run| {
        for option in trial::REFUSED {
            let argument = option.short.into_iter().fold(hidden(option.name), Arg::short);
            run = run.arg(if option.has_value { value(argument) } else { argument.action(ArgAction::Count) });
        }
        run
    });
    let arguments = truth::without_truth_values(&command, arguments.into_iter().collect());
    let matches = command.try_get_matches_from(arguments)?;
    let mut refused = Vec::new();
    let is_given = |matches: &clap::ArgMatches, name: &str| {
        matches.value_source(name) == Some(clap::parser::ValueSource::CommandLine)
    };
    if let Some(build) = matches.subcommand_matches("build") {
        let names = UNSUPPORTED_FLAGS.iter().chain(UNSUPPORTED_OPTIONS).filter(|name| is_given(build, name));
        let why = "`builder build --help` lists what is";
        refused.extend(names.map(|name| Refused { flag: format!("--{name}"), why }));
    }
    if let Some(run) = matches.subcommand_matches("run") {
        let given = trial::REFUSED.iter().filter(|option| is_given(run, option.name));
        refused.extend(given.map(|option| Refused { flag: format!("--{}", option.name), why: option.why }));
    }
    Ok((Cli::from_arg_matches(&matches)?, refused))
}

/// Tells whether a command line is one of `run`, even where it makes no sense otherwise.
pub(crate) fn is_run(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> bool {
    let command = Cli::command();
    let takes_value = |text: &str| {
        let name = text.strip_prefix("--");
        command.get_arguments().any(|argument| argument.get_long() == name && argument.get_action().takes_values())
    };
    let mut arguments = arguments.into_iter().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some(text) if takes_value(text) => drop(arguments.next()),
            Some(text) if text.starts_with('-') => {}
            other => return other == Some("run"),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

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
        assert_eq!(read(&["builder", "build", "--squash=1", "."]).unwrap().2[0].flag, "--squash");
    }

    #[test]
    fn flags_of_run_take_truth_values_up_to_the_image() {
        let read = |arguments: &[&str]| {
            let words = ["builder", "--root", "/r", "run"].iter().chain(arguments).map(OsString::from);
            parse(words).map(|(cli, refused)| {
                let Command::Run(run) = cli.command else { panic!("not a run") };
                (run.rm, run.interactive, run.tty, run.words, refused)
            })
        };
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        let all = read(&["--rm=true", "-it=true", "app", "prog", "--rm=false", "-i=0"]).unwrap();
        assert_eq!(all, (true, true, true, words(&["app", "prog", "--rm=false", "-i=0"]), vec![]));
        let some = read(&["--rm=false", "-i=false", "-e", "run=true", "-t=1", "-w", "/", "--env", "A", "app"]).unwrap();
        assert_eq!(some, (false, false, true, words(&["app"]), vec![]));
        assert!(read(&["-it=false", "app"]).unwrap().1);
        for bad in ["--rm=perhaps", "-i=perhaps"] {
            assert!(read(&[bad, "app"]).is_err(), "{bad}");
        }
        for (given, flag) in [
            (&["-d", "app"][..], "--detach"),
            (&["-dit", "app"], "--detach"),
            (&["-p", "80:80", "app"], "--publish"),
            (&["--name=x", "app"], "--name"),
            (&["--name", "x", "app", "-d"], "--name"),
        ] {
            let refused = read(given).unwrap().4;
            assert_eq!(refused.iter().map(|refused| refused.flag.as_str()).collect::<Vec<_>>(), [flag], "{given:?}");
        }
        // What is refused where it is true is nothing where it is false.
        assert_eq!(read(&["--detach=false", "app"]).unwrap().4, vec![]);
    }
}
