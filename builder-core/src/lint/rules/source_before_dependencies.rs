//! Dependencies are installed after all sources are copied.

use crate::dockerfile::TransferSource;
use crate::lint::prelude::*;
use crate::lint::words::trimmed;

rule! {
    /// ## What it does
    /// Finds a copy of the whole build context before a step that needs nothing but a list of dependencies: `npm
    /// ci`, `pip install -r`, `go mod download`, `bundle install`, `composer install` and the like.
    ///
    /// ## Why it matters
    /// Every change of any file makes the step run again, and it is often the slowest one.
    ///
    /// ## Example
    /// ```dockerfile
    /// COPY . .
    /// RUN npm ci
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// COPY package.json package-lock.json ./
    /// RUN npm ci
    /// COPY . .
    /// ```
    RULE {
        id: "source-before-dependencies",
        codes: &[],
        summary: "dependencies are installed after all sources are copied",
        level: Level::Warning,
        group: Group::Speed,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    let copy = cx.model.body(stage.index).find_map(|view| match view.kind() {
        InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) if transfer.from.is_none() => {
            let whole = transfer.sources.iter().find_map(|source| match source {
                TransferSource::Path(path) if matches!(trimmed(path.as_str()), "." | "./" | "/") => Some(path.span()),
                _ => None,
            });
            whole.map(|span| (view.index, span))
        }
        _ => None,
    });
    let Some((at, span)) = copy else { return };
    // What is installed from a list that came alone already is no more than a check of it.
    let earlier: Vec<&str> =
        installs(cx, stage).filter(|command| command.instruction() < at).map(|c| c.name()).collect();
    let mut later = installs(cx, stage).filter(|command| command.instruction() > at);
    let Some(command) = later.find(|command| !earlier.contains(&command.name())) else { return };
    let mounts = command.script.run().map(|run| run.mounts.as_slice()).unwrap_or_default();
    if mounts.iter().any(|mount| mount.value.contains("type=cache")) {
        return;
    }
    cx.report(command.instruction(), command.span(), "every change of any file makes this step run again")
        .also(span, "all files come in here")
        .help("copy the list of dependencies alone, install them, and copy the rest after that")
        .done();
}

fn installs<'m>(cx: &Context<'m>, stage: &StageView) -> impl Iterator<Item = CommandView<'m>> {
    let model = cx.model;
    model.runs(stage.index).flat_map(ScriptView::commands).filter(needs_list_only)
}

/// Tells whether a command installs what a list says, and needs no other file.
fn needs_list_only(command: &CommandView<'_>) -> bool {
    let mut words = command.words_without(&["prefix", "C", "registry", "loglevel", "cwd", "network-timeout"]);
    let first = words.next().map_or("", |word| word.text.as_str());
    let second = words.next().map_or("", |word| word.text.as_str());
    // A package of the tree itself needs the tree.
    let takes_tree = command.has_any_argument(&[".", "-e", "--editable", "-g", "--global"]);
    match command.name() {
        "npm" => matches!(first, "ci" | "install" | "i") && second.is_empty() && !takes_tree,
        "yarn" => {
            matches!(first, "" | "install") && second.is_empty() && !command.has_any_argument(&["--version", "-v"])
        }
        "pnpm" | "bun" => matches!(first, "install" | "i") && second.is_empty() && !takes_tree,
        "bundle" | "bundler" => first == "install",
        "composer" => first == "install",
        "go" => first == "mod" && second == "download",
        "cargo" => first == "fetch",
        "poetry" => first == "install" && command.has_argument("--no-root"),
        "pipenv" => matches!(first, "install" | "sync") && second.is_empty(),
        name if name.starts_with("pip") => {
            first == "install" && command.has_any_argument(&["-r", "--requirement"]) && !takes_tree
        }
        _ => false,
    }
}
