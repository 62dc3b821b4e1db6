//! `SC1010`.

use crate::lint::prelude::*;
use crate::lint::sh::{is, report};
use crate::shell::{CommandKind, Index, PartKind, WordPart, WordRole};

rule! {
    /// ## What it does
    /// Finds `do`, `done`, `then`, `fi` or `esac` among the arguments of a command.
    ///
    /// ## Why it matters
    /// A `;` is missing before it.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN if true; then echo done then; fi
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN if true; then echo "done then"; fi
    /// ```
    RULE {
        id: "keyword-as-argument",
        codes: &["SC1010"],
        summary: "a word of the language is an argument",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in &index.words {
        let is_place = matches!(site.role, WordRole::Argument(_) | WordRole::ForItem);
        let [WordPart { kind: PartKind::Literal(text), .. }] = site.word.parts.as_slice() else { continue };
        if is_place
            && ["do", "done", "then", "fi", "esac"].contains(&text.as_str())
            && !in_brackets(index, site.command)
        {
            report(cx, script, site.word.span, format!("`{text}` is an argument here: a `;` is missing before it"))
                .done();
        }
    }
}

fn in_brackets(index: &Index<'_>, at: usize) -> bool {
    let command = index.commands.get(at).map(|site| &site.command.kind);
    matches!(command, Some(CommandKind::Simple(simple)) if simple.words.first().is_some_and(|word| is(word, "[")))
}
