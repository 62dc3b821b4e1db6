//! `DL3042`.

use super::unpinned_pip_package::{installed, is_hadolints_pip};
use crate::dockerfile::KeyValue;
use crate::lint::edits::add_word;
use crate::lint::packages::{bare_name, cache_mounts, is_shipped, removes};
use crate::lint::prelude::*;
use crate::lint::words::trimmed;

rule! {
    /// ## What it does
    /// Finds `pip install` without `--no-cache-dir`, where neither `PIP_NO_CACHE_DIR` is set nor a cache is mounted.
    ///
    /// Outside of hadolint's habits deleting the cache in the same `RUN` counts as well, and a stage that others only copy from
    /// is left alone.
    ///
    /// ## Why it matters
    /// Everything that was downloaded or built stays in the layer a second time, and nothing in the image needs it.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN pip install flask==3.0.3
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN pip install --no-cache-dir flask==3.0.3
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: files go from the layer.
    RULE {
        id: "pip-cache",
        codes: &["DL3042"],
        summary: "pip keeps its cache",
        level: Level::Warning,
        group: Group::Size,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Command(check),
    }
}

const VARIABLE: &str = "PIP_NO_CACHE_DIR";

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    let Some(verb) = (if cx.is_hadolint() { hadolints(cx, command) } else { ours(cx, command) }) else { return };
    let edit = add_word(cx, command.script, verb.span, "--no-cache-dir");
    cx.report(command.instruction(), verb.span, "the cache of pip stays in the image")
        .help("add `--no-cache-dir`, or mount a cache at `/root/.cache/pip`")
        .maybe_fix(edit.map(|edit| Fix::risky("add `--no-cache-dir`", vec![edit])))
        .done();
}

fn hadolints<'a>(cx: &Context<'_>, command: &CommandView<'a>) -> Option<&'a Argument> {
    let script = command.script;
    if !is_hadolints_pip(command) || command.name().starts_with("pipx") || command.has_argument("--no-cache-dir") {
        return None;
    }
    let has_mount = cache_mounts(script).iter().any(|target| target.contains(".cache/pip"));
    // Anywhere in the text will do, in a comment too.
    let text = script.text.as_str();
    let mut values = text.match_indices(VARIABLE).filter_map(|(at, _)| text[at + VARIABLE.len()..].strip_prefix('='));
    if has_mount || values.any(begins_truthy) || has_hadolints_variable(cx, command) {
        return None;
    }
    command.arguments().iter().find(|word| word.text == "install")
}

const TRUTHY: [&str; 4] = ["1", "true", "yes", "on"];

fn begins_truthy(text: &str) -> bool {
    TRUTHY.iter().any(|value| text.get(..value.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(value)))
}

/// Tells whether some `ENV` of the stage, or of a stage that it begins from, switched the cache off, whatever came after.
fn has_hadolints_variable(cx: &Context<'_>, command: &CommandView<'_>) -> bool {
    let Some(mut stage) = command.script.view.stage.and_then(|stage| cx.model.stages.get(stage)) else { return false };
    let mut end = command.instruction();
    loop {
        let before = end;
        let mut views = cx.model.body(stage.index).filter(|view| view.index < before);
        let is_off = |pair: &KeyValue| {
            let value = trimmed(pair.value.as_str());
            trimmed(pair.key.as_str()) == VARIABLE && TRUTHY.iter().any(|known| known.eq_ignore_ascii_case(value))
        };
        if views.any(|view| matches!(view.kind(), InstructionKind::Env(env) if env.pairs.iter().any(is_off))) {
            return true;
        }
        // Stages without a name go by that of their image.
        let base = bare_name(&stage.image);
        let mut earlier = cx.model.stages[..stage.index].iter().rev();
        let parent = earlier.find(|other| match &other.name {
            Some(name) => name == base,
            None => bare_name(&other.image) == base,
        });
        let Some(parent) = parent else { return false };
        (stage, end) = (parent, usize::MAX);
    }
}

fn ours<'a>(cx: &Context<'_>, command: &CommandView<'a>) -> Option<&'a Argument> {
    let (verb, _) = installed(command).filter(|_| command.name() != "uv")?;
    let is_off = command.has_any_flag(&["no-cache-dir", "dry-run", "help", "h"]);
    let script = command.script;
    let has_mount = cache_mounts(script).iter().any(|target| target.contains(".cache") || target.contains("pip"));
    if is_off || has_mount || is_cleaned(command) || is_switched_off(cx, command) {
        return None;
    }
    is_shipped(cx, script.view.stage).then_some(verb)
}

/// Tells whether a later command of the script deletes the cache.
fn is_cleaned(command: &CommandView<'_>) -> bool {
    let mut later = command.script.commands().filter(|other| other.script_span() > command.script_span());
    later.any(|other| {
        let purges = other.has_argument("cache") && other.has_argument("purge");
        let names_it = || other.words().any(|word| word.text.contains(".cache"));
        purges || removes(&other, &["/root/.cache/pip"]) || other.name() == "rm" && names_it()
    })
}

/// Tells whether the variable is set for a command: by `ENV`, by the base image, or by the script before it.
fn is_switched_off(cx: &Context<'_>, command: &CommandView<'_>) -> bool {
    let script = command.script;
    let text = script.text.as_str();
    // Assignments before its name are a part of the command.
    let end = command.arguments().first().map_or(text.len(), |_| command.script_span().end as usize);
    let before = text.get(..end).unwrap_or_default();
    let in_script = before.rmatch_indices(VARIABLE).next().map(|(at, _)| &before[at + VARIABLE.len()..]);
    if let Some(value) = in_script.and_then(|rest| rest.strip_prefix('=')) {
        let value = value.split([' ', ';', '&', '\n', '\t']).next().unwrap_or_default();
        return is_on(value);
    }
    let Some(stage) = script.view.stage else { return false };
    let mut root = None;
    for stage in cx.model.ancestry(stage) {
        root = Some(stage);
        let views = cx.model.body(stage.index).filter(|view| view.index < command.instruction());
        let values = views.flat_map(|view| match view.kind() {
            InstructionKind::Env(env) => env.pairs.as_slice(),
            _ => &[],
        });
        let mut values = values.filter(|pair| trimmed(pair.key.as_str()) == VARIABLE);
        if let Some(pair) = values.next_back() {
            return is_on(pair.value.as_str());
        }
    }
    let facts = root.and_then(|stage| cx.options.facts.bases.get(&stage.image));
    facts.and_then(|facts| facts.env.get(VARIABLE)).is_some_and(|value| is_on(value))
}

fn is_on(value: &str) -> bool {
    !matches!(trimmed(value).to_ascii_lowercase().as_str(), "" | "0" | "false" | "no" | "off" | "n" | "f")
}
