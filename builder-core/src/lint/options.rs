//! What a run looks for, and what is known from outside of the file.

use std::collections::{BTreeMap, BTreeSet};

pub use super::build_files::{BuildFiles, ContextFacts, Entries};
use super::registry::RULES;
use super::rule::{Activation, Level, Rule, Status};
use crate::platform::Platform;

/// Whose habits the rules follow where the tools differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Dialect {
    /// Ours: every finding at its true place, with variables resolved.
    #[default]
    Builder,
    /// hadolint's: the line of the instruction, once an instruction, quirks included.
    Hadolint,
    /// `docker build --check`.
    Buildkit,
}

/// The type of a label's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LabelType {
    /// Anything.
    Text,
    /// An absolute URI.
    Url,
    /// A semantic version.
    SemVer,
    /// A git hash, short or long.
    Hash,
    /// A time as RFC 3339 has it.
    Rfc3339,
    /// An SPDX licence id.
    Spdx,
    /// An address as RFC 5322 has it.
    Email,
}

impl LabelType {
    /// Reads hadolint's name of a type.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "text" => Self::Text,
            "url" => Self::Url,
            "semver" => Self::SemVer,
            "hash" => Self::Hash,
            "rfc3339" => Self::Rfc3339,
            "spdx" => Self::Spdx,
            "email" => Self::Email,
            _ => return None,
        })
    }
}

/// What a builder knows of the base image of a stage.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BaseFacts {
    /// The variables of its environment.
    pub env: BTreeMap<String, String>,
    /// Its `SHELL`, where it has one.
    pub shell: Option<Vec<String>>,
    /// Its user.
    pub user: Option<String>,
    /// Its working directory.
    pub working_directory: Option<String>,
}

/// Facts from outside of the file: the rules themselves never look at the disk or the network.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// The build context.
    pub context: Option<ContextFacts>,
    /// Base images by the name that `FROM` has, variables resolved.
    pub bases: BTreeMap<String, BaseFacts>,
    /// Build arguments that are given.
    pub build_args: BTreeMap<String, String>,
    /// The names of other build contexts (`--build-context`).
    pub named_contexts: BTreeSet<String>,
    /// The stage that is built, where it is not the last one.
    pub target: Option<String>,
    /// The platform that is built for; `linux/amd64` where that is not known.
    pub target_platform: Option<Platform>,
    /// The platform that is built on, likewise.
    pub build_platform: Option<Platform>,
}

/// What a run looks for.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LintOptions {
    /// Whose habits the rules follow.
    pub dialect: Dialect,
    /// The level of each rule that looks, by its place in the registry.
    levels: Vec<Option<Level>>,
    /// Registries that images may come from; all, where empty.
    pub trusted_registries: Vec<String>,
    /// Labels that must be there, with their types.
    pub label_schema: BTreeMap<String, LabelType>,
    /// Whether labels outside of the schema are findings.
    pub strict_labels: bool,
    /// Whether comments can silence rules.
    pub pragmas: bool,
    /// Whether hadolint's dialect keeps one finding of a rule an instruction, as hadolint does, and one of all of
    /// ShellCheck's. Comparisons with ShellCheck itself want them all.
    pub once_an_instruction: bool,
    /// What is known from outside.
    pub facts: Facts,
}

impl Default for LintOptions {
    fn default() -> Self {
        Self::new(Dialect::Builder)
    }
}

impl LintOptions {
    /// Makes the options that a dialect has by default.
    pub fn new(dialect: Dialect) -> Self {
        let level = |rule: &Rule| {
            let is_on = match dialect {
                Dialect::Builder => rule.activation != Activation::Opinion && matches!(rule.status, Status::Stable(_)),
                Dialect::Hadolint => rule.is_hadolints() && rule.activation != Activation::Opinion,
                Dialect::Buildkit => rule.buildkit_name().is_some() && rule.activation != Activation::Opinion,
            };
            is_on.then_some(rule.level)
        };
        Self {
            dialect,
            levels: RULES.iter().map(|rule| level(rule)).collect(),
            trusted_registries: Vec::new(),
            label_schema: BTreeMap::new(),
            strict_labels: false,
            pragmas: true,
            once_an_instruction: true,
            facts: Facts::default(),
        }
    }

    /// Returns the level of a rule, by its place in the registry; `None` where it does not look.
    pub fn level(&self, index: usize) -> Option<Level> {
        self.levels.get(index).copied().flatten()
    }

    /// Switches the rules that a selector names on, at their usual level or another.
    ///
    /// A selector is an id, a code, a name of BuildKit's, the beginning of a code (`DL3`, `SC`), the name of a group,
    /// or `ALL`.
    ///
    /// # Errors
    /// [`UnknownRule`] where no rule is meant.
    pub fn select(&mut self, selector: &str, level: Option<Level>) -> Result<(), UnknownRule> {
        self.set(selector, |rule, _| Some(level.unwrap_or(rule.level)))
    }

    /// Switches the rules that a selector names off.
    ///
    /// # Errors
    /// [`UnknownRule`] where no rule is meant.
    pub fn ignore(&mut self, selector: &str) -> Result<(), UnknownRule> {
        self.set(selector, |_, _| None)
    }

    /// Gives the rules that a selector names, and that look, another level; one that is off is switched on.
    ///
    /// # Errors
    /// [`UnknownRule`] where no rule is meant.
    pub fn set_level(&mut self, selector: &str, level: Level) -> Result<(), UnknownRule> {
        self.set(selector, |_, _| Some(level))
    }

    /// Does what a `# check=` directive says besides skipping: `error=true` makes errors of BuildKit's checks, and
    /// `experimental=NAME,…` or `experimental=all` switches those on that are off by default.
    pub(super) fn direct(&mut self, directive: &str) {
        let settings = directive.split(';').filter_map(|part| part.split_once('='));
        for (key, value) in settings.map(|(key, value)| (key.trim(), value.trim())) {
            for (rule, slot) in RULES.iter().zip(&mut self.levels) {
                let Some(name) = rule.buildkit_name() else { continue };
                if key.eq_ignore_ascii_case("experimental") {
                    let is_meant = |wanted: &str| wanted.trim() == name || wanted.trim().eq_ignore_ascii_case("all");
                    if rule.activation == Activation::Opinion && value.split(',').any(is_meant) {
                        *slot = slot.or(Some(rule.level));
                    }
                }
            }
        }
        let is_error = |part: &str| {
            let setting = part.split_once('=').map(|(key, value)| (key.trim(), value.trim()));
            setting.is_some_and(|(key, value)| {
                key.eq_ignore_ascii_case("error") && (value.eq_ignore_ascii_case("true") || value == "1")
            })
        };
        if directive.split(';').any(is_error) {
            for (rule, slot) in RULES.iter().zip(&mut self.levels) {
                if slot.is_some() && rule.buildkit_name().is_some() {
                    *slot = Some(Level::Error);
                }
            }
        }
    }

    /// Switches every rule off.
    pub fn ignore_all(&mut self) {
        self.levels.fill(None);
    }

    fn set(
        &mut self,
        selector: &str,
        level: impl Fn(&Rule, Option<Level>) -> Option<Level>,
    ) -> Result<(), UnknownRule> {
        let mut found = false;
        for (rule, slot) in RULES.iter().zip(&mut self.levels) {
            if selects(selector, rule) {
                found = true;
                *slot = level(rule, *slot);
            }
        }
        if found { Ok(()) } else { Err(UnknownRule::new(selector)) }
    }
}

/// Tells whether a selector means a rule.
pub fn selects(selector: &str, rule: &Rule) -> bool {
    let is_prefix = selector.len() >= 2 && selector.starts_with(|c: char| c.is_ascii_uppercase());
    let is_family = is_prefix && selector.chars().skip(2).all(|c| c.is_ascii_digit());
    selector == "ALL"
        || rule.is_named(selector)
        || rule.group.name() == selector
        || is_family && rule.codes.iter().any(|code| code.starts_with(selector))
}

/// A name that no rule has.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no rule is named `{name}`{}", hint(suggestion.as_deref()))]
pub struct UnknownRule {
    /// The name.
    pub name: String,
    /// The nearest one that there is.
    pub suggestion: Option<String>,
}

fn hint(suggestion: Option<&str>) -> String {
    suggestion.map(|name| format!(", did you mean `{name}`?")).unwrap_or_default()
}

impl UnknownRule {
    fn new(name: &str) -> Self {
        let names = RULES.iter().flat_map(|rule| std::iter::once(&rule.id).chain(rule.codes));
        let distance = |known: &str| strsim::damerau_levenshtein(known, name);
        let nearest = names.copied().min_by_key(|known| distance(known));
        let suggestion = nearest.filter(|known| distance(known) <= 3.min(name.len() / 2)).map(str::to_owned);
        Self { name: name.to_owned(), suggestion }
    }
}
