//! From options to a plan: the Dockerfile is read and parsed, contexts are named, base images resolved.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::platforms::target_platforms;
use super::remote::{CONTEXT_FILE, MainContext};
use super::{
    BuildError, BuildErrorKind, BuildOptions, Builder, ContextSource, NamedContextSource, OptionError, PullPolicy,
};
use crate::build_context::{Context, ignore_file};
use crate::cancel::CancelToken;
use crate::diagnostic::{Diagnostic, Severity};
use crate::dockerfile::{Dockerfile, parse};
use crate::dockerignore;
use crate::event::{Event, EventSink};
use crate::ids::StageId;
use crate::plan::op::ImageKey;
use crate::plan::{
    ImageRequest, NamedContext, Plan, PlanOptions, Planned, ResolvedImage, Vertex, plan_onto, unused_build_args,
};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::remote::{HttpSource, RemoteSource};
use crate::semantic::outline::targets;
use crate::source::{Resolved, SourceError, resolve_layout, resolve_stored, unpack_archive};
use crate::store::{StoreError, WorkDir};
use crate::text::{SourceFile, Span};

/// Everything that a solve needs.
pub(super) struct Prepared {
    pub(super) source_file: Arc<SourceFile>,
    /// One plan a platform, in the order asked for. Each has the vertexes of those before it, too.
    pub(super) plans: Vec<PlatformPlan>,
    /// Whether the result is an index: for several platforms, or where the caller insists.
    pub(super) index: bool,
    pub(super) images: BTreeMap<ImageKey, Resolved>,
    pub(super) contexts: BTreeMap<String, Context>,
    /// What BuildKit's build checks found.
    #[cfg(feature = "lint")]
    pub(super) warnings: Vec<crate::diagnostic::CheckWarning>,
    /// Archives that were unpacked for their images; they must stay until the build is over.
    _archives: Vec<WorkDir>,
}

/// The plan for one platform.
pub(super) struct PlatformPlan {
    pub(super) platform: Platform,
    pub(super) plan: Plan,
}

impl Prepared {
    /// The plan whose vertexes are those of all platforms.
    pub(super) fn graph(&self) -> Option<&Plan> {
        self.plans.last().map(|last| &last.plan)
    }

    /// Returns the names that `--no-cache-filter` gives and no stage has; an empty one means every stage.
    pub(super) fn missing<'n>(&self, names: &'n [String]) -> Vec<&'n str> {
        if names.is_empty() {
            return Vec::new();
        }
        let targets = targets(&parse(&self.source_file).dockerfile);
        let has = |wanted: &str| targets.iter().flat_map(|it| &it.name).any(|name| name.eq_ignore_ascii_case(wanted));
        names.iter().map(String::as_str).filter(|name| !name.is_empty() && !has(name)).collect()
    }

    /// Returns the stages of the names that `--no-cache-filter` gives, letter case aside.
    pub(super) fn uncached(&self, names: &[String]) -> BTreeSet<StageId> {
        let is_named = |name: &str| names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
        let targets = targets(&parse(&self.source_file).dockerfile);
        let stages = (0..).map(StageId).zip(&targets);
        stages.filter(|(_, target)| target.name.as_deref().is_some_and(is_named)).map(|(id, _)| id).collect()
    }
}

/// The images that plans are made from, of all platforms.
#[derive(Default)]
struct Bases {
    images: BTreeMap<ImageKey, Resolved>,
    known: BTreeMap<ImageKey, ResolvedImage>,
    archives: Vec<WorkDir>,
}

/// What is planned for one platform.
struct Target<'t> {
    options: &'t BuildOptions,
    main: &'t MainContext,
    source_file: &'t Arc<SourceFile>,
    tasks: &'t Tasks<'t>,
    cancel: &'t CancelToken,
}

/// Tells of tasks that are no step of a plan: their begin, how far they are, and their end with the time that they took.
pub struct Tasks<'e> {
    events: &'e dyn EventSink,
    next: std::sync::atomic::AtomicU32,
}

impl<'e> Tasks<'e> {
    /// Tells of them to `events`.
    pub fn new(events: &'e dyn EventSink) -> Self {
        Self { events, next: std::sync::atomic::AtomicU32::new(0) }
    }

    /// Does the same where so many tasks were told of already.
    #[cfg(feature = "registry")]
    pub(super) fn after(events: &'e dyn EventSink, told: u32) -> Self {
        Self { events, next: std::sync::atomic::AtomicU32::new(told) }
    }

    /// Runs a task.
    ///
    /// # Errors
    /// Those of the task.
    pub fn run<T, E: std::fmt::Display>(&self, name: String, action: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.run_told(name, |_| action())
    }

    /// Does the same for what can tell how far its parts are: blobs, in bytes so far and in all.
    ///
    /// # Errors
    /// Those of the task.
    pub fn run_told<T, E: std::fmt::Display>(
        &self,
        name: String,
        action: impl FnOnce(&(dyn Fn(&crate::digest::Digest, u64, u64) + Sync)) -> Result<T, E>,
    ) -> Result<T, E> {
        self.run_measured(name, |progress| {
            action(&|blob, current, total| progress(&blob.to_string(), current, Some(total)))
        })
    }

    /// Does the same for what has parts with names, of which the size may not be known.
    ///
    /// # Errors
    /// Those of the task.
    pub fn run_measured<T, E: std::fmt::Display>(
        &self,
        name: String,
        action: impl FnOnce(&(dyn Fn(&str, u64, Option<u64>) + Sync)) -> Result<T, E>,
    ) -> Result<T, E> {
        let task = self.next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let begin = std::time::Instant::now();
        self.events.emit(Event::TaskStarted { task, name });
        let outcome = action(&|item, current, total| {
            let (item, unit) = (item.to_owned(), crate::event::ProgressUnit::Bytes);
            self.events.emit(Event::TaskProgress { task, item, current, total, unit });
        });
        let error = outcome.as_ref().err().map(ToString::to_string);
        self.events.emit(Event::TaskFinished { task, error, elapsed: begin.elapsed() });
        outcome
    }
}

impl std::fmt::Debug for Tasks<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tasks").finish_non_exhaustive()
    }
}

impl Builder {
    /// Plans a build without running anything. For several platforms it is the plan for the last one, with the
    /// vertexes of all.
    ///
    /// # Errors
    /// [`BuildError`] where the Dockerfile, its context or its base images cannot be used.
    pub fn plan(
        &self,
        options: &BuildOptions,
        events: &dyn EventSink,
        cancel: &CancelToken,
    ) -> Result<Plan, BuildError> {
        let mut plans = self.prepare(options, &Tasks::new(events), events, cancel)?.plans;
        plans.pop().map(|last| last.plan).ok_or_else(|| BuildErrorKind::Option(OptionError::NoPlatform).into())
    }

    /// Reads the Dockerfile of a build; a remote context is fetched for it.
    ///
    /// # Errors
    /// [`BuildErrorKind::Context`] where it cannot be read.
    pub fn dockerfile(
        &self,
        options: &BuildOptions,
        events: &dyn EventSink,
        cancel: &CancelToken,
    ) -> Result<SourceFile, BuildError> {
        let main = self.main_context(options, &Tasks::new(events), cancel)?;
        Ok(main.dockerfile(options)?.0)
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
        #[cfg(feature = "lint")]
        super::checks::read_settings(options, &source_file, &parsed.dockerfile)?;
        if parsed.has_errors() {
            return Err(BuildErrorKind::Dockerfile { source_file, diagnostics: parsed.diagnostics }.into());
        }
        let warn = |diagnostic| events.emit(Event::Warning { diagnostic, source_file: Arc::clone(&source_file) });
        parsed.diagnostics.into_iter().filter(|diagnostic| diagnostic.severity < Severity::Error).for_each(warn);
        super::syntax::foreign_syntax(&source_file, &parsed.dockerfile, &options.build_args).into_iter().for_each(warn);
        let base_options = plan_options(options);
        let platforms = target_platforms(options)?;
        let mut bases = Bases::default();
        let mut plans: Vec<PlatformPlan> = Vec::new();
        let mut mismatches: Vec<Diagnostic> = Vec::new();
        let mut unused: Vec<Diagnostic> = Vec::new();
        for platform in platforms.all {
            let mut plan_options = base_options.clone();
            plan_options.platform = platform;
            plan_options.multi_platform = platforms.index;
            let target = Target { options, main: &main, source_file: &source_file, tasks, cancel };
            let graph = plans.last().map_or(&[][..], |known| &known.plan.vertexes);
            let planned = self.plan_for(&target, &mut plan_options, &parsed.dockerfile, graph, &mut bases);
            #[cfg(feature = "lint")]
            let planned = planned.map_err(|error| {
                let planned = super::lint::Planned {
                    source: &source_file,
                    dockerfile: &parsed.dockerfile,
                    dockerfile_path: dockerfile_path.as_deref(),
                    remote_context: main.remote_directory(),
                    plan_options: &plan_options,
                    images: &bases.known,
                };
                error.beside(|error| super::checks::beside_error(options, &planned, error, &source_file, events))
            });
            let (plan, found) = planned?;
            // What is said of one platform is not said again of another.
            mismatches.extend(found.into_iter().filter(|found| !mismatches.contains(found)).collect::<Vec<_>>());
            let found = unused_build_args(&parsed.dockerfile, &plan_options, &bases.known);
            unused.extend(found.into_iter().filter(|found| !unused.contains(found)).collect::<Vec<_>>());
            plans.push(PlatformPlan { platform: plan_options.platform, plan });
        }
        unused.into_iter().for_each(warn);
        let Some(first) = plans.first() else { return Err(BuildErrorKind::Option(OptionError::NoPlatform).into()) };
        #[cfg(feature = "lint")]
        let warnings = {
            let of_platform = |plan: &PlatformPlan| PlanOptions {
                platform: plan.platform.clone(),
                multi_platform: platforms.index,
                ..base_options.clone()
            };
            let plan_options: Vec<PlanOptions> = plans.iter().map(of_platform).collect();
            let planned = plan_options.iter().map(|plan_options| super::lint::Planned {
                source: &source_file,
                dockerfile: &parsed.dockerfile,
                dockerfile_path: dockerfile_path.as_deref(),
                remote_context: main.remote_directory(),
                plan_options,
                images: &bases.known,
            });
            super::checks::report(options, &planned.collect::<Vec<_>>(), &source_file, &mismatches, events)?
        };
        #[cfg(not(feature = "lint"))]
        mismatches.into_iter().for_each(warn);
        let Bases { images, archives, .. } = bases;
        // The last plan has the vertexes of all.
        let graph = plans.last().unwrap_or(first);
        let contexts = open_contexts(options, &main, &graph.plan, dockerfile_path.as_deref())?;
        Ok(Prepared {
            source_file,
            plans,
            index: platforms.index,
            images,
            contexts,
            #[cfg(feature = "lint")]
            warnings,
            _archives: archives,
        })
    }

    /// Plans for one platform, onto the graph of those before it.
    fn plan_for(
        &self,
        target: &Target<'_>,
        plan_options: &mut PlanOptions,
        dockerfile: &Dockerfile,
        graph: &[Vertex],
        bases: &mut Bases,
    ) -> Result<(Plan, Vec<Diagnostic>), BuildError> {
        let Target { options, main, source_file, tasks, cancel } = *target;
        let mut warnings = Vec::new();
        loop {
            let planned = plan_onto(dockerfile, plan_options, &bases.known, graph).map_err(|error| {
                BuildErrorKind::Plan { source_file: Arc::clone(source_file), error, warnings: Vec::new() }
            })?;
            let requests = match planned {
                Planned::Ready(plan) => return Ok((*plan, warnings)),
                Planned::NeedImages(requests) => requests,
                Planned::NeedEpoch(source) => {
                    let time = self.time_of(&source, main, options, tasks, cancel)?;
                    let text = time.map(|time| time.to_string()).unwrap_or_default();
                    plan_options.build_args.insert("SOURCE_DATE_EPOCH".to_owned(), text);
                    continue;
                }
            };
            for ImageRequest { key, span } in requests {
                cancel.check()?;
                let name = super::platforms::metadata_task(options, &key, plan_options.multi_platform);
                let resolved = tasks.run(name, || self.resolve(&key, options, &mut bases.archives, cancel));
                let resolved = resolved.map_err(|error| {
                    let (name, context) = super::platforms::image_name(options, &key);
                    BuildErrorKind::Resolve { source_file: Arc::clone(source_file), name, context, span, error }
                })?;
                warnings.extend(other_platform(&key, &resolved, span));
                bases.known.insert(
                    key.clone(),
                    ResolvedImage {
                        config: resolved.config.clone(),
                        digest: resolved.manifest,
                        display: resolved.display.clone(),
                    },
                );
                bases.images.insert(key, resolved);
            }
        }
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
            Some(image) if pull == PullPolicy::Missing => match resolve_stored(&self.store, &image, platform) {
                Ok(stored) if stored.index.is_none() || self.is_there(&stored)? => stored,
                // An index may have come for other platforms only.
                Ok(_) | Err(SourceError::Store(StoreError::MissingBlob(_))) => {
                    return self.resolve_remote(reference, platform, cancel);
                }
                Err(error @ SourceError::Select(_)) => {
                    return match self.resolve_remote(reference, platform, cancel) {
                        Err(remote) if !remote.is_cancelled() => Err(error),
                        outcome => outcome,
                    };
                }
                Err(error) => return Err(error),
            },
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

    /// Tells whether every layer of an image is in the store, in one form or the other.
    fn is_there(&self, image: &Resolved) -> Result<bool, SourceError> {
        Ok(image.layers.iter().all(|layer| self.store.has_whole_blob(&layer.digest, layer.size))
            || self.snapshots.has(&image.config.rootfs.diff_ids)?)
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
    let mut plan = PlanOptions::new(host.clone(), host);
    plan.explicit_platform = !options.platforms.is_empty();
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
