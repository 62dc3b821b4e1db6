//! `DL3001`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds commands that act on a running system: `free`, `kill`, `mount`, `ps`, `service`, `shutdown`, `ssh`, `top`, `vim`.
    ///
    /// ## Why it matters
    /// What they start, stop or show is gone when the instruction ends: no process and no mount of a build is in the image.
    ///
    /// `ssh` behind `--mount=type=ssh`, and `mount` behind `--security=insecure`, are taken as meant.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN service postgresql start
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// CMD ["postgres", "-D", "/var/lib/postgresql/data"]
    /// ```
    RULE {
        id: "pointless-command",
        codes: &["DL3001"],
        summary: "a command that is of no use while an image is built",
        level: Level::Info,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Command(check),
    }
}

const COMMANDS: [&str; 9] = ["free", "kill", "mount", "ps", "service", "shutdown", "ssh", "top", "vim"];

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    if COMMANDS.contains(&command.name()) && (cx.is_hadolint() || !is_meant(command)) {
        let message = format!("`{}` has no lasting effect while an image is built", command.name());
        cx.report(command.instruction(), command.name_span(), message).done();
    }
}

/// Tells whether the instruction asks for what the command needs.
fn is_meant(command: &CommandView<'_>) -> bool {
    let Some(run) = command.script.run() else { return false };
    match command.name() {
        "ssh" => run.mounts.iter().any(|mount| mount.value.split(',').any(|pair| pair == "type=ssh")),
        "mount" => run.security.as_ref().is_some_and(|security| security.value == "insecure"),
        _ => command.has_any_argument(&["--help", "--version", "-V"]),
    }
}
