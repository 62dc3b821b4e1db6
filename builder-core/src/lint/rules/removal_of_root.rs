//! `SC2115`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::{Index, ParameterOperator, PartKind, WordPart};

rule! {
    /// ## What it does
    /// Finds `rm -r` of a path that is `/`, or a folder of the system, where a variable in it is empty.
    ///
    /// ## Why it matters
    /// An empty variable makes `rm -rf "$DIR/"*` empty the whole image.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN rm -rf "$DIRECTORY/"*
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN rm -rf "${DIRECTORY:?}/"*
    /// ```
    RULE {
        id: "removal-of-root",
        codes: &["SC2115"],
        summary: "`rm -r` of a path that may be the root",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.base() == "rm" && call.has_flag(&["r", "R", "recursive"])) {
        for word in call.operands() {
            let mut path = String::new();
            let known = word.literal().is_none() && spell(&word.parts, &mut path);
            if known && is_grave(&path) {
                let message = format!("where the variable is empty, this removes `{path}`");
                report(cx, script, word.span, message).help("write `${name:?}`, which fails where it is empty").done();
            }
        }
    }
}

/// Folders that a system needs, the root as an empty name.
pub(super) const FOLDERS: [&str; 15] = [
    "",
    "/bin",
    "/etc",
    "/home",
    "/mnt",
    "/usr",
    "/usr/share",
    "/usr/local",
    "/var",
    "/lib",
    "/dev",
    "/media",
    "/boot",
    "/lib64",
    "/usr/bin",
];

fn is_grave(path: &str) -> bool {
    let mut plain = String::new();
    for c in path.chars() {
        if c != '/' || !plain.ends_with('/') {
            plain.push(c);
        }
    }
    let plain = plain
        .strip_suffix("/*")
        .and_then(|path| path.strip_suffix("/*"))
        .or_else(|| plain.strip_suffix("/*"))
        .or_else(|| plain.strip_suffix('/'))
        .unwrap_or(&plain);
    path.starts_with('/') && FOLDERS.contains(&plain)
}

/// Spells the path with every variable empty; `false` where that cannot be.
fn spell(parts: &[WordPart], path: &mut String) -> bool {
    parts.iter().all(|part| match &part.kind {
        PartKind::Literal(text) | PartKind::SingleQuoted(text) | PartKind::Glob(text) => {
            path.push_str(text);
            true
        }
        PartKind::DoubleQuoted { parts, .. } => spell(parts, path),
        PartKind::Parameter(parameter) => !matches!(
            parameter.operator,
            Some(
                ParameterOperator::Default { .. }
                    | ParameterOperator::Assign { .. }
                    | ParameterOperator::Require { .. }
                    | ParameterOperator::Alternative { .. }
            )
        ),
        PartKind::CommandSubstitution { .. } => true,
        _ => false,
    })
}
