//! `DL3044`.

use std::collections::{HashMap, HashSet};

use crate::dockerfile::KeyValue;
use crate::lint::prelude::*;
use crate::lint::words::trimmed;

rule! {
    /// ## What it does
    /// Finds an `ENV` in which a value uses another variable of the same `ENV`.
    ///
    /// ## Why it matters
    /// All values of one `ENV` are expanded before any of them is set: the variable is still empty, or has its old value.
    ///
    /// ## Example
    /// ```dockerfile
    /// ENV ROOT=/app LIB=$ROOT/lib
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ENV ROOT=/app
    /// ENV LIB=$ROOT/lib
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the values become what was meant.
    RULE {
        id: "env-refers-to-itself",
        codes: &["DL3044"],
        summary: "a value uses another variable of the same `ENV`",
        level: Level::Error,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    let mut known: HashSet<&str> = HashSet::new();
    for view in cx.model.instructions.iter().filter(|view| !view.is_trigger()) {
        match view.kind() {
            // hadolint never forgets what an earlier stage had.
            InstructionKind::From(_) if !cx.is_hadolint() => known.clear(),
            InstructionKind::Arg(declarations) => known.extend(declarations.iter().map(|arg| arg.name.value.as_str())),
            InstructionKind::Env(env) => {
                check_pairs(cx, view, &env.pairs, &known);
                known.extend(env.pairs.iter().map(|pair| trimmed(pair.key.as_str())));
            }
            _ => {}
        }
    }
}

fn check_pairs(cx: &Context<'_>, view: &InstructionView<'_>, pairs: &[KeyValue], known: &HashSet<&str>) {
    let mut names: HashMap<&str, usize> = HashMap::new();
    for (at, pair) in pairs.iter().enumerate() {
        names.entry(trimmed(pair.key.as_str())).or_insert(at);
    }
    let bad = pairs.iter().enumerate().find_map(|(at, pair)| {
        let own = trimmed(pair.key.as_str());
        let used = used(pair.value.as_str()).filter(|name| *name != own && !known.contains(name));
        let (_, name) = used.filter_map(|name| Some((*names.get(name)?, name))).min()?;
        Some((at, pair, name))
    });
    let Some((at, pair, name)) = bad else { return };
    let keyword = &view.instruction.keyword.value;
    let begin = pair.key.span().start;
    // In front of the pair a new instruction begins; the blanks between go.
    let fix = (at > 0).then(|| {
        let before = pairs[at - 1].value.span().end;
        Fix::risky("split the instruction", vec![Edit::replace(Span::new(before, begin), format!("\n{keyword} "))])
    });
    cx.report(view.index, pair.value.span(), format!("`{name}` is not set yet: it is part of the same `{keyword}`"))
        .maybe_fix(fix)
        .done();
}

/// Returns the names of the variables in a value: `$name` and `${name}`.
fn used(value: &str) -> impl Iterator<Item = &str> {
    value.match_indices('$').filter_map(|(at, _)| {
        let rest = &value[at + 1..];
        if let Some(inner) = rest.strip_prefix('{') {
            return inner.split_once('}').map(|(name, _)| name);
        }
        let is_name = |c: char| c == '_' || c.is_ascii_alphanumeric();
        Some(&rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())])
    })
}
