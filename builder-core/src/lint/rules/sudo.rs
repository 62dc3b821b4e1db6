//! `DL3004`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds commands that run behind `sudo`.
    ///
    /// ## Why it matters
    /// A build runs as root until `USER` says otherwise, so `sudo` adds nothing but a package. It passes signals and the
    /// environment on in its own way, and an image that holds it offers a way to become root.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN sudo apt-get update
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN apt-get update
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: `sudo` gives its command an environment of its own. There is a fix where no `USER` stands before it, or root does,
    /// and `sudo` has no options but `-E`, `-H` and `-n`.
    RULE {
        id: "sudo",
        codes: &["DL3004"],
        summary: "`sudo` in a `RUN`",
        level: Level::Error,
        group: Group::Security,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    if cx.is_hadolint() {
        if command.name() == "sudo" {
            cx.report(command.instruction(), command.name_span(), MESSAGE).done();
        }
        return;
    }
    let name = |text: &str| text.rsplit('/').next() == Some("sudo");
    if let Some(sudo) = command.prefix().iter().find(|word| name(&word.text)) {
        cx.report(command.instruction(), sudo.span, MESSAGE).maybe_fix(without(cx, command)).done();
    } else if command.name() == "sudo" {
        cx.report(command.instruction(), command.name_span(), MESSAGE).done();
    }
}

const MESSAGE: &str = "`sudo` in a build";

/// Takes `sudo` away where the command runs as root anyway.
fn without(cx: &Context<'_>, command: &CommandView<'_>) -> Option<Fix> {
    let (sudo, rest) = command.prefix().split_first()?;
    let options = rest.iter().take_while(|word| matches!(word.text.as_str(), "-E" | "-H" | "-n")).count();
    let next = rest.get(options).map_or(command.name_span(), |word| word.span);
    let has_more = rest.get(options).is_some_and(|word| word.text.starts_with('-'));
    if sudo.text != "sudo" || has_more || command.script.is_exec || !is_root(cx, command) {
        return None;
    }
    let edit = Edit::delete(Span::new(sudo.span.start, next.start));
    Some(Fix::risky("remove `sudo`", vec![edit]))
}

/// Tells whether no other user than root is known to run a command.
fn is_root(cx: &Context<'_>, command: &CommandView<'_>) -> bool {
    let Some(stage) = command.script.view.stage else { return false };
    let last = cx.model.ancestry(stage).find_map(|stage| {
        let users = cx.model.body(stage.index).filter(|view| view.index < command.instruction());
        let mut names = users.filter_map(|view| match view.kind() {
            InstructionKind::User(user) => Some(user.as_str()),
            _ => None,
        });
        names.next_back()
    });
    last.is_none_or(|user| matches!(user.split(':').next(), Some("root" | "0")))
}
