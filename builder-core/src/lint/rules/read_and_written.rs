//! `SC2094`.

use crate::lint::prelude::*;
use crate::lint::sh::report;
use crate::shell::{CommandKind, Index, RedirectOperator, Word};

rule! {
    /// ## What it does
    /// Finds a file that a pipeline both reads and writes.
    ///
    /// ## Why it matters
    /// The shell empties the file before the command reads it.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN sed s/a/b/ /etc/app.conf > /etc/app.conf
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN sed -i s/a/b/ /etc/app.conf
    /// ```
    RULE {
        id: "read-and-written",
        codes: &["SC2094"],
        summary: "a file is read and written in one pipeline",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for (pipeline, _) in index.pipelines() {
        let mut words: Vec<(&Word, bool, bool)> = Vec::new();
        for command in &pipeline.commands {
            if let CommandKind::Simple(simple) = &command.kind {
                let name = simple.words.first().and_then(Word::literal).unwrap_or_default();
                let quiet = QUIET.contains(&name.rsplit('/').next().unwrap_or_default());
                words.extend(simple.words.iter().skip(1).map(|word| (word, false, quiet)));
            }
            for redirect in &command.redirects {
                match redirect.operator {
                    RedirectOperator::Read => words.push((&redirect.target, false, false)),
                    RedirectOperator::Write | RedirectOperator::Append | RedirectOperator::Clobber => {
                        words.push((&redirect.target, true, false));
                    }
                    _ => {}
                }
            }
        }
        for (word, _, _) in words.iter().filter(|(_, writes, _)| *writes) {
            let text = word.unquoted(script.text.as_str());
            let same = |(other, writes, quiet): &&(&Word, bool, bool)| {
                !writes && !quiet && other.unquoted(script.text.as_str()) == text
            };
            if text.starts_with("/dev/") || text.is_empty() {
                continue;
            }
            for (other, _, _) in words.iter().filter(same) {
                let message = format!("`{text}` is read and written in one pipeline");
                report(cx, script, word.span, message.clone()).done();
                report(cx, script, other.span, message).done();
            }
        }
    }
}

/// Commands whose arguments are no files that they read.
const QUIET: [&str; 5] = ["echo", "printf", "tee", "mkdir", "touch"];
