//! `LegacyKeyValueFormat`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `ENV key value` and `LABEL key value`.
    ///
    /// ## Why it matters
    /// The form takes one pair only and keeps quotes and blanks in surprising ways; it is deprecated.
    ///
    /// ## Example
    /// ```dockerfile
    /// ENV LANG C.UTF-8
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ENV LANG=C.UTF-8
    /// ```
    ///
    /// ## Fix safety
    /// Safe: the value is the same. There is none where quotes or continuation lines in the value make that less
    /// than plain.
    RULE {
        id: "legacy-key-value",
        codes: &["LegacyKeyValueFormat"],
        summary: "`ENV` or `LABEL` without `=`",
        level: Level::Warning,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let (InstructionKind::Env(pairs) | InstructionKind::Label(pairs)) = view.kind() else { return };
    // A trigger is read when it is run, in another build.
    if !pairs.legacy || view.is_trigger() && cx.is_buildkit() {
        return;
    }
    let keyword = &view.instruction.keyword.value;
    let [pair] = pairs.pairs.as_slice() else { return };
    let (key, value) = (pair.key.as_str(), pair.value.as_str());
    let span = pair.key.span().cover(pair.value.span());
    let is_in_one_piece = pair.value.span().len() as usize == value.len();
    let is_plain = !value.contains(['"', '\'', '\\', '`', '\n']);
    let is_quoted = is_quoted_whole(value);
    let written = match value.contains([' ', '\t']) || value.is_empty() {
        true if is_quoted => Some(format!("{key}={value}")),
        true if is_plain => Some(format!("{key}=\"{value}\"")),
        false if is_plain || is_quoted => Some(format!("{key}={value}")),
        _ => None,
    };
    let fix = written
        .filter(|_| is_in_one_piece)
        .map(|text| Fix::safe(format!("write `{keyword} {text}`"), vec![Edit::replace(span, text)]));
    cx.report(view.index, span, format!("`{keyword} {key} …` is the old form of `{keyword} {key}=…`"))
        .in_buildkits_words(|| {
            let keyword = keyword.to_uppercase();
            format!("\"{keyword} key=value\" should be used instead of legacy \"{keyword} key value\" format")
        })
        .help(format!("write `{keyword} {key}=…`"))
        .maybe_fix(fix)
        .done();
}

/// Tells whether a value is one quoted text, without quotes or escapes inside.
fn is_quoted_whole(value: &str) -> bool {
    let inner = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).is_some_and(|inner| !inner.contains(['"', '\'', '\\', '`']))
}
