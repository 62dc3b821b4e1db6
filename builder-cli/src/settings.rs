//! Merges flags and environment into what the library takes: the only place that reads the environment.

mod budget;
mod cache;
mod command;
pub(crate) mod contexts;
pub(crate) mod destinations;
pub(crate) mod lint;
mod outputs;
pub(crate) mod registry;
mod results;
mod run;
mod secrets;
pub(crate) mod trial;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use builder_core::builder::{
    BuildLint, BuildOptions, CheckScope, ContextSource, DockerfileSource, ExportTarget, Output, OutputKind, PullPolicy,
};
use builder_core::lint::{Level, LintOptions};
use builder_core::plan::op::NetworkMode;
use builder_core::platform::Platform;
use builder_core::reference::Reference;
use builder_core::registry::Proxy;
use builder_core::sandbox::ResolvConf;
use builder_core::sandbox::rootless::RootlessOptions;
use builder_core::solve::LogLimits;

pub(crate) use budget::{cache_budget, size};

use crate::args::{ArchiveProgressArgs, BuildArgs, ColorArg, GlobalArgs, LintArg, NetworkArg, ProgressArg};
use crate::env;
use crate::error::CommandError;
use crate::ui::explain::Explain;
use crate::ui::progress::{Mode, Paint};

/// The store of root.
const ROOT_STORE: &str = "/var/lib/builder";
/// The store of an ordinary user, below the base directory for data.
const USER_STORE: &str = "builder";

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether this process is run by an ordinary user.
pub(crate) fn is_ordinary_user() -> bool {
    !rustix::process::geteuid().is_root()
}

/// Returns who enters a user namespace.
pub(crate) fn rootless() -> RootlessOptions {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    // Without an entry, the ranges of sub-ids are found by number.
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse::<u32>().ok()? == uid).then(|| name.to_owned())
    });
    RootlessOptions::new(uid, gid).user(user)
}

/// Returns the proxy before registries, as curl looks for it.
fn proxy() -> Option<Proxy> {
    proxy_of(&env::HTTPS_PROXY)
}

/// Returns the proxy before web servers that are not spoken to with encryption.
fn plain_proxy() -> Option<Proxy> {
    proxy_of(&env::HTTP_PROXY)
}

fn proxy_of(names: &[&str]) -> Option<Proxy> {
    let url = names.iter().copied().find_map(variable)?;
    let bypass = env::NO_PROXY.into_iter().find_map(variable).unwrap_or_default();
    Some(Proxy { url, bypass })
}

/// Returns the store's directory.
///
/// # Errors
/// No variable says where an ordinary user keeps data.
pub(crate) fn store_root(global: &GlobalArgs, ordinary: bool) -> Result<PathBuf, CommandError> {
    if let Some(root) = global.root.clone().or_else(|| variable(env::BUILDER_ROOT).map(PathBuf::from)) {
        return Ok(root);
    }
    if !ordinary {
        return Ok(PathBuf::from(ROOT_STORE));
    }
    let data = variable(env::XDG_DATA_HOME)
        .map(PathBuf::from)
        .or_else(|| variable(env::HOME).map(|home| Path::new(&home).join(".local/share")));
    data.map(|data| data.join(USER_STORE)).ok_or_else(|| {
        CommandError::environment("there is no place for images: neither HOME nor XDG_DATA_HOME is set")
            .hint("set BUILDER_ROOT, or pass --root DIR")
    })
}

/// Returns the shell that asks for completions, where one does.
pub(crate) fn completing() -> Option<String> {
    variable(env::BUILDER_COMPLETE)
}

/// Returns the store whose images are completed.
pub(crate) fn completed_store(root: Option<PathBuf>) -> Option<PathBuf> {
    store_root(&GlobalArgs { root, color: ColorArg::Never, registries_conf: None }, is_ordinary_user()).ok()
}

/// Returns whether messages have colours.
pub(crate) fn paint(color: ColorArg) -> Paint {
    paint_of(color, std::io::stderr().is_terminal())
}

/// Returns whether what goes to a stream has colours.
fn paint_of(color: ColorArg, is_terminal: bool) -> Paint {
    let automatic = is_terminal && variable(env::NO_COLOR).is_none() && variable(env::TERM).as_deref() != Some("dumb");
    match color {
        ColorArg::Always => Paint::Colored,
        ColorArg::Auto if automatic => Paint::Colored,
        ColorArg::Auto | ColorArg::Never => Paint::Plain,
    }
}

/// Returns how to show the progress of a build.
pub(crate) fn progress(arguments: &BuildArgs) -> Mode {
    progress_of(arguments.quiet, arguments.progress)
}

/// Returns how to show progress.
pub(crate) fn progress_of(quiet: bool, progress: Option<ProgressArg>) -> Mode {
    if quiet {
        return Mode::Quiet;
    }
    let from_environment = || match variable(env::BUILDKIT_PROGRESS)?.as_str() {
        "tty" => Some(ProgressArg::Tty),
        "plain" => Some(ProgressArg::Plain),
        "rawjson" => Some(ProgressArg::Rawjson),
        "quiet" => Some(ProgressArg::Quiet),
        _ => None,
    };
    match progress.or_else(from_environment).unwrap_or(ProgressArg::Auto) {
        ProgressArg::Tty => Mode::Tty,
        ProgressArg::Plain => Mode::Plain,
        ProgressArg::Rawjson => Mode::Json,
        ProgressArg::Quiet => Mode::Quiet,
        ProgressArg::Auto => {
            let dumb = variable(env::TERM).is_none_or(|term| term == "dumb");
            if std::io::stderr().is_terminal() && !dumb { Mode::Tty } else { Mode::Plain }
        }
    }
}

/// Returns how to show how far an archive is: as docker, nothing where no terminal is and nobody asked for it.
pub(crate) fn progress_of_archive(arguments: &ArchiveProgressArgs) -> Mode {
    let asked = arguments.progress.is_some_and(|progress| progress != ProgressArg::Auto)
        || variable(env::BUILDKIT_PROGRESS).is_some_and(|kind| kind != "auto");
    match progress_of(arguments.quiet, arguments.progress) {
        Mode::Plain if !asked => Mode::Quiet,
        mode => mode,
    }
}

/// Returns whether a build tells people why its steps ran.
pub(crate) fn explain(arguments: &BuildArgs) -> Explain {
    if arguments.explain { Explain::Steps } else { Explain::Nothing }
}

/// Returns the time as the library takes it: seconds and nanoseconds since 1970.
pub(crate) fn now() -> (i64, u32) {
    let now = jiff::Timestamp::now();
    (now.as_second(), now.subsec_nanosecond().unsigned_abs())
}

/// Merges the arguments of a build; the context and Dockerfile are as resolved by the caller.
///
/// # Errors
/// Arguments that make no sense.
pub(crate) fn build(
    arguments: &BuildArgs,
    context: ContextSource,
    dockerfile: DockerfileSource,
) -> Result<BuildOptions, CommandError> {
    let mut options = BuildOptions::new(context);
    options.dockerfile = dockerfile;
    options.command = command::command(arguments);
    options.tags = arguments.tags.iter().map(|tag| name(tag)).collect::<Result<_, _>>()?;
    options.target.clone_from(&arguments.target);
    options.build_args = build_args(&arguments.variables);
    options.contexts = contexts::named(&arguments.build_contexts)?;
    options.labels = arguments.labels.iter().map(|label| split(label)).collect();
    options.no_cache = arguments.no_cache;
    let filter = arguments.no_cache_filter.iter().flat_map(|names| names.split(','));
    options.no_cache_stages = filter.map(|name| name.trim().to_owned()).collect();
    options.cache_from = arguments.cache_from.iter().map(|text| cache::origin(text)).collect::<Result<_, _>>()?;
    options.cache_to = arguments.cache_to.iter().map(|text| cache::export(text)).collect::<Result<_, _>>()?;
    options.pull = if arguments.pull { PullPolicy::Always } else { PullPolicy::Missing };
    options.platforms = results::platforms(&arguments.platforms)?;
    options.annotations = results::annotations(&arguments.annotations)?;
    options.provenance = results::provenance(arguments)?;
    options.network = match arguments.network {
        NetworkArg::Default => NetworkMode::Default,
        NetworkArg::None => NetworkMode::None,
        NetworkArg::Host => NetworkMode::Host,
    };
    options.secrets = secrets::secrets(&arguments.run.secrets)?;
    options.ssh = secrets::ssh(&arguments.run.ssh)?;
    options.allow = run::allow(&arguments.run.allow, options.network)?;
    options.run = run::options(&arguments.run)?;
    options.run.log = log_limits(&variable)?;
    options.outputs = arguments.outputs.iter().map(|text| outputs::output(text)).collect::<Result<_, _>>()?;
    if arguments.push {
        outputs::push(&mut options.outputs);
    }
    outputs::check_by_digest(&options.outputs, &arguments.tags)?;
    // `--load` means the place that images are run from. There is no daemon: that is the store.
    if arguments.load && !options.outputs.iter().any(|output| output.kind == OutputKind::Image) {
        options.outputs.push(Output::new(OutputKind::Image, ExportTarget::Store));
    }
    options.source_date_epoch = epoch(arguments, &mut options.build_args);
    options.now = now();
    options.resolv_conf = resolv_conf();
    if arguments.lint == LintArg::Off {
        options.checks = CheckScope::Silent;
    }
    options.lint = match arguments.lint {
        LintArg::Off => None,
        LintArg::Warn => Some(BuildLint::new(build_lint(&options)?)),
        LintArg::Error => {
            let mut lint = BuildLint::new(build_lint(&options)?);
            lint.deny = Some(Level::Warning);
            Some(lint)
        }
    };
    Ok(options)
}

/// Returns what this machine says of name servers.
fn resolv_conf() -> ResolvConf {
    ResolvConf {
        host: std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default(),
        upstream: std::fs::read_to_string("/run/systemd/resolve/resolv.conf").ok(),
    }
}

/// Returns how much of the output of steps is shown.
///
/// # Errors
/// A variable that is set to no number.
fn log_limits(variable: &dyn Fn(&str) -> Option<String>) -> Result<LogLimits, CommandError> {
    let read = |name: &str, usual: Option<u64>| match variable(name).as_deref() {
        None => Ok(usual),
        Some("-1") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| {
            CommandError::usage(format!("invalid value of {name}: `{text}`"))
                .hint("set a number of bytes, or -1 for all")
        }),
    };
    let usual = LogLimits::default();
    Ok(LogLimits {
        bytes: read(env::BUILDKIT_STEP_LOG_MAX_SIZE, usual.bytes)?,
        bytes_per_second: read(env::BUILDKIT_STEP_LOG_MAX_SPEED, usual.bytes_per_second)?,
    })
}

/// Returns what the linter looks for in the Dockerfile of a build.
fn build_lint(options: &BuildOptions) -> Result<LintOptions, CommandError> {
    let of_context = || match &options.context {
        ContextSource::Directory(path) => path.join("Dockerfile"),
        _ => PathBuf::from("Dockerfile"),
    };
    let path = match &options.dockerfile {
        DockerfileSource::Path(path) => path.clone(),
        DockerfileSource::Default => of_context(),
        DockerfileSource::InContext(_) | DockerfileSource::Inline { .. } => PathBuf::from("Dockerfile"),
    };
    lint::usual(&path)
}

/// Returns the platforms to pull for: those that were named, else the one that builds are for.
///
/// # Errors
/// One is none.
pub(crate) fn pull_platforms(given: &[String]) -> Result<Vec<Platform>, CommandError> {
    let platforms = asked_platforms(given)?;
    Ok(if platforms.is_empty() { vec![Platform::host()] } else { platforms })
}

/// Returns the platforms that somebody asks for, on the command line or in the environment; there may be none.
///
/// # Errors
/// One is none.
pub(crate) fn asked_platforms(given: &[String]) -> Result<Vec<Platform>, CommandError> {
    results::platforms(given)
}

/// Reads the platforms that were named; without any there are none, whatever the environment says.
///
/// # Errors
/// One is none.
pub(crate) fn platforms(given: &[String]) -> Result<Vec<Platform>, CommandError> {
    if given.is_empty() { Ok(Vec::new()) } else { results::platforms(given) }
}

/// Reads the one platform that was named, where one was.
///
/// # Errors
/// It is none, or several.
pub(crate) fn platform(given: Option<&str>) -> Result<Option<Platform>, CommandError> {
    let given: Vec<String> = given.into_iter().map(str::to_owned).collect();
    match platforms(&given)?.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only.clone())),
        _ => Err(CommandError::usage("expected one platform")),
    }
}

/// Returns the time that an image made now has: `SOURCE_DATE_EPOCH`, else the present.
///
/// # Errors
/// The variable is no number.
pub(crate) fn time_of_image() -> Result<(i64, u32), CommandError> {
    match variable(env::SOURCE_DATE_EPOCH) {
        None => Ok(now()),
        Some(text) => match text.parse() {
            Ok(seconds) => Ok((seconds, 0)),
            Err(_) => Err(CommandError::usage(format!("SOURCE_DATE_EPOCH is `{text}`, expected seconds since 1970"))),
        },
    }
}

/// Reads an image reference.
///
/// # Errors
/// It is none.
pub(crate) fn reference(text: &str) -> Result<Reference, CommandError> {
    text.parse().map_err(CommandError::usage)
}

/// Reads a reference that an image is to have as its name.
///
/// # Errors
/// It is none, or has a digest.
pub(crate) fn name(text: &str) -> Result<Reference, CommandError> {
    let name = reference(text)?;
    name.check_as_name().map_err(CommandError::usage)?;
    Ok(name)
}

fn split(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (name.to_owned(), value.to_owned())
}

fn build_args(given: &[String]) -> BTreeMap<String, String> {
    let value = |text: &String| match text.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => std::env::var(text).ok().map(|value| (text.clone(), value)),
    };
    given.iter().filter_map(value).collect()
}

/// `--timestamp`, else the environment's `SOURCE_DATE_EPOCH`, which is a build arg too, as with buildx.
fn epoch(arguments: &BuildArgs, build_args: &mut BTreeMap<String, String>) -> Option<i64> {
    if let Some(timestamp) = arguments.timestamp {
        build_args.insert(env::SOURCE_DATE_EPOCH.to_owned(), timestamp.to_string());
        return Some(timestamp);
    }
    if build_args.contains_key(env::SOURCE_DATE_EPOCH) {
        return None;
    }
    let text = variable(env::SOURCE_DATE_EPOCH)?;
    // What is no number may be the name of something that has a time.
    let epoch = text.parse::<i64>().ok();
    build_args.insert(env::SOURCE_DATE_EPOCH.to_owned(), text);
    epoch
}
