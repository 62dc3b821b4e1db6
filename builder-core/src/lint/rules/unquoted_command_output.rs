//! `SC2046`.

use crate::lint::prelude::*;
use crate::lint::sh::{is_name_of_command, is_unsplit, report};
use crate::shell::{CommandKind, Index, List, PartKind, Word};

rule! {
    /// ## What it does
    /// Finds `$(…)` whose output the shell may split at blanks and take as a pattern for file names.
    ///
    /// ## Why it matters
    /// A blank or a `*` in the output makes several arguments of one.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN make -C $(dirname /srv/app/Makefile)
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN make -C "$(dirname /srv/app/Makefile)"
    /// ```
    RULE {
        id: "unquoted-command-output",
        codes: &["SC2046"],
        summary: "the output of a command outside of quotes, which the shell splits",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in &index.parts {
        let PartKind::CommandSubstitution { body, .. } = &site.part.kind else { continue };
        let quiet = body.items.is_empty()
            || is_unsplit(script, index, site)
            || site.place.operand.is_some()
            || is_name_of_command(index, site)
            || gives_words(body);
        if !quiet {
            let message = "the shell splits the output of this command at blanks, and looks for files";
            report(cx, script, site.part.span, message).help("put it in double quotes").done();
        }
    }
}

/// Commands whose output is a list of words without anything odd in them.
fn gives_words(body: &List) -> bool {
    let [item] = body.items.as_slice() else { return false };
    let ([], [command]) = (item.rest.as_slice(), item.first.commands.as_slice()) else { return false };
    let CommandKind::Simple(simple) = &command.kind else { return false };
    let name = simple.words.first().and_then(Word::literal);
    matches!(name.as_deref(), Some("seq" | "pgrep"))
}
