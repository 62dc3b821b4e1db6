//! What a rule is: names, level, group, documentation, and the function that looks.

use super::context::Context;
use super::model::{CommandView, InstructionView, ScriptView, StageView};
use crate::shell::Index;

/// How grave a finding is, in hadolint's words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// A matter of taste.
    Style,
    /// Worth knowing.
    Info,
    /// Likely a mistake.
    Warning,
    /// A mistake.
    Error,
}

impl Level {
    /// Returns the name that hadolint gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Style => "style",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Style, Self::Info, Self::Warning, Self::Error].into_iter().find(|level| level.name() == name)
    }
}

/// What a rule is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Group {
    /// The build fails, or does not do what is written.
    Correctness,
    /// The image, or whoever builds it, can be attacked more easily.
    Security,
    /// The same file gives other images on other days.
    Reproducibility,
    /// The image is larger than it has to be.
    Size,
    /// The build is slower than it has to be.
    Speed,
    /// Readers and maintainers have it harder than they have to.
    Maintenance,
    /// The text of a shell, as ShellCheck looks at it.
    Shell,
    /// What an organisation asks of its labels.
    Labels,
}

impl Group {
    /// Returns the name that stands in configurations and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Correctness => "correctness",
            Self::Security => "security",
            Self::Reproducibility => "reproducibility",
            Self::Size => "size",
            Self::Speed => "speed",
            Self::Maintenance => "maintenance",
            Self::Shell => "shell",
            Self::Labels => "labels",
        }
    }
}

/// Whether a rule looks without being asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activation {
    /// It does.
    Default,
    /// It is an opinion: whoever holds it selects it.
    Opinion,
    /// It needs a configuration to know what to look for.
    Configured,
}

/// How often a rule can mend what it finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fixable {
    /// Never.
    Never,
    /// In the plain cases.
    Sometimes,
    /// Always.
    Always,
}

/// Since when a rule is what it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// It may still change; it is off unless preview is asked for.
    Preview(&'static str),
    /// It stays.
    Stable(&'static str),
    /// It goes.
    Deprecated(&'static str),
}

/// The function that looks, by what it looks at.
#[derive(Clone, Copy)]
pub enum Check {
    /// The whole file.
    File(fn(&Context<'_>)),
    /// Each stage.
    Stage(fn(&Context<'_>, &StageView)),
    /// Each instruction, and each trigger of `ONBUILD` as one of its own.
    Instruction(fn(&Context<'_>, &InstructionView<'_>)),
    /// Each script of a shell.
    Script(fn(&Context<'_>, &ScriptView<'_>)),
    /// Each script that ShellCheck would look at, gone through once for all rules.
    Tree(fn(&Context<'_>, &ScriptView<'_>, &Index<'_>)),
    /// Each command in a `RUN`.
    Command(fn(&Context<'_>, &CommandView<'_>)),
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            Self::Stage(_) => "Stage",
            Self::Instruction(_) => "Instruction",
            Self::Script(_) => "Script",
            Self::Tree(_) => "Tree",
            Self::Command(_) => "Command",
        })
    }
}

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name, which reads after "allow".
    pub id: &'static str,
    /// The names that hadolint, ShellCheck and BuildKit have for it; the first is the one that is shown.
    pub codes: &'static [&'static str],
    /// One line about what it finds.
    pub summary: &'static str,
    /// How grave its findings are.
    pub level: Level,
    /// What it is about.
    pub group: Group,
    /// Whether it looks without being asked.
    pub activation: Activation,
    /// How often it can mend what it finds.
    pub fixable: Fixable,
    /// Since when it is what it is.
    pub status: Status,
    /// What `--explain` shows, in Markdown.
    pub documentation: &'static str,
    /// The function that looks.
    pub check: Check,
}

impl Rule {
    /// Returns the name that is shown: the code that people know, or the id where there is none.
    pub fn code(&self) -> &'static str {
        self.codes.first().copied().unwrap_or(self.id)
    }

    /// Tells whether a name is one of the rule's, letter case included, as hadolint and BuildKit have it.
    pub fn is_named(&self, name: &str) -> bool {
        self.id == name || self.codes.contains(&name)
    }

    /// Tells whether hadolint has the rule, under its own code or as ShellCheck's.
    pub fn is_hadolints(&self) -> bool {
        self.codes.iter().any(|code| code.starts_with("DL") || code.starts_with("SC"))
    }

    /// Tells whether the code is ShellCheck's.
    pub fn is_shellchecks(&self) -> bool {
        self.code().starts_with("SC")
    }

    /// Returns BuildKit's name for it, where it has one.
    pub fn buildkit_name(&self) -> Option<&'static str> {
        self.codes
            .iter()
            .copied()
            .find(|code| code.starts_with(char::is_uppercase) && code.contains(char::is_lowercase))
    }

    /// Returns where its documentation is: that of the tool that people know it from.
    pub fn url(&self) -> Option<String> {
        let code = self.code();
        if code.starts_with("DL") {
            Some(format!("https://github.com/hadolint/hadolint/wiki/{code}"))
        } else if code.starts_with("SC") {
            Some(format!("https://www.shellcheck.net/wiki/{code}"))
        } else {
            self.buildkit_name().map(super::buildkit::url)
        }
    }
}

/// Makes a rule of a documented table: the documentation is what `--explain` shows.
macro_rules! rule {
    ($(#[doc = $line:literal])* $name:ident { $($field:ident : $value:expr),* $(,)? }) => {
        $(#[doc = $line])*
        pub(in crate::lint) static $name: $crate::lint::Rule = $crate::lint::Rule {
            $($field: $value,)*
            documentation: concat!($($line, "\n"),*),
        };
    };
}

pub(in crate::lint) use rule;
