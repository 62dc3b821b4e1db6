//! Small questions about operands that several rules ask.

/// Returns a word without the quotes around it.
pub(super) fn unquoted(word: &str) -> &str {
    let inner = |quote: char| word.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(word)
}

/// Returns a word without any quote at either end, as hadolint strips them.
pub(super) fn trimmed(word: &str) -> &str {
    word.trim_matches(['"', '\''])
}

/// Tells whether a path begins with a drive of Windows: `c:`.
pub(super) fn has_drive(path: &str) -> bool {
    let mut chars = path.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic()) && chars.next() == Some(':')
}

/// Tells whether a source of `ADD` comes from elsewhere.
pub(super) fn is_remote_source(path: &str) -> bool {
    path.contains("://") || path.starts_with("git@")
}

/// Lists names in backticks: `` `a`, `b` and `c` ``.
pub(super) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
