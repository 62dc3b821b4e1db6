//! `SC2016`.

use crate::lint::prelude::*;
use crate::lint::sh::{Call, is, report};
use crate::shell::{CommandKind, Index, PartKind, PartSite};

rule! {
    /// ## What it does
    /// Finds `$name` and the like in single quotes, where nothing is expanded.
    ///
    /// ## Why it matters
    /// The text has a dollar sign in it where a value may have been meant. Programs that expand it themselves (`awk`,
    /// `sh -c`) are left alone.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN echo 'version $VERSION' > /version
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN echo "version $VERSION" > /version
    /// ```
    RULE {
        id: "variable-in-single-quotes",
        codes: &["SC2016"],
        summary: "a variable in single quotes stays as it is written",
        level: Level::Info,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    for site in &index.parts {
        let PartKind::SingleQuoted(text) = &site.part.kind else { continue };
        if !looks_expanded(text) || is_meant(index, site, text) {
            continue;
        }
        report(cx, script, site.part.span, "nothing is expanded in single quotes").help("use double quotes").done();
    }
}

/// Programs that expand dollar signs themselves.
const PROGRAMS: [&str; 18] = [
    "trap",
    "sh",
    "bash",
    "ksh",
    "zsh",
    "ssh",
    "eval",
    "xprop",
    "alias",
    "sudo",
    "doas",
    "run0",
    "docker",
    "podman",
    "dpkg-query",
    "jq",
    "rename",
    "unset",
];

fn looks_expanded(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_begin = |b: u8| b == b'{' || b == b'(' || b == b'_' || b.is_ascii_alphanumeric();
    let dollar = bytes.windows(2).any(|two| two[0] == b'$' && is_begin(two[1]));
    dollar || text.split('`').count() > 2 && !text.contains("``")
}

fn is_meant(index: &Index<'_>, site: &PartSite<'_>, text: &str) -> bool {
    let Some(CommandKind::Simple(simple)) = index.commands.get(site.command).map(|site| &site.command.kind) else {
        return false;
    };
    let is_prompt = |name: &str| matches!(name, "PS1" | "PS2" | "PS3" | "PS4" | "PROMPT_COMMAND");
    if let Some(word) = site.word {
        let mut assigned = simple.assignments.iter().filter(|known| known.value.span == word.span);
        if assigned.any(|known| is_prompt(&known.name.value))
            || word.as_assignment().is_some_and(|known| is_prompt(&known.name.value))
        {
            return true;
        }
    }
    let Some(call) = Call::new(simple, Span::default(), 0) else { return false };
    let mut name = call.base().to_owned();
    if name == "find" {
        let at =
            call.args.iter().position(|word| ["-exec", "-execdir", "-ok", "-okdir"].iter().any(|flag| is(word, flag)));
        name = at
            .and_then(|at| call.literal(at + 1))
            .map(|name| name.rsplit('/').next().unwrap_or_default().to_owned())
            .unwrap_or(name);
    }
    if name == "git" {
        return call.literal(0).is_some_and(|verb| verb == "filter-branch");
    }
    match name.as_str() {
        "sed" => has_address(text),
        "[" => simple.words.iter().any(|word| is(word, "-v")),
        name => PROGRAMS.contains(&name) || name.ends_with("awk") || name.starts_with("perl"),
    }
}

/// `$` at the end of an expression, or the last line as the address of a command: `$d`.
fn has_address(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(2).enumerate().any(|(at, two)| {
        two[0] == b'$'
            && b"{dpsaic".contains(&two[1])
            && bytes.get(at + 2).is_none_or(|next| !next.is_ascii_alphabetic())
    })
}
