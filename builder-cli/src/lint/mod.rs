//! What `builder lint` has around the library's rules: files, configuration, forms of report, writing fixes.
//!
//! | file | what |
//! |---|---|
//! | `files` | which files there are to look at, and reading them |
//! | `config/` | settings from files, environment and command line |
//! | `contexts` | the folders that may be a Dockerfile's build context |
//! | `run` | looking at the files, in parallel |
//! | `shellcheck` | asking an installed ShellCheck |
//! | `write` | putting mended files in the place of others, and showing differences |
//! | `format/` | forms of report |
//! | `explain` | documentation and list of the rules |

pub(crate) mod config;
pub(crate) mod contexts;
pub(crate) mod explain;
pub(crate) mod files;
pub(crate) mod format;
pub(crate) mod run;
pub(crate) mod shellcheck;
pub(crate) mod write;

use builder_core::lint::{Finding, Level};
use builder_core::text::SourceFile;

/// A file that was looked at.
#[derive(Debug)]
pub(crate) struct Linted {
    /// Its text; after mending, the new one.
    pub(crate) source: SourceFile,
    /// What was found; after mending, what is left.
    pub(crate) findings: Vec<Finding>,
    /// The text before it was mended, where it was.
    pub(crate) before: Option<SourceFile>,
    /// The codes of the fixes that were applied.
    pub(crate) applied: Vec<&'static str>,
    /// Why it was not mended, where it should have been.
    pub(crate) trouble: Option<String>,
    /// The least level that makes the run fail; `None` where nothing does.
    pub(crate) threshold: Option<Level>,
}

impl Linted {
    /// Joins a file and its findings.
    pub(crate) fn new(source: SourceFile, findings: Vec<Finding>) -> Self {
        Self { source, findings, before: None, applied: Vec::new(), trouble: None, threshold: Some(Level::Info) }
    }

    /// Tells whether the run fails because of it.
    pub(crate) fn fails(&self) -> bool {
        self.threshold.is_some_and(|threshold| self.findings.iter().any(|finding| finding.level >= threshold))
    }
}
