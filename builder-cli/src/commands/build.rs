//! `builder build`.

use std::io::{Read, Write};
use std::path::Path;

use builder_core::build_context::{StreamKind, sniff, unpack};
use builder_core::builder::{
    BuildError, BuildOptions, BuildOutcome, ContextSource, DockerfileSource, ErrorCategory, ExportTarget,
};
use builder_core::event::NullSink;
use builder_core::plan::dump;
use builder_core::remote::is_http;
use builder_core::store::WorkDir;
use jiff::Timestamp;

use super::Session;
use super::call::Call;
use crate::args::{BuildArgs, PrintPlan};
use crate::error::{CommandError, ErrorKind, Report};
use crate::settings;
use crate::ui::explain::{Explain, summary};
use crate::ui::printer::stdout_error;
use crate::ui::progress::{Mode, Progress};

/// Builds an image, or says what there is to say about a Dockerfile; returns the exit code.
pub(super) fn build(arguments: &BuildArgs, session: &Session) -> Result<u8, CommandError> {
    let call = Call::of(arguments)?;
    if call.is_some() && arguments.print_plan.is_some() {
        return Err(CommandError::usage("--print-plan shows a build, and --check and --call ask for something else")
            .hint("ask for one of them"));
    }
    let (context, dockerfile, _unpacked) = inputs(arguments, session)?;
    let mut options = settings::build(arguments, context, dockerfile)?;
    options.cache_budget = settings::cache_budget(arguments, session.builder.store().root())?;
    match call {
        Some(call) => call.answer(&options, session),
        None => run(arguments, &options, session).map(|()| 0),
    }
}

fn run(arguments: &BuildArgs, options: &BuildOptions, session: &Session) -> Result<(), CommandError> {
    if let Some(form) = arguments.print_plan {
        let plan = session.builder.plan(options, &NullSink, &session.cancel).map_err(command_error)?;
        let text = match form {
            PrintPlan::Text => dump::text(&plan),
            PrintPlan::Dot => dump::dot(&plan),
        };
        return session.printer.data(&text);
    }
    settings::destinations::check(arguments, &options.outputs)?;
    for path in [&arguments.iidfile, &arguments.metadata_file].into_iter().flatten() {
        make_way(path)?;
    }
    let mode = settings::progress(arguments);
    let explain = settings::explain(arguments);
    let waits = session.builder.registry_options().waits.clone();
    let progress = Progress::start(mode, session.printer.paint(), explain, waits);
    let progress = progress.map_err(CommandError::environment)?;
    let mut stdout = std::io::stdout();
    let outcome = session.builder.build(options, progress.sink(), &session.cancel, Some(&mut stdout));
    let told = progress.finish();
    // Below the steps, where they are seen; programs had them among the events.
    // What somebody asked for and does not get is said in any case.
    let is_said = |id: &str| mode != Mode::Quiet || matches!(id, "shared-cache" | "no-such-stage");
    for (source_file, warning) in told.warnings.iter().filter(|(_, warning)| mode != Mode::Json && is_said(warning.id))
    {
        session.printer.diagnostics(Some(source_file), std::slice::from_ref(warning));
    }
    if matches!(mode, Mode::Tty | Mode::Plain) {
        session.printer.findings(&told.findings);
        session.printer.checks(&told.checks);
    }
    if explain == Explain::Steps && mode != Mode::Json {
        session.printer.text(&summary(told.explained.values(), Timestamp::now()));
    }
    stdout.flush().map_err(stdout_error)?;
    let outcome = outcome.map_err(command_error)?;
    if let Some(fetched) = outcome.fetched
        && !options.cache_from.is_empty()
        && !arguments.quiet
    {
        let layers = if fetched.blobs == 1 { "layer" } else { "layers" };
        let bytes = crate::ui::format::size(fetched.bytes);
        session.printer.note(&format!("fetched {} {layers} ({bytes}) from elsewhere", fetched.blobs));
    }
    report(arguments, &outcome)?;
    // An archive on standard output ends where it ends.
    if arguments.quiet && !options.outputs.iter().any(|output| output.target == ExportTarget::Stdout) {
        session.printer.data(&format!("{}\n", outcome.id))?;
    }
    Ok(())
}

/// Finds the context and the Dockerfile; what arrives on standard input is read here.
fn inputs(
    arguments: &BuildArgs,
    session: &Session,
) -> Result<(ContextSource, DockerfileSource, Option<WorkDir>), CommandError> {
    let stdin_dockerfile = arguments.file.as_deref() == Some(Path::new("-"));
    if arguments.context == Path::new("-") {
        if stdin_dockerfile {
            return Err(CommandError::usage("context and Dockerfile cannot both come from standard input"));
        }
        return match sniff(std::io::stdin()).map_err(CommandError::usage)? {
            StreamKind::Dockerfile(text) => {
                let dockerfile = DockerfileSource::Inline { name: "-".to_owned(), text };
                Ok((ContextSource::Empty, dockerfile, None))
            }
            StreamKind::Archive(mut stream) => {
                let work = session.builder.store().work_dir().map_err(CommandError::environment)?;
                let unpacked = unpack(&mut stream, work.path(), &session.cancel).map_err(CommandError::usage)?;
                let dockerfile = match &arguments.file {
                    Some(file) => DockerfileSource::InContext(file.clone()),
                    None => DockerfileSource::Default,
                };
                let (directory, modified) = (work.path().to_owned(), unpacked.newest);
                Ok((ContextSource::Unpacked { directory, modified }, dockerfile, Some(work)))
            }
        };
    }
    let context = settings::contexts::main(&arguments.context)?;
    if let Some(url) = arguments.file.as_deref().and_then(Path::to_str).filter(|text| is_http(text)) {
        return Err(CommandError::usage(format!("a Dockerfile is not fetched from the web: `{url}`"))
            .hint(format!("pass it on standard input: `curl -fsSL {url} | builder build -f - CONTEXT`")));
    }
    let dockerfile = match &arguments.file {
        None => DockerfileSource::Default,
        Some(_) if stdin_dockerfile => {
            let mut text = Vec::new();
            std::io::stdin().lock().read_to_end(&mut text).map_err(CommandError::usage)?;
            DockerfileSource::Inline { name: "-".to_owned(), text }
        }
        Some(file) if matches!(context, ContextSource::Directory(_)) => DockerfileSource::Path(file.clone()),
        Some(file) => DockerfileSource::InContext(file.clone()),
    };
    Ok((context, dockerfile, None))
}

/// Removes what an earlier build wrote there, so that nobody takes it for what this one makes; a place that cannot
/// be written to is noticed before the build and not after it.
fn make_way(path: &Path) -> Result<(), CommandError> {
    let file = std::fs::File::create(path).map_err(|error| cannot_write(path, &error))?;
    // Pipes and devices stay: whoever named one reads from it.
    if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        std::fs::remove_file(path).map_err(|error| cannot_write(path, &error))?;
    }
    Ok(())
}

fn cannot_write(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::environment(format!("cannot write `{}`: {error}", path.display()))
        .hint("may you write there, and is there room?")
}

fn report(arguments: &BuildArgs, outcome: &BuildOutcome) -> Result<(), CommandError> {
    let write = |path: &Path, text: String| std::fs::write(path, text).map_err(|error| cannot_write(path, &error));
    if let Some(path) = &arguments.iidfile {
        write(path, outcome.id.to_string())?;
    }
    if let Some(path) = &arguments.metadata_file {
        let metadata = super::build_metadata::metadata(outcome);
        write(path, format!("{metadata:#}\n"))?;
    }
    Ok(())
}

/// Turns the library's error into a command's: its category decides the exit code.
pub(super) fn command_error(error: BuildError) -> CommandError {
    let kind = match error.category() {
        ErrorCategory::UserInput => ErrorKind::Usage,
        ErrorCategory::Step => ErrorKind::Failed,
        ErrorCategory::Environment => ErrorKind::Environment,
        ErrorCategory::Registry => ErrorKind::Registry,
        ErrorCategory::Cancelled => ErrorKind::Interrupted,
    };
    let hint = error.hint().filter(|_| error.source_file().is_none());
    let report = match error.source_file() {
        None => Report::default(),
        Some(source) => Report {
            source_file: Some(source.clone()),
            diagnostics: error.diagnostics(),
            last_line: Some(format!("ERROR: failed to build: failed to solve: {}", error.in_one_line())),
        },
    };
    let mut command = CommandError::new(kind, error);
    command.report = report;
    command.hints.extend(hint);
    command
}
