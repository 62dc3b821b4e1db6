//! Two documents of one name.

use std::collections::HashMap;

use crate::dockerfile::TransferSource;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds two documents of the same name in one `COPY` or `ADD`.
    ///
    /// ## Why it matters
    /// The name is that of the file. There is one file, and it is what the last of the documents says.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12
    /// COPY <<EOF <<EOF /etc/app/
    /// first
    /// EOF
    /// second
    /// EOF
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// COPY <<one.conf <<two.conf /etc/app/
    /// first
    /// one.conf
    /// second
    /// two.conf
    /// ```
    RULE {
        id: "repeated-heredoc",
        codes: &[],
        summary: "two documents of one name in a `COPY`",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let (InstructionKind::Copy(transfer) | InstructionKind::Add(transfer)) = view.kind() else { return };
    let mut last: HashMap<&str, Span> = HashMap::new();
    for source in transfer.sources.iter().rev() {
        let TransferSource::Heredoc(at) = source else { continue };
        let Some(heredoc) = view.instruction.heredocs.get(*at) else { continue };
        match last.get(heredoc.name.as_str()) {
            Some(later) => cx
                .report(
                    view.index,
                    heredoc.marker,
                    format!("what this document says is in no file: `{}` comes again", heredoc.name),
                )
                .also(*later, "here, and this is what the file has")
                .help("give each document the name that its file is to have")
                .done(),
            None => _ = last.insert(&heredoc.name, heredoc.marker),
        }
    }
}
