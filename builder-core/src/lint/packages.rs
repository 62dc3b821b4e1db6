//! What rules ask of package managers: which words are packages, and where their caches are.

use super::context::Context;
use super::model::{Argument, CommandView, ScriptView, StageView};
use super::words::listed;
use crate::dockerfile::InstructionKind;
use crate::text::Span;

/// A package manager: the names that it goes by, and its options whose value is the next word.
#[derive(Debug)]
pub(super) struct Manager {
    pub(super) names: &'static [&'static str],
    pub(super) with_values: &'static [&'static str],
}

pub(super) static APT: Manager = Manager {
    names: &["apt-get", "apt", "aptitude"],
    with_values: &["-o", "--option", "-t", "--target-release", "--default-release", "-c", "--config-file", "-a"],
};

pub(super) static APK: Manager = Manager {
    names: &["apk"],
    with_values: &[
        "-t",
        "--virtual",
        "-X",
        "--repository",
        "-p",
        "--root",
        "--keys-dir",
        "--repositories-file",
        "--arch",
        "--cache-dir",
        "--cache-max-age",
        "--wait",
        "--timeout",
        "--progress-fd",
    ],
};

const RPM_OPTIONS: &[&str] = &[
    "-c",
    "--config",
    "-d",
    "--debuglevel",
    "-e",
    "--errorlevel",
    "-R",
    "--randomwait",
    "-x",
    "--exclude",
    "--disableexcludes",
    "--enablerepo",
    "--disablerepo",
    "--repo",
    "--repoid",
    "--repofrompath",
    "--setopt",
    "--releasever",
    "--installroot",
    "--forcearch",
    "--downloaddir",
    "--destdir",
    "--advisory",
    "--comment",
];

pub(super) static YUM: Manager = Manager { names: &["yum"], with_values: RPM_OPTIONS };

pub(super) static DNF: Manager = Manager { names: &["dnf", "dnf5", "microdnf", "tdnf"], with_values: RPM_OPTIONS };

pub(super) static ZYPPER: Manager = Manager {
    names: &["zypper"],
    with_values: &[
        "-t",
        "--type",
        "-r",
        "--repo",
        "--from",
        "-R",
        "--root",
        "--installroot",
        "-p",
        "--plus-repo",
        "-c",
        "--config",
        "--releasever",
        "--reposd-dir",
        "--cache-dir",
        "-D",
    ],
};

impl Manager {
    /// Reads a command of the manager: what it is to do, and the words behind that.
    pub(super) fn read<'a>(&self, command: &CommandView<'a>) -> Option<(&'a Argument, Vec<&'a Argument>)> {
        if !self.names.contains(&command.name()) {
            return None;
        }
        let mut words = operands(command, self.with_values).into_iter();
        Some((words.next()?, words.collect()))
    }
}

/// Returns the arguments that are neither options nor values of these. All words behind `--` are arguments.
pub(super) fn operands<'a>(command: &CommandView<'a>, with_values: &[&str]) -> Vec<&'a Argument> {
    let mut found = Vec::new();
    let mut arguments = command.arguments().iter();
    while let Some(argument) = arguments.next() {
        let text = argument.text.as_str();
        if text == "--" {
            found.extend(arguments);
            break;
        }
        if !text.starts_with('-') || text == "-" {
            found.push(argument);
        } else if takes_next(text, with_values) {
            arguments.next();
        }
    }
    found
}

/// Tells whether the value of an option is the next word.
fn takes_next(option: &str, with_values: &[&str]) -> bool {
    if option.starts_with("--") || with_values.contains(&option) {
        return with_values.contains(&option);
    }
    // The first letter with a value takes the rest of the word, where there is one.
    let is_known = |c: char| with_values.iter().any(|known| known.chars().eq(['-', c]));
    option.char_indices().skip(1).find(|(_, c)| is_known(*c)).is_some_and(|(at, c)| at + c.len_utf8() == option.len())
}

/// Tells whether a word names a file of a kind.
pub(super) fn has_extension(word: &str, extension: &str) -> bool {
    word.rsplit_once('.').is_some_and(|(_, found)| found == extension)
}

/// Reports packages of a command that are not pinned: the first is underlined, the others are labels.
pub(super) fn report_unpinned(cx: &Context<'_>, command: &CommandView<'_>, packages: &[&Argument], how: &str) {
    const SHOWN: usize = 4;
    let Some((first, rest)) = packages.split_first() else { return };
    let names: Vec<&str> = packages.iter().map(|package| package.text.as_str()).collect();
    let list = if names.len() > SHOWN + 1 {
        format!("{} and {} more", listed_plainly(&names[..SHOWN]), names.len() - SHOWN)
    } else {
        listed(names.iter().copied())
    };
    let verb = if names.len() == 1 { "has" } else { "have" };
    let mut report = cx.report(command.instruction(), first.span, format!("{list} {verb} no fixed version")).help(how);
    for package in rest {
        report = report.also(package.span, "");
    }
    report.done();
}

fn listed_plainly(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Returns where an instruction mounts caches or memory, without slashes at the end.
pub(super) fn cache_mounts<'a>(script: &'a ScriptView<'_>) -> Vec<&'a str> {
    let mounts = script.run().map_or(&[][..], |run| &run.mounts);
    mounts.iter().filter_map(|mount| cache_target(&mount.value)).collect()
}

fn cache_target(mount: &str) -> Option<&str> {
    let value = |name: &str| {
        let mut pairs = mount.split(',').filter_map(|pair| pair.trim_matches('"').split_once('='));
        pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let target = value("target").or_else(|| value("dst")).or_else(|| value("destination"))?;
    let is_cache = matches!(value("type")?, "cache" | "tmpfs");
    is_cache.then(|| target.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(target))
}

/// Tells whether a folder is in one of the mounted caches.
pub(super) fn is_mounted(script: &ScriptView<'_>, folder: &str) -> bool {
    cache_mounts(script).iter().any(|target| is_inside(folder, target))
}

/// Tells whether a path is another one or below it.
fn is_inside(path: &str, other: &str) -> bool {
    path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || other.ends_with('/'))
}

/// Tells whether a command deletes one of these folders, or what is in it.
pub(super) fn removes(command: &CommandView<'_>, folders: &[&str]) -> bool {
    let is_meant = |text: &str| {
        let path = text.trim_end_matches(['*', '/']);
        let path = path.strip_prefix('~').map_or_else(|| path.to_owned(), |rest| format!("/root{rest}"));
        !path.is_empty() && folders.iter().any(|folder| is_inside(folder, &path) || is_inside(&path, folder))
    };
    let deletes = match command.name() {
        "rm" => command.has_any_flag(&["r", "R", "recursive"]) || command.words().any(|word| word.text.ends_with('*')),
        "find" => command.has_any_argument(&["-delete", "-exec"]),
        _ => false,
    };
    deletes && command.words().any(|word| is_meant(&word.text))
}

/// Tells whether a command is `rm` with one of these words, whatever else it has: hadolint asks no more.
pub(super) fn removes_anything(command: &CommandView<'_>, words: &[&str]) -> bool {
    command.name() == "rm" && command.has_any_argument(words)
}

/// Returns the first command that fills a cache and has none behind it that empties it. hadolint compares only the first
/// command of either kind.
pub(super) fn uncleaned<'a>(
    cx: &Context<'_>,
    script: &'a ScriptView<'a>,
    fills: impl Fn(&CommandView<'_>) -> bool,
    cleans: impl Fn(&CommandView<'_>) -> bool,
) -> Option<CommandView<'a>> {
    let commands: Vec<CommandView<'a>> = script.commands().collect();
    if cx.is_hadolint() {
        let first = commands.iter().position(fills)?;
        return commands.iter().position(cleans).is_none_or(|clean| clean <= first).then(|| commands[first]);
    }
    let last_clean = commands.iter().rposition(cleans);
    let open = commands.iter().enumerate().find(|(at, command)| last_clean.is_none_or(|l| *at > l) && fills(command));
    open.map(|(_, command)| *command)
}

/// Tells whether what a stage has in its layers reaches an image: no other stage merely copies from it.
pub(super) fn is_shipped(cx: &Context<'_>, stage: Option<usize>) -> bool {
    stage.and_then(|stage| cx.model.delivered().get(stage).copied()).unwrap_or(true)
}

/// Tells whether hadolint thinks that a stage reaches an image: the last one does, and one that some `FROM` names.
pub(super) fn is_kept(cx: &Context<'_>, script: &ScriptView<'_>) -> bool {
    if script.view.is_trigger() {
        return true;
    }
    let Some(stage) = script.view.stage.and_then(|stage| cx.model.stages.get(stage)) else {
        return cx.model.stages.is_empty();
    };
    let is_base = |name: &str| cx.model.base_names().contains(name);
    // A stage whose `FROM` reads as the last one's does is taken for it.
    let is_like_last = cx.model.stages.last().is_some_and(|last| is_same(cx, last, stage));
    is_like_last || stage.name.as_deref().is_some_and(is_base)
}

/// Tells whether two stages have the same `FROM`.
fn is_same(cx: &Context<'_>, one: &StageView, other: &StageView) -> bool {
    let from = |at: usize| match cx.instruction(at).map(|from| &from.kind) {
        Some(InstructionKind::From(from)) => {
            Some((from.image.as_str(), from.platform.as_ref().map(|name| &name.value)))
        }
        _ => None,
    };
    one.name == other.name && from(one.from) == from(other.from)
}

/// Returns the name of an image without registry, tag and digest.
pub(super) fn bare_name(image: &str) -> &str {
    super::image_name::ImageName::new(image).path
}

/// Returns the place of the last word of a path: the program's name without its folder.
pub(super) fn base_span(cx: &Context<'_>, command: &CommandView<'_>) -> Option<Span> {
    let span = command.name_span();
    let length = u32::try_from(command.name().len()).ok()?;
    let base = Span::new(span.end.checked_sub(length)?, span.end);
    (cx.text(base) == command.name()).then_some(base)
}
