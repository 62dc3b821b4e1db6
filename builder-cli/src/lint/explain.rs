//! The documentation of rules, and their list.

use builder_core::lint::{Activation, Dialect, Fixable, LintOptions, RULES, Rule, Status};
use serde_json::json;

use crate::ui::table::layout;

/// Returns a rule's documentation in Markdown.
pub(crate) fn markdown(rule: &Rule) -> String {
    // Lines of a documentation comment begin with the blank behind the slashes.
    let lines = rule.documentation.lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// Returns a page about a rule.
pub(crate) fn page(rule: &Rule) -> String {
    let code = if rule.codes.is_empty() { String::new() } else { format!("{} ", rule.code()) };
    let mut out = format!("# {code}{}\n\n{}\n\n", rule.id, rule.summary);
    let mut fact = |name: &str, value: &str| out.push_str(&format!("{name:<10}{value}\n"));
    fact("level", rule.level.name());
    fact("group", rule.group.name());
    fact("looks", activation(rule));
    fact("fix", fixable(rule));
    let others: Vec<&str> = rule.codes.iter().copied().filter(|code| *code != rule.code()).collect();
    if !others.is_empty() {
        fact("also", &others.join(", "));
    }
    match rule.status {
        Status::Stable(since) => fact("since", since),
        Status::Preview(since) => fact("preview", &format!("since {since}: it may change")),
        Status::Deprecated(since) => fact("deprecated", &format!("since {since}: it will go")),
    }
    if let Some(url) = rule.url() {
        fact("see", &url);
    }
    out.push('\n');
    out.push_str(&markdown(rule));
    out.push('\n');
    out
}

/// Returns a table of all rules, a line each.
pub(crate) fn table() -> String {
    let header = ["CODE", "NAME", "LEVEL", "GROUP", "LOOKS", "FIX", "ABOUT"].map(str::to_owned).to_vec();
    let rows = sorted().into_iter().map(|rule| {
        let cells =
            [rule.code(), rule.id, rule.level.name(), rule.group.name(), short(rule), fixable(rule), rule.summary];
        cells.map(str::to_owned).to_vec()
    });
    layout(&std::iter::once(header).chain(rows).collect::<Vec<_>>())
}

/// Returns an array of all rules.
pub(crate) fn json() -> String {
    let options = LintOptions::new(Dialect::Builder);
    let on: Vec<&str> =
        RULES.iter().enumerate().filter(|(at, _)| options.level(*at).is_some()).map(|(_, rule)| rule.id).collect();
    let rules: Vec<_> = sorted()
        .into_iter()
        .map(|rule| {
            json!({
                "code": rule.code(),
                "id": rule.id,
                "names": rule.codes,
                "level": rule.level.name(),
                "group": rule.group.name(),
                "default": on.contains(&rule.id),
                "fixable": fixable(rule),
                "summary": rule.summary,
                "url": rule.url(),
            })
        })
        .collect();
    format!("{:#}\n", serde_json::Value::Array(rules))
}

/// By code; those that have an id only come last.
fn sorted() -> Vec<&'static Rule> {
    let mut rules = RULES.to_vec();
    rules.sort_by_key(|rule| (rule.codes.is_empty(), rule.code()));
    rules
}

fn activation(rule: &Rule) -> &'static str {
    match rule.activation {
        Activation::Default => "by default",
        Activation::Opinion => "when selected: it is an opinion",
        Activation::Configured => "once it is configured",
    }
}

fn short(rule: &Rule) -> &'static str {
    match rule.activation {
        Activation::Default => "yes",
        Activation::Opinion => "no",
        Activation::Configured => "configured",
    }
}

fn fixable(rule: &Rule) -> &'static str {
    match rule.fixable {
        Fixable::Never => "never",
        Fixable::Sometimes => "sometimes",
        Fixable::Always => "always",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_page() {
        for rule in RULES {
            let page = page(rule);
            assert!(page.contains("## What it does\n"), "{page}");
            assert!(!page.contains("\n ## "), "{page}");
        }
        assert!(table().lines().count() == RULES.len() + 1);
    }
}
