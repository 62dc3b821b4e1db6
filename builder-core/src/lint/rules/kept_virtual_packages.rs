//! Packages that were meant to go stay.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `apk add --virtual` without an `apk del` in the same `RUN`, in stages whose layers are part of the
    /// last one.
    ///
    /// ## Why it matters
    /// A virtual package is there to remove a group of packages again; a later step cannot make the image smaller.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN apk add --no-cache --virtual .build gcc && make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN apk add --no-cache --virtual .build gcc && make && apk del .build
    /// ```
    RULE {
        id: "kept-virtual-packages",
        codes: &[],
        summary: "packages that were meant to go stay",
        level: Level::Info,
        group: Group::Size,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    if command.name() != "apk" || !command.has_argument("add") {
        return;
    }
    let is_flag = |argument: &&Argument| argument.text == "-t" || argument.text.starts_with("--virtual");
    let Some(flag) = command.arguments().iter().find(is_flag) else { return };
    let removes = |other: &CommandView<'_>| other.name() == "apk" && other.has_argument("del");
    let is_shipped = command.script.view.stage.is_some_and(|stage| cx.model.is_shipped(stage));
    if is_shipped && !command.script.commands().any(|other| removes(&other)) {
        cx.report(command.instruction(), flag.span, "the virtual package is not removed in this `RUN`")
            .help("end the `RUN` with `apk del NAME`")
            .done();
    }
}
