//! Files for a user who does not own them.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `COPY` and `ADD` without `--chown` below a `USER` that is not root.
    ///
    /// ## Why it matters
    /// The files belong to root: the user of the container can read them and not change them. That is often right;
    /// where it is not, the program fails when it runs.
    ///
    /// ## Example
    /// ```dockerfile
    /// USER app
    /// COPY . /app
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// USER app
    /// COPY --chown=app . /app
    /// ```
    RULE {
        id: "unowned-copy",
        codes: &[],
        summary: "files for a user who does not own them",
        level: Level::Info,
        group: Group::Correctness,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

fn check(cx: &Context<'_>, stage: &StageView) {
    let mut user: Option<(&str, Span)> = None;
    for view in cx.model.body(stage.index) {
        match view.kind() {
            InstructionKind::User(name) => user = Some((name.as_str(), name.span())),
            InstructionKind::Copy(transfer) | InstructionKind::Add(transfer) => {
                let Some((name, span)) = user.filter(|_| transfer.chown.is_none()) else { continue };
                if !matches!(name.split(':').next(), Some("root" | "0")) {
                    let keyword = &view.instruction.keyword;
                    cx.report(view.index, keyword.span, format!("the files belong to root, and not to `{name}`"))
                        .also(span, "the user is set here")
                        .help(format!("add `--chown={name}` where the user has to write them"))
                        .done();
                }
            }
            _ => {}
        }
    }
}
