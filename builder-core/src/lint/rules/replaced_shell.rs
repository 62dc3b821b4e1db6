//! `DL4005`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `ln` that makes `/bin/sh` a link to another shell.
    ///
    /// ## Why it matters
    /// Everything in the image that counts on the distribution's shell runs under another one, and the next update of its package
    /// puts the old one back. `SHELL` changes what runs the instructions, and nothing else.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN ln -sf /bin/bash /bin/sh
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// SHELL ["/bin/bash", "-c"]
    /// ```
    RULE {
        id: "replaced-shell",
        codes: &["DL4005"],
        summary: "`/bin/sh` is made a link",
        level: Level::Warning,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    if command.name() != "ln" {
        return;
    }
    let link = if cx.is_hadolint() {
        command.arguments().iter().find(|word| word.text == "/bin/sh")
    } else {
        let words: Vec<_> = command.words().collect();
        let last = words.last().filter(|_| words.len() > 1).copied();
        last.filter(|word| matches!(word.text.as_str(), "/bin/sh" | "/usr/bin/sh"))
    };
    if let Some(link) = link {
        cx.report(command.instruction(), link.span, "the shell of the image is replaced")
            .help("use `SHELL` to run instructions with another shell")
            .done();
    }
}
