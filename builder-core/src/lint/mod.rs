//! The linter: rules over the tree of a Dockerfile and of the scripts in it.
//!
//! ```
//! use builder_core::lint::{LintOptions, lint};
//! use builder_core::text::SourceFile;
//!
//! let source = SourceFile::new("Dockerfile", "FROM debian:latest\nMAINTAINER me\n");
//! let findings = lint(&source, &LintOptions::default());
//! assert!(findings.iter().any(|finding| finding.code() == "DL4000"));
//! ```
//!
//! | file | what |
//! |---|---|
//! | `rules/` | one rule each |
//! | `registry` | the table of all rules |
//! | `rule` | what a rule is |
//! | `model/` | stages, instructions and scripts as rules see them |
//! | `sh`, `shebang`, `names`, `flow` | questions about shell commands, and where variables come from |
//! | `context` | what a rule is given, and the guard that files its findings |
//! | `suppression` | comments that silence rules |
//! | `options` | what a run looks for, and the facts that it is told |
//! | `build_files` | the files of the build context, asked of whoever knows them |
//! | `mounts` | the options of `RUN --mount` |
//! | `packages` | package managers: their words and caches |
//! | `edits` | edits of scripts that rules share |
//! | `fix`, `fixer` | what would mend a finding, and mending |
//! | `buildkit`, `check_settings` | the form that `docker build --check` has, and what `# check=` says |
//! | `foreign` | findings of ShellCheck itself, where somebody asked it |
//! | `variables`, `paths`, `downloads`, `reach` | what is known of these, and of the stages that are built |
//!
//! Rules never look at the disk, the network or the environment: facts from outside are data in
//! [`options::Facts`]. A new rule is a file in `rules/`, a line in `registry` and a folder in `fixtures/lint/`.

mod build_files;
pub mod buildkit;
mod check_settings;
mod context;
mod downloads;
mod edits;
mod finding;
mod fix;
mod fixer;
mod flow;
mod foreign;
mod image_name;
mod labels;
pub mod model;
mod mounts;
mod names;
pub mod options;
mod packages;
mod paths;
mod prelude;
mod reach;
mod registry;
mod rule;
mod rules;
mod sh;
mod shebang;
mod suppression;
mod variables;
mod words;

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

pub use check_settings::{CHECK_ARGUMENT, CheckSettings};
pub use context::{Context, Report};
pub use finding::Finding;
pub use fix::{Applicability, Edit, Fix};
pub use fixer::{Fixed, apply, fix};
pub use foreign::shellcheck_finding;
pub use options::{Dialect, Facts, LintOptions, UnknownRule};
pub use registry::{RULES, find_rule};
pub use rule::{Activation, Check, Fixable, Group, Level, Rule, Status};

use crate::dockerfile::{Dockerfile, parse};
use crate::shell::Index;
use crate::text::{SourceFile, Span};
use model::Model;

/// Looks at a Dockerfile. Findings come in the order of the file.
///
/// What the parser cannot read is a finding too, under hadolint's code `DL1000`; the rest of the file is looked at.
pub fn lint(source: &SourceFile, options: &LintOptions) -> Vec<Finding> {
    lint_with(source, options, &|_| Vec::new())
}

/// Looks at a Dockerfile together with somebody else, who is shown the model: what they find is silenced by comments
/// like everything else. See [`shellcheck_finding`].
pub fn lint_with(
    source: &SourceFile,
    options: &LintOptions,
    other: &dyn Fn(&Model<'_>) -> Vec<Finding>,
) -> Vec<Finding> {
    let parsed = parse(source);
    let mut errors = rules::syntax_error::findings(parsed.diagnostics, options.dialect);
    // hadolint says nothing else about a file that it cannot read; nor do we about one that is not text.
    let is_silent = options.dialect == Dialect::Hadolint || errors.iter().any(|e| e.diagnostic.id == "wrong-encoding");
    if errors.is_empty() || !is_silent {
        errors.extend(look(source, &parsed.dockerfile, options, other));
        errors.sort_by(|a, b| (a.span(), a.code()).cmp(&(b.span(), b.code())));
    }
    errors
}

/// Looks at a Dockerfile that was parsed without errors.
pub fn lint_parsed(source: &SourceFile, dockerfile: &Dockerfile, options: &LintOptions) -> Vec<Finding> {
    look(source, dockerfile, options, &|_| Vec::new())
}

fn look(
    source: &SourceFile,
    dockerfile: &Dockerfile,
    options: &LintOptions,
    other: &dyn Fn(&Model<'_>) -> Vec<Finding>,
) -> Vec<Finding> {
    let mut directed = None;
    for directive in dockerfile.directives.iter().filter(|directive| directive.name.value == "check") {
        if options.pragmas && options.dialect != Dialect::Hadolint {
            directed.get_or_insert_with(|| options.clone()).direct(&directive.value.value);
        }
    }
    let options = directed.as_ref().unwrap_or(options);
    let model = Model::new(source, dockerfile, options);
    let findings = RefCell::new(Vec::new());
    for (index, rule) in RULES.iter().enumerate() {
        let Some(level) = options.level(index) else { continue };
        let context = Context { source, dockerfile, model: &model, options, rule, level, findings: &findings };
        run(rule, &context);
    }
    run_trees(source, dockerfile, &model, options, &findings);
    let mut findings = findings.into_inner();
    findings.extend(other(&model));
    suppression::apply(source, dockerfile, &model, options, &mut findings);
    if options.dialect == Dialect::Hadolint && options.once_an_instruction {
        as_hadolint(source, &mut findings);
    }
    if options.dialect == Dialect::Buildkit {
        reach::as_buildkit(dockerfile, &model, options, &mut findings);
    }
    findings.sort_by(|a, b| (a.span(), a.code()).cmp(&(b.span(), b.code())));
    findings
}

/// The rules that read the trees of scripts share one walk of each.
fn run_trees(
    source: &SourceFile,
    dockerfile: &Dockerfile,
    model: &Model<'_>,
    options: &LintOptions,
    findings: &RefCell<Vec<Finding>>,
) {
    let rules = RULES.iter().enumerate().filter_map(|(index, rule)| match rule.check {
        Check::Tree(check) => Some((*rule, options.level(index)?, check)),
        _ => None,
    });
    let rules: Vec<_> = rules.collect();
    if rules.is_empty() {
        return;
    }
    for script in model.scripts.iter().filter(|script| script.is_shellchecked(options.dialect)) {
        let is_foreign = options.dialect == Dialect::Hadolint && shebang::is_foreign(script);
        let Some(tree) = script.tree().filter(|_| !is_foreign) else { continue };
        let index = Index::new(tree);
        for (rule, level, check) in &rules {
            let context = Context { source, dockerfile, model, options, rule, level: *level, findings };
            check(&context, script, &index);
        }
    }
}

fn run(rule: &'static Rule, context: &Context<'_>) {
    match rule.check {
        Check::File(check) => check(context),
        Check::Stage(check) => context.model.stages.iter().for_each(|stage| check(context, stage)),
        Check::Instruction(check) => context.model.instructions.iter().for_each(|view| check(context, view)),
        // Those have one walk together.
        Check::Tree(_) => {}
        Check::Script(check) => context.model.scripts.iter().for_each(|script| check(context, script)),
        Check::Command(check) => {
            for script in context.model.scripts.iter().filter(|script| script.is_run()) {
                script.commands().for_each(|command| check(context, &command));
            }
        }
    }
}

/// hadolint knows the line of an instruction and nothing else: one finding of a rule an instruction, and of
/// ShellCheck's findings only the last one, by place, then from error to style, then by code.
fn as_hadolint(source: &SourceFile, findings: &mut Vec<Finding>) {
    use std::cmp::Reverse;
    findings.sort_by(|a, b| {
        (a.span().start, Reverse(a.level), a.code()).cmp(&(b.span().start, Reverse(b.level), b.code()))
    });
    let mut kept: Vec<Finding> = Vec::with_capacity(findings.len());
    let mut places: HashMap<(u32, &str), usize> = HashMap::new();
    for mut finding in findings.drain(..) {
        let line = Span::at(finding.anchor.start);
        if let Some(primary) = &mut finding.diagnostic.primary {
            primary.span = line;
        }
        let is_shellchecks = finding.rule.is_shellchecks();
        let what = if is_shellchecks { "SC" } else { finding.rule.code() };
        match places.entry((line.start, what)) {
            Entry::Occupied(known) if is_shellchecks => kept[*known.get()] = finding,
            Entry::Occupied(_) => {}
            Entry::Vacant(free) => {
                free.insert(kept.len());
                kept.push(finding);
            }
        }
    }
    debug_assert!(kept.iter().all(|finding| finding.anchor.end as usize <= source.text().len()));
    *findings = kept;
}
