//! The command `lint`.

use std::path::PathBuf;

use builder_core::lint::Level;
use builder_core::lint::options::LabelType;
use clap::{Args, ValueEnum};

use crate::lint::config::read;

/// Look for mistakes in Dockerfiles, and mend them.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct LintArgs {
    /// Files, folders to search for Dockerfiles, or - for standard input [default: the current folder]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Name that standard input goes by
    #[arg(long, value_name = "NAME")]
    pub(crate) stdin_filename: Option<PathBuf>,
    /// Build context of the files, which COPY and ADD take from [default: looked for in their folders and above]
    #[arg(long, value_name = "FOLDER", conflicts_with = "hadolint_compat")]
    pub(crate) context: Option<PathBuf>,

    /// Form of the report; may be repeated, each with an --output
    #[arg(short, long, value_enum, value_name = "FORMAT", help_heading = "Report")]
    pub(crate) format: Vec<LintFormat>,
    /// File to write the report to; the first one is for the first --format, and so on
    #[arg(short, long, value_name = "FILE", help_heading = "Report")]
    pub(crate) output: Vec<PathBuf>,
    #[arg(
        long,
        value_name = "PATH",
        help_heading = "Report",
        help = "Path that reports show in place of the file's; with --hadolint-compat those of them in which hadolint does"
    )]
    pub(crate) file_path_in_report: Option<String>,
    /// No colours
    #[arg(long, help_heading = "Report")]
    pub(crate) no_color: bool,
    /// Say which configuration holds for which file, and how long it took
    #[arg(short = 'V', long, help_heading = "Report")]
    pub(crate) verbose: bool,

    /// Only these rules: codes, names, beginnings of codes, groups or ALL
    #[arg(long, value_name = "RULES", value_delimiter = ',', help_heading = "Rules")]
    pub(crate) select: Vec<String>,
    /// These rules as well as those that look anyway
    #[arg(long, value_name = "RULES", value_delimiter = ',', help_heading = "Rules")]
    pub(crate) extend_select: Vec<String>,
    /// Not these rules
    #[arg(long, value_name = "RULES", value_delimiter = ',', help_heading = "Rules")]
    pub(crate) ignore: Vec<String>,
    /// Rules whose findings are errors; of several levels for a rule the gravest counts
    #[arg(long, value_name = "RULES", value_delimiter = ',', help_heading = "Rules")]
    pub(crate) error: Vec<String>,
    /// Rules whose findings are warnings
    #[arg(long, value_name = "RULES", value_delimiter = ',', help_heading = "Rules")]
    pub(crate) warning: Vec<String>,
    /// Rules whose findings are information
    #[arg(long, value_name = "RULES", value_delimiter = ',', help_heading = "Rules")]
    pub(crate) info: Vec<String>,
    /// Rules whose findings are a matter of style
    #[arg(long, value_name = "RULES", value_delimiter = ',', help_heading = "Rules")]
    pub(crate) style: Vec<String>,
    /// Rules that may still change, too
    #[arg(long, help_heading = "Rules")]
    pub(crate) preview: bool,
    /// Registry that images may come from; may be repeated
    #[arg(long, value_name = "REGISTRY", value_delimiter = ',', help_heading = "Rules")]
    pub(crate) trusted_registry: Vec<String>,
    /// Label that there must be, and its type: text, url, semver, hash, rfc3339, spdx or email
    #[arg(long, value_name = "NAME:TYPE", value_delimiter = ',', value_parser = read::label, help_heading = "Rules")]
    pub(crate) require_label: Vec<(String, LabelType)>,
    /// No labels but those
    #[arg(long, help_heading = "Rules")]
    pub(crate) strict_labels: bool,
    /// Comments silence nothing
    #[arg(long, help_heading = "Rules")]
    pub(crate) disable_ignore_pragma: bool,
    /// Ask the installed ShellCheck, too, for what our own rules do not look for
    #[arg(long, value_name = "PATH", num_args = 0..=1, require_equals = true, default_missing_value = "shellcheck", help_heading = "Rules")]
    pub(crate) shellcheck: Option<PathBuf>,
    /// Find what hadolint finds, where hadolint finds it, with its forms of report and its exit codes
    #[arg(long, help_heading = "Rules")]
    pub(crate) hadolint_compat: bool,

    /// Least level that makes the command fail: error, warning, info, style, or ignore or none (anything) [default: info]
    #[arg(short = 't', long, value_name = "LEVEL", value_parser = read::threshold_of, help_heading = "Outcome")]
    pub(crate) failure_threshold: Option<Level>,
    /// Findings do not make the command fail
    #[arg(long, help_heading = "Outcome")]
    pub(crate) no_fail: bool,

    /// Configuration file for all files
    #[arg(short, long, value_name = "FILE", help_heading = "Configuration")]
    pub(crate) config: Option<PathBuf>,
    /// No configuration file
    #[arg(long, conflicts_with = "config", help_heading = "Configuration")]
    pub(crate) no_config: bool,

    /// Mend what can be mended without changing the image
    #[arg(long, help_heading = "Fixes")]
    pub(crate) fix: bool,
    /// With --fix or --diff: mend also what may change the image
    #[arg(long, help_heading = "Fixes")]
    pub(crate) unsafe_fixes: bool,
    /// Show what --fix would change, and change nothing, even with --fix
    #[arg(long, conflicts_with_all = ["format", "output"], help_heading = "Fixes")]
    pub(crate) diff: bool,
    /// List what was mended
    #[arg(long, requires = "fix", conflicts_with = "diff", help_heading = "Fixes")]
    pub(crate) show_fixes: bool,

    /// Show the documentation of a rule, by code or name, or of all
    #[arg(long, value_name = "RULE|all", conflicts_with = "paths", help_heading = "Documentation")]
    pub(crate) explain: Option<String>,
    /// List all rules; with --format json for programs
    #[arg(long, conflicts_with_all = ["paths", "explain"], help_heading = "Documentation")]
    pub(crate) list_rules: bool,
}

/// What scripts can rely on.
const EXIT_CODES: &str = "Exit codes:\n  0  no findings at or above the threshold\n  1  findings, or changes with --diff\n  \
    2  could not run: a wrong option or configuration, a file that cannot be read\nWith --hadolint-compat: 0 or 1.";

/// The forms of a report.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
pub(crate) enum LintFormat {
    /// The source with underlines, help and links
    Text,
    /// One line a finding, with columns
    Compact,
    /// hadolint's: one line a finding
    Tty,
    /// An array of objects
    Json,
    /// Checkstyle's XML
    Checkstyle,
    /// Code Climate: objects, each ended by a NUL
    Codeclimate,
    /// GitLab's code quality report
    #[value(name = "gitlab_codeclimate", aliases = ["gitlab-codeclimate", "gitlab"])]
    GitlabCodeclimate,
    /// The form of GNU's compilers
    Gnu,
    /// Codacy: objects one after another
    Codacy,
    /// SonarQube's generic issues
    Sonarqube,
    /// SARIF 2.1.0
    Sarif,
    /// JUnit's XML
    Junit,
    /// Annotations of GitHub Actions
    Github,
}
