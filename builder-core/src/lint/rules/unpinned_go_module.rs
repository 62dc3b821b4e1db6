//! `DL3062`.

use crate::lint::packages::report_unpinned;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `go install`, `go get` and `go run` of a module without a version, or with `@latest`.
    ///
    /// Outside of hadolint's habits only words that look like modules count: those whose first part has a dot in it.
    ///
    /// ## Why it matters
    /// The version is whatever is newest on the day of the build: the same file gives other images.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN go install golang.org/x/tools/cmd/stringer@latest
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN go install golang.org/x/tools/cmd/stringer@v0.24.0
    /// ```
    RULE {
        id: "unpinned-go-module",
        codes: &["DL3062"],
        summary: "go gets a module without a version",
        level: Level::Warning,
        group: Group::Reproducibility,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    if command.name() == "go" {
        let modules = if cx.is_hadolint() { hadolints(command) } else { ours(command) };
        report_unpinned(cx, command, &modules, "write `module@version`");
    }
}

fn hadolints<'a>(command: &CommandView<'a>) -> Vec<&'a Argument> {
    let is_loose = |word: &&Argument| {
        let text = word.text.as_str();
        let version = text.rsplit_once('@').map(|(_, version)| version);
        !text.starts_with(['.', '/']) && matches!(version, None | Some("latest" | "none"))
    };
    if command.has_argument("run") {
        let module = command.words().find(|word| word.text != "run");
        return module.filter(is_loose).into_iter().collect();
    }
    if !command.has_any_argument(&["install", "get"]) {
        return Vec::new();
    }
    let words = command.words().filter(|word| !matches!(word.text.as_str(), "install" | "get"));
    words.filter(is_loose).collect()
}

/// Flags of go whose value is the next word; one dash or two are the same.
const WITH_VALUES: [&str; 20] = [
    "C",
    "p",
    "o",
    "asmflags",
    "buildmode",
    "buildvcs",
    "compiler",
    "covermode",
    "coverpkg",
    "exec",
    "gccgoflags",
    "gcflags",
    "installsuffix",
    "ldflags",
    "mod",
    "modfile",
    "overlay",
    "pkgdir",
    "tags",
    "toolexec",
];

fn ours<'a>(command: &CommandView<'a>) -> Vec<&'a Argument> {
    let mut words = Vec::new();
    let mut arguments = command.arguments().iter();
    while let Some(argument) = arguments.next() {
        if !argument.text.starts_with('-') {
            words.push(argument);
        } else if WITH_VALUES.contains(&argument.text.trim_start_matches('-')) {
            arguments.next();
        }
    }
    let Some((verb, modules)) = words.split_first() else { return Vec::new() };
    let count = match verb.text.as_str() {
        "install" | "get" => modules.len(),
        "run" => modules.len().min(1),
        _ => 0,
    };
    modules[..count].iter().copied().filter(|word| word.is_literal && is_loose(&word.text)).collect()
}

fn is_loose(module: &str) -> bool {
    let (path, version) = match module.split_once('@') {
        Some((path, version)) => (path, Some(version)),
        None => (module, None),
    };
    let host = path.split_once('/').map_or("", |(host, _)| host);
    let is_module = host.contains('.') && !host.starts_with('.');
    is_module && matches!(version, None | Some("" | "latest" | "none" | "upgrade" | "patch"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_told_from_paths() {
        for loose in ["a.b/c", "a.b/c@latest", "github.com/a/b/cmd/..."] {
            assert!(is_loose(loose), "{loose}");
        }
        for fine in ["a.b/c@v1", "a.b/c@main", "./x", "../x", "/x", ".", "./...", "main.go", "std", "cmd/x"] {
            assert!(!is_loose(fine), "{fine}");
        }
    }
}
