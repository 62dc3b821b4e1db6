//! `DL3033`.

use std::collections::HashSet;

use crate::lint::packages::{Manager, YUM, has_extension, report_unpinned};
use crate::lint::prelude::*;
use crate::lint::words::trimmed;

rule! {
    /// ## What it does
    /// Finds packages that `yum install` gets without a version, and modules without a stream.
    ///
    /// Files, addresses and names that hold variables are left alone.
    ///
    /// ## Why it matters
    /// The version is whatever the repository has on the day of the build: the same file gives other images.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN yum install -y httpd
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN yum install -y httpd-2.4.6-99.el7
    /// ```
    RULE {
        id: "unpinned-yum-package",
        codes: &["DL3033"],
        summary: "yum installs packages without a version",
        level: Level::Warning,
        group: Group::Reproducibility,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    if !cx.is_hadolint() {
        return check_rpm(cx, command, &YUM);
    }
    if command.name() == "yum" && command.has_argument("install") {
        let is_module = command.has_argument("module");
        check_hadolints(cx, command, is_module, &["install", "module"][..=usize::from(is_module)]);
    }
}

/// Reports what hadolint does: words that are neither a module with a stream nor a package with a version.
pub(super) fn check_hadolints(cx: &Context<'_>, command: &CommandView<'_>, is_module: bool, verbs: &[&str]) {
    let words = command.words().filter(|word| !verbs.contains(&word.text.as_str()));
    let packages: Vec<&Argument> = if is_module {
        words.filter(|word| !word.text.contains(':')).collect()
    } else {
        let loose: Vec<_> = words.filter(|word| !is_pinned(&word.text)).collect();
        if loose.is_empty() {
            return;
        }
        let known = variables(cx, command);
        loose.into_iter().filter(|word| !has_variable(&word.text, &known)).collect()
    };
    report_unpinned(cx, command, &packages, HOW);
}

const HOW: &str = "write `name-version`";

/// Tells whether a part of the name behind the first dash looks like a version, or the whole like a file's.
fn is_pinned(package: &str) -> bool {
    let is_known = |c: char| c.is_ascii_alphanumeric() || "._:~+^-".contains(c);
    let Some((_, rest)) = package.split_once('-') else { return false };
    let has_version = rest.split('-').any(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    has_extension(package, "rpm") || rest.chars().all(is_known) && has_version
}

/// Tells whether a known variable stands in a word with a dash.
fn has_variable(package: &str, known: &HashSet<&str>) -> bool {
    let mut names = package.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
    package.contains('-') && names.any(|(name, _)| known.contains(name))
}

/// The variables that an instruction may use, of any stage before it.
fn variables<'a>(cx: &Context<'a>, command: &CommandView<'_>) -> HashSet<&'a str> {
    let mut known = HashSet::new();
    let views = cx.model.instructions.iter().filter(|view| !view.is_trigger());
    for view in views.take_while(|view| view.index < command.instruction()) {
        match view.kind() {
            InstructionKind::Arg(declarations) => known.extend(declarations.first().map(|arg| arg.name.value.as_str())),
            InstructionKind::Env(env) => known.extend(env.pairs.iter().map(|pair| trimmed(pair.key.as_str()))),
            _ => {}
        }
    }
    known
}

/// Reports packages of yum or dnf without a version.
pub(super) fn check_rpm(cx: &Context<'_>, command: &CommandView<'_>, manager: &Manager) {
    let Some((verb, mut words)) = manager.read(command) else { return };
    let is_module = verb.text == "module" && words.first().is_some_and(|word| word.text == "install");
    if is_module {
        words.remove(0);
    } else if !matches!(verb.text.as_str(), "install" | "in") {
        return;
    }
    let is_loose = |word: &&Argument| {
        let text = word.text.as_str();
        let is_other = text.contains(['/', '=', '<', '>']) || has_extension(text, "rpm") || text.starts_with('@');
        word.is_literal && if is_module { !text.contains(':') } else { !is_pinned(text) && !is_other }
    };
    words.retain(is_loose);
    report_unpinned(cx, command, &words, if is_module { "write `name:stream`" } else { HOW });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_seen() {
        for pinned in ["a-1", "a-b-1.2-3.el7.x86_64", "java-1.8.0-openjdk", "a-2bar", "a-1:2.3", "a-x.rpm", "a-1-"] {
            assert!(is_pinned(pinned), "{pinned}");
        }
        for loose in
            ["a", "a-b", "a-v1", "a-1*", "a-1.*", "a.rpm", "1", "a-", "a-1=2", "a-b >= 1-4", "python3", "x11-utils"]
        {
            assert!(!is_pinned(loose), "{loose}");
        }
    }

    #[test]
    fn variables_are_seen() {
        let known = HashSet::from(["V"]);
        assert!(["a-${V}", "${V}-a", "a-${W}${V}"].iter().all(|word| has_variable(word, &known)));
        assert!(!["a${V}", "${V}", "a-${V:-1}", "a-${W}"].iter().any(|word| has_variable(word, &known)));
    }
}
