//! `SC2001`.

use crate::lint::model::Grammar;
use crate::lint::prelude::*;
use crate::lint::sh::{Call, bare_text, call_at, is, report};
use crate::shell::{Index, PartKind, Redirect, RedirectOperator, Word};

rule! {
    /// ## What it does
    /// Finds one substitution of `sed` in the value of a variable, in a script for bash.
    ///
    /// ## Why it matters
    /// bash does it by itself, without a program and a pipe.
    ///
    /// ## Example
    /// ```dockerfile
    /// SHELL ["/bin/bash", "-o", "pipefail", "-c"]
    /// RUN name=a-b; short=$(echo "$name" | sed 's/-/_/'); make "$short"
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// SHELL ["/bin/bash", "-c"]
    /// RUN name=a-b; short=${name/-/_}; make "$short"
    /// ```
    RULE {
        id: "sed-for-replacement",
        codes: &["SC2001"],
        summary: "`sed` where `${name/a/b}` would do",
        level: Level::Style,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    if !matches!(script.grammar, Grammar::Bash | Grammar::Ksh) {
        return;
    }
    for (pipeline, _) in index.pipelines() {
        let [first, rest @ ..] = pipeline.commands.as_slice() else { continue };
        let is_meant = match (rest, call_at(pipeline, 0), call_at(pipeline, 1)) {
            ([], Some(sed), _) => {
                let is_here_string =
                    |known: &Redirect| known.operator == RedirectOperator::HereString && is_one_variable(&known.target);
                is_substitution(&sed) && first.redirects.iter().any(is_here_string)
            }
            ([_], Some(echo), Some(sed)) => {
                echo.name == "echo" && matches!(echo.args, [word] if is_one_variable(word)) && is_substitution(&sed)
            }
            _ => false,
        };
        if is_meant {
            report(cx, script, pipeline.span, "bash replaces in a value by itself: `${name/a/b}`").done();
        }
    }
}

fn is_substitution(call: &Call<'_>) -> bool {
    let text = match call.args {
        [text] => text,
        [flag, text] if is(flag, "-e") => text,
        _ => return false,
    };
    // What is expanded in it counts as one character.
    let text = leading_and_rest(text);
    let mut letters = text.chars();
    let (Some('s'), Some(delimiter)) = (letters.next(), letters.next()) else { return false };
    let parts: Vec<&str> = text[1 + delimiter.len_utf8()..].split(delimiter).collect();
    matches!(parts.as_slice(), [_, _, "" | "g"])
}

fn leading_and_rest(word: &Word) -> String {
    bare_text(&word.parts)
}

fn is_one_variable(word: &Word) -> bool {
    word.only_part().is_some_and(|part| matches!(part.kind, PartKind::Parameter(_)))
}
