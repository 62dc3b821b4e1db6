//! Variables: the global scope that `FROM` sees, and the variables of a stage.

use std::collections::{BTreeMap, HashMap};

use crate::diagnostic::Diagnostic;
use crate::dockerfile::expand::{ExpandError, Expansion, expand};
use crate::dockerfile::{ArgDeclaration, Dockerfile, EscapeCharacter, InstructionKind, SourceText};
use crate::platform::Platform;
use crate::text::Span;

/// Names whose values are read but never reach a step's environment.
const NOT_IN_ENVIRONMENT: &[&str] = &["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

/// What follows `BUILD` and `TARGET` in the names of the variables of platforms.
const PLATFORM_PARTS: [&str; 5] = ["PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT"];

/// What the global scope depends on, besides the Dockerfile.
#[derive(Clone, Copy, Debug)]
pub struct ScopeInput<'a> {
    /// Build arguments given by the user.
    pub build_args: &'a BTreeMap<String, String>,
    /// The platform to build for.
    pub target_platform: &'a Platform,
    /// The platform that steps run on.
    pub build_platform: &'a Platform,
    /// The target stage that the user asked for.
    pub target: Option<&'a str>,
}

/// The variables that stand before the first `FROM`, with those that are always there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GlobalScope {
    values: BTreeMap<String, String>,
    escape: EscapeCharacter,
}

impl GlobalScope {
    /// Evaluates the `ARG`s before the first `FROM`; what cannot be evaluated is reported and stays unset.
    pub fn evaluate(dockerfile: &Dockerfile, input: &ScopeInput<'_>) -> (Self, Vec<Diagnostic>) {
        let mut scope = Self { values: predefined(dockerfile, input), escape: dockerfile.escape };
        let mut diagnostics = Vec::new();
        for declaration in global_args(dockerfile) {
            let name = &declaration.name.value;
            let value = match (input.build_args.get(name), &declaration.default) {
                (Some(value), _) => Some(value.clone()),
                (None, Some(default)) => match scope.expand(default) {
                    Ok(expansion) => Some(expansion.text),
                    Err(error) => {
                        diagnostics.push(expansion_error(&error, default, None));
                        None
                    }
                },
                (None, None) => None,
            };
            if let Some(value) = value {
                scope.values.insert(name.clone(), value);
            }
        }
        (scope, diagnostics)
    }

    /// Returns the value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Returns the names that have a value, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// Expands a word with this scope.
    ///
    /// # Errors
    /// Quotes, braces or modifiers that make no sense.
    pub fn expand(&self, word: &SourceText) -> Result<Expansion, ExpandError> {
        self.expand_str(word.as_str())
    }

    /// Expands a text with this scope.
    ///
    /// # Errors
    /// Quotes, braces or modifiers that make no sense.
    pub fn expand_str(&self, word: &str) -> Result<Expansion, ExpandError> {
        expand(word, self.escape, &|name| self.get(name))
    }
}

/// Returns the `ARG` declarations before the first `FROM`, in order.
pub fn global_args(dockerfile: &Dockerfile) -> impl Iterator<Item = &ArgDeclaration> {
    dockerfile
        .instructions
        .iter()
        .take_while(|instruction| !matches!(instruction.kind, InstructionKind::From(_)))
        .flat_map(|instruction| match &instruction.kind {
            InstructionKind::Arg(declarations) => declarations.as_slice(),
            _ => &[],
        })
}

/// Makes the diagnostic of a word that cannot be expanded; `at` overrides its place.
pub fn expansion_error(error: &ExpandError, word: &SourceText, at: Option<Span>) -> Diagnostic {
    let span = at.unwrap_or_else(|| word.span_of(error.range.clone()));
    Diagnostic::error("invalid-expansion", span, error.to_string())
}

/// Tells whether a name has a value without any `ARG`.
pub fn is_predefined(name: &str) -> bool {
    let platform = name.strip_prefix("BUILD").or_else(|| name.strip_prefix("TARGET"));
    name == "TARGETSTAGE" || platform.is_some_and(|suffix| PLATFORM_PARTS.contains(&suffix))
}

fn predefined(dockerfile: &Dockerfile, input: &ScopeInput<'_>) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for (prefix, platform) in [("BUILD", input.build_platform), ("TARGET", input.target_platform)] {
        for (suffix, value) in PLATFORM_PARTS.into_iter().zip([
            platform.to_string(),
            platform.os.clone(),
            platform.os_version.clone().unwrap_or_default(),
            platform.architecture.clone(),
            platform.variant.clone().unwrap_or_default(),
        ]) {
            values.insert(format!("{prefix}{suffix}"), value);
        }
    }
    let last_name = dockerfile.instructions.iter().rev().find_map(|instruction| match &instruction.kind {
        InstructionKind::From(from) => Some(from.name.as_ref().map(|name| name.value.to_lowercase())),
        _ => None,
    });
    let stage = input.target.map(str::to_owned).or(last_name.flatten()).unwrap_or_else(|| "default".to_owned());
    values.insert("TARGETSTAGE".to_owned(), stage);
    for (name, value) in &mut values {
        if let Some(given) = input.build_args.get(name) {
            value.clone_from(given);
        }
    }
    values
}

/// The variables of a stage: environment and arguments, where the last write wins whatever it was.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Variables {
    entries: Vec<(String, String)>,
    places: HashMap<String, usize>,
    declared: Vec<String>,
    /// The values of declared arguments that never reach the environment.
    outside: BTreeMap<String, String>,
}

impl Variables {
    /// Makes the variables of an image's environment (`KEY=value`, one each).
    pub fn from_env(env: &[String]) -> Self {
        let mut variables = Self::default();
        for entry in env {
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            variables.set(name, value);
        }
        variables
    }

    /// Returns the value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.places.get(name).and_then(|place| self.entries.get(*place)).map(|(_, value)| value.as_str())
    }

    /// Sets a variable; the place of the first definition is kept.
    pub fn set(&mut self, name: &str, value: &str) {
        if let Some(entry) = self.places.get(name).and_then(|place| self.entries.get_mut(*place)) {
            value.clone_into(&mut entry.1);
        } else {
            self.places.insert(name.to_owned(), self.entries.len());
            self.entries.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Declares an argument, with a value where it has one.
    pub fn declare(&mut self, name: &str, value: Option<&str>) {
        if !self.declared.iter().any(|declared| declared == name) {
            self.declared.push(name.to_owned());
        }
        match value {
            Some(value) if NOT_IN_ENVIRONMENT.contains(&name) => {
                self.outside.insert(name.to_owned(), value.to_owned());
            }
            Some(value) => self.set(name, value),
            None => {}
        }
    }

    /// Returns what a declared argument is shown with: its value now, or the one that it was declared with.
    pub fn declared_value(&self, name: &str) -> Option<&str> {
        self.get(name).or_else(|| self.outside.get(name).map(String::as_str))
    }

    /// Returns the declared arguments in order of first declaration.
    pub fn declared(&self) -> &[String] {
        &self.declared
    }

    /// Returns all variables in order of first definition.
    pub fn entries(&self) -> &[(String, String)] {
        &self.entries
    }

    /// Expands a word with these variables.
    ///
    /// # Errors
    /// Quotes, braces or modifiers that make no sense.
    pub fn expand(&self, word: &str, escape: EscapeCharacter) -> Result<Expansion, ExpandError> {
        expand(word, escape, &|name| self.get(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_write_wins_and_the_first_place_stays() {
        let mut variables = Variables::from_env(&["A=1".to_owned(), "B=2".to_owned(), "C".to_owned()]);
        variables.declare("D", Some("4"));
        variables.declare("A", None);
        variables.declare("B", Some("arg"));
        variables.set("D", "env");
        let entries: Vec<_> = variables.entries().iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(entries, ["A=1", "B=arg", "C=", "D=env"]);
        assert_eq!(variables.declared(), ["D", "A", "B"]);
    }

    #[test]
    fn scan_arguments_never_enter_the_environment() {
        let mut variables = Variables::default();
        variables.declare("BUILDKIT_SBOM_SCAN_STAGE", Some("true"));
        assert_eq!(variables.get("BUILDKIT_SBOM_SCAN_STAGE"), None);
    }
}
