//! What could stand at the cursor.

use builder_core::lint::{RULES, Rule};
use builder_core::text::Span;
use lsp_types::{CompletionItem, CompletionItemKind, CompletionResponse, CompletionTextEdit};

use super::capabilities::Client;
use super::context::{Place, place};
use super::documents::Document;
use super::instructions::{
    DIRECTIVES, INSTRUCTIONS, MOUNT_KEYS, MOUNT_VALUES, PRAGMAS, PREDEFINED, PROXIES, SIGNALS, instruction,
};
use super::markup::{self, Shown};

/// Instructions that cannot stand behind `ONBUILD`.
const NO_TRIGGERS: [&str; 3] = ["FROM", "MAINTAINER", "ONBUILD"];

/// Returns what could stand at an offset.
pub(super) fn completion(document: &Document, offset: usize, client: Client) -> CompletionResponse {
    let found = place(document, offset);
    let mut offer = Offer { document, offset, shown: client.completion, typed: 0, items: Vec::new() };
    match &found {
        Place::Nowhere => {}
        Place::Comment { prefix, top } => offer.comments(prefix, *top),
        Place::Code { prefix } => offer.codes(prefix),
        Place::Keyword { prefix, trigger } => offer.keywords(prefix, *trigger),
        Place::Flag { keyword, prefix } => offer.flags(keyword, prefix),
        Place::FlagValue { keyword, flag, prefix } => offer.flag_values(keyword, flag, prefix),
        Place::Variable { prefix, brace } => offer.variables(prefix, *brace),
        Place::Operand { keyword, before, prefix } => offer.operands(keyword, before, prefix),
    }
    CompletionResponse::Array(offer.items)
}

/// Tells whether a file writes its keywords in lower case.
pub(super) fn prefers_lower_case(document: &Document) -> bool {
    let keywords = document.dockerfile().instructions.iter().map(|i| i.keyword.value.as_str());
    let known: Vec<_> = keywords.filter(|keyword| instruction(keyword).is_some()).collect();
    let lower = known.iter().filter(|keyword| keyword.chars().all(|c| c.is_ascii_lowercase())).count();
    lower * 2 > known.len()
}

struct Offer<'d> {
    document: &'d Document,
    offset: usize,
    /// Whether texts are Markdown.
    shown: Shown,
    /// How many bytes of the word were typed, and are replaced.
    typed: usize,
    items: Vec<CompletionItem>,
}

impl Offer<'_> {
    /// Sets the word that is replaced: as much of it as stands right before the cursor.
    fn replace(&mut self, prefix: &str) {
        let before = self.document.text().get(..self.offset).unwrap_or("");
        // A word may go on behind a continuation: then only what is on this line is replaced.
        let line = before.rsplit('\n').next().unwrap_or("");
        let length = if line.ends_with(prefix) { prefix.len() } else { 0 };
        self.typed = length;
    }

    fn add(&mut self, label: &str, insert: &str, kind: CompletionItemKind, detail: &str, text: Option<String>) {
        let span = Span::from_range(self.offset - self.typed..self.offset);
        self.items.push(CompletionItem {
            label: label.to_owned(),
            kind: Some(kind),
            detail: (!detail.is_empty()).then(|| detail.to_owned()),
            documentation: text.map(|text| markup::documentation(text, self.shown)),
            filter_text: Some(insert.to_owned()),
            // In our order.
            sort_text: Some(format!("{:04}", self.items.len())),
            text_edit: Some(CompletionTextEdit::Edit(self.document.edit(span, insert))),
            ..CompletionItem::default()
        });
    }

    fn comments(&mut self, prefix: &str, top: bool) {
        self.replace(prefix);
        if top {
            let given = &self.document.dockerfile().directives;
            for (name, insert, detail) in DIRECTIVES {
                if !given.iter().any(|directive| directive.name.value == *name) {
                    self.add(&format!("{name}="), insert, CompletionItemKind::KEYWORD, detail, None);
                }
            }
        }
        for (pragma, detail) in PRAGMAS {
            self.add(pragma, pragma, CompletionItemKind::KEYWORD, detail, None);
        }
    }

    fn codes(&mut self, prefix: &str) {
        self.replace(prefix);
        // Those that the file has, first.
        let found: Vec<&str> = self.document.findings().iter().map(|finding| finding.rule.id).collect();
        let (here, others): (Vec<&Rule>, Vec<&Rule>) = RULES.iter().copied().partition(|rule| found.contains(&rule.id));
        for rule in here.into_iter().chain(others) {
            let text = Some(rule.documentation.to_owned());
            self.add(rule.code(), rule.code(), CompletionItemKind::CONSTANT, rule.summary, text);
        }
    }

    fn keywords(&mut self, prefix: &str, trigger: bool) {
        self.replace(prefix);
        let lower = prefers_lower_case(self.document);
        for instruction in INSTRUCTIONS.iter().filter(|i| !trigger || !NO_TRIGGERS.contains(&i.name)) {
            let name = if lower { instruction.name.to_ascii_lowercase() } else { instruction.name.to_owned() };
            let text = Some(instruction.markdown());
            self.add(&name, &name, CompletionItemKind::KEYWORD, "", text);
        }
    }

    fn flags(&mut self, keyword: &str, prefix: &str) {
        self.replace(prefix);
        let Some(instruction) = instruction(keyword) else { return };
        for flag in instruction.flags {
            let insert = if flag.value.is_empty() { format!("--{}", flag.name) } else { format!("--{}=", flag.name) };
            let text = Some(instruction.flag_markdown(flag));
            self.add(&insert, &insert, CompletionItemKind::PROPERTY, flag.value, text);
        }
    }

    fn flag_values(&mut self, keyword: &str, flag: &str, prefix: &str) {
        match (keyword, flag) {
            ("COPY", "from") => {
                self.replace(prefix);
                self.stages();
            }
            ("RUN", "mount") => self.mount(prefix),
            _ => {
                self.replace(prefix);
                let Some(flag) = instruction(keyword).and_then(|instruction| instruction.flag(flag)) else { return };
                self.choices(flag.values);
            }
        }
    }

    fn mount(&mut self, prefix: &str) {
        let field = prefix.rsplit(',').next().unwrap_or("");
        let Some((key, value)) = field.split_once('=') else {
            self.replace(field);
            for (key, detail) in MOUNT_KEYS {
                self.add(key, key, CompletionItemKind::PROPERTY, detail, None);
            }
            return;
        };
        self.replace(value);
        if key == "from" {
            self.stages();
        }
        if let Some((_, values)) = MOUNT_VALUES.iter().find(|(known, _)| *known == key) {
            self.choices(values);
        }
    }

    fn choices(&mut self, values: &[(&str, &str)]) {
        for (value, detail) in values {
            self.add(value, value, CompletionItemKind::VALUE, detail, None);
        }
    }

    /// Adds the stages before the cursor.
    fn stages(&mut self) {
        let offset = self.offset;
        let stages = self.document.names().stages.iter();
        for stage in stages.filter(|stage| (stage.span.start as usize) < offset) {
            let Some(name) = &stage.name else { continue };
            // Not the stage that the cursor is in.
            let from = self.document.dockerfile().instructions.get(stage.from);
            let is_here =
                offset <= stage.span.end as usize || from.is_some_and(|from| offset <= from.span.end as usize);
            if !is_here {
                let head = from.map_or("", |from| from.line.as_str());
                self.add(&name.value, &name.value, CompletionItemKind::MODULE, head, None);
            }
        }
    }

    fn variables(&mut self, prefix: &str, brace: bool) {
        self.replace(prefix);
        let document = self.document;
        let after = document.text().get(self.offset..).unwrap_or("");
        let close = if brace && !after.starts_with('}') { "}" } else { "" };
        let stage = document.instruction_before(self.offset).and_then(|(index, _)| document.names().stage_of(index));
        let visible = document.names().visible(stage, self.offset);
        for definition in &visible {
            let name = &definition.name.value;
            let value = definition.value.as_ref().or(definition.written.as_ref());
            let detail = value.map_or("", String::as_str);
            self.add(name, &format!("{name}{close}"), CompletionItemKind::VARIABLE, detail, None);
        }
        let is_new = |name: &str| !visible.iter().any(|definition| definition.name.value == name);
        if stage.is_none() {
            for (name, text) in PREDEFINED.iter().filter(|(name, _)| is_new(name)) {
                self.add(name, &format!("{name}{close}"), CompletionItemKind::CONSTANT, text, None);
            }
        }
    }

    fn operands(&mut self, keyword: &str, before: &[String], prefix: &str) {
        self.replace(prefix);
        match (keyword, before) {
            ("FROM", []) => {
                self.stages();
                self.add("scratch", "scratch", CompletionItemKind::MODULE, "nothing", None);
            }
            ("FROM", [_]) => {
                let word = if prefers_lower_case(self.document) { "as" } else { "AS" };
                self.add(word, word, CompletionItemKind::KEYWORD, "names the stage", None);
            }
            ("HEALTHCHECK", []) => {
                self.choices(&[("CMD", "the command that checks"), ("NONE", "no check, whatever the base image says")]);
            }
            ("STOPSIGNAL", []) => {
                for signal in SIGNALS {
                    self.add(signal, signal, CompletionItemKind::CONSTANT, "", None);
                }
            }
            ("ARG", _) => self.arguments(),
            _ => {}
        }
    }

    /// Adds the names that `ARG` makes visible in a stage.
    fn arguments(&mut self) {
        let document = self.document;
        let index = document.instruction_before(self.offset).map(|(index, _)| index);
        if index.and_then(|index| document.names().stage_of(index)).is_none() {
            return;
        }
        for definition in document.names().visible(None, self.offset) {
            let name = &definition.name.value;
            let detail = definition.written.as_deref().unwrap_or_default();
            self.add(name, name, CompletionItemKind::VARIABLE, detail, None);
        }
        for (name, text) in PREDEFINED {
            self.add(name, name, CompletionItemKind::CONSTANT, text, None);
        }
        for name in PROXIES {
            self.add(name, name, CompletionItemKind::CONSTANT, "there without `ARG` in `RUN`", None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsp::testing::document_at;

    fn labels(text: &str) -> Vec<String> {
        let (document, offset) = document_at(text);
        let CompletionResponse::Array(items) = completion(&document, offset, Client::default()) else {
            return Vec::new();
        };
        items.into_iter().map(|item| item.label).collect()
    }

    #[test]
    fn what_fits_is_offered() {
        let two = "FROM a AS one\nFROM b AS two\n";
        assert_eq!(labels(&format!("{two}COPY --from=‸ x y")), ["one"]);
        assert_eq!(labels(&format!("{two}FROM ‸")), ["one", "two", "scratch"]);
        assert_eq!(labels(&format!("{two}RUN --mount=type=bind,from=‸")), ["one"]);
        assert_eq!(labels(&format!("{two}RUN --network=‸ x")), ["default", "none", "host"]);
        assert_eq!(labels("from a\nrun x\nco‸")[..3], ["add", "arg", "cmd"]);
        assert_eq!(labels("FROM a\nENV A=1 B=2\nENV A=3\nRUN $‸"), ["A", "B"]);
        assert_eq!(labels("ARG V=1\nFROM a:$‸")[..2], ["V", "BUILDPLATFORM"]);
        assert_eq!(labels("ARG V=1\nFROM a\nARG ‸")[..2], ["V", "BUILDPLATFORM"]);
        assert_eq!(labels("# syntax=a\n# ‸")[..2], ["escape=", "check="]);
        assert_eq!(labels("FROM a:latest\n# hadolint ignore=‸\nMAINTAINER x")[..1], ["DL4000"]);
        assert!(labels("FROM a\nCMD [\"‸").is_empty());
    }

    #[test]
    fn the_typed_part_is_replaced() {
        let (document, offset) = document_at("FROM 🦀 AS a\nFROM b\nRUN --mount=type=bind,fr‸");
        let CompletionResponse::Array(items) = completion(&document, offset, Client::default()) else {
            panic!("a list")
        };
        let Some(CompletionTextEdit::Edit(edit)) = &items[3].text_edit else { panic!("an edit") };
        assert_eq!((edit.range.start.character, edit.range.end.character), (22, 24));
        assert_eq!(edit.new_text, "from=");
    }
}
