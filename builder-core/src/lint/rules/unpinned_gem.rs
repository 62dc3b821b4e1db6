//! `DL3028`.

use crate::lint::packages::{has_extension, operands, report_unpinned};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds gems that `gem install` gets without a version.
    ///
    /// Files, names that hold variables, and commands with `--version` are left alone.
    ///
    /// ## Why it matters
    /// The version is whatever the server has on the day of the build: the same file gives other images.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN gem install bundler
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN gem install bundler:2.5.17
    /// ```
    RULE {
        id: "unpinned-gem",
        codes: &["DL3028"],
        summary: "gem installs without a version",
        level: Level::Warning,
        group: Group::Reproducibility,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    if command.name() != "gem" {
        return;
    }
    let gems = if cx.is_hadolint() { hadolints(command) } else { ours(command) };
    report_unpinned(cx, command, &gems, "write `name:version`");
}

fn has_version(command: &CommandView<'_>) -> bool {
    command.has_any_argument(&["-v", "--version"])
        || command.arguments().iter().any(|word| word.text.starts_with("--version="))
}

fn hadolints<'a>(command: &CommandView<'a>) -> Vec<&'a Argument> {
    if !command.has_any_argument(&["install", "i"]) || has_version(command) {
        return Vec::new();
    }
    let mut gems = Vec::new();
    let mut words = command.arguments().iter();
    while let Some(word) = words.next() {
        if word.text == "--" {
            break;
        }
        // Every option takes the next word with it.
        if word.text.starts_with('-') {
            words.next();
        } else if !word.text.contains(':') && !matches!(word.text.as_str(), "install" | "i") {
            gems.push(word);
        }
    }
    gems
}

const WITH_VALUES: &[&str] = &[
    "-v",
    "--version",
    "-s",
    "--source",
    "-i",
    "--install-dir",
    "-n",
    "--bindir",
    "-P",
    "--trust-policy",
    "--platform",
    "--build-root",
    "-p",
    "--http-proxy",
    "-B",
    "--bulk-threshold",
    "-g",
    "--file",
    "--without",
    "--config-file",
    "--target-rbconfig",
];

fn ours<'a>(command: &CommandView<'a>) -> Vec<&'a Argument> {
    let mut words = operands(command, WITH_VALUES).into_iter();
    let is_install = words.next().is_some_and(|word| matches!(word.text.as_str(), "install" | "i"));
    let is_short = |word: &Argument| word.text.starts_with("-v") && !word.text.starts_with("--");
    if !is_install || has_version(command) || command.arguments().iter().any(is_short) {
        return Vec::new();
    }
    // Behind `--` are options of the compiler.
    let end = command.arguments().iter().find(|word| word.text == "--").map_or(u32::MAX, |word| word.span.start);
    let is_file = |text: &str| has_extension(text, "gem") || text.contains('/');
    let is_loose = |word: &&Argument| word.is_literal && !word.text.contains(':') && !is_file(&word.text);
    words.filter(|word| word.span.start < end).filter(is_loose).collect()
}
