//! The whole history of a repository is fetched.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `git clone` without `--depth`.
    ///
    /// ## Why it matters
    /// The history is in the image, or at least downloaded, and the build needs one version only.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN git clone https://example.org/app.git
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ADD https://example.org/app.git#v1.0 /src
    /// ```
    RULE {
        id: "full-clone",
        codes: &[],
        summary: "the whole history of a repository is fetched",
        level: Level::Info,
        group: Group::Size,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    let is_clone =
        command.name() == "git" && command.words_without(&["c", "C"]).next().is_some_and(|verb| verb.text == "clone");
    let is_bounded = command.arguments().iter().any(|argument| {
        ["--depth", "--shallow", "--filter", "--single-branch", "--mirror"]
            .iter()
            .any(|flag| argument.text.starts_with(flag))
    });
    if is_clone && !is_bounded {
        cx.report(command.instruction(), command.span(), "the whole history is fetched")
            .help("add `--depth=1`, or use `ADD` with the address of the repository")
            .done();
    }
}
