//! Why a step ran, or which build made what it found in the cache: plain values, and their words.

mod words;

/// One build, as the store remembers it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BuildRecord {
    /// What it is known by: 16 digits in base 16.
    pub id: String,
    /// When it began, seconds and nanoseconds since 1970.
    pub started: (i64, u32),
    /// How it was asked for, as the caller tells it: `builder build -t app .`, never with values that may be secret.
    pub command: String,
    /// The context: a directory or address, without credentials.
    pub context: String,
    /// The Dockerfile: a path or name.
    pub dockerfile: String,
    /// The target stage that was asked for; empty for the last one.
    pub target: String,
}

/// What there is to say about how a step came to its result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Explanation {
    /// Its result was there.
    Cached {
        /// The build that made it, where it is known: what came with an image or from another store was made elsewhere.
        made_by: Option<BuildRecord>,
        /// The shared cache that it is in, or came from.
        from_cache: Option<String>,
    },
    /// It ran.
    Ran(Ran),
}

/// Why a step ran.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ran {
    /// The kind of reason.
    pub reason: Reason,
    /// What is not as it was at the nearest earlier record; empty where there is none.
    pub changes: Vec<Change>,
    /// The build that made the record it was compared with.
    pub compared_with: Option<BuildRecord>,
    /// Whether it left the same files as the step it was compared with, times aside: then nothing that follows is
    /// disturbed.
    pub same_result: bool,
}

/// The kinds of reasons for which a step runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// No step that is like it has run before.
    NoRecord,
    /// Something is not as it was.
    Changed,
    /// The cache was not asked, for the whole build.
    NoCache,
    /// The cache was not asked, for the stage of the step.
    NoCacheStage,
    /// It comes from elsewhere and had not been there.
    NotInStore,
    /// Nothing changed, but the result is no longer in the store.
    ResultGone,
    /// Nothing changed, but the result was in this shared cache, and its layer never came here.
    NeverFetched(String),
}

/// What a change is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ChangeKind {
    /// The base image: `name` is its reference, `old` and `new` are digests; or references, without a name.
    Base,
    /// An earlier step: `name` is the step as it is now, where it is still there.
    Step {
        /// Whether it ran in this build.
        ran: bool,
    },
    /// The files that a source of COPY or ADD selects; `name` is the keyword and the source.
    Files,
    /// What is copied, or where to.
    Source,
    /// A variable of `ARG`.
    Arg,
    /// A variable of `ENV`.
    Env,
    /// The command of RUN.
    Command,
    /// The shell of RUN.
    Shell,
    /// A script with an interpreter line of its own; `name` is that of its heredoc.
    Script,
    /// The working directory.
    Workdir,
    /// The user.
    User,
    /// The platform.
    Platform,
    /// A flag of the instruction or of the build; `name` is the flag.
    Flag,
    /// `SOURCE_DATE_EPOCH`.
    Epoch,
    /// Something else that `name` tells.
    Other,
}

impl ChangeKind {
    /// Returns the word for it in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Step { .. } => "step",
            Self::Files => "files",
            Self::Source => "source",
            Self::Arg => "arg",
            Self::Env => "env",
            Self::Command => "command",
            Self::Shell => "shell",
            Self::Script => "script",
            Self::Workdir => "workdir",
            Self::User => "user",
            Self::Platform => "platform",
            Self::Flag => "flag",
            Self::Epoch => "epoch",
            Self::Other => "other",
        }
    }
}

/// One thing that is not as it was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What it is about.
    pub kind: ChangeKind,
    /// Which one.
    pub name: String,
    /// Its value before; `None` where it was not there.
    pub old: Option<ChangedValue>,
    /// Its value now; `None` where it is gone.
    pub new: Option<ChangedValue>,
    /// Which files changed, where that is known.
    pub files: Option<FileChanges>,
}

impl Change {
    /// Makes a change that has no files.
    pub fn new(
        kind: ChangeKind,
        name: impl Into<String>,
        old: Option<ChangedValue>,
        new: Option<ChangedValue>,
    ) -> Self {
        Self { kind, name: name.into(), old, new, files: None }
    }
}

/// A value before or after a change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ChangedValue {
    /// It may be shown.
    Shown(String),
    /// It is not shown: it sounds like a secret, or holds a password.
    Hidden,
    /// It says nothing to a person, or is too long to have been kept.
    Opaque,
}

impl ChangedValue {
    /// Returns the value where it may be shown.
    pub fn shown(&self) -> Option<&str> {
        match self {
            Self::Shown(value) => Some(value),
            Self::Hidden | Self::Opaque => None,
        }
    }
}

/// Which files changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FileChanges {
    /// Files and directories whose content or attributes are not as they were.
    pub changed: FileNames,
    /// What was not there.
    pub added: FileNames,
    /// What is gone.
    pub removed: FileNames,
}

/// The first few of some files, and how many there are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FileNames {
    /// The first ones, from the root of where they are taken from.
    pub first: Vec<String>,
    /// How many there are in all.
    pub count: usize,
}

impl FileNames {
    /// How many names are kept.
    pub const KEPT: usize = 5;

    /// Adds a name; only the first few are kept.
    pub fn push(&mut self, name: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < Self::KEPT {
            self.first.push(name());
        }
    }
}

/// What there is to say about one step of a build.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExplainedStep {
    /// The step's name.
    pub name: String,
    /// How it came to its result.
    pub explanation: Explanation,
}
