//! Lints what a build is about to build, with what only a builder knows: the base images, the build arguments, the
//! files and the ignore file of the context.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::context_directory::ContextDirectory;
use super::options::{BuildOptions, ContextSource};
use crate::build_context::ignore_file;
use crate::dockerfile::Dockerfile;
use crate::ids::StageId;
use crate::lint::options::{BaseFacts, ContextFacts, Facts};
use crate::lint::{Finding, Level, LintOptions, lint_parsed};
use crate::plan::op::ImageKey;
use crate::plan::{PlanOptions, ResolvedImage};
use crate::semantic::reachability::{edges, reachable};
use crate::semantic::scope::{GlobalScope, ScopeInput};
use crate::semantic::stage_table::{Base, StageTable};
use crate::text::SourceFile;

/// How a build is linted.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct BuildLint {
    /// What is looked for; the facts are filled in.
    pub options: LintOptions,
    /// From this level on, a finding ends the build before any step runs.
    pub deny: Option<Level>,
}

impl BuildLint {
    /// Makes a request that only reports.
    pub fn new(options: LintOptions) -> Self {
        Self { options, deny: None }
    }
}

/// What is known of a build when its plan is ready.
pub(super) struct Planned<'a> {
    pub(super) source: &'a SourceFile,
    pub(super) dockerfile: &'a Dockerfile,
    pub(super) dockerfile_path: Option<&'a Path>,
    /// The files of a context from elsewhere.
    pub(super) remote_context: Option<&'a Path>,
    pub(super) plan_options: &'a PlanOptions,
    pub(super) images: &'a BTreeMap<ImageKey, ResolvedImage>,
}

impl Planned<'_> {
    /// Returns the stages, as the build's arguments make them.
    pub(super) fn stages(&self) -> StageTable {
        let input = ScopeInput {
            build_args: &self.plan_options.build_args,
            target_platform: &self.plan_options.platform,
            build_platform: &self.plan_options.build_platform,
            target: self.plan_options.target.as_deref(),
        };
        let (globals, _) = GlobalScope::evaluate(self.dockerfile, &input);
        StageTable::new(self.dockerfile, &globals)
    }
}

/// Returns the findings in the stages that are built, each once.
pub(super) fn findings(request: &BuildLint, build: &BuildOptions, planned: &Planned<'_>) -> Vec<Finding> {
    let table = planned.stages();
    let mut options = request.options.clone();
    options.facts = facts(build, planned, &table);
    let needed = built_stages(planned, &table);
    let is_built = |finding: &Finding| {
        let Some(index) = finding.instruction else { return true };
        let stage = table.stages().iter().rfind(|stage| stage.from <= index);
        stage.is_none_or(|stage| needed.contains(&stage.id))
    };
    let mut findings = lint_parsed(planned.source, planned.dockerfile, &options);
    findings.retain(is_built);
    findings
}

fn built_stages(planned: &Planned<'_>, table: &StageTable) -> BTreeSet<StageId> {
    let target = table.target(planned.plan_options.target.as_deref());
    let found = target.ok().and_then(|target| reachable(target, |stage| edges(table, planned.dockerfile, stage)).ok());
    // The plan is ready, so that neither can be missing; all stages are better than none.
    found.unwrap_or_else(|| table.stages().iter().map(|stage| stage.id).collect())
}

pub(super) fn facts(build: &BuildOptions, planned: &Planned<'_>, table: &StageTable) -> Facts {
    let mut facts = Facts {
        build_args: planned.plan_options.build_args.clone(),
        named_contexts: planned.plan_options.contexts.keys().cloned().collect(),
        target: planned.plan_options.target.clone(),
        target_platform: Some(planned.plan_options.platform.clone()),
        build_platform: Some(planned.plan_options.build_platform.clone()),
        ..Facts::default()
    };
    for stage in table.stages() {
        let Ok(Base::Outside(name)) = &stage.base else { continue };
        let asked = stage.platform.as_ref().ok().and_then(Option::as_ref);
        let wanted = asked.unwrap_or(&planned.plan_options.platform);
        let mut named = planned.images.iter().filter(|(key, _)| key.name == *name);
        let of_platform = named.clone().find(|(key, _)| key.platform == *wanted);
        let Some((_, image)) = of_platform.or_else(|| named.next()) else { continue };
        let crate::dockerfile::InstructionKind::From(from) = &planned.dockerfile.instructions[stage.from].kind else {
            continue;
        };
        // As written for what is looked at without the values of this build.
        facts.bases.insert(from.image.as_str().to_owned(), base(image));
        facts.bases.insert(name.clone(), base(image));
    }
    let of = |path: &Path| ContextFacts::of(Arc::new(ContextDirectory::new(path.to_owned(), ".")));
    facts.context = Some(match &build.context {
        ContextSource::Directory(path) => {
            let located = ignore_file(path, planned.dockerfile_path).ok().flatten();
            ContextFacts { own_ignore_file: located.map(|located| located.text.into()), ..of(path) }
        }
        // None applies: an empty one does the same.
        _ if planned.remote_context.is_some() => {
            let path = planned.remote_context.unwrap_or(Path::new("."));
            ContextFacts { own_ignore_file: Some("".into()), ..of(path) }
        }
        _ => ContextFacts::known(Some(String::new()), Some(BTreeSet::new())),
    });
    facts
}

fn base(image: &ResolvedImage) -> BaseFacts {
    let config = &image.config.config;
    let filled = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let pairs = config.env.iter().filter_map(|entry| entry.split_once('='));
    BaseFacts {
        env: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        shell: Some(config.shell.clone()).filter(|shell| !shell.is_empty()),
        user: filled(&config.user),
        working_directory: filled(&config.working_dir),
    }
}
