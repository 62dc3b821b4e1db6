//! BuildKit's build checks, made while building: the linter's rules with what only a build knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lint::{Planned, facts, findings};
use super::{BuildError, BuildErrorKind, BuildOptions};
use crate::diagnostic::{CheckWarning, Diagnostic};
use crate::dockerfile::{Dockerfile, Instruction, InstructionKind};
use crate::event::{Event, EventSink};
use crate::lint::buildkit::{BASE_IMAGE_PLATFORM, check_warning, description, is_experimental};
use crate::lint::{CHECK_ARGUMENT, CheckSettings, Dialect, Finding, Level, LintOptions, RULES, lint_parsed};
use crate::plan::PlanError;
use crate::text::{SourceFile, Span};

/// Which build checks are told. Those that the file makes errors of always count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CheckScope {
    /// None.
    Silent,
    /// Those of the stages that are built.
    #[default]
    Built,
    /// Those of every stage, where no target is given (`--check`).
    All,
}

/// Makes the checks for each platform, and looks with the linter where that is asked for; tells what was found, each
/// thing once.
///
/// # Errors
/// A directive that makes no sense, or findings that the file or the options make errors of.
pub(super) fn report(
    options: &BuildOptions,
    platforms: &[Planned<'_>],
    source_file: &Arc<SourceFile>,
    mismatches: &[Diagnostic],
    events: &dyn EventSink,
) -> Result<Vec<CheckWarning>, BuildError> {
    let mut warnings: Vec<CheckWarning> = Vec::new();
    let mut is_error = false;
    for (index, planned) in platforms.iter().enumerate() {
        let settings = read_settings(options, source_file, planned.dockerfile)?;
        is_error |= settings.error;
        // The mismatches are those of all platforms.
        let mismatches = if index == 0 { mismatches } else { &[] };
        let found = look(options, planned, &settings, mismatches);
        let new: Vec<_> = found.into_iter().filter(|found| !warnings.contains(found)).collect();
        warnings.extend(new);
    }
    warnings.sort_by_key(|warning| warning.lines);
    if is_error && !warnings.is_empty() {
        return Err(BuildErrorKind::Checks { source_file: Arc::clone(source_file), warnings }.into());
    }
    if let Some(request) = &options.lint {
        // What BuildKit has a check for is told as that check.
        let mut found: Vec<Finding> = Vec::new();
        for planned in platforms {
            let mut more = findings(request, options, planned);
            let is_known = |finding: &Finding| {
                found.iter().any(|known| known.code() == finding.code() && known.diagnostic == finding.diagnostic)
            };
            more.retain(|finding| finding.rule.buildkit_name().is_none() && !is_known(finding));
            found.extend(more);
        }
        let is_denied = |deny: Level| {
            deny <= Level::Warning && !warnings.is_empty() || found.iter().any(|finding| finding.level >= deny)
        };
        if request.deny.is_some_and(is_denied) {
            let told = found.into_iter().map(|finding| finding.diagnostic);
            let diagnostics = warnings.into_iter().map(|warning| warning.diagnostic).chain(told).collect();
            return Err(BuildErrorKind::Denied { source_file: Arc::clone(source_file), diagnostics }.into());
        }
        for finding in found {
            let (code, source_file) = (finding.code(), Arc::clone(source_file));
            events.emit(Event::Finding { code, diagnostic: finding.diagnostic, source_file });
        }
    }
    if options.checks == CheckScope::Built {
        tell(&warnings, source_file, events);
    }
    Ok(warnings)
}

/// Checks that BuildKit makes while it reads the instructions.
const WHILE_PARSING: [&str; 6] = [
    "FromAsCasing",
    "InvalidDefinitionDescription",
    "LegacyKeyValueFormat",
    "MaintainerDeprecated",
    "NoEmptyContinuation",
    "StageNameCasing",
];
/// Those that it makes next, of the whole file.
const OF_THE_FILE: [&str; 3] = ["ConsistentInstructionCasing", "DuplicateStageName", "ReservedStageName"];
/// Those that it makes of every `FROM`, before it looks at what is in the stages.
const OF_FROM: [&str; 4] =
    ["FromPlatformFlagConstDisallowed", "InvalidDefaultArgInFrom", "RedundantTargetPlatform", "UndefinedArgInFrom"];

/// Where BuildKit stops to look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// While it reads the instructions, at this place or at the end.
    Parsing(Option<Span>),
    /// At an image that it cannot have, before it looks at what is in the stages.
    Resolving,
}

/// Returns what a file that cannot be planned is found guilty of until its error.
pub(super) fn before_error(
    options: &BuildOptions,
    source: &SourceFile,
    dockerfile: &Dockerfile,
    stop: Stop,
) -> Vec<CheckWarning> {
    let Ok(settings) = settings(&options.build_args, dockerfile) else { return Vec::new() };
    let mut lint = LintOptions::new(Dialect::Buildkit);
    lint.facts.build_args.clone_from(&options.build_args);
    let reached = |finding: &Finding| {
        let Some(name) = finding.rule.buildkit_name() else { return false };
        match stop {
            // The empty lines are known before the first instruction is read.
            Stop::Parsing(_) if name == "NoEmptyContinuation" => true,
            Stop::Parsing(place) => {
                WHILE_PARSING.contains(&name) && place.is_none_or(|place| finding.anchor.start < place.start)
            }
            Stop::Resolving => [&WHILE_PARSING[..], &OF_THE_FILE, &OF_FROM].iter().any(|names| names.contains(&name)),
        }
    };
    wanted(source, dockerfile, lint, &settings, &reached)
}

/// Returns, and tells where that is wanted, what is found beside an error of the plan. BuildKit looks at the text of the
/// whole file first, then at every `FROM`, then at what is in the stages, and stops at the error.
pub(super) fn beside_error(
    options: &BuildOptions,
    planned: &Planned<'_>,
    error: &PlanError,
    source_file: &Arc<SourceFile>,
    events: &dyn EventSink,
) -> Vec<CheckWarning> {
    let Ok(settings) = settings(&options.build_args, planned.dockerfile) else { return Vec::new() };
    let place = error.diagnostics.first().and_then(Diagnostic::span);
    let instructions = &planned.dockerfile.instructions;
    let stopped = place.and_then(|place| instructions.iter().find(|i| i.span.cover(place) == i.span));
    let in_from = stopped.is_some_and(|stopped| matches!(stopped.kind, InstructionKind::From(_)));
    let line = |offset| planned.source.lines().line_column(planned.source.text(), offset).line;
    let reached = |warning: &CheckWarning| stopped.is_some_and(|stopped| warning.lines.0 <= line(stopped.span.start));
    let mut warnings = look(options, planned, &settings, &[]);
    warnings.retain(|warning| {
        let enough =
            if OF_FROM.contains(&warning.rule) { !in_from || reached(warning) } else { !in_from && reached(warning) };
        WHILE_PARSING.contains(&warning.rule) || OF_THE_FILE.contains(&warning.rule) || enough
    });
    if options.checks == CheckScope::Built {
        tell(&warnings, source_file, events);
    }
    warnings
}

/// Reads what the build arg or the file says about the checks, before anything else is looked at.
///
/// # Errors
/// It makes no sense.
pub(super) fn read_settings(
    options: &BuildOptions,
    source_file: &Arc<SourceFile>,
    dockerfile: &Dockerfile,
) -> Result<CheckSettings, BuildErrorKind> {
    settings(&options.build_args, dockerfile).map_err(|diagnostic| BuildErrorKind::Dockerfile {
        source_file: Arc::clone(source_file),
        diagnostics: vec![diagnostic],
    })
}

fn tell(warnings: &[CheckWarning], source_file: &Arc<SourceFile>, events: &dyn EventSink) {
    for warning in warnings {
        events.emit(Event::Check { warning: warning.clone(), source_file: Arc::clone(source_file) });
    }
}

/// The build arg, or the file's directive.
fn settings(build_args: &BTreeMap<String, String>, dockerfile: &Dockerfile) -> Result<CheckSettings, Diagnostic> {
    let error = |message: String| format!("failed to parse check options: {message}");
    if let Some(given) = build_args.get(CHECK_ARGUMENT) {
        return CheckSettings::parse(given).map_err(|message| {
            let severity = crate::diagnostic::Severity::Error;
            Diagnostic::new(severity, "invalid-check-option", error(message))
                .note(format!("the build arg `{CHECK_ARGUMENT}` says so"))
        });
    }
    let Some(directive) = dockerfile.directives.iter().find(|directive| directive.name.value == "check") else {
        return Ok(CheckSettings::default());
    };
    CheckSettings::parse(&directive.value.value).map_err(|message| {
        Diagnostic::error("invalid-check-option", directive.value.span, error(message))
            .help("write `# check=skip=RULE,RULE;error=true;experimental=all`, or parts of it")
    })
}

fn look(
    build: &BuildOptions,
    planned: &Planned<'_>,
    settings: &CheckSettings,
    mismatches: &[Diagnostic],
) -> Vec<CheckWarning> {
    let mut options = LintOptions::new(Dialect::Buildkit);
    let table = planned.stages();
    options.facts = facts(build, planned, &table);
    if build.checks != CheckScope::All && options.facts.target.is_none() {
        options.facts.target = table.stages().last().map(crate::semantic::stage_table::Stage::label);
    }
    let is_kept = |finding: &Finding| {
        build.lint.as_ref().is_none_or(|lint| {
            let index = RULES.iter().position(|rule| rule.id == finding.rule.id);
            is_experimental(finding.rule) || index.is_none_or(|index| lint.options.level(index).is_some())
        })
    };
    let mut warnings = wanted(planned.source, planned.dockerfile, options, settings, &is_kept);
    if settings.wants(BASE_IMAGE_PLATFORM, false) {
        warnings.extend(mismatches.iter().filter_map(|mismatch| platform_warning(planned, mismatch)));
    }
    warnings.sort_by_key(|warning| warning.lines);
    warnings
}

/// Makes the checks that the settings, and the comments of the instructions, want.
fn wanted(
    source: &SourceFile,
    dockerfile: &Dockerfile,
    mut options: LintOptions,
    settings: &CheckSettings,
    is_kept: &dyn Fn(&Finding) -> bool,
) -> Vec<CheckWarning> {
    for rule in RULES.iter().filter(|rule| rule.buildkit_name().is_some() && is_experimental(rule)) {
        // Known names cannot be refused; which of them count is decided for each finding.
        let _ = options.select(rule.id, None);
    }
    // The directive was read already.
    let mut undirected = dockerfile.clone();
    undirected.directives.retain(|directive| directive.name.value != "check");
    let is_wanted = |finding: &Finding| {
        let Some(name) = finding.rule.buildkit_name() else { return false };
        let experimental = is_experimental(finding.rule);
        let instruction = finding.instruction.and_then(|index| dockerfile.instructions.get(index));
        let asked_here = || experimental && instruction.is_some_and(|i| comments(i).any(|c| c.wants(name, true)));
        is_kept(finding) && (settings.wants(name, experimental) || asked_here())
    };
    let found = lint_parsed(source, &undirected, &options).into_iter().filter(is_wanted);
    let mut warnings: Vec<CheckWarning> = found.filter_map(|finding| check_warning(source, &finding)).collect();
    warnings.sort_by_key(|warning| warning.lines);
    warnings
}

/// What the comments above an instruction say of checks; what is malformed says nothing.
fn comments(instruction: &Instruction) -> impl Iterator<Item = CheckSettings> {
    instruction.comments.iter().filter_map(|comment| {
        let (name, value) = comment.text.split_once('=')?;
        let value = value.trim_start().split(char::is_whitespace).next()?;
        CheckSettings::parse(value).ok().filter(|_| name.trim().eq_ignore_ascii_case("check"))
    })
}

fn platform_warning(planned: &Planned<'_>, mismatch: &Diagnostic) -> Option<CheckWarning> {
    let place = mismatch.span()?;
    let instruction =
        planned.dockerfile.instructions.iter().find(|instruction| instruction.span.cover(place) == instruction.span);
    if instruction.is_some_and(|instruction| comments(instruction).any(|c| !c.wants(BASE_IMAGE_PLATFORM, false))) {
        return None;
    }
    let span = instruction.map_or(place, |instruction| instruction.span);
    let line = |offset| planned.source.lines().line_column(planned.source.text(), offset).line;
    Some(CheckWarning {
        rule: BASE_IMAGE_PLATFORM,
        description: description(BASE_IMAGE_PLATFORM),
        url: None,
        diagnostic: mismatch.clone(),
        lines: (line(span.start), line(span.end.saturating_sub(1).max(span.start))),
    })
}
