//! From options to a plan: the Dockerfile is read and parsed, contexts are named, base images resolved.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::remote::{CONTEXT_FILE, MainContext};
use super::{BuildError, BuildErrorKind, BuildOptions, Builder, ContextSource, NamedContextSource, PullPolicy};
use crate::build_context::{Context, ignore_file};
use crate::cancel::CancelToken;
use crate::diagnostic::{Diagnostic, Severity};
use crate::dockerfile::parse;
use crate::dockerignore;
use crate::event::{Event, EventSink};
use crate::plan::op::ImageKey;
use crate::plan::{ImageRequest, NamedContext, Plan, PlanOptions, Planned, ResolvedImage, plan, unused_build_args};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::remote::{HttpSource, RemoteSource};
use crate::source::{Resolved, SourceError, resolve_layout, resolve_stored, unpack_archive};
use crate::store::WorkDir;
use crate::text::{SourceFile, Span};

/// Everything that a solve needs.
pub(super) struct Prepared {
    pub(super) source_file: Arc<SourceFile>,
    pub(super) plan: Plan,
    pub(super) images: BTreeMap<ImageKey, Resolved>,
    pub(super) contexts: BTreeMap<String, Context>,
    /// Archives that were unpacked for their images; they must stay until the build is over.
    _archives: Vec<WorkDir>,
}

/// Times the tasks that are no step of the plan.
pub(super) struct Tasks<'e> {
    events: &'e dyn EventSink,
    next: std::sync::atomic::AtomicU32,
}

impl<'e> Tasks<'e> {
    pub(super) fn new(events: &'e dyn EventSink) -> Self {
        Self { events, next: std::sync::atomic::AtomicU32::new(0) }
    }

    pub(super) fn run<T, E: std::fmt::Display>(
        &self,
        name: String,
        action: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let task = self.next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let begin = std::time::Instant::now();
        self.events.emit(Event::TaskStarted { task, name });
        let outcome = action();
        let error = outcome.as_ref().err().map(ToString::to_string);
        self.events.emit(Event::TaskFinished { task, error, elapsed: begin.elapsed() });
        outcome
    }
}

impl Builder {
    /// Plans a build without running anything.
    ///
    /// # Errors
    /// [`BuildError`] where the Dockerfile, its context or its base images cannot be used.
    pub fn plan(
        &self,
        options: &BuildOptions,
        events: &dyn EventSink,
        cancel: &CancelToken,
    ) -> Result<Plan, BuildError> {
        Ok(self.prepare(options, &Tasks::new(events), events, cancel)?.plan)
    }

    pub(super) fn prepare(
        &self,
        options: &BuildOptions,
        tasks: &Tasks<'_>,
        events: &dyn EventSink,
        cancel: &CancelToken,
    ) -> Result<Prepared, BuildError> {
        let main = self.main_context(options, tasks, cancel)?;
        let (source_file, dockerfile_path) = main.dockerfile(options)?;
        let source_file = Arc::new(source_file);
        let parsed = parse(&source_file);
        if parsed.has_errors() {
            return Err(BuildErrorKind::Dockerfile { source_file, diagnostics: parsed.diagnostics }.into());
        }
        let warn = |diagnostic| events.emit(Event::Warning { diagnostic, source_file: Arc::clone(&source_file) });
        parsed.diagnostics.into_iter().filter(|diagnostic| diagnostic.severity < Severity::Error).for_each(warn);
        let mut plan_options = plan_options(options);
        let mut archives = Vec::new();
        let mut images: BTreeMap<ImageKey, Resolved> = BTreeMap::new();
        let mut known: BTreeMap<ImageKey, ResolvedImage> = BTreeMap::new();
        let plan = loop {
            let planned = plan(&parsed.dockerfile, &plan_options, &known)
                .map_err(|error| BuildErrorKind::Plan { source_file: Arc::clone(&source_file), error })?;
            let requests = match planned {
                Planned::Ready(plan) => break *plan,
                Planned::NeedImages(requests) => requests,
                Planned::NeedEpoch(source) => {
                    let time = self.time_of(&source, &main, options, tasks, cancel)?;
                    let text = time.map(|time| time.to_string()).unwrap_or_default();
                    plan_options.build_args.insert("SOURCE_DATE_EPOCH".to_owned(), text);
                    continue;
                }
            };
            for ImageRequest { key, span } in requests {
                cancel.check()?;
                let name = format!("[internal] load metadata for {}", key.name);
                let resolved = tasks.run(name, || self.resolve(&key, options, &mut archives, cancel));
                let resolved = resolved.map_err(|error| BuildErrorKind::Resolve {
                    source_file: Arc::clone(&source_file),
                    name: key.name.clone(),
                    span,
                    error,
                })?;
                other_platform(&key, &resolved, span).into_iter().for_each(warn);
                known.insert(
                    key.clone(),
                    ResolvedImage {
                        config: resolved.config.clone(),
                        digest: resolved.manifest,
                        display: resolved.display.clone(),
                    },
                );
                images.insert(key, resolved);
            }
        };
        unused_build_args(&parsed.dockerfile, &plan_options, &known).into_iter().for_each(warn);
        #[cfg(feature = "lint")]
        if let Some(request) = &options.lint {
            let planned = super::lint::Planned {
                source: &source_file,
                dockerfile: &parsed.dockerfile,
                dockerfile_path: dockerfile_path.as_deref(),
                remote_context: main.remote_directory(),
                plan_options: &plan_options,
                images: &known,
            };
            let findings = super::lint::findings(request, options, &planned);
            let denied = request.deny.is_some_and(|deny| findings.iter().any(|finding| finding.level >= deny));
            if denied {
                let diagnostics = findings.into_iter().map(|finding| finding.diagnostic).collect();
                return Err(BuildErrorKind::Denied { source_file, diagnostics }.into());
            }
            for finding in findings {
                let code = finding.code();
                let source_file = Arc::clone(&source_file);
                events.emit(Event::Finding { code, diagnostic: finding.diagnostic, source_file });
            }
        }
        let contexts = open_contexts(options, &main, &plan, dockerfile_path.as_deref())?;
        Ok(Prepared { source_file, plan, images, contexts, _archives: archives })
    }

    fn resolve(
        &self,
        key: &ImageKey,
        options: &BuildOptions,
        archives: &mut Vec<WorkDir>,
        cancel: &CancelToken,
    ) -> Result<Resolved, SourceError> {
        match options.contexts.get(&key.name) {
            Some(NamedContextSource::OciLayout { path, tag, digest }) => {
                let (tag, digest) = (tag.as_deref(), digest.as_ref());
                if path.is_dir() {
                    return resolve_layout(path, path, tag, digest, &key.platform);
                }
                let file = std::fs::File::open(path).map_err(|source| crate::fs::PathError {
                    operation: "open",
                    path: path.clone(),
                    source,
                })?;
                let unpacked = unpack_archive(file, path, &self.store, cancel)?;
                let resolved = resolve_layout(unpacked.path(), path, tag, digest, &key.platform)?;
                archives.push(unpacked);
                Ok(resolved)
            }
            Some(NamedContextSource::Image(reference)) => {
                self.resolve_reference(reference, &key.platform, options.pull, cancel)
            }
            _ => match key.name.parse() {
                Ok(reference) => self.resolve_reference(&reference, &key.platform, options.pull, cancel),
                Err(_) => Err(SourceError::NotFound { name: key.name.clone() }),
            },
        }
    }

    fn resolve_reference(
        &self,
        reference: &Reference,
        platform: &Platform,
        pull: PullPolicy,
        cancel: &CancelToken,
    ) -> Result<Resolved, SourceError> {
        let stored = match self.store.image(reference)? {
            Some(image) if !self.store.is_true_of(reference, &image)? => None,
            found => found,
        };
        let by_digest = match (&stored, reference.digest()) {
            (None, Some(digest)) => self.store.all_images()?.into_iter().find(|image| image.manifest == *digest),
            _ => None,
        };
        let stored = match stored.or(by_digest) {
            Some(image) if pull == PullPolicy::Missing => resolve_stored(&self.store, &image, platform)?,
            _ => return self.resolve_remote(reference, platform, cancel),
        };
        let found = stored.config.platform();
        if platform.rank(&found).is_some() {
            return Ok(stored);
        }
        // The name may stand for images of several platforms, and the store holds one of them.
        match self.resolve_remote(reference, platform, cancel) {
            Err(error) if !error.is_cancelled() => Err(SourceError::OtherPlatform {
                name: reference.to_string(),
                found,
                wanted: platform.clone(),
                source: Box::new(error),
            }),
            outcome => outcome,
        }
    }

    #[cfg(feature = "registry")]
    fn resolve_remote(
        &self,
        reference: &Reference,
        platform: &Platform,
        cancel: &CancelToken,
    ) -> Result<Resolved, SourceError> {
        crate::source::resolve_remote(reference, platform, &self.registry, &self.store, cancel)
    }

    #[cfg(not(feature = "registry"))]
    #[expect(clippy::unused_self, reason = "the store is what the other one fills")]
    fn resolve_remote(&self, name: &Reference, _: &Platform, cancel: &CancelToken) -> Result<Resolved, SourceError> {
        cancel.check()?;
        Err(SourceError::NotFound { name: name.to_string() })
    }
}

/// A base that was made for another platform is taken, as BuildKit takes it, and said.
fn other_platform(key: &ImageKey, resolved: &Resolved, span: Span) -> Option<Diagnostic> {
    let found = resolved.config.platform();
    if key.platform.rank(&found).is_some() {
        return None;
    }
    let message = format!(
        "Base image {} was pulled with platform \"{found}\", expected \"{}\" for current build",
        key.name, key.platform
    );
    Some(Diagnostic::warning("invalid-base-image-platform", span, message).help(
        "name the platform that the image has (`--platform`), or take an image that is made for several platforms",
    ))
}

fn plan_options(options: &BuildOptions) -> PlanOptions {
    let host = Platform::host();
    let platform = options.platform.clone().unwrap_or_else(|| host.clone());
    let mut plan = PlanOptions::new(platform, host);
    plan.explicit_platform = options.platform.is_some();
    // An empty name is no name, as with docker: scripts pass what may be unset.
    plan.target = options.target.clone().filter(|target| !target.is_empty());
    plan.build_args.clone_from(&options.build_args);
    plan.labels.clone_from(&options.labels);
    plan.network = options.network;
    plan.allow.clone_from(&options.allow);
    plan.has_main_context = options.context != ContextSource::Empty;
    plan.contexts = options
        .contexts
        .iter()
        .map(|(name, source)| {
            let context = match source {
                NamedContextSource::Directory(_) => NamedContext::Local,
                NamedContextSource::Git(source) => NamedContext::Remote(RemoteSource::Git(source.clone())),
                NamedContextSource::Http(url) => {
                    let source = HttpSource { name: CONTEXT_FILE.to_owned(), ..HttpSource::new(url) };
                    NamedContext::Remote(RemoteSource::Http(source))
                }
                NamedContextSource::Stage(name) => NamedContext::Stage(name.clone()),
                NamedContextSource::Scratch => NamedContext::Scratch,
                NamedContextSource::Image(_) | NamedContextSource::OciLayout { .. } => NamedContext::Image,
                NamedContextSource::Host(programs) => {
                    let mut programs = programs.clone();
                    programs.sort();
                    programs.dedup();
                    NamedContext::Host(programs)
                }
            };
            (name.clone(), context)
        })
        .collect();
    plan
}

/// Opens the local contexts that the plan reads; the others are never looked at.
fn open_contexts(
    options: &BuildOptions,
    main: &MainContext,
    plan: &Plan,
    dockerfile: Option<&Path>,
) -> Result<BTreeMap<String, Context>, BuildError> {
    let mut contexts = BTreeMap::new();
    for name in plan.contexts.keys() {
        let (path, ignored) = match (options.contexts.get(name), &main.directory, main.open_remote()) {
            (Some(NamedContextSource::Directory(path)), _, _) => (path, ignore_file(path, None)?),
            (_, None, _) => continue,
            (_, _, Some(context)) => {
                contexts.insert(name.clone(), context?);
                continue;
            }
            (_, Some(path), None) => (path, ignore_file(path, dockerfile)?),
        };
        let rules = match ignored {
            None => None,
            Some(located) => {
                let patterns = dockerignore::parse(&located.text).map_err(|error| BuildErrorKind::IgnoreFile {
                    source_file: Arc::new(SourceFile::new(located.path.display().to_string(), located.text.clone())),
                    error,
                })?;
                Some(patterns)
            }
        };
        contexts.insert(name.clone(), Context::open(path, rules)?);
    }
    Ok(contexts)
}
