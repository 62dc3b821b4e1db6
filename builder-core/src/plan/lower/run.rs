//! `RUN` and `WORKDIR`.

use std::collections::BTreeMap;

use super::stage::StageBuilder;
use crate::dockerfile::{Command, Instruction, Run, SourceText};
use crate::plan::op::{NetworkMode, Op, RunOp, WorkdirOp};

/// The shell of shell forms where no `SHELL` says otherwise.
const DEFAULT_SHELL: [&str; 2] = ["/bin/sh", "-c"];
/// The issue that brings what is still missing of the language.
pub(super) const LANGUAGE_ISSUE: &str = "The whole Dockerfile language, as BuildKit means it";
/// Build args that RUN sees without declaration, in upper or lower case (dockerfile-semantics 3.3).
pub(super) const PROXY_NAMES: [&str; 5] = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

impl StageBuilder<'_, '_> {
    pub(super) fn shell(&self) -> Vec<String> {
        let shell = &self.state.config.config.shell;
        if shell.is_empty() { DEFAULT_SHELL.map(str::to_owned).to_vec() } else { shell.clone() }
    }

    pub(super) fn run(&mut self, instruction: &Instruction, run: &Run) {
        if let Some(mount) = run.mounts.first() {
            self.unsupported(mount.span, "`RUN --mount`", LANGUAGE_ISSUE);
        }
        if let Some(device) = run.devices.first() {
            self.unsupported(device.span, "`RUN --device`", LANGUAGE_ISSUE);
        }
        if let Some(security) = run.security.as_ref().filter(|security| security.value != "sandbox") {
            self.unsupported(security.span, &format!("`RUN --security={}`", security.value), LANGUAGE_ISSUE);
        }
        let network = match run.network.as_ref().map(|network| network.value.as_str()) {
            None | Some("default") => self.planner.options.network,
            Some("none") => NetworkMode::None,
            Some("host") => NetworkMode::Host,
            Some(other) => {
                let span = run.network.as_ref().map(|network| network.span).unwrap_or_default();
                let message = format!("invalid network mode {}", crate::text::go_quoted(other));
                self.error("invalid-network-mode", span, message);
                return;
            }
        };
        let (args, pipes) = self.arguments(instruction, &run.command);
        if args.is_empty() {
            self.error("empty-command", instruction.head, "RUN needs a command");
            return;
        }
        let created_by = format!("RUN {}{} # buildkit", self.declared_arguments(), args.join(" "));
        let env = self.state.variables.entries().to_vec();
        let op = Op::Run(RunOp {
            parent: self.state.filesystem,
            args,
            shell_form: matches!(run.command, Command::Shell(_)),
            proxy_env: self.proxies(&env),
            env,
            cwd: self.state.cwd().to_owned(),
            user: self.state.config.config.user.clone(),
            network,
            pipes,
            platform: self.state.platform.clone(),
        });
        let name = self.step_name(&run_name(instruction, &self.shown(instruction, false)));
        self.step(op, name, instruction.head, created_by);
    }

    /// The arguments of the process, and scripts with an interpreter line (dockerfile-semantics 5.5.2).
    fn arguments(&self, instruction: &Instruction, command: &Command) -> (Vec<String>, Vec<(String, String)>) {
        let text = match command {
            Command::Exec(arguments) => {
                return (arguments.iter().map(|argument| argument.value.clone()).collect(), Vec::new());
            }
            Command::Shell(text) => text,
        };
        let mut arguments = self.shell();
        let mut pipes = Vec::new();
        match instruction.heredocs.as_slice() {
            [] => arguments.push(text.as_str().to_owned()),
            [only] if is_only_marker(text, only.marker) => {
                let content = only.content();
                if content.starts_with("#!") {
                    arguments.push(format!("/dev/pipes/{}", only.name));
                    pipes.push((only.name.clone(), content));
                } else {
                    arguments.push(content);
                }
            }
            heredocs => {
                let mut script = text.as_str().to_owned();
                for heredoc in heredocs {
                    script.push('\n');
                    script.push_str(&heredoc.body.value);
                    script.push_str(&heredoc.name);
                }
                arguments.push(script);
            }
        }
        (arguments, pipes)
    }

    /// `|2 A=1 B= ` for the arguments in scope; nothing where there are none.
    fn declared_arguments(&self) -> String {
        let declared = self.state.variables.declared();
        if declared.is_empty() {
            return String::new();
        }
        let mut text = format!("|{} ", declared.len());
        for name in declared {
            let value = self.state.variables.get(name).unwrap_or("");
            text.push_str(&format!("{name}={value} "));
        }
        text
    }

    fn proxies(&self, env: &[(String, String)]) -> BTreeMap<String, String> {
        let mut proxies = BTreeMap::new();
        for (name, value) in &self.planner.options.build_args {
            if PROXY_NAMES.contains(&name.to_ascii_uppercase().as_str()) {
                proxies.insert(name.to_ascii_uppercase(), value.clone());
                proxies.insert(name.to_ascii_lowercase(), value.clone());
            }
        }
        proxies.retain(|name, _| !env.iter().any(|(known, _)| known == name));
        proxies
    }

    pub(super) fn workdir(&mut self, instruction: &Instruction, path: &SourceText) {
        let Some(expanded) = self.expand(path) else { return };
        let path = super::copy::clean(&super::copy::join(self.state.cwd(), &expanded));
        // As BuildKit has it, an absolute path stays in the config as it is written, with a slash at its end.
        let shown = if expanded.starts_with('/') && path != "/" { &expanded } else { &path };
        self.state.config.config.working_dir.clone_from(shown);
        let created_by = format!("WORKDIR {shown}");
        if path == "/" {
            self.state.add_history(created_by, None);
            return;
        }
        let op =
            Op::Workdir(WorkdirOp { parent: self.state.filesystem, path, user: self.state.config.config.user.clone() });
        let name = self.step_name(&self.shown(instruction, true));
        self.step(op, name, instruction.head, created_by);
    }
}

fn is_only_marker(text: &SourceText, marker: crate::text::Span) -> bool {
    text.span() == marker
}

/// A step that is one heredoc shows its first line.
fn run_name(instruction: &Instruction, shown: &str) -> String {
    let [heredoc] = instruction.heredocs.as_slice() else { return shown.to_owned() };
    let content = heredoc.content();
    let mut lines = content.lines();
    let Some(first) = lines.next() else { return shown.to_owned() };
    let more = if lines.next().is_some() { "..." } else { "" };
    format!("{shown} ({first}{more})")
}
