//! What is told about the thing below the pointer.

use builder_core::dockerfile::{Comment, Instruction, InstructionKind};
use builder_core::lint::{Rule, find_rule};
use builder_core::text::Span;
use lsp_types::Hover;

use super::capabilities::Client;
use super::documents::Document;
use super::instructions::{DIRECTIVES, PREDEFINED, instruction};
use super::markup;
use super::names::{Definition, Maker};

/// How many rules are told about at once.
const MAX_RULES: usize = 3;

/// Returns what there is to tell about an offset: what stands there, then the rules that found something.
pub(super) fn hover(document: &Document, offset: usize, client: Client) -> Option<Hover> {
    let subject = subject(document, offset);
    let mut span = subject.as_ref().map(|(span, _)| *span);
    let mut texts: Vec<String> = subject.into_iter().map(|(_, text)| text).collect();
    let mut rules: Vec<&Rule> = Vec::new();
    for finding in document.findings().iter().filter(|finding| covers(finding.span(), offset)) {
        if rules.len() < MAX_RULES && !rules.iter().any(|rule| rule.id == finding.rule.id) {
            rules.push(finding.rule);
            texts.push(rule_markdown(finding.rule));
            span = span.or(Some(finding.span()));
        }
    }
    let contents = markup::hover(texts.join("\n\n---\n\n"), client.hover);
    span.map(|span| Hover { contents, range: Some(document.range(span)) })
}

fn covers(span: Span, offset: usize) -> bool {
    span.start as usize <= offset && offset <= span.end as usize
}

/// Returns the documentation of a rule in Markdown.
pub(super) fn rule_markdown(rule: &Rule) -> String {
    let id = if rule.code() == rule.id { String::new() } else { format!(" `{}`", rule.id) };
    let link = rule.url().map(|url| format!("\n\n[Reference]({url})")).unwrap_or_default();
    format!("**{}**{id}: {}\n\n{}{link}", rule.code(), rule.summary, crate::lint::explain::markdown(rule))
}

fn subject(document: &Document, offset: usize) -> Option<(Span, String)> {
    let dockerfile = document.dockerfile();
    if let Some(comment) = dockerfile.comments.iter().find(|comment| covers(comment.span, offset)) {
        return code_in_comment(document, comment, offset);
    }
    if let Some(directive) = dockerfile.directives.iter().find(|directive| covers(directive.span, offset)) {
        let (_, _, text) = DIRECTIVES.iter().find(|(name, _, _)| *name == directive.name.value)?;
        return Some((directive.span, format!("`{}`: {text}", directive.name.value)));
    }
    if let Some(used) = document.names().use_at(offset) {
        let definition = used.definition.and_then(|at| document.names().definitions.get(at));
        let text = match definition {
            Some(definition) => variable_markdown(document, definition),
            None => predefined(&used.name.value)?,
        };
        return Some((used.name.span, text));
    }
    if let Some((stage, span)) = document.names().stage_at(offset) {
        let from = dockerfile.instructions.get(document.names().stages.get(stage)?.from)?;
        let line = document.source().line_of(from.span);
        return Some((span, format!("```dockerfile\n{}\n```\n\nStage {stage}, line {line}", from.line.as_str())));
    }
    let (_, outer) = document.instruction_at(offset)?;
    in_instruction(outer, offset)
        .or_else(|| match &outer.kind {
            InstructionKind::OnBuild(on_build) => in_instruction(&on_build.trigger, offset),
            _ => None,
        })
        .or_else(|| {
            let definition = document.names().definitions.get(document.names().definition_at(offset)?)?;
            Some((definition.name.span, variable_markdown(document, definition)))
        })
}

fn in_instruction(found: &Instruction, offset: usize) -> Option<(Span, String)> {
    let documented = instruction(&found.keyword.value)?;
    if covers(found.keyword.span, offset) {
        return Some((found.keyword.span, documented.markdown()));
    }
    let flag = found.flags.iter().find(|flag| covers(flag.span, offset))?;
    Some((flag.span, documented.flag_markdown(documented.flag(&flag.name.value)?)))
}

fn variable_markdown(document: &Document, definition: &Definition) -> String {
    let name = &definition.name.value;
    let keyword = match definition.maker {
        Maker::Arg => "ARG",
        Maker::Env => "ENV",
    };
    let line = document.source().line_of(definition.name.span);
    let written = definition.written.as_ref().map(|written| format!("={written}")).unwrap_or_default();
    let mut text = format!("```dockerfile\n{keyword} {name}{written}\n```\n\n");
    match (&definition.value, definition.maker) {
        (Some(value), Maker::Env) => text.push_str(&format!("Value: `{value}`")),
        (Some(value), Maker::Arg) => {
            text.push_str(&format!("Value: `{value}`, unless `--build-arg {name}=…` is given"));
        }
        (None, Maker::Arg) if definition.written.is_none() => match predefined(name) {
            Some(about) => text.push_str(&about),
            None => text.push_str(&format!("No value, unless `--build-arg {name}=…` is given")),
        },
        (None, _) => text.push_str("The value depends on variables that are not known here"),
    }
    text.push_str(&format!("\n\nSet on line {line}"));
    text
}

fn predefined(name: &str) -> Option<String> {
    PREDEFINED.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned())
}

/// Finds the rule that a code in a comment means.
fn code_in_comment(document: &Document, comment: &Comment, offset: usize) -> Option<(Span, String)> {
    let text = document.source().slice(comment.span);
    let at = offset.checked_sub(comment.span.start as usize)?;
    let is_code = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let before = text.get(..at)?;
    let start = before.len() - before.chars().rev().take_while(|c| is_code(*c)).count();
    let end = at + text.get(at..)?.chars().take_while(|c| is_code(*c)).count();
    let rule = find_rule(text.get(start..end)?)?;
    let base = comment.span.start as usize;
    Some((Span::from_range(base + start..base + end), rule_markdown(rule)))
}

#[cfg(test)]
mod tests {
    use lsp_types::{HoverContents, MarkedString};

    use super::*;
    use crate::lsp::testing::document_at;

    fn shown(text: &str) -> String {
        let (document, offset) = document_at(text);
        match hover(&document, offset, Client::default()).map(|hover| hover.contents) {
            Some(HoverContents::Scalar(MarkedString::String(text))) => text,
            _ => String::new(),
        }
    }

    #[test]
    fn each_thing_has_its_text() {
        for (text, expected) in [
            ("FROM a:1\nR‸UN x", "RUN [FLAGS] COMMAND"),
            ("FROM a:1\nRUN --net‸work=none x", "#run---network"),
            ("FROM a:1\nONBUILD RUN --net‸work=none x", "#run---network"),
            ("ARG V=1\nFROM a:$‸V", "Value: `1`, unless `--build-arg V=…`"),
            ("FROM a:1\nENV A=1 B=${A}2\nRUN $A\nRUN $‸B", "The value depends"),
            ("FROM a:1\nENV A=1\nENV B=${A}2\nRUN ${B‸}", "Value: `12`"),
            ("FROM a:1\nARG ‸V", "No value, unless"),
            ("FROM --platform=$BUILD‸PLATFORM a:1", "The platform of the machine that builds"),
            ("FROM a:1 AS x\nFROM b:1\nCOPY --from=‸x / /y", "Stage 0, line 1"),
            ("FROM a:1\n# hadolint ignore=DL4‸000\nRUN x", "**DL4000** `deprecated-maintainer`"),
            ("FROM a:1\nMAINT‸AINER me", "**DL4000**"),
            ("# esc‸ape=`\nFROM a:1", "the character that continues lines"),
        ] {
            assert!(shown(text).contains(expected), "{text:?}: {}", shown(text));
        }
        assert!(shown("FROM a:1\nMAINT‸AINER me").contains("\n## Why it matters\n"), "no line begins with a blank");
        assert_eq!(shown("FROM a:1\nRUN x ‸y\n"), "");
        assert_eq!(shown("‸"), shown("‸"));
    }
}
