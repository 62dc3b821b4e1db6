//! `apt-key` is gone.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `apt-key`.
    ///
    /// ## Why it matters
    /// Keys that it adds are trusted for every repository; it is gone from Debian 13 and from Ubuntu 24.10 on.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN curl https://example.org/key.asc | apt-key add -
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ADD https://example.org/key.asc /etc/apt/keyrings/example.asc
    /// RUN echo "deb [signed-by=/etc/apt/keyrings/example.asc] https://example.org/apt ./" > /etc/apt/sources.list.d/example.list
    /// ```
    RULE {
        id: "deprecated-apt-key",
        codes: &[],
        summary: "`apt-key` is gone",
        level: Level::Warning,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    if command.name() == "apt-key" {
        cx.report(command.instruction(), command.name_span(), "`apt-key` is gone from newer releases")
            .help("put the key into `/etc/apt/keyrings` and name it with `signed-by`")
            .done();
    }
}
