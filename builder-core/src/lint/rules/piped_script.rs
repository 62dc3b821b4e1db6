//! A download that a shell runs at once.

use crate::lint::prelude::*;
use crate::shell::{CommandKind, Index, Invocation};

rule! {
    /// ## What it does
    /// Finds downloads that are piped into a shell or another interpreter, or handed to it with `-c`.
    ///
    /// ## Why it matters
    /// What runs was seen by nobody and may be another script tomorrow; where the connection breaks, half of it has
    /// run.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN curl -fsSL https://example.org/install.sh | sh
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d \
    ///     https://example.org/install.sh /tmp/
    /// RUN sh /tmp/install.sh
    /// ```
    RULE {
        id: "piped-script",
        codes: &[],
        summary: "a download that a shell runs at once",
        level: Level::Warning,
        group: Group::Security,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

const INTERPRETERS: [&str; 12] =
    ["sh", "bash", "ash", "dash", "zsh", "ksh", "python", "python3", "perl", "ruby", "node", "php"];

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    let text = script.text.as_str();
    for (pipeline, _) in index.pipelines() {
        let mut download: Option<(String, Span)> = None;
        for command in &pipeline.commands {
            let CommandKind::Simple(simple) = &command.kind else { continue };
            let Some(invocation) = Invocation::effective(simple, text) else { continue };
            let name = invocation.name.as_ref();
            if matches!(name, "curl" | "wget") {
                download = Some((name.to_owned(), command.span));
            } else if let (Some((from, span)), true) = (&download, INTERPRETERS.contains(&name)) {
                let message = format!("`{name}` runs what `{from}` downloads");
                report(cx, script, invocation.name_span, message).also(script.place(*span), "not checked").done();
            }
        }
    }
    for (simple, _) in index.simple() {
        let Some(invocation) = Invocation::effective(simple, text) else { continue };
        if !INTERPRETERS.contains(&invocation.name.as_ref()) {
            continue;
        }
        let is_download = |text: &str| {
            let begins = ["$(curl ", "$(wget ", "<(curl ", "<(wget ", "`curl ", "`wget "];
            begins.iter().any(|begin| text.trim_start_matches('"').starts_with(begin))
        };
        if let Some(argument) = invocation.args.iter().find(|argument| is_download(&argument.text)) {
            let message = format!("`{}` runs what was just downloaded", invocation.name);
            report(cx, script, argument.span, message).done();
        }
    }
}

fn report<'c>(
    cx: &'c Context<'_>,
    script: &ScriptView<'_>,
    span: Span,
    message: String,
) -> crate::lint::context::Report<'c> {
    cx.report(script.view.index, script.place(span), message)
        .help("download it with a checksum first: `ADD --checksum=sha256:…`")
}
