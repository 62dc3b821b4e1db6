//! Main contexts: where their files are, and when those were made.
//!
//! What comes from elsewhere is fetched before anything is planned, since the Dockerfile is in it.
//!
//! Spec: dockerfile-semantics 8.5, 11.1.

use std::path::{Path, PathBuf};

use super::platforms::go_bool;
use super::prepare::Tasks;
use super::{BuildError, BuildErrorKind, BuildOptions, Builder, ContextSource, DockerfileSource};
use crate::build_context::{Context, ContextError, is_archive, locate, locate_inside};
use crate::cancel::CancelToken;
use crate::fs::PathContext;
use crate::plan::EpochSource;
use crate::remote::{GitSource, HttpSource, RemoteSource};
use crate::solve::{Keeper, Kept, StepError, Watch};
use crate::source::{Outside, SourceError};
use crate::text::SourceFile;

/// The name of what is fetched for a context from a web server.
pub(super) const CONTEXT_FILE: &str = "context";
/// The build arg that keeps `.git` of a main context.
const KEEP_GIT_DIR: &str = "BUILDKIT_CONTEXT_KEEP_GIT_DIR";

/// The main context as it is on this machine.
#[derive(Debug)]
pub(super) struct MainContext {
    /// Its files; none without a context.
    pub(super) directory: Option<PathBuf>,
    /// Whether it was there before: then its ignore file applies, and it has no owners.
    pub(super) is_local: bool,
    /// When it was made, where somebody says so: seconds since 1970.
    modified: Option<i64>,
    /// The Dockerfile in it, where only one file was fetched.
    dockerfile: Option<&'static str>,
}

impl MainContext {
    /// Opens it, where it comes from elsewhere.
    pub(super) fn open_remote(&self) -> Option<Result<Context, crate::build_context::ContextError>> {
        self.remote_directory().map(Context::open_remote)
    }

    /// Returns its files, where they come from elsewhere.
    pub(super) fn remote_directory(&self) -> Option<&Path> {
        self.directory.as_deref().filter(|_| !self.is_local)
    }

    /// What comes from elsewhere lies in a directory of the store's, which tells nobody anything.
    fn as_given(&self, error: ContextError) -> ContextError {
        match error {
            ContextError::NoDockerfile { path, link, similar } if !self.is_local => {
                let name = path.file_name().map_or_else(|| path.clone(), PathBuf::from);
                ContextError::NoDockerfile { path: name, link, similar }
            }
            other => other,
        }
    }

    /// Reads the Dockerfile; also says where it is on this machine, where that has a meaning.
    pub(super) fn dockerfile(&self, options: &BuildOptions) -> Result<(SourceFile, Option<PathBuf>), BuildError> {
        let directory = self.directory.as_deref().unwrap_or(Path::new("/nonexistent"));
        let inside = |path: &Path, shown: String| -> Result<_, BuildError> {
            Ok((SourceFile::from_bytes(shown, &locate_inside(directory, path)?.bytes), None))
        };
        match (&options.dockerfile, self.dockerfile) {
            (DockerfileSource::Inline { name, text }, _) => Ok((SourceFile::from_bytes(name.clone(), text), None)),
            (_, Some(only)) => inside(Path::new(only), "Dockerfile".to_owned()),
            (DockerfileSource::InContext(path), None) => inside(path, path.display().to_string()),
            (DockerfileSource::Path(path), None) => {
                let located = locate(directory, Some(path))?;
                Ok((SourceFile::from_bytes(path.display().to_string(), &located.bytes), Some(located.path)))
            }
            (DockerfileSource::Default, None) => {
                let located = locate(directory, None).map_err(|error| self.as_given(error))?;
                let name = located.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                Ok((SourceFile::from_bytes(name, &located.bytes), self.is_local.then_some(located.path)))
            }
        }
    }
}

impl Builder {
    /// Makes what fetches and keeps.
    fn keeper<'a>(&'a self, options: &'a BuildOptions, cancel: &'a CancelToken) -> Keeper<'a> {
        let outside = Outside {
            store: &self.store,
            secrets: &options.secrets,
            ssh: &options.ssh,
            search_path: &self.host_search_path,
            #[cfg(feature = "registry")]
            registry: &self.registry,
            cancel,
        };
        Keeper { snapshots: &self.snapshots, outside, clamp: None, now: options.now }
    }

    /// Finds the main context, and fetches one from elsewhere.
    pub(super) fn main_context(
        &self,
        options: &BuildOptions,
        tasks: &Tasks<'_>,
        cancel: &CancelToken,
    ) -> Result<MainContext, BuildError> {
        let local = |directory: Option<&PathBuf>| MainContext {
            directory: directory.cloned(),
            is_local: true,
            modified: None,
            dockerfile: None,
        };
        let keeper = self.keeper(options, cancel);
        match &options.context {
            ContextSource::Empty => Ok(local(None)),
            ContextSource::Directory(path) => Ok(local(Some(path))),
            ContextSource::Unpacked { directory, modified } => {
                Ok(MainContext { is_local: false, modified: *modified, ..local(Some(directory)) })
            }
            ContextSource::Git(source) => {
                let mut source: GitSource = source.clone();
                source.keep_git_dir |=
                    options.build_args.get(KEEP_GIT_DIR).is_some_and(|value| go_bool(value) == Some(true));
                let name = format!("[internal] load git source {}", source.display());
                let kept = tasks.run(name, || fetch(&keeper, &RemoteSource::Git(source), &|_, _, _| {}))?;
                let directory = Some(keeper.directory(&kept.result).map_err(kind)?);
                Ok(MainContext { directory, is_local: false, modified: kept.modified, dockerfile: None })
            }
            ContextSource::Http(url) => {
                let source = HttpSource { name: CONTEXT_FILE.to_owned(), ..HttpSource::new(url) };
                let name = "[internal] load remote build context".to_owned();
                tasks.run_measured(name, |moved| web_context(&keeper, &RemoteSource::Http(source), moved))
            }
        }
    }

    /// Returns the time that `SOURCE_DATE_EPOCH` asks for.
    pub(super) fn time_of(
        &self,
        source: &EpochSource,
        main: &MainContext,
        options: &BuildOptions,
        tasks: &Tasks<'_>,
        cancel: &CancelToken,
    ) -> Result<Option<i64>, BuildError> {
        let source = match source {
            EpochSource::Nothing => return Ok(None),
            EpochSource::MainContext => return Ok(main.modified),
            EpochSource::Remote(source) => source,
        };
        let keeper = self.keeper(options, cancel);
        let name = format!("[internal] load the time of {}", source.display());
        tasks.run_measured(name, |moved| {
            let kept = fetch(&keeper, source, moved)?;
            let RemoteSource::Http(file) = source else { return Ok(kept.modified) };
            let path = keeper.directory(&kept.result).map_err(kind)?.join(&file.name);
            match kept.modified {
                None if holds_archive(&path)? => Ok(keeper.unpacked(&kept.result, &file.name).map_err(kind)?.modified),
                modified => Ok(modified),
            }
        })
    }
}

/// A context from a web server: what an archive holds, or a single file, which is the Dockerfile.
fn web_context(keeper: &Keeper<'_>, source: &RemoteSource, moved: &Moved<'_>) -> Result<MainContext, BuildError> {
    let kept = fetch(keeper, source, moved)?;
    let directory = keeper.directory(&kept.result).map_err(kind)?;
    let modified = kept.modified;
    if !holds_archive(&directory.join(CONTEXT_FILE))? {
        let dockerfile = Some(CONTEXT_FILE);
        return Ok(MainContext { directory: Some(directory), is_local: false, modified, dockerfile });
    }
    let unpacked = keeper.unpacked(&kept.result, CONTEXT_FILE).map_err(kind)?;
    let directory = Some(keeper.directory(&unpacked.result).map_err(kind)?);
    Ok(MainContext { directory, is_local: false, modified: modified.or(unpacked.modified), dockerfile: None })
}

fn holds_archive(path: &Path) -> Result<bool, BuildError> {
    Ok(is_archive(std::fs::File::open(path).at("open", path)?))
}

/// Is told how far something is: its name, bytes so far and in all.
type Moved<'m> = dyn Fn(&str, u64, Option<u64>) + Sync + 'm;

fn fetch(keeper: &Keeper<'_>, source: &RemoteSource, moved: &Moved<'_>) -> Result<Kept, BuildError> {
    let name = source.display();
    let progress = |current, total| moved(&name, current, total);
    let watch = Watch { begin: &|| {}, progress: &progress };
    Ok(keeper.get(source, &watch).map_err(kind)?)
}

/// No step failed yet: what went wrong is said as it is.
fn kind(error: StepError) -> BuildErrorKind {
    match error {
        StepError::Source(error) => error.into(),
        StepError::Context(error) => error.into(),
        StepError::Snapshot(error) => SourceError::from(error).into(),
        StepError::Store(error) => error.into(),
        StepError::Path(error) => error.into(),
        StepError::Cancelled(error) => error.into(),
        other => SourceError::MissingFile(other.message()).into(),
    }
}
