//! Answers for people, in the tables that docker prints.

use builder_core::builder::CheckReport;
use builder_core::diagnostic::render::{visible, window};
use builder_core::semantic::outline::{Outline, OutlineMount, Target};

use crate::ui::table::layout;

/// The version of every method.
pub(super) const VERSION: &str = "1.0.0";

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(|cell| visible(cell).into_owned()).to_vec()
}

/// `subrequests.describe`.
pub(super) fn methods(methods: &[(&str, &str)]) -> String {
    let mut rows = vec![row(["NAME", "VERSION", "DESCRIPTION"])];
    rows.extend(methods.iter().map(|(name, description)| row([name, VERSION, description])));
    layout(&rows)
}

/// `check`: what was found, each with its source, and how many there are.
pub(super) fn check(report: &CheckReport) -> String {
    let mut out = String::new();
    for warning in &report.warnings {
        let url = warning.url.as_deref().map_or(String::new(), |url| format!(" - {url}"));
        let message = visible(&warning.diagnostic.message);
        out.push_str(&format!("\nWARNING: {}{url}\n{message}\n", warning.rule));
        // Writing to a string does not fail.
        let _ = window(&mut out, &report.source_file, warning.lines);
    }
    if let Some(error) = &report.error {
        out.push_str(&format!("\nERROR: {}\n", visible(&error.message)));
        if let Some(lines) = error.lines {
            let _ = window(&mut out, &report.source_file, lines);
        }
        return out;
    }
    let found = match report.warnings.len() {
        0 => return "Check complete, no warnings found.\n".to_owned(),
        1 => "1 warning has".to_owned(),
        count => format!("{count} warnings have"),
    };
    out.push_str(&format!("\nCheck complete, {found} been found!\n"));
    out
}

/// `targets`.
pub(super) fn targets(targets: &[Target]) -> String {
    let mut rows = vec![row(["TARGET", "DESCRIPTION"])];
    rows.extend(targets.iter().map(|target| {
        let name = match (&target.name, target.is_default) {
            (None, false) => String::new(),
            (None, true) => "(default)".to_owned(),
            (Some(name), false) => name.clone(),
            (Some(name), true) => format!("{name} (default)"),
        };
        row([&name, &target.description])
    }));
    layout(&rows)
}

/// `outline`.
pub(super) fn outline(outline: &Outline) -> String {
    let mut parts = Vec::new();
    if outline.name.is_some() || !outline.description.is_empty() {
        let mut rows = vec![row(["TARGET:", outline.name.as_deref().unwrap_or("(default)")])];
        if !outline.description.is_empty() {
            rows.push(row(["DESCRIPTION:", &outline.description]));
        }
        parts.push(layout(&rows));
    }
    if !outline.args.is_empty() {
        let mut rows = vec![row(["BUILD ARG", "VALUE", "DESCRIPTION"])];
        rows.extend(outline.args.iter().map(|arg| row([&arg.name, &arg.value, &arg.description])));
        parts.push(layout(&rows));
    }
    for (title, mounts) in [("SECRET", &outline.secrets), ("SSH", &outline.ssh)] {
        let mut rows = vec![row([title, "REQUIRED"])];
        let required = |mount: &OutlineMount| if mount.required { "true" } else { "" };
        rows.extend(mounts.iter().map(|mount| row([&mount.id, required(mount)])));
        if !mounts.is_empty() {
            parts.push(layout(&rows));
        }
    }
    parts.join("\n")
}
