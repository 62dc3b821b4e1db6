//! Layers to what the library takes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use builder_core::lint::options::{LintOptions, selects};
use builder_core::lint::{Activation, Dialect, Group, Level, RULES, Rule, Status};

use super::{Config, Globs, Layer, Threshold};
use crate::args::LintFormat;

/// The settings for the files of one configuration.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) options: LintOptions,
    pub(crate) threshold: Threshold,
    pub(crate) no_fail: bool,
    pub(crate) no_color: bool,
    pub(crate) verbose: bool,
    pub(crate) formats: Vec<LintFormat>,
    /// The codes of ShellCheck's that are silent, and the levels of others.
    pub(crate) shellcheck: ForeignRules,
    per_file: Arc<Vec<(Globs, Vec<String>)>>,
}

/// What is said about rules that are ShellCheck's alone.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct ForeignRules {
    ignored: Vec<String>,
    levels: BTreeMap<String, Level>,
    /// Where rules were selected, the selectors.
    selected: Option<Vec<String>>,
}

impl ForeignRules {
    /// Returns the level of a code; `None` where it is silent.
    pub(crate) fn level(&self, code: &str, usual: Level) -> Option<Level> {
        let means = |name: &String| name == "ALL" || name == Group::Shell.name() || code.starts_with(name.as_str());
        let is_selected = self.selected.as_ref().is_none_or(|names| names.iter().any(means));
        let is_silent = !is_selected || self.ignored.iter().any(means);
        (!is_silent).then(|| self.levels.get(code).copied().unwrap_or(usual))
    }
}

/// Joins the layers of a run with those of configuration files.
#[derive(Debug)]
pub(crate) struct Resolver {
    pub(crate) dialect: Dialect,
    pub(crate) environment: Layer,
    pub(crate) command_line: Layer,
}

impl Resolver {
    /// Returns the settings for the files that a configuration holds for.
    pub(crate) fn resolve(&self, config: Option<&Config>) -> Resolved {
        let of_file = config.map(|config| &config.layer);
        let layers: Vec<&Layer> =
            [Some(&self.environment), of_file, Some(&self.command_line)].into_iter().flatten().collect();
        let last = |get: fn(&Layer) -> Option<bool>| layers.iter().rev().find_map(|layer| get(layer)).unwrap_or(false);
        let mut options = self.rules(&layers);
        options.trusted_registries = layers.iter().flat_map(|layer| layer.trusted_registries.clone()).collect();
        options.label_schema = layers.iter().flat_map(|layer| layer.label_schema.clone()).collect();
        options.strict_labels = last(|layer| layer.strict_labels);
        options.pragmas = !last(|layer| layer.disable_pragmas);
        let globs = layers.iter().flat_map(|layer| &layer.per_file_ignores);
        let folder = config.map_or(Path::new(""), Config::folder);
        // Whoever reads a configuration has refused what is no pattern.
        let per_file =
            globs.filter_map(|(glob, rules)| Some((Globs::new(folder, glob).ok()?, rules.clone()))).collect();
        Resolved {
            options,
            threshold: layers.iter().rev().find_map(|layer| layer.threshold).unwrap_or(Level::Info),
            no_fail: last(|layer| layer.no_fail),
            no_color: last(|layer| layer.no_color),
            verbose: last(|layer| layer.verbose),
            formats: layers
                .iter()
                .rev()
                .map(|layer| &layer.formats)
                .find(|f| !f.is_empty())
                .cloned()
                .unwrap_or_default(),
            shellcheck: ForeignRules {
                ignored: layers.iter().flat_map(|layer| layer.ignore.clone()).collect(),
                levels: layers.iter().flat_map(|layer| layer.levels.clone()).collect(),
                selected: selected(&layers),
            },
            per_file: Arc::new(per_file),
        }
    }

    fn rules(&self, layers: &[&Layer]) -> LintOptions {
        let mut options = LintOptions::new(self.dialect);
        let preview = layers.iter().rev().find_map(|layer| layer.preview).unwrap_or(false);
        let selected = selected(layers);
        let extended: Vec<&str> =
            layers.iter().flat_map(|layer| layer.extend_select.iter().map(String::as_str)).collect();
        let ignored: Vec<&str> = layers.iter().flat_map(|layer| layer.ignore.iter().map(String::as_str)).collect();
        let mut levels: Vec<(&str, Level)> =
            layers.iter().flat_map(|layer| layer.levels.iter().map(|(name, level)| (name.as_str(), *level))).collect();
        if self.dialect == Dialect::Hadolint {
            // There the gravest level of a rule counts, wherever it was set.
            levels.sort_by_key(|(_, level)| *level);
        }
        for (index, rule) in RULES.iter().enumerate() {
            let by_default = options.level(index).is_some()
                || preview && matches!(rule.status, Status::Preview(_)) && rule.activation != Activation::Opinion;
            let of_select = match &selected {
                Some(names) => best(rule, names.iter().map(String::as_str)),
                None => by_default.then_some(0),
            };
            // A level for a rule asks for it, unless somebody says which rules look.
            let is_named = selected.is_none() && levels.iter().any(|(name, _)| rule.is_named(name));
            let named = is_named.then_some(u8::MAX - 1);
            let on = of_select.max(best(rule, extended.iter().copied())).max(named);
            let off = best(rule, ignored.iter().copied());
            let level = levels.iter().filter_map(|(name, level)| Some((specificity(name, rule)?, *level)));
            let level = level.reduce(|best, next| if next.0 >= best.0 { next } else { best });
            // A selector of the rule's own is always right: it was made of the table.
            drop(match on {
                Some(on) if off.is_none_or(|off| on > off) => options.select(rule.id, level.map(|(_, level)| level)),
                _ => options.ignore(rule.id),
            });
        }
        options
    }
}

/// The rules that layers select, where one of them does.
fn selected(layers: &[&Layer]) -> Option<Vec<String>> {
    let mut chosen = layers.iter().filter_map(|layer| layer.select.clone()).peekable();
    chosen.peek()?;
    Some(chosen.flatten().collect())
}

/// Returns how closely the closest of some selectors means a rule.
fn best<'n>(rule: &Rule, names: impl Iterator<Item = &'n str>) -> Option<u8> {
    names.filter_map(|name| specificity(name, rule)).max()
}

/// Returns how closely a selector means a rule: the closer one wins. `None` where it means others.
fn specificity(name: &str, rule: &Rule) -> Option<u8> {
    if !selects(name, rule) {
        None
    } else if rule.is_named(name) {
        Some(u8::MAX)
    } else if name == "ALL" {
        Some(0)
    } else if rule.group.name() == name {
        Some(1)
    } else {
        Some(u8::try_from(name.len()).unwrap_or(u8::MAX - 1))
    }
}

impl Resolved {
    /// Returns what holds for one file, whose path is absolute.
    pub(crate) fn for_file(&self, file: &Path) -> (Cow<'_, LintOptions>, Cow<'_, ForeignRules>) {
        let (mut options, mut foreign) = (Cow::Borrowed(&self.options), Cow::Borrowed(&self.shellcheck));
        for (_, rules) in self.per_file.iter().filter(|(globs, _)| globs.matches(file)) {
            for rule in rules {
                // A code that no rule of ours has is one of ShellCheck's, or a retired one.
                drop(options.to_mut().ignore(rule));
            }
            foreign.to_mut().ignored.extend_from_slice(rules);
        }
        (options, foreign)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(layer: Layer, code: &str) -> Option<Level> {
        let resolver = Resolver { dialect: Dialect::Builder, environment: Layer::default(), command_line: layer };
        let index = RULES.iter().position(|rule| rule.is_named(code)).unwrap();
        resolver.resolve(None).options.level(index)
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_closest_selector_wins() {
        let layer = || Layer { select: Some(names(&["DL3006"])), ignore: names(&["DL3"]), ..Layer::default() };
        assert_eq!(levels(layer(), "DL3006"), Some(Level::Warning));
        assert_eq!(levels(layer(), "DL3007"), None);
        let both = Layer { select: Some(names(&["DL3006"])), ignore: names(&["DL3006"]), ..Layer::default() };
        assert_eq!(levels(both, "DL3006"), None);
        let narrow = Layer { extend_select: names(&["DL"]), ignore: names(&["DL30"]), ..Layer::default() };
        assert_eq!(levels(narrow, "DL3006"), None);
    }

    #[test]
    fn a_level_switches_a_rule_on_and_the_last_one_counts() {
        let opinion = Layer { levels: vec![("DL1001".to_owned(), Level::Error)], ..Layer::default() };
        assert_eq!(levels(Layer::default(), "DL1001"), None);
        assert_eq!(levels(opinion, "DL1001"), Some(Level::Error));
        let twice = vec![("DL3006".to_owned(), Level::Error), ("DL3006".to_owned(), Level::Style)];
        assert_eq!(levels(Layer { levels: twice, ..Layer::default() }, "DL3006"), Some(Level::Style));
    }

    #[test]
    fn every_rule_can_be_ignored() {
        for rule in RULES {
            let layer = Layer { ignore: names(&[rule.code()]), ..Layer::default() };
            assert_eq!(levels(layer, rule.id), None, "{}", rule.id);
        }
    }
}
