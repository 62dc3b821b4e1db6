//! `DL3047`.

use crate::lint::edits::add_word;
use crate::lint::packages::{APK, APT, DNF, YUM, ZYPPER};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `wget` that neither says how to show its progress nor is told to be quiet.
    ///
    /// ## Why it matters
    /// The bar is drawn for a terminal. In the log of a build it is thousands of lines for a large file.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN wget https://example.com/x.tar.gz
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN wget --progress=dot:giga https://example.com/x.tar.gz
    /// ```
    ///
    /// ## Fix safety
    /// Safe where the stage installs GNU's wget with a package manager: only the output is another. Unsafe elsewhere: the wget of
    /// busybox does not know the option.
    RULE {
        id: "wget-progress",
        codes: &["DL3047"],
        summary: "wget draws a progress bar",
        level: Level::Info,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    const QUIET: [&str; 8] = ["progress", "q", "quiet", "no-verbose", "o", "output-file", "a", "append-output"];
    if command.name() != "wget" || command.has_any_flag(&QUIET) || command.has_argument("-nv") {
        return;
    }
    // Those download nothing.
    let asks = command.arguments().is_empty() || command.has_any_flag(&["version", "V", "help", "h", "spider"]);
    if !cx.is_hadolint() && (asks || command.has_any_flag(&["b", "background"])) {
        return;
    }
    // The wget of busybox has no such option, and no progress bar where there is no terminal.
    let is_busybox = command.script.view.stage.is_some_and(|stage| cx.model.is_busybox(stage));
    if is_busybox && !cx.is_hadolint() && !is_installed(cx, command) {
        return;
    }
    let edit = add_word(cx, command.script, command.name_span(), "--progress=dot:giga");
    let title = "add `--progress=dot:giga`";
    let make = if is_installed(cx, command) { Fix::safe } else { Fix::risky };
    cx.report(command.instruction(), command.name_span(), "the progress bar fills the log of the build")
        .help(title)
        .maybe_fix(edit.map(|edit| make(title, vec![edit])))
        .done();
}

/// Tells whether the stage installs wget before a command, by its name.
fn is_installed(cx: &Context<'_>, command: &CommandView<'_>) -> bool {
    let Some(stage) = command.script.view.stage else { return false };
    let mut stages = cx.model.ancestry(stage).map(|stage| stage.index);
    let installs = |other: CommandView<'_>| {
        let is_meant = |name: &str| name == "wget" || name.starts_with("wget=") || name.starts_with("wget-");
        [&APT, &APK, &YUM, &DNF, &ZYPPER].iter().any(|manager| {
            manager.read(&other).is_some_and(|(verb, packages)| {
                matches!(verb.text.as_str(), "install" | "in" | "add")
                    && packages.iter().any(|word| is_meant(&word.text))
            })
        })
    };
    stages.any(|stage| {
        let first = cx.model.first_run(stage, "installs wget", |script| script.commands().any(installs));
        first.is_some_and(|first| first <= command.instruction())
    })
}
