//! A configuration file as a tree in which everything knows its place, whatever the language.

use builder_core::diagnostic::{Diagnostic, Severity};
use builder_core::text::{Span, Spanned};

/// A value and its place.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Value {
    pub(crate) span: Span,
    pub(crate) data: Data,
}

/// What a value is.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Data {
    Nothing,
    Flag(bool),
    Text(String),
    List(Vec<Value>),
    Table(Vec<(Spanned<String>, Value)>),
    /// A number or a date: no setting is one.
    Other(&'static str),
}

impl Data {
    /// Names the kind of value for a message.
    fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Flag(_) => "true or false",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(name) => name,
        }
    }
}

/// Takes a tree apart, and keeps a diagnostic for each thing that is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// What is left out, and no reason to stop.
    pub(crate) warnings: Vec<Diagnostic>,
}

impl Reader {
    /// Reports the name of a rule that there is not.
    pub(crate) fn unknown_rule(&mut self, span: Span, message: String, help: &str) {
        self.diagnostics.push(Diagnostic::error("unknown-rule", span, message).help(help));
    }

    /// Reports a registry that no image can come from.
    pub(crate) fn wrong_registry(&mut self, span: Span, message: String) {
        self.diagnostics.push(Diagnostic::error("wrong-registry", span, message));
    }

    /// Keeps an error.
    pub(crate) fn error(&mut self, span: Span, message: impl Into<String>, help: Option<String>) {
        let mut diagnostic = Diagnostic::error("configuration", span, message);
        diagnostic.help = help;
        self.diagnostics.push(diagnostic);
    }

    fn wrong_type(&mut self, key: &str, value: &Value, expected: &str) {
        self.error(value.span, format!("`{key}` is {}, expected {expected}", value.data.name()), None);
    }

    /// Reports a key that nobody knows.
    pub(crate) fn unknown_key(&mut self, key: &Spanned<String>, known: &[&str]) {
        self.diagnostics.push(unknown_key(Severity::Error, key, known));
    }

    /// Reports a key that nobody knows where it does no harm.
    pub(crate) fn ignored_key(&mut self, key: &Spanned<String>, known: &[&str]) {
        self.warnings.push(unknown_key(Severity::Warning, key, known).note("it is left out, as hadolint does"));
    }

    /// Reads `true` or `false`.
    pub(crate) fn flag(&mut self, key: &str, value: &Value) -> Option<bool> {
        match value.data {
            Data::Flag(flag) => Some(flag),
            Data::Nothing => None,
            _ => {
                self.wrong_type(key, value, "true or false");
                None
            }
        }
    }

    /// Reads a text.
    pub(crate) fn text(&mut self, key: &str, value: &Value) -> Option<Spanned<String>> {
        match &value.data {
            Data::Text(text) => Some(Spanned::new(text.clone(), value.span)),
            Data::Nothing => None,
            _ => {
                self.wrong_type(key, value, "a text");
                None
            }
        }
    }

    /// Reads a list of texts; a single text is a list of one.
    pub(crate) fn texts(&mut self, key: &str, value: &Value) -> Vec<Spanned<String>> {
        match &value.data {
            Data::Nothing => Vec::new(),
            Data::Text(text) => vec![Spanned::new(text.clone(), value.span)],
            Data::List(items) => items.iter().filter_map(|item| self.text(key, item)).collect(),
            _ => {
                self.wrong_type(key, value, "a list of texts");
                Vec::new()
            }
        }
    }

    /// Reads a table.
    pub(crate) fn table<'v>(&mut self, key: &str, value: &'v Value) -> &'v [(Spanned<String>, Value)] {
        match &value.data {
            Data::Table(entries) => entries,
            Data::Nothing => &[],
            _ => {
                self.wrong_type(key, value, "a table");
                &[]
            }
        }
    }
}

fn unknown_key(severity: Severity, key: &Spanned<String>, known: &[&str]) -> Diagnostic {
    let help = nearest(&key.value, known)
        .map_or_else(|| format!("there are: {}", known.join(", ")), |name| format!("did you mean `{name}`?"));
    let message = format!("there is no setting `{}`", key.value);
    Diagnostic::new(severity, "unknown-key", message).at(key.span, "").help(help)
}

/// Finds the known name that is nearest to one that is not. Case and dashes count for nothing: `trusted-registries`
/// and `trustedRegistries` are the usual mistake.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |name: &str| name.replace(['-', '_'], "").to_ascii_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&plain(known), &plain(name));
    let nearest = known.iter().copied().min_by_key(|known| distance(known))?;
    (distance(nearest) <= 2.min(name.len() / 2)).then_some(nearest)
}
