//! The settings of `builder lint` from the command line and the environment.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use builder_core::lint::{Dialect, Level, LintOptions};

use super::{paint_of, variable};
use crate::args::{ColorArg, LintArgs};
use crate::env;
use crate::error::CommandError;
use crate::lint::config::{Layer, Lookup, Resolver, Search, Strictness, read};
use crate::ui::progress::Paint;

/// The levels in the order of [`env::HADOLINT_OVERRIDES`].
const LEVELS: [Level; 4] = [Level::Style, Level::Info, Level::Warning, Level::Error];

/// Returns what the environment and the command line ask for.
///
/// # Errors
/// A variable has no value that it could have.
pub(crate) fn resolver(arguments: &LintArgs) -> Result<Resolver, CommandError> {
    let dialect = if arguments.hadolint_compat { Dialect::Hadolint } else { Dialect::Builder };
    if strictness(arguments) == Strictness::Strict {
        let a = arguments;
        let lists = [&a.select, &a.extend_select, &a.ignore, &a.error, &a.warning, &a.info, &a.style];
        if let Some(error) = lists.into_iter().flatten().find_map(|rule| read::unknown_rule(rule)) {
            return Err(CommandError::usage(error).hint(read::LIST_HINT));
        }
        if let Some(error) = a.trusted_registry.iter().find_map(|name| read::wrong_registry(name)) {
            return Err(CommandError::usage(error));
        }
    }
    Ok(Resolver { dialect, environment: environment(strictness(arguments))?, command_line: command_line(arguments) })
}

/// Returns how to take what is not known.
pub(crate) fn strictness(arguments: &LintArgs) -> Strictness {
    if arguments.hadolint_compat { Strictness::Lenient } else { Strictness::Strict }
}

/// Returns where to look for configuration files.
pub(crate) fn search(arguments: &LintArgs) -> Search {
    if arguments.no_config {
        return Search::Nowhere;
    }
    if let Some(path) = &arguments.config {
        return Search::File(path.clone());
    }
    upwards()
}

/// Returns what the linter looks for in a file where nothing is asked for: in editors, and while building.
///
/// # Errors
/// A configuration file or a variable is broken.
pub(crate) fn usual(file: &Path) -> Result<LintOptions, CommandError> {
    let environment = environment(Strictness::Strict)?;
    let resolver = Resolver { dialect: Dialect::Builder, environment, command_line: Layer::default() };
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let folder = file.parent().unwrap_or(Path::new("/"));
    let config = Lookup::new(upwards(), Strictness::Strict).find(folder)?;
    Ok(resolver.resolve(config.as_deref()).for_file(&file).0.into_owned())
}

fn upwards() -> Search {
    let home = variable(env::HOME).map(PathBuf::from);
    let xdg = variable(env::XDG_CONFIG_HOME).map(PathBuf::from).or_else(|| Some(home.as_ref()?.join(".config")));
    let mut places = Vec::new();
    let mut add = |base: Option<&PathBuf>, names: &[&str]| {
        for name in base.into_iter().flat_map(|base| names.iter().map(move |name| base.join(name))) {
            places.extend([name.with_extension("yaml"), name.with_extension("yml")]);
        }
    };
    // hadolint looks in the working folder, wherever the files are.
    add(Some(&PathBuf::from(".")), &[".hadolint.x"]);
    add(xdg.as_ref(), &["hadolint.x"]);
    add(home.as_ref(), &[".hadolint/hadolint.x", ".hadolint/config.x", ".hadolint.x"]);
    Search::Upwards(places)
}

/// Returns whether a report on standard output has colours.
pub(crate) fn report_paint(color: ColorArg, no_color: bool, compat: bool) -> Paint {
    if no_color {
        return Paint::Plain;
    }
    // hadolint colours whatever it writes, unless it is told not to.
    paint_of(color, std::io::stdout().is_terminal() || compat)
}

fn environment(strictness: Strictness) -> Result<Layer, CommandError> {
    let flag = |name| variable(name).map(|value| is_truthy(&value));
    let list = |name| {
        let value = variable(name).unwrap_or_default();
        value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let rules = |name: &'static str| {
        let names = list(name);
        match names.iter().find_map(|rule| read::unknown_rule(rule)).filter(|_| strictness == Strictness::Strict) {
            Some(error) => Err(wrong(name, &error).hint(read::LIST_HINT)),
            None => Ok(names),
        }
    };
    let trusted_registries = list(env::HADOLINT_TRUSTED_REGISTRIES);
    let wrong_registry = trusted_registries.iter().find_map(|name| read::wrong_registry(name));
    if let Some(error) = wrong_registry.filter(|_| strictness == Strictness::Strict) {
        return Err(wrong(env::HADOLINT_TRUSTED_REGISTRIES, &error));
    }
    let mut layer = Layer {
        ignore: rules(env::HADOLINT_IGNORE)?,
        trusted_registries,
        strict_labels: flag(env::HADOLINT_STRICT_LABELS),
        disable_pragmas: flag(env::HADOLINT_DISABLE_IGNORE_PRAGMA),
        no_fail: flag(env::HADOLINT_NOFAIL),
        verbose: flag(env::HADOLINT_VERBOSE),
        ..Layer::default()
    };
    for (name, level) in env::HADOLINT_OVERRIDES.into_iter().zip(LEVELS) {
        layer.levels.extend(rules(name)?.into_iter().map(|rule| (rule, level)));
    }
    for label in list(env::HADOLINT_REQUIRE_LABELS) {
        layer.label_schema.extend([read::label(&label).map_err(|error| wrong(env::HADOLINT_REQUIRE_LABELS, &error))?]);
    }
    if let Some(text) = variable(env::HADOLINT_FAILURE_THRESHOLD) {
        let threshold = read::threshold_of(&text).map_err(|error| wrong(env::HADOLINT_FAILURE_THRESHOLD, &error))?;
        layer.threshold = Some(threshold);
    }
    if let Some(text) = variable(env::HADOLINT_FORMAT) {
        layer.formats = vec![read::format_of(&text).map_err(|error| wrong(env::HADOLINT_FORMAT, &error))?];
    }
    Ok(layer)
}

fn wrong(name: &str, error: &str) -> CommandError {
    CommandError::usage(format!("the environment variable {name} is wrong: {error}"))
}

fn is_truthy(value: &str) -> bool {
    ["1", "y", "on", "true", "yes"].contains(&value.to_ascii_lowercase().as_str())
}

fn command_line(arguments: &LintArgs) -> Layer {
    let set = |flag: bool| flag.then_some(true);
    let lists = [&arguments.style, &arguments.info, &arguments.warning, &arguments.error];
    Layer {
        select: (!arguments.select.is_empty()).then(|| arguments.select.clone()),
        extend_select: arguments.extend_select.clone(),
        ignore: arguments.ignore.clone(),
        levels: lists
            .into_iter()
            .zip(LEVELS)
            .flat_map(|(rules, level)| rules.iter().map(move |rule| (rule.clone(), level)))
            .collect(),
        per_file_ignores: Vec::new(),
        preview: set(arguments.preview),
        trusted_registries: arguments.trusted_registry.clone(),
        label_schema: arguments.require_label.iter().cloned().collect(),
        strict_labels: set(arguments.strict_labels),
        disable_pragmas: set(arguments.disable_ignore_pragma),
        threshold: arguments.failure_threshold,
        formats: arguments.format.clone(),
        no_fail: set(arguments.no_fail),
        no_color: set(arguments.no_color),
        verbose: set(arguments.verbose),
    }
}
