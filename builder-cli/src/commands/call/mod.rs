//! `builder build --call` and `--check`: what there is to say about a Dockerfile, without a build.

mod json;
mod text;

use std::collections::BTreeMap;

use builder_core::builder::BuildOptions;
use builder_core::dockerfile::parse;
use builder_core::event::NullSink;
use builder_core::platform::Platform;
use builder_core::semantic::outline;
use builder_core::semantic::scope::ScopeInput;
use builder_core::text::SourceFile;

use super::Session;
use super::build::command_error;
use crate::args::BuildArgs;
use crate::error::{CommandError, Report};

/// The methods, with their versions and what they do, as BuildKit has them.
const METHODS: [(&str, &str); 4] = [
    ("outline", "List all parameters current build target supports"),
    ("targets", "List all targets current build supports"),
    ("lint", "Lint a Dockerfile"),
    ("subrequests.describe", "List available subrequest types"),
];

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Method {
    Check,
    Outline,
    Targets,
    Describe,
}

/// A question, and the form of its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Call {
    method: Method,
    json: bool,
}

impl Call {
    /// Reads `--call` and `--check`; nothing where a build is asked for.
    ///
    /// # Errors
    /// There is no such method or form.
    pub(super) fn of(arguments: &BuildArgs) -> Result<Option<Self>, CommandError> {
        let (name, options) = arguments.call.split_once(',').unwrap_or((&arguments.call, ""));
        let mut json = false;
        for option in options.split(',').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("format", "json")) => json = true,
                Some(("format", "text" | "")) => json = false,
                _ => {
                    let error = CommandError::usage(format!("invalid option `{option}` of --call"));
                    return Err(error.hint("write `--call METHOD` or `--call METHOD,format=json`"));
                }
            }
        }
        let method = match name.strip_prefix("frontend.").unwrap_or(name) {
            "build" | "" if arguments.check => Method::Check,
            "build" | "" => return Ok(None),
            "check" | "lint" => Method::Check,
            "outline" => Method::Outline,
            "targets" => Method::Targets,
            "subrequests.describe" => Method::Describe,
            other => {
                let error = CommandError::usage(format!("`--call {other}` does not exist"));
                return Err(error.hint("there are build, check, outline, targets and subrequests.describe"));
            }
        };
        if arguments.check && method != Method::Check {
            return Err(CommandError::usage("--check and --call ask for different things"));
        }
        Ok(Some(Self { method, json }))
    }

    /// Answers on standard output; returns the exit code.
    ///
    /// # Errors
    /// The Dockerfile cannot be read, or standard output not be written to.
    pub(super) fn answer(self, options: &BuildOptions, session: &Session) -> Result<u8, CommandError> {
        let answer = |text: String, json: serde_json::Value| if self.json { format!("{json:#}\n") } else { text };
        match self.method {
            Method::Describe => session.printer.data(&answer(text::methods(&METHODS), json::methods(&METHODS)))?,
            Method::Check => {
                let report = session.builder.check(options, &NullSink, &session.cancel).map_err(command_error)?;
                session.printer.data(&answer(text::check(&report), json::check(&report)))?;
                return Ok(u8::from(!report.warnings.is_empty() || report.error.is_some()));
            }
            Method::Targets | Method::Outline => {
                let source = session.builder.dockerfile(options, &NullSink, &session.cancel).map_err(command_error)?;
                let (text, json) = self.described(&source, options)?;
                session.printer.data(&answer(text, json))?;
            }
        }
        Ok(0)
    }

    fn described(
        self,
        source: &SourceFile,
        options: &BuildOptions,
    ) -> Result<(String, serde_json::Value), CommandError> {
        let parsed = parse(source);
        if parsed.has_errors() {
            return Err(refused(source, parsed.diagnostics));
        }
        if self.method == Method::Targets {
            let targets = outline::targets(&parsed.dockerfile);
            return Ok((text::targets(&targets), json::targets(source, &targets)));
        }
        let host = Platform::host();
        let target_platform = options.platforms.first().cloned().unwrap_or_else(|| host.clone());
        let build_args: &BTreeMap<String, String> = &options.build_args;
        let target = options.target.as_deref().filter(|target| !target.is_empty());
        let input = ScopeInput { build_args, target_platform: &target_platform, build_platform: &host, target };
        let outline = outline::outline(&parsed.dockerfile, &input);
        let outline = outline.map_err(|diagnostic| refused(source, vec![diagnostic]))?;
        Ok((text::outline(&outline), json::outline(source, &outline)))
    }
}

fn refused(source: &SourceFile, diagnostics: Vec<builder_core::diagnostic::Diagnostic>) -> CommandError {
    let mut error = CommandError::usage(format!("`{}` cannot be described as it is", source.name()));
    let last_line = diagnostics.first().map(|first| format!("ERROR: failed to solve: {}", first.in_one_line()));
    error.report = Report { source_file: Some(source.clone()), diagnostics, last_line };
    error
}
