//! What the builder makes of an escape in the document of a `COPY`.

use crate::dockerfile::{EscapeCharacter, Heredoc, TransferSource};
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a backslash in a document of `COPY` or `ADD` that is not in the file that is made, and a backtick that
    /// escapes nothing.
    ///
    /// ## Why it matters
    /// Where the name of a document is not quoted, its variables are expanded. With them every backslash is taken for an
    /// escape: `\.` becomes `.`, and a `\` at the end of a line goes. A shell would keep both. What `# escape=` says does
    /// not hold in a document.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12
    /// COPY <<site.conf /etc/nginx/conf.d/
    /// location ~ \.php$ { }
    /// site.conf
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// COPY <<'site.conf' /etc/nginx/conf.d/
    /// location ~ \.php$ { }
    /// site.conf
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the file gets its backslashes. There is a fix where nothing in the document is expanded.
    RULE {
        id: "escape-in-heredoc",
        codes: &[],
        summary: "an escape that a document of `COPY` loses",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let (InstructionKind::Copy(transfer) | InstructionKind::Add(transfer)) = view.kind() else { return };
    for source in &transfer.sources {
        let TransferSource::Heredoc(at) = source else { continue };
        let Some(heredoc) = view.instruction.heredocs.get(*at).filter(|heredoc| heredoc.expand) else { continue };
        if let Some((at, next)) = lost(&heredoc.body.value) {
            let message = match next {
                '\n' | '\r' => "the `\\` at the end of the line is not in the file".to_owned(),
                next => format!("`\\{next}` loses its backslash"),
            };
            cx.report(view.index, place(heredoc, at, 1), message)
                .help(format!("quote the name of the document, `<<'{0}'`, or write the backslash twice", heredoc.name))
                .maybe_fix(quoted(cx, heredoc))
                .done();
        }
        let is_backtick = cx.dockerfile.escape == EscapeCharacter::Backtick;
        if let Some(at) = heredoc.body.value.find("`$").filter(|_| is_backtick) {
            cx.report(
                view.index,
                place(heredoc, at, 2),
                "a backtick escapes nothing in a document: the variable is expanded",
            )
            .help("write `\\$`, whatever `# escape=` says, or quote the name of the document")
            .done();
        }
    }
}

/// The first backslash that is dropped, and what it stands before.
fn lost(body: &str) -> Option<(usize, char)> {
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        if c != '\\' {
            continue;
        }
        match chars.next() {
            Some((_, '$' | '\\')) => {}
            Some((_, next)) => return Some((at, next)),
            None => return None,
        }
    }
    None
}

fn place(heredoc: &Heredoc, at: usize, length: usize) -> Span {
    let start = heredoc.body.span.start as usize + at;
    if heredoc.body.span.range().len() == heredoc.body.value.len() {
        Span::from_range(start..start + length)
    } else {
        heredoc.marker
    }
}

/// Quotes the name, where the document stays what is written.
fn quoted(cx: &Context<'_>, heredoc: &Heredoc) -> Option<Fix> {
    if heredoc.body.value.contains('$') || heredoc.body.value.contains("\\\\") || heredoc.name.contains('\'') {
        return None;
    }
    let length = cx.text(heredoc.marker).strip_suffix(heredoc.name.as_str())?.len();
    let name = Span::from_range(heredoc.marker.start as usize + length..heredoc.marker.end as usize);
    let title = format!("write `<<'{}'`", heredoc.name);
    Some(Fix::risky(title, vec![Edit::replace(name, format!("'{}'", heredoc.name))]))
}
