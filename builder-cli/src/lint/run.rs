//! Looks at files, in parallel.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use builder_core::lint::{Applicability, Dialect, Finding, LintOptions, fix, lint_with};
use builder_core::text::SourceFile;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use super::Linted;
use super::config::{ForeignRules, Resolved};
use super::contexts::Contexts;
use super::files::{self, Input};
use super::shellcheck::ShellCheck;
use super::write;

/// The stack of a thread: as much as the main thread has, for deeply nested scripts.
const STACK: usize = 8 << 20;

/// What to do with a file besides looking at it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mending {
    /// Nothing.
    Off,
    /// Mend it with fixes of at least this applicability, and show what would be another.
    Show(Applicability),
    /// Mend it.
    Write(Applicability),
}

/// How to look.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) mending: Mending,
    pub(crate) shellcheck: Option<ShellCheck>,
    pub(crate) contexts: Contexts,
    /// Shown in place of the files' paths.
    pub(crate) path_in_report: Option<String>,
}

/// A file and its settings.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) input: Input,
    pub(crate) settings: Arc<Resolved>,
    /// The configuration file that the settings are of.
    pub(crate) config: Option<PathBuf>,
}

/// Looks at all files. The results come in the order of the jobs.
pub(crate) fn all(jobs: &[Job], plan: &Plan) -> Vec<Result<Linted, String>> {
    let serial = || jobs.iter().map(|job| guarded(job, plan)).collect();
    // Threads cost more than one file does.
    if jobs.len() < 2 {
        return serial();
    }
    match ThreadPoolBuilder::new().stack_size(STACK).build() {
        Ok(pool) => pool.install(|| jobs.par_iter().map(|job| guarded(job, plan)).collect()),
        Err(_) => serial(),
    }
}

/// A defect that shows with one file is no reason to be silent about the others.
fn guarded(job: &Job, plan: &Plan) -> Result<Linted, String> {
    catch_unwind(AssertUnwindSafe(|| one(job, plan))).unwrap_or_else(|_| {
        let name = job.input.shown.display();
        Err(format!("a defect of builder shows with `{name}`; please report it with the file"))
    })
}

fn one(job: &Job, plan: &Plan) -> Result<Linted, String> {
    let bytes = files::read(&job.input)?;
    let shown = job.input.shown.display();
    let name = plan.path_in_report.clone().unwrap_or_else(|| shown.to_string());
    let settings = &job.settings;
    let (mut options, foreign) = settings.for_file(&job.input.absolute);
    let is_named = !job.input.is_stdin || job.input.shown != Path::new("-");
    if options.dialect != Dialect::Hadolint && (is_named || plan.contexts.is_explicit()) {
        options.to_mut().facts.context = Some(plan.contexts.of(&job.input.absolute));
    }
    let (source, not_text) = decode(name, bytes, options.dialect);
    let mut linted = match (plan.mending, not_text) {
        (Mending::Off, _) => Linted::new(source.clone(), look(&source, &options, &foreign, plan)?),
        (Mending::Show(least) | Mending::Write(least), None) => mend(job, source, &options, &foreign, plan, least)?,
        (Mending::Show(least) | Mending::Write(least), Some(line)) => {
            // What is mended would be written back as something else.
            let is_mendable = !fix(&source, &options, least).applied.is_empty();
            let trouble =
                format!("cannot mend `{shown}`: line {line} is not UTF-8; convert the file, with iconv for example");
            let findings = look(&source, &options, &foreign, plan)?;
            Linted { trouble: is_mendable.then_some(trouble), ..Linted::new(source, findings) }
        }
    };
    linted.threshold = (!settings.no_fail).then_some(settings.threshold);
    Ok(linted)
}

/// Returns the text of a file, and the first line that is not UTF-8, if any.
fn decode(name: String, bytes: Vec<u8>, dialect: Dialect) -> (SourceFile, Option<usize>) {
    match String::from_utf8(bytes) {
        Ok(text) => (SourceFile::new(name, text), None),
        Err(error) => {
            let bytes = error.as_bytes();
            let line = bytes[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
            let source = match dialect {
                // hadolint reads on.
                Dialect::Hadolint => SourceFile::new(name, String::from_utf8_lossy(bytes)),
                // The parser says where it matters.
                _ => SourceFile::from_bytes(name, bytes),
            };
            (source, Some(line))
        }
    }
}

fn look(
    source: &SourceFile,
    options: &LintOptions,
    foreign: &ForeignRules,
    plan: &Plan,
) -> Result<Vec<Finding>, String> {
    let Some(shellcheck) = &plan.shellcheck else { return Ok(lint_with(source, options, &|_| Vec::new())) };
    let failure = RefCell::new(None);
    let findings = lint_with(source, options, &|model| {
        shellcheck.ask(model, options.dialect, foreign).unwrap_or_else(|error| {
            failure.replace(Some(error));
            Vec::new()
        })
    });
    failure.into_inner().map_or(Ok(findings), Err)
}

fn mend(
    job: &Job,
    source: SourceFile,
    options: &LintOptions,
    foreign: &ForeignRules,
    plan: &Plan,
    least: Applicability,
) -> Result<Linted, String> {
    let fixed = fix(&source, options, least);
    if fixed.text == source.text() {
        let findings = look(&source, options, foreign, plan)?;
        return Ok(Linted::new(source, findings));
    }
    if matches!(plan.mending, Mending::Write(_)) && !job.input.is_stdin {
        write::replace(&job.input.absolute, source.text().as_bytes(), &fixed.text)
            .map_err(|error| format!("cannot write `{}`: {error}", job.input.shown.display()))?;
    }
    let mended = SourceFile::new(source.name(), fixed.text);
    let findings = match &plan.shellcheck {
        Some(_) => look(&mended, options, foreign, plan)?,
        None => fixed.findings,
    };
    Ok(Linted { before: Some(source), applied: fixed.applied, ..Linted::new(mended, findings) })
}
