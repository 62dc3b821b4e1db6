//! `DL3013`.

use crate::lint::packages::{has_extension, operands, report_unpinned};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds packages that `pip install` gets without a version, and sources in version control without a revision.
    ///
    /// Files, folders, names that hold variables, and commands with a constraints file or `--require-hashes` are left alone.
    ///
    /// ## Why it matters
    /// The version is whatever the index has on the day of the build, with whatever that needs: the same file gives other images.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN pip install --no-cache-dir flask
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN pip install --no-cache-dir flask==3.0.3
    /// ```
    RULE {
        id: "unpinned-pip-package",
        codes: &["DL3013"],
        summary: "pip installs packages without a version",
        level: Level::Warning,
        group: Group::Reproducibility,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    let packages = if cx.is_hadolint() { hadolints(command) } else { ours(command) };
    report_unpinned(cx, command, &packages, "write `name==version`, or use a file of requirements with versions");
}

/// Tells whether a command is one of pip's or pipx's, as hadolint finds them.
pub(super) fn is_hadolints_pip(command: &CommandView<'_>) -> bool {
    let name = command.name();
    if name.starts_with("pip") && !name.starts_with("pipenv") {
        return command.has_argument("install");
    }
    let words = command.arguments();
    let is_install = |three: &[Argument]| three.iter().map(|word| word.text.as_str()).eq(["-m", "pip", "install"]);
    name.starts_with("python") && words.windows(3).any(is_install)
}

fn hadolints<'a>(command: &CommandView<'a>) -> Vec<&'a Argument> {
    const WITH_VALUES: &[&str] = &[
        "abi",
        "b",
        "build",
        "e",
        "editable",
        "extra-index-url",
        "f",
        "find-links",
        "i",
        "implementation",
        "index-url",
        "no-binary",
        "only-binary",
        "platform",
        "prefix",
        "progress-bar",
        "proxy",
        "python",
        "python-version",
        "root",
        "root-user-action",
        "src",
        "t",
        "target",
        "trusted-host",
        "upgrade-strategy",
    ];
    let is_given =
        command.has_any_argument(&["-r", "--requirement", "."]) || command.has_any_flag(&["c", "constraint"]);
    if !is_hadolints_pip(command) || is_given {
        return Vec::new();
    }
    let words = command.words_without(WITH_VALUES).skip_while(|word| word.text != "install").skip(1);
    words.filter(|word| word.text != "install" && !is_pinned(&word.text)).collect()
}

const SYSTEMS: [&str; 4] = ["git+", "hg+", "svn+", "bzr+"];

fn is_pinned(package: &str) -> bool {
    if SYSTEMS.iter().any(|system| package.starts_with(system)) {
        return package.contains('@');
    }
    ["==", ">=", "<=", ">", "<", "!=", "~="].iter().any(|sign| package.contains(sign))
        || package.contains('/')
        || has_extension(package, "whl")
        || package.ends_with(".tar.gz")
}

/// Options of pip whose value is the next word.
const WITH_VALUES: &[&str] = &[
    "-b",
    "--build",
    "-c",
    "--constraint",
    "-C",
    "--config-settings",
    "-d",
    "--dest",
    "-e",
    "--editable",
    "-f",
    "--find-links",
    "-i",
    "--index-url",
    "-r",
    "--requirement",
    "-t",
    "--target",
    "--abi",
    "--cache-dir",
    "--cert",
    "--client-cert",
    "--default-timeout",
    "--exists-action",
    "--extra-index-url",
    "--global-option",
    "--group",
    "--implementation",
    "--install-option",
    "--keyring-provider",
    "--log",
    "--no-binary",
    "--only-binary",
    "--platform",
    "--prefix",
    "--progress-bar",
    "--proxy",
    "--python",
    "-p",
    "--python-version",
    "--report",
    "--resume-retries",
    "--retries",
    "--root",
    "--root-user-action",
    "--src",
    "--timeout",
    "--trusted-host",
    "--upgrade-strategy",
    "--use-deprecated",
    "--use-feature",
];

/// Returns the words behind `install` of pip: `pip install`, `python -m pip install`, `uv pip install`, each with
/// options anywhere.
pub(super) fn installed<'a>(command: &CommandView<'a>) -> Option<(&'a Argument, Vec<&'a Argument>)> {
    let mut words = operands(command, WITH_VALUES).into_iter();
    let name = command.name();
    if name.starts_with("python") {
        let module = command.arguments().iter().position(|word| word.text == "-m")?;
        let is_pip = command.arguments().get(module + 1).is_some_and(|word| word.text == "pip");
        if !is_pip || words.next().is_none_or(|word| word.text != "pip") {
            return None;
        }
    } else if name == "uv" {
        if words.next().is_none_or(|word| word.text != "pip") {
            return None;
        }
    } else if !is_pip(name) {
        return None;
    }
    let verb = words.next().filter(|word| word.text == "install")?;
    Some((verb, words.collect()))
}

/// Tells whether a name is `pip`, with a version of Python or without.
fn is_pip(name: &str) -> bool {
    name.strip_prefix("pip").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-')))
}

fn ours<'a>(command: &CommandView<'a>) -> Vec<&'a Argument> {
    let Some((_, packages)) = installed(command) else { return Vec::new() };
    let is_constraint =
        |text: &str| text.starts_with("--constraint") || text.starts_with("-c") || text == "--require-hashes";
    if command.arguments().iter().any(|word| is_constraint(&word.text)) {
        return Vec::new();
    }
    let is_local =
        |text: &str| text.starts_with('.') || [".zip", ".tgz", ".tar.bz2"].iter().any(|suffix| text.ends_with(suffix));
    let is_at = |text: &str| text.contains('@') && !SYSTEMS.iter().any(|system| text.contains(system));
    packages
        .into_iter()
        .filter(|word| word.is_literal && !is_pinned(&word.text) && !is_local(&word.text) && !is_at(&word.text))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_seen() {
        for pinned in ["a==1", "a>=1", "a~=1", "a!=1", "a<2", "git+https://x/y@v1", "./a", "x.whl", "x.tar.gz", "a/b"] {
            assert!(is_pinned(pinned), "{pinned}");
        }
        for loose in ["a", "a=1", "a[b]", "git+https://x/y", "hg+https://x/y", "a~1"] {
            assert!(!is_pinned(loose), "{loose}");
        }
        assert!(["pip", "pip3", "pip3.12", "pip-3"].into_iter().all(is_pip));
        assert!(!["pipx", "pipenv", "pip-compile"].into_iter().any(is_pip));
    }
}
