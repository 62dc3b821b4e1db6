//! `SC2028`.

use crate::lint::model::Grammar;
use crate::lint::prelude::*;
use crate::lint::sh::{calls, report};
use crate::shell::{Index, PartKind, WordPart};

rule! {
    /// ## What it does
    /// Finds `\n` and the like in the arguments of `echo`.
    ///
    /// ## Why it matters
    /// `dash` expands them, `bash` writes them as they are: the file that is written depends on the shell of the base
    /// image.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo "[a]\nb = 1" > /etc/app.conf
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN printf '[a]\nb = 1\n' > /etc/app.conf
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: escape sequences are expanded afterwards, which `bash` did not.
    RULE {
        id: "echo-with-escapes",
        codes: &["SC2028"],
        summary: "`echo` may or may not expand escape sequences",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    if script.grammar == Grammar::Dash {
        return;
    }
    for call in calls(index).filter(|call| call.base() == "echo" && !call.has_flag(&["e"])) {
        for word in call.args.iter().filter(|word| has_escape(&text_of(&word.parts))) {
            let message = "`echo` expands escape sequences in some shells only";
            let alone = call.args.len() == 1 && call.name == "echo";
            let edit = Edit::replace(script.place(call.head.span), "printf '%b\\n'");
            let fix = alone.then(|| Fix::risky("use `printf`", vec![edit]));
            report(cx, script, word.span, message).maybe_fix(fix).done();
        }
    }
}

fn has_escape(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(2).any(|two| two[0] == b'\\' && (b"abefnrtvx".contains(&two[1]) || two[1].is_ascii_digit()))
}

fn text_of(parts: &[WordPart]) -> String {
    let mut text = String::new();
    for part in parts {
        match &part.kind {
            PartKind::Literal(value) | PartKind::SingleQuoted(value) => text.push_str(value),
            PartKind::Escaped(c) => text.push(*c),
            PartKind::DoubleQuoted { parts, .. } => text.push_str(&text_of(parts)),
            _ => text.push(' '),
        }
    }
    text
}
