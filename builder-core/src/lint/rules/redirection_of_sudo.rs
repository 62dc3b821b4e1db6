//! `SC2024`.

use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::{Index, RedirectOperator};

rule! {
    /// ## What it does
    /// Finds `sudo command > file`.
    ///
    /// ## Why it matters
    /// The shell opens the file, and the shell is not root.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN sudo echo 1 > /proc/sys/net/ipv4/ip_forward
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN echo 1 | sudo tee /proc/sys/net/ipv4/ip_forward
    /// ```
    RULE {
        id: "redirection-of-sudo",
        codes: &["SC2024"],
        summary: "`sudo` has no part in a redirection",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for call in calls(index).filter(|call| call.base() == "sudo") {
        let redirects = index.commands.get(call.at).map_or(&[][..], |site| &site.command.redirects);
        for redirect in redirects {
            let is_file = matches!(
                redirect.operator,
                RedirectOperator::Write | RedirectOperator::Append | RedirectOperator::Read
            );
            let target = redirect.target.literal();
            if is_file && target.as_deref() != Some("/dev/null") {
                let at = redirect.descriptor.as_ref().map_or(redirect.span.start, |known| known.span.end);
                report(cx, script, Span::new(at, redirect.span.end), "the shell opens this file, without `sudo`")
                    .help("use `sudo tee`")
                    .done();
            }
        }
    }
}
