//! `DL3002`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a stage whose last `USER` is root.
    ///
    /// ## Why it matters
    /// Containers of the image run as root, and whoever takes one over is root in it.
    ///
    /// ## Example
    /// ```dockerfile
    /// USER root
    /// RUN apt-get update
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// USER root
    /// RUN apt-get update
    /// USER app
    /// ```
    RULE {
        id: "root-user",
        codes: &["DL3002"],
        summary: "the last user of a stage is root",
        level: Level::Warning,
        group: Group::Security,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    let mut users = cx.model.body(stage.index).filter_map(|view| match view.kind() {
        InstructionKind::User(user) => Some((view.index, user)),
        _ => None,
    });
    let Some((index, user)) = users.next_back() else { return };
    let name = user.as_str();
    if matches!(name.split(':').next(), Some("root" | "0")) {
        cx.report(index, user.span(), format!("the last user of the stage is `{name}`"))
            .help("switch to a user without privileges at the end of the stage")
            .done();
    }
}
