//! Paths in images, as far as the file tells them.

use super::context::Context;
use super::model::InstructionView;
use super::words::unquoted;
use crate::dockerfile::{InstructionKind, SourceText};

/// Brings a path to its shortest form by its text alone: no `.`, no `..`, no doubled slashes.
pub(super) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if path.starts_with('/') => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (path.starts_with('/'), joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// Returns an operand without quotes where nothing in it is expanded.
pub(super) fn literal(text: &SourceText) -> Option<&str> {
    let text = unquoted(text.as_str());
    (!text.contains(['$', '\\'])).then_some(text)
}

/// Makes a path absolute; `None` where the directory that it begins in is not known.
pub(super) fn absolute(path: &str, directory: Option<&str>) -> Option<String> {
    if path.starts_with('/') {
        return Some(clean(path));
    }
    Some(clean(&format!("{}/{path}", directory?)))
}

/// Returns the working directory in front of an instruction, where the file says it.
pub(super) fn directory_at(cx: &Context<'_>, view: &InstructionView<'_>) -> Option<String> {
    let is_workdir =
        |other: &InstructionView<'_>| !other.is_trigger() && matches!(other.kind(), InstructionKind::Workdir(_));
    let mut behind = *view;
    // What is relative waits for what it is relative to.
    let mut relative: Vec<&str> = Vec::new();
    while relative.len() < DEEP {
        let Some(found) = cx.model.last_before(&behind, "own WORKDIR", is_workdir) else {
            let parent = cx.model.stages.get(cx.model.stages.get(behind.stage?)?.parent?)?;
            behind = InstructionView { index: parent.body.end, stage: Some(parent.index), ..behind };
            relative.push("");
            continue;
        };
        let InstructionKind::Workdir(path) = found.kind() else { return None };
        relative.push(literal(path)?);
        if relative.last().is_some_and(|path| path.starts_with('/')) {
            relative.reverse();
            return Some(clean(&relative.join("/")));
        }
        behind = *found;
    }
    None
}

/// How many relative `WORKDIR`s and stages are gone back.
const DEEP: usize = 100;

/// Tells whether a path is another one, or lies below it.
pub(super) fn is_within(path: &str, directory: &str) -> bool {
    path == directory || directory == "/" || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_short() {
        for (path, short) in [
            ("/a//b/./c/../d/", "/a/b/d"),
            ("./a/", "a"),
            (".", "."),
            ("/", "/"),
            ("/../a", "/a"),
            ("../a", "../a"),
            ("a/..", "."),
        ] {
            assert_eq!(clean(path), short, "{path}");
        }
    }

    #[test]
    fn relative_paths_need_a_directory() {
        assert_eq!(absolute("a", Some("/b")), Some("/b/a".to_owned()));
        assert_eq!(absolute("a", None), None);
        assert!(is_within("/a/b", "/a") && is_within("/a", "/a") && !is_within("/ab", "/a"));
    }
}
