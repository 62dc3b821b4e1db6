//! What a run is told to look for: environment, configuration files and command line, each a [`Layer`].

mod hadolint;
mod lookup;
mod own;
pub(crate) mod read;
mod resolve;
mod toml;
mod value;
mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use builder_core::diagnostic::Diagnostic;
use builder_core::lint::Level;
use builder_core::lint::options::LabelType;
use builder_core::text::SourceFile;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

pub(crate) use lookup::{Lookup, Search};
pub(crate) use resolve::{ForeignRules, Resolved, Resolver};

use crate::args::LintFormat;
use crate::error::{CommandError, ErrorKind, Report};

/// The least level of a finding that makes the run fail.
pub(crate) type Threshold = Level;

/// Settings from one place. Lists of several layers add up; of anything else, the last layer that has it wins.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Layer {
    /// The rules that look; where nobody says, those that look by default.
    pub(crate) select: Option<Vec<String>>,
    pub(crate) extend_select: Vec<String>,
    pub(crate) ignore: Vec<String>,
    /// Other levels of rules; of two for the same rule, the last one.
    pub(crate) levels: Vec<(String, Level)>,
    /// Patterns of files, and the rules that are silent there.
    pub(crate) per_file_ignores: Vec<(String, Vec<String>)>,
    pub(crate) preview: Option<bool>,
    pub(crate) trusted_registries: Vec<String>,
    pub(crate) label_schema: BTreeMap<String, LabelType>,
    pub(crate) strict_labels: Option<bool>,
    pub(crate) disable_pragmas: Option<bool>,
    pub(crate) threshold: Option<Threshold>,
    pub(crate) formats: Vec<LintFormat>,
    pub(crate) no_fail: Option<bool>,
    pub(crate) no_color: Option<bool>,
    pub(crate) verbose: Option<bool>,
}

/// A configuration file that was read.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Config {
    /// Its path from the root.
    pub(crate) path: PathBuf,
    pub(crate) layer: Layer,
    /// What is left out of it, shown with its text.
    pub(crate) warnings: Option<(SourceFile, Vec<Diagnostic>)>,
}

/// How to take what is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Strictness {
    /// It is an error.
    Strict,
    /// It is left out, as hadolint does.
    Lenient,
}

impl Config {
    /// Reads a configuration file: TOML where it is called so, else YAML.
    ///
    /// # Errors
    /// It cannot be read, or something in it is wrong; every such thing is shown with its place.
    pub(crate) fn read(path: &Path, strictness: Strictness) -> Result<Self, CommandError> {
        let cannot = |error: &dyn std::fmt::Display| {
            CommandError::usage(format!("cannot read the configuration file `{}`: {error}", path.display()))
        };
        // Only the empty path has no absolute one; no file has that.
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let here = std::path::absolute(".").unwrap_or_default();
        let shown = absolute.strip_prefix(here).unwrap_or(&absolute);
        let bytes = std::fs::read(path).map_err(|error| cannot(&error))?;
        let text = String::from_utf8(bytes).map_err(|_| cannot(&"it is not UTF-8"))?;
        let source = SourceFile::new(shown.display().to_string(), text);
        let is_toml = path.extension().is_some_and(|extension| extension == "toml");
        let parsed = if is_toml { toml::parse(&source) } else { yaml::parse(&source) };
        let mut reader = value::Reader::default();
        let layer = match &parsed {
            Ok(value) if is_toml => own::layer(&mut reader, value),
            Ok(value) => hadolint::layer(&mut reader, value),
            Err(error) => {
                reader.diagnostics.push(error.clone());
                Layer::default()
            }
        };
        if strictness == Strictness::Lenient {
            reader
                .diagnostics
                .retain(|diagnostic| !matches!(diagnostic.id, "unknown-key" | "unknown-rule" | "wrong-registry"));
            reader.warnings.clear();
        }
        if reader.diagnostics.is_empty() {
            let warnings = (!reader.warnings.is_empty()).then_some((source, reader.warnings));
            return Ok(Self { path: absolute, layer, warnings });
        }
        Err(broken(source, reader.diagnostics))
    }

    /// Returns the folder that patterns in the file are relative to.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}

fn broken(source: SourceFile, diagnostics: Vec<Diagnostic>) -> CommandError {
    let message = format!("the configuration file `{}` is wrong", source.name());
    let mut error = CommandError::new(ErrorKind::Usage, message);
    error.report = Report { source_file: Some(source), diagnostics, last_line: None };
    error
}

fn has_open_class(pattern: &str) -> bool {
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        // The first character of a class belongs to it, whatever it is.
        let is_quoted = matches!(c, '\\' | '[') && chars.next().is_some();
        if c == '[' && !(is_quoted && chars.any(|c| c == ']')) {
            return true;
        }
    }
    false
}

/// A pattern for files as `.gitignore` has it.
#[derive(Debug)]
pub(crate) struct Globs(Gitignore);

impl Globs {
    /// Reads a pattern that is relative to a folder.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn new(folder: &Path, pattern: &str) -> Result<Self, String> {
        // What Git takes for something else, or as it stands, is a mistake here.
        match pattern.chars().next() {
            None => return Err("it is empty".to_owned()),
            Some('#') => return Err("it is a comment".to_owned()),
            Some('!') => return Err("patterns add up, and none takes a file back".to_owned()),
            _ if has_open_class(pattern) => return Err("a `[` has no `]`; `\\[` is the character itself".to_owned()),
            _ => {}
        }
        let mut builder = GitignoreBuilder::new(folder);
        builder.add_line(None, pattern).and_then(|builder| builder.build()).map(Self).map_err(|error| error.to_string())
    }

    /// Tells whether a file is meant.
    pub(crate) fn matches(&self, file: &Path) -> bool {
        let file = file.strip_prefix(self.0.path()).unwrap_or(file);
        !file.is_absolute() && self.0.matched_path_or_any_parents(file, false).is_ignore()
    }
}
