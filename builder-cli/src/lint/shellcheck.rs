//! Asks an installed ShellCheck about the scripts of a Dockerfile, for what our own rules do not look for.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use builder_core::dockerfile::InstructionKind;
use builder_core::lint::model::{InstructionView, Model, ScriptView, ShellKind};
use builder_core::lint::{Dialect, Finding, Level, RULES, shellcheck_finding};
use builder_core::text::{LineIndex, Span};
use serde::Deserialize;

use super::config::ForeignRules;
use crate::error::CommandError;

/// The names that are set in every build.
const PROXIES: [&str; 8] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy"];
/// What is said about files that are not here (1090, 1091), about how a script begins (1008, 1128, 2148, 2239), which
/// is not how ours do, and about `ash` (2187).
const EXCLUDED: [&str; 7] = ["SC1008", "SC1090", "SC1091", "SC1128", "SC2148", "SC2187", "SC2239"];

/// A ShellCheck that works.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ShellCheck {
    program: PathBuf,
    excluded: String,
}

/// ShellCheck's `json1`.
#[derive(Debug, Deserialize)]
struct Answer {
    comments: Vec<Comment>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Comment {
    line: u32,
    end_line: u32,
    column: u32,
    end_column: u32,
    level: String,
    code: u16,
    message: String,
}

impl ShellCheck {
    /// Tries a program.
    ///
    /// # Errors
    /// It cannot be run.
    pub(crate) fn find(program: &Path) -> Result<Self, CommandError> {
        let tried = Command::new(program).arg("--version").stdin(Stdio::null()).output();
        let cannot = |why: String| {
            CommandError::usage(format!("cannot run `{}`: {why}", program.display()))
                .hint("install ShellCheck (Debian: apt-get install shellcheck), or say where it is: --shellcheck=PATH")
        };
        match tried {
            Ok(output) if output.status.success() => {}
            Ok(output) => return Err(cannot(format!("`--version` ends in {}", output.status))),
            Err(error) => return Err(cannot(error.to_string())),
        }
        let ours = RULES.iter().flat_map(|rule| rule.codes).filter(|code| code.starts_with("SC"));
        let excluded: Vec<&str> = ours.copied().chain(EXCLUDED).collect();
        Ok(Self { program: program.to_owned(), excluded: excluded.join(",") })
    }

    /// Asks about every script of a file.
    ///
    /// # Errors
    /// What went wrong.
    pub(crate) fn ask(
        &self,
        model: &Model<'_>,
        dialect: Dialect,
        rules: &ForeignRules,
    ) -> Result<Vec<Finding>, String> {
        let mut findings = Vec::new();
        let mut variables = Variables::new(model);
        for script in &model.scripts {
            variables.advance(script.view.index);
            if !script.is_shellchecked(dialect) {
                continue;
            }
            let Some(shell) = shell(script) else { continue };
            let names = variables.of(&script.view);
            findings.extend(self.check(script, shell, &names, rules)?);
        }
        Ok(findings)
    }

    fn check(
        &self,
        script: &ScriptView<'_>,
        shell: &str,
        names: &[String],
        rules: &ForeignRules,
    ) -> Result<Vec<Finding>, String> {
        let mut text = String::new();
        for name in PROXIES.iter().copied().chain(names.iter().map(String::as_str)) {
            text.push_str(&format!("export {name}=1\n"));
        }
        let lines_before = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
        text.push_str(script.text.as_str());
        let answer = self.run(shell, &text)?;
        let index = LineIndex::new(script.text.as_str());
        let offset = |line: u32, column: u32| {
            let line = line.saturating_sub(lines_before).max(1);
            let start = index.line_start(line).unwrap_or(u32::MAX);
            let rest = index.line_text(script.text.as_str(), line);
            let column = column.saturating_sub(1) as usize;
            let bytes = rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at);
            start.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX))
        };
        let findings = answer.comments.into_iter().filter(|comment| comment.line > lines_before);
        let findings = findings.filter_map(|comment| {
            let usual = Level::parse(&comment.level).unwrap_or(Level::Warning);
            let level = rules.level(&format!("SC{:04}", comment.code), usual)?;
            let span = Span::new(offset(comment.line, comment.column), offset(comment.end_line, comment.end_column));
            Some(shellcheck_finding(script, comment.code, level, span, comment.message))
        });
        Ok(findings.collect())
    }

    fn run(&self, shell: &str, script: &str) -> Result<Answer, String> {
        let failed = |why: &dyn std::fmt::Display| format!("`{}` failed: {why}", self.program.display());
        let mut child = Command::new(&self.program)
            .args(["--norc", "--format=json1", "--shell", shell, "--exclude", &self.excluded, "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&error))?;
        // It reads everything before it says anything. Where it stops early, its output says why.
        drop(child.stdin.take().map(|mut stdin| stdin.write_all(script.as_bytes())));
        let output = child.wait_with_output().map_err(|error| failed(&error))?;
        serde_json::from_slice(&output.stdout).map_err(|_| {
            let said = String::from_utf8_lossy(&output.stderr);
            failed(&said.lines().next().unwrap_or("it does not answer in its form json1 (0.7 or newer is needed)"))
        })
    }
}

/// Returns ShellCheck's name of the shell that reads a script.
fn shell(script: &ScriptView<'_>) -> Option<&'static str> {
    match (script.shell.kind, script.shell.program()) {
        (ShellKind::Posix, "dash" | "ash") => Some("dash"),
        (ShellKind::Posix, _) => Some("sh"),
        (ShellKind::Bash, _) => Some("bash"),
        (ShellKind::Ksh, _) => Some("ksh"),
        // It does not know zsh.
        _ => None,
    }
}

/// The names that `ARG` and `ENV` have set so far, stage by stage.
struct Variables<'m> {
    model: &'m Model<'m>,
    at: usize,
    stages: BTreeMap<usize, Vec<String>>,
}

impl<'m> Variables<'m> {
    fn new(model: &'m Model<'m>) -> Self {
        Self { model, at: 0, stages: BTreeMap::new() }
    }

    /// Takes in the instructions before one.
    fn advance(&mut self, index: usize) {
        while let Some(view) = self.model.instructions.get(self.at).filter(|view| view.index < index) {
            self.at += 1;
            let (Some(stage), false) = (view.stage, view.is_trigger()) else { continue };
            let names = names(view);
            self.stages.entry(stage).or_default().extend(names);
        }
    }

    /// Returns the names for an instruction: those of its stage and of the stages that it begins from.
    fn of(&self, view: &InstructionView<'_>) -> Vec<String> {
        let stages = view.stage.into_iter().flat_map(|stage| self.model.ancestry(stage));
        let mut names: Vec<String> =
            stages.flat_map(|stage| self.stages.get(&stage.index).cloned().unwrap_or_default()).collect();
        names.sort();
        names.dedup();
        names
    }
}

fn names(view: &InstructionView<'_>) -> Vec<String> {
    let names: Vec<&str> = match view.kind() {
        InstructionKind::Arg(arguments) => arguments.iter().map(|argument| argument.name.value.as_str()).collect(),
        InstructionKind::Env(pairs) => pairs.pairs.iter().map(|pair| pair.key.as_str()).collect(),
        _ => Vec::new(),
    };
    let is_name = |name: &&str| {
        !name.starts_with(|c: char| c.is_ascii_digit())
            && !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    names.into_iter().filter(is_name).map(str::to_owned).collect()
}
