//! A case as its directory says it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::Deserialize;

use crate::support;

/// What is compared besides the exit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Paths that the build added, changed or removed, without their times.
    Files,
    /// Times of those paths, in whole seconds; "now" where the time is of the build.
    Times,
    /// The archive of each layer: what it has and what it takes away.
    Layers,
    /// The image's config.
    Config,
    /// Lines of history, and which of them have a layer.
    History,
}

/// The parts that a case compares.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Compare(pub Vec<Part>);

impl Default for Compare {
    fn default() -> Self {
        Self(vec![Part::Files, Part::Config, Part::History])
    }
}

impl Compare {
    pub fn has(&self, part: Part) -> bool {
        self.0.contains(&part)
    }
}

/// `case.toml`, with what a missing line stands for.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Case {
    /// What it shows, in a line.
    pub about: String,
    /// Arguments of the build; `{work}` is the directory with the copy of the case.
    pub args: Vec<String>,
    /// A script that runs in the copy of the context and makes what a repository cannot hold.
    pub setup: Option<String>,
    /// A Dockerfile of the case, built first with the same context and called `first`.
    pub first: Option<String>,
    /// Text that the message of a failing build has.
    pub error: Option<String>,
    /// Why the outcome depends on who builds; without it the case runs as an ordinary user too.
    pub root_only: Option<String>,
    /// What is not there yet.
    pub pending: Option<String>,
    /// Why the peer makes something else of it.
    pub differs: Option<String>,
    /// What is compared.
    pub compare: Compare,
    /// Environment of the build.
    pub environment: BTreeMap<String, String>,
    #[serde(skip)]
    pub name: String,
    #[serde(skip)]
    pub directory: PathBuf,
}

impl Case {
    fn read(directory: &Path) -> Self {
        let name = directory.file_name().expect("name").to_string_lossy().into_owned();
        let text = fs::read_to_string(directory.join("case.toml")).unwrap_or_default();
        let case: Self = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}/case.toml: {error}"));
        Self { name, directory: directory.to_owned(), ..case }
    }

    /// The expected outcome.
    pub fn expected(&self) -> PathBuf {
        self.directory.join("expected.txt")
    }
}

/// All cases whose names have the text of `BUILDER_CONFORMANCE_ONLY`, by name.
pub fn all() -> Vec<Case> {
    let folder =
        env::var_os("BUILDER_CONFORMANCE_CASES").map_or_else(|| support::fixture("conformance"), PathBuf::from);
    let only = env::var("BUILDER_CONFORMANCE_ONLY").unwrap_or_default();
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut directories: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    directories.sort();
    let cases: Vec<Case> =
        directories.iter().map(|path| Case::read(path)).filter(|case| case.name.contains(&only)).collect();
    assert!(!cases.is_empty(), "no case in {}", folder.display());
    cases
}
