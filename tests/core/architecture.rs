//! The rules of the module list, kept by reading the sources.

use std::path::{Path, PathBuf};

/// The modules of `builder-core` in order: each may use only those above it.
const ORDER: [&str; 35] = [
    "ids",
    "digest",
    "platform",
    "reference",
    "remote",
    "oci",
    "cancel",
    "text",
    "diagnostic",
    "explanation",
    "event",
    "dockerfile",
    "glob",
    "dockerignore",
    "semantic",
    "shell",
    "lint",
    "plan",
    "sys",
    "fs",
    "secret",
    "layer",
    "store",
    "build_context",
    "snapshot",
    "copy",
    "sandbox",
    "registry",
    "source",
    "cache",
    "solve",
    "image",
    "report",
    "export",
    "builder",
];

/// The last module that does no input or output.
const LAST_PURE: &str = "plan";

/// What pure modules must not touch.
const IMPURE: [&str; 4] = ["std::fs", "std::env", "std::net", "std::process"];

fn rust_files(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            rust_files(&entry.unwrap().path(), files);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        files.push(path.to_owned());
    }
}

/// Returns (module, file, source without comment lines) of every file below `src`.
fn sources() -> Vec<(String, PathBuf, String)> {
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if module == "lib" {
            continue;
        }
        let mut files = Vec::new();
        rust_files(&path, &mut files);
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
            sources.push((module.clone(), file, code));
        }
    }
    sources.sort();
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

/// Returns the module names that follow `crate::`, those in braces too.
fn crate_uses(code: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for (at, prefix) in code.match_indices("crate::") {
        // `$crate::` and `some_crate::` are none of ours.
        if code[..at].ends_with(|c: char| c == '$' || c == '_' || c.is_alphanumeric()) {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            names.extend(module_name(rest));
            continue;
        };
        let mut depth = 0;
        let mut expected = true;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => expected = true,
                c if expected && c.is_alphabetic() => {
                    names.extend(module_name(&group[at..]));
                    expected = false;
                }
                _ => {}
            }
        }
    }
    names
}

/// Returns the identifier at the front of a text where it can be a module's: in lower case.
fn module_name(text: &str) -> Option<&str> {
    let end = text.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(text.len());
    text.get(..end).filter(|name| name.starts_with(char::is_lowercase))
}

fn position(module: &str) -> Option<usize> {
    ORDER.iter().position(|known| *known == module)
}

#[test]
fn every_module_is_in_the_list() {
    let missing: Vec<_> = sources().into_iter().map(|(module, ..)| module).filter(|m| position(m).is_none()).collect();
    assert_eq!(missing, Vec::<String>::new(), "add it to the list where it belongs");
}

#[test]
fn modules_use_only_those_above_them() {
    let mut wrong = Vec::new();
    for (module, file, code) in sources() {
        for used in crate_uses(&code) {
            if used != module && position(used).is_none_or(|used| Some(used) > position(&module)) {
                wrong.push(format!("{} uses crate::{used}", file.display()));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn pure_modules_touch_neither_disk_nor_environment() {
    let mut wrong = Vec::new();
    for (module, file, code) in sources() {
        if position(&module) <= position(LAST_PURE) {
            // Constants of the compiler and addresses as values touch nothing.
            let code = code.replace("std::env::consts", "").replace("std::net::IpAddr", "");
            wrong.extend(IMPURE.iter().filter(|used| code.contains(**used)).map(|used| (file.clone(), *used)));
        }
    }
    assert_eq!(wrong, []);
}

#[test]
fn uses_in_every_form_are_seen() {
    let code = "use crate::a::B; use crate::{c, d::{E, f}, g}; let x = crate::h::i(); $crate::no; my_crate::no";
    assert_eq!(crate_uses(code), ["a", "c", "d", "g", "h"]);
}

#[test]
fn no_test_file_is_forgotten() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/core");
    let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    let mut forgotten = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let is_module = path.extension().is_some_and(|e| e == "rs") || path.join("mod.rs").exists();
        if is_module && name != "main" && !main.lines().any(|line| line == format!("mod {name};")) {
            forgotten.push(name);
        }
    }
    assert_eq!(forgotten, Vec::<String>::new(), "list it in tests/core/main.rs");
}

/// What writes files of images and archives; the names come from outside.
const BY_SINGLE_NAMES: [&str; 6] =
    ["/copy/", "/fs/extract.rs", "/fs/root.rs", "/layer/unpack.rs", "/snapshot/merge.rs", "/sandbox/mounts.rs"];

/// Calls relative to a directory, which an absolute path or `..` leaves. `fs::entry` and `fs::create` have them for
/// names that were checked.
const RELATIVE_CALLS: [&str; 12] = [
    "openat",
    "mkdirat",
    "symlinkat",
    "linkat",
    "unlinkat",
    "mknodat",
    "renameat",
    "chmodat",
    "chownat",
    "utimensat",
    "statat",
    "readlinkat",
];

#[test]
fn names_from_outside_reach_the_system_checked() {
    let mut wrong = Vec::new();
    let mut looked_at = 0;
    for (_, file, code) in sources() {
        let path = file.display().to_string();
        if path.ends_with("tests.rs") || !BY_SINGLE_NAMES.iter().any(|place| path.contains(place)) {
            continue;
        }
        looked_at += 1;
        let calls = RELATIVE_CALLS.iter().filter(|call| code.contains(&format!("::{call}(")));
        wrong.extend(calls.map(|call| format!("{path} calls {call}")));
    }
    assert!(looked_at >= BY_SINGLE_NAMES.len(), "the files were not found");
    assert_eq!(wrong, Vec::<String>::new(), "use `fs::entry` and `fs::create`, which check the name");
}
