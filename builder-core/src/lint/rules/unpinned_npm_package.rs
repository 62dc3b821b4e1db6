//! `DL3016`.

use crate::lint::packages::{operands, report_unpinned};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds packages that `npm install` gets by name without a version, and git repositories without a revision.
    ///
    /// Files, folders and names that hold variables are left alone.
    ///
    /// ## Why it matters
    /// The version is whatever the registry has on the day of the build: the same file gives other images.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN npm install -g typescript
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN npm install -g typescript@5.5.4
    /// ```
    RULE {
        id: "unpinned-npm-package",
        codes: &["DL3016"],
        summary: "npm installs packages without a version",
        level: Level::Warning,
        group: Group::Reproducibility,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    if command.name() != "npm" {
        return;
    }
    let packages: Vec<&Argument> = if cx.is_hadolint() {
        let mut words = command.words_without(&["loglevel", "registry"]);
        if words.next().is_none_or(|word| word.text != "install") {
            return;
        }
        words.filter(|word| !is_pinned(&word.text)).collect()
    } else {
        let mut words = operands(command, WITH_VALUES).into_iter();
        if words.next().is_none_or(|word| !matches!(word.text.as_str(), "install" | "i" | "in" | "add")) {
            return;
        }
        words.filter(|word| word.is_literal && !is_local(&word.text) && is_loose(&word.text)).collect()
    };
    report_unpinned(cx, command, &packages, "write `name@version`");
}

const WITH_VALUES: &[&str] = &[
    "--loglevel",
    "--registry",
    "--prefix",
    "-C",
    "--cache",
    "--tag",
    "-w",
    "--workspace",
    "--omit",
    "--include",
    "--userconfig",
    "--globalconfig",
    "--proxy",
    "--https-proxy",
    "--install-strategy",
    "--before",
    "--cpu",
    "--os",
    "--libc",
    "--save-prefix",
    "--script-shell",
    "--fetch-retries",
    "--fetch-timeout",
    "--maxsockets",
    "--only",
    "--otp",
];

fn is_pinned(package: &str) -> bool {
    if ["git://", "git+ssh://", "git+http://", "git+https://"].iter().any(|scheme| package.starts_with(scheme)) {
        return package.contains('#');
    }
    // The first at sign of `@scope/name` says nothing.
    let name = match package.strip_prefix('@') {
        Some(scoped) => scoped.split_once('/').map_or("", |(_, name)| name),
        None => package,
    };
    name.contains('@') || is_file(package)
}

fn is_file(package: &str) -> bool {
    [".tar", ".tar.gz", ".tgz"].iter().any(|suffix| package.ends_with(suffix))
        || ["/", "./", "../", "~/"].iter().any(|begin| package.starts_with(begin))
}

fn is_local(package: &str) -> bool {
    is_file(package) || matches!(package, "." | "..") || package.starts_with("file:")
}

/// Tells whether a name says `latest`, or nothing of a version.
fn is_loose(package: &str) -> bool {
    let is_repository = package.contains('#') && package.contains('/');
    !is_pinned(package) && !is_repository || package.ends_with("@latest") || package.ends_with('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_seen() {
        for (package, pinned, loose) in [
            ("a", false, true),
            ("a@1", true, false),
            ("a@latest", true, true),
            ("@a/b", false, true),
            ("@a/b@1", true, false),
            ("a/b#v1", false, false),
            ("git+https://x/y", false, true),
            ("git+https://x/y#v1", true, false),
        ] {
            assert_eq!((is_pinned(package), is_loose(package)), (pinned, loose), "{package}");
        }
    }
}
