//! `builder lint`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use builder_core::lint::{Applicability, RULES, find_rule};

use crate::args::{GlobalArgs, LintArgs, LintFormat};
use crate::error::{CommandError, ErrorKind};
use crate::lint::config::{Lookup, Resolved, Resolver, read};
use crate::lint::contexts::Contexts;
use crate::lint::format::{self, Page};
use crate::lint::run::{self, Job, Mending, Plan};
use crate::lint::shellcheck::ShellCheck;
use crate::lint::{Linted, explain, files, write};
use crate::settings::lint as lint_settings;
use crate::ui::printer::Printer;
use crate::ui::progress::Paint;

/// The exit code for findings.
const FINDINGS: u8 = 1;

/// Looks at Dockerfiles; returns the exit code.
///
/// # Errors
/// It could not look at everything: exit code 2, or 1 as hadolint has it.
pub(super) fn lint(arguments: &LintArgs, global: &GlobalArgs, printer: Printer) -> Result<u8, CommandError> {
    let done = if arguments.list_rules || arguments.explain.is_some() {
        documentation(arguments, printer).map(|()| 0)
    } else {
        Run { arguments, global, printer }.run()
    };
    done.map_err(|mut error| {
        error.kind = match error.kind {
            ErrorKind::BrokenPipe => ErrorKind::BrokenPipe,
            _ if arguments.hadolint_compat => ErrorKind::Failed,
            _ => ErrorKind::Usage,
        };
        error
    })
}

fn documentation(arguments: &LintArgs, printer: Printer) -> Result<(), CommandError> {
    let Some(name) = &arguments.explain else {
        return match arguments.format[..] {
            [] | [LintFormat::Text] => printer.data(&explain::table()),
            [LintFormat::Json] => printer.data(&explain::json()),
            _ => Err(CommandError::usage("the list of rules has the formats text and json only")),
        };
    };
    if name.eq_ignore_ascii_case("all") {
        let pages: Vec<String> = RULES.iter().map(|rule| explain::page(rule)).collect();
        return printer.data(&pages.join("\n"));
    }
    let Some(rule) = find_rule(name).or_else(|| find_rule(&name.to_ascii_uppercase())) else {
        let error = read::unknown_rule(name).unwrap_or_else(|| format!("no rule of ours has the code `{name}`"));
        return Err(CommandError::usage(error).hint(read::LIST_HINT));
    };
    printer.data(&explain::page(rule))
}

struct Run<'a> {
    arguments: &'a LintArgs,
    global: &'a GlobalArgs,
    printer: Printer,
}

impl Run<'_> {
    fn run(&self) -> Result<u8, CommandError> {
        let begin = Instant::now();
        let arguments = self.arguments;
        self.check_arguments()?;
        let resolver = lint_settings::resolver(arguments)?;
        let strictness = lint_settings::strictness(arguments);
        let mut lookup = Lookup::new(lint_settings::search(arguments), strictness);
        let here = std::path::absolute(".").unwrap_or_else(|_| PathBuf::from("/"));
        let config = lookup.find(&here)?;
        // What is not about single files.
        let general = resolver.resolve(config.as_deref());
        let outputs = self.outputs(&general)?;
        let mut found = self.find();
        found.warnings.iter().for_each(|warning| self.printer.note(&format!("warning: {warning}")));
        let jobs = jobs(&resolver, &mut lookup, std::mem::take(&mut found.inputs))?;
        for (source, warnings) in lookup.read().filter_map(|config| config.warnings.as_ref()) {
            self.printer.diagnostics(Some(source), warnings);
        }
        if general.verbose {
            self.say_configurations(&jobs);
        }
        if jobs.is_empty() && found.errors.is_empty() {
            self.printer.note("no Dockerfile was found");
        }
        let plan = Plan {
            mending: self.mending(),
            shellcheck: arguments.shellcheck.as_deref().map(ShellCheck::find).transpose()?,
            contexts: Contexts::new(arguments.context.as_deref()),
            path_in_report: self.path_in_report(),
        };
        let mut files = Vec::with_capacity(jobs.len());
        for result in run::all(&jobs, &plan) {
            match result {
                Ok(mut file) => {
                    found.errors.extend(file.trouble.take());
                    files.push(file);
                }
                Err(error) => found.errors.push(error),
            }
        }
        if arguments.diff {
            self.show_differences(&files)?;
        } else {
            self.report(&files, &outputs, &general)?;
        }
        if general.verbose {
            let milliseconds = begin.elapsed().as_millis();
            self.printer.note(&format!("looked at {} in {milliseconds} ms", count(files.len(), "file")));
        }
        if let Some(last) = found.errors.pop() {
            for error in found.errors {
                self.printer.error(&CommandError::usage(error));
            }
            return Err(CommandError::usage(last));
        }
        Ok(self.exit_code(&files, &outputs))
    }

    fn check_arguments(&self) -> Result<(), CommandError> {
        let arguments = self.arguments;
        let has_stdin = arguments.paths.iter().any(|path| path == Path::new("-"));
        if arguments.stdin_filename.is_some() && !has_stdin {
            return Err(CommandError::usage("`--stdin-filename` names standard input, which is not asked for")
                .hint("add `-` to the paths"));
        }
        if arguments.unsafe_fixes && !arguments.fix && !arguments.diff {
            return Err(CommandError::usage("`--unsafe-fixes` needs `--fix` or `--diff`"));
        }
        if let Some(context) = arguments.context.as_deref().filter(|context| !context.is_dir()) {
            return Err(CommandError::usage(format!("the build context `{}` is no folder", context.display())));
        }
        if has_stdin && self.mends() && arguments.paths.len() > 1 {
            let message = "with `--fix`, standard output has the mended standard input: there can be no other files";
            return Err(CommandError::usage(message));
        }
        Ok(())
    }

    /// Pairs forms of report with the files that they go to, in order; what has none goes to standard output.
    fn outputs(&self, general: &Resolved) -> Result<Vec<(LintFormat, Option<&Path>)>, CommandError> {
        let mut formats = general.formats.clone();
        if formats.is_empty() {
            formats.push(if self.arguments.hadolint_compat { LintFormat::Tty } else { LintFormat::Text });
        }
        if self.arguments.output.len() > formats.len() {
            let message = format!("there is no format for `{}`", self.arguments.output[formats.len()].display());
            return Err(CommandError::usage(message).hint("the first --output is for the first --format, and so on"));
        }
        let paths =
            self.arguments.output.iter().map(|path| Some(path.as_path()).filter(|path| *path != Path::new("-")));
        Ok(formats.into_iter().zip(paths.chain(std::iter::repeat(None))).collect())
    }

    fn find(&self) -> files::Found {
        let current = [PathBuf::from(".")];
        let paths = if self.arguments.paths.is_empty() { &current[..] } else { &self.arguments.paths };
        let mut found = files::find(paths, self.arguments.stdin_filename.as_deref());
        if !self.arguments.hadolint_compat {
            found.inputs.sort();
        }
        found
    }

    fn mending(&self) -> Mending {
        let least = if self.arguments.unsafe_fixes { Applicability::Unsafe } else { Applicability::Safe };
        match (self.arguments.diff, self.arguments.fix) {
            (true, _) => Mending::Show(least),
            (false, true) => Mending::Write(least),
            (false, false) => Mending::Off,
        }
    }

    /// With `--diff` nothing is changed, `--fix` or not.
    fn mends(&self) -> bool {
        self.arguments.fix && !self.arguments.diff
    }

    /// In the place of hadolint the forms of report choose for themselves, as they do there.
    fn path_in_report(&self) -> Option<String> {
        self.arguments.file_path_in_report.clone().filter(|_| !self.arguments.hadolint_compat)
    }

    fn is_mended_stdin(&self) -> bool {
        self.mends() && self.arguments.paths == [PathBuf::from("-")]
    }

    fn report(
        &self,
        files: &[Linted],
        outputs: &[(LintFormat, Option<&Path>)],
        general: &Resolved,
    ) -> Result<(), CommandError> {
        let compat = self.arguments.hadolint_compat;
        let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
        let paint = lint_settings::report_paint(self.global.color, general.no_color, compat);
        let page = Page { files, compat, color: false, path: self.arguments.file_path_in_report.as_deref(), now: &now };
        for (format, path) in outputs {
            if let Some(path) = path {
                let text = format::write(*format, page);
                std::fs::write(path, text).map_err(|error| {
                    CommandError::usage(format!("cannot write the report `{}`: {error}", path.display()))
                })?;
            } else if self.is_mended_stdin() {
                let color = self.printer.paint() == Paint::Colored && !general.no_color;
                self.printer.note(format::write(*format, Page { color, ..page }).trim_end());
            } else {
                self.printer.data(&format::write(*format, Page { color: paint == Paint::Colored, ..page }))?;
            }
        }
        if let (true, [file]) = (self.is_mended_stdin(), files) {
            self.printer.data(file.source.text())?;
        }
        if outputs.iter().any(|(format, path)| *format == LintFormat::Text && path.is_none()) {
            self.summary(files);
        }
        self.say_applied(files);
        Ok(())
    }

    fn summary(&self, files: &[Linted]) {
        let number: usize = files.iter().map(|file| file.findings.len()).sum();
        let concerned = files.iter().filter(|file| !file.findings.is_empty()).count();
        if files.is_empty() {
            return;
        }
        let mut text = match number {
            0 => format!("no findings in {}", count(files.len(), "file")),
            _ => format!("{} in {concerned} of {}", count(number, "finding"), count(files.len(), "file")),
        };
        let mendable = |applicability: Applicability| {
            let all = files.iter().flat_map(|file| &file.findings).filter_map(|finding| finding.fix.as_ref());
            all.filter(|fix| fix.applicability == applicability).count()
        };
        match (mendable(Applicability::Safe), mendable(Applicability::Unsafe)) {
            (0, 0) => {}
            (safe, 0) => text.push_str(&format!("; --fix mends {safe}")),
            (0, risky) => text.push_str(&format!("; --fix --unsafe-fixes mends {risky}")),
            (safe, risky) => text.push_str(&format!("; --fix mends {safe}, with --unsafe-fixes {}", safe + risky)),
        }
        self.printer.note(&text);
    }

    fn say_applied(&self, files: &[Linted]) {
        let mended: Vec<&Linted> = files.iter().filter(|file| !file.applied.is_empty()).collect();
        if mended.is_empty() {
            return;
        }
        let total: usize = mended.iter().map(|file| file.applied.len()).sum();
        self.printer.note(&format!("mended {} in {}", count(total, "finding"), count(mended.len(), "file")));
        if self.arguments.show_fixes {
            for file in mended {
                let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
                for code in &file.applied {
                    *counts.entry(code).or_default() += 1;
                }
                let list: Vec<String> = counts.iter().map(|(code, count)| format!("{count} × {code}")).collect();
                self.printer.note(&format!("  {}: {}", file.source.name(), list.join(", ")));
            }
        }
    }

    fn show_differences(&self, files: &[Linted]) -> Result<(), CommandError> {
        let changed = files.iter().filter_map(|file| Some((file, file.before.as_ref()?)));
        let text: String =
            changed.map(|(file, before)| write::diff(file.source.name(), before.text(), file.source.text())).collect();
        self.printer.data(&text)
    }

    fn say_configurations(&self, jobs: &[Job]) {
        for job in jobs {
            let config = job.config.as_ref().map_or_else(|| "none".to_owned(), |path| path.display().to_string());
            self.printer.note(&format!("{}: configuration: {config}", job.input.shown.display()));
        }
    }

    fn exit_code(&self, files: &[Linted], outputs: &[(LintFormat, Option<&Path>)]) -> u8 {
        let failed = if self.arguments.diff {
            files.iter().any(|file| file.before.is_some())
        } else {
            files.iter().any(Linted::fails)
        };
        // Whoever reads these forms from hadolint expects it to have gone well.
        let is_quiet = |format: LintFormat| matches!(format, LintFormat::Codeclimate | LintFormat::Codacy);
        let quiet = self.arguments.hadolint_compat && outputs.iter().all(|(format, _)| is_quiet(*format));
        if failed && !quiet { FINDINGS } else { 0 }
    }
}

/// Finds the settings of each file; files with the same configuration share them.
fn jobs(resolver: &Resolver, lookup: &mut Lookup, inputs: Vec<files::Input>) -> Result<Vec<Job>, CommandError> {
    let mut known: BTreeMap<Option<PathBuf>, Arc<Resolved>> = BTreeMap::new();
    let mut jobs = Vec::with_capacity(inputs.len());
    for input in inputs {
        let config = lookup.find(input.folder())?;
        let path = config.as_ref().map(|config| config.path.clone());
        let settings = known.entry(path.clone()).or_insert_with(|| Arc::new(resolver.resolve(config.as_deref())));
        jobs.push(Job { input, settings: Arc::clone(settings), config: path });
    }
    Ok(jobs)
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
