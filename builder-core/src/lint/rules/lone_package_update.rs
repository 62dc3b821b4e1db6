//! A package index that is fetched in a step of its own.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `apt-get update` and its relatives in a `RUN` that installs nothing, where a later `RUN` installs with
    /// the index that it left.
    ///
    /// ## Why it matters
    /// The step stays in the cache: months later packages are installed with an index of today's date back then,
    /// and are old or no longer there.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN apt-get update
    /// RUN apt-get install -y curl
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN apt-get update && apt-get install -y curl
    /// ```
    RULE {
        id: "lone-package-update",
        codes: &[],
        summary: "a package index that is fetched in a step of its own",
        level: Level::Warning,
        group: Group::Reproducibility,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

/// What a command does with packages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Update,
    Install,
}

fn check(cx: &Context<'_>, stage: &StageView) {
    let scripts: Vec<&ScriptView<'_>> = cx.model.runs(stage.index).collect();
    for (at, script) in scripts.iter().enumerate() {
        for command in script.commands() {
            let Some((family, Action::Update)) = action(&command) else { continue };
            if has(script, family, Action::Install) || keeps_index(script) {
                continue;
            }
            let later = scripts[at + 1..].iter().copied().filter(|later| has(later, family, Action::Install));
            let Some(user) = later.take(1).find(|later| !has(later, family, Action::Update)) else { continue };
            let install = user.commands().find(|command| action(command) == Some((family, Action::Install)));
            let Some(install) = install else { continue };
            cx.report(script.view.index, command.span(), "the package index is fetched in a step of its own")
                .also(install.name_span(), "this step works with an index from the cache")
                .help("fetch the index and install in one `RUN`")
                .done();
        }
    }
}

fn has(script: &ScriptView<'_>, family: &str, wanted: Action) -> bool {
    script.commands().any(|command| action(&command) == Some((family, wanted)))
}

/// With a mount the index is not part of the step.
fn keeps_index(script: &ScriptView<'_>) -> bool {
    let mounts = script.run().map(|run| run.mounts.as_slice()).unwrap_or_default();
    mounts.iter().any(|mount| mount.value.contains("/var/lib/apt") || mount.value.contains("/var/cache"))
}

fn action(command: &CommandView<'_>) -> Option<(&'static str, Action)> {
    let first = command.words_without(&["o", "option", "t", "c"]).next().map(|word| word.text.as_str());
    Some(match (command.name(), first?) {
        ("apt" | "apt-get" | "aptitude", "update") => ("apt", Action::Update),
        ("apt" | "apt-get" | "aptitude", "install" | "build-dep") => ("apt", Action::Install),
        ("apk", "update") => ("apk", Action::Update),
        ("apk", "add") if !command.has_any_argument(&["--no-cache", "-U", "--update", "--update-cache"]) => {
            ("apk", Action::Install)
        }
        ("zypper", "refresh" | "ref") => ("zypper", Action::Update),
        ("zypper", "install" | "in") => ("zypper", Action::Install),
        _ => return None,
    })
}
