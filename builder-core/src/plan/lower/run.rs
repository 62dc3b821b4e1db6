//! `RUN` and `WORKDIR`.

use std::collections::{BTreeMap, BTreeSet};

use super::copy::clean;
use super::stage::StageBuilder;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Command, Instruction, Run, SourceText};
use crate::plan::Entitlement;
use crate::plan::op::{NetworkMode, Op, RunOp, SecurityMode, WorkdirOp};
use crate::text::Span;

/// The shell of shell forms where no `SHELL` says otherwise.
const DEFAULT_SHELL: [&str; 2] = ["/bin/sh", "-c"];
const WINDOWS_SHELL: [&str; 3] = ["cmd", "/S", "/C"];
/// Where scripts of heredocs with an interpreter line are put for the duration.
const PIPES_DIRECTORY: &str = "/dev/pipes";
/// The build arg that names the host of every RUN.
const HOSTNAME: &str = "BUILDKIT_SANDBOX_HOSTNAME";
/// Build args that RUN sees without declaration, in upper or lower case (dockerfile-semantics 3.3).
pub(super) const PROXY_NAMES: [&str; 5] = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/// The arguments of a process, and the names and contents of scripts that it needs.
type Arguments = (Vec<String>, Vec<(String, String)>);

impl StageBuilder<'_, '_> {
    pub(super) fn shell(&self) -> Vec<String> {
        let shell = &self.state.config.config.shell;
        match shell.as_slice() {
            [] if self.state.platform.os == "windows" => WINDOWS_SHELL.map(str::to_owned).to_vec(),
            [] => DEFAULT_SHELL.map(str::to_owned).to_vec(),
            shell => shell.to_vec(),
        }
    }

    pub(super) fn run(&mut self, instruction: &Instruction, run: &Run) {
        if let Some(device) = run.devices.first() {
            self.error("unknown-flag", device.span, "RUN --device is only supported in Dockerfile frontend labs");
        }
        let network = self.network(run);
        let security = self.security(run);
        let mounts = self.mounts(&run.mounts);
        let (Some(network), Some(security), Some(mounts)) = (network, security, mounts) else { return };
        let Some((args, pipes)) = self.arguments(instruction, &run.command) else { return };
        if args.first().is_none_or(String::is_empty) {
            let diagnostic = Diagnostic::error("empty-command", self.place(instruction.head), "RUN needs a command");
            let help = "write what is to be run: `RUN command`, or `RUN [\"program\", \"argument\"]`";
            self.planner.diagnostics.push(diagnostic.help(help));
            return;
        }
        if args.iter().any(|argument| argument.contains('\0')) {
            self.zero_byte("RUN", instruction.head);
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
            arguments: self.argument_names(),
            cwd: self.state.cwd().to_owned(),
            user: self.state.config.config.user.clone(),
            network,
            security,
            hostname: self.planner.options.build_args.get(HOSTNAME).filter(|name| !name.is_empty()).cloned(),
            mounts,
            pipes,
            platform: self.state.platform.clone(),
        });
        let name = self.step_name(&run_name(instruction, &self.shown(instruction, false)));
        self.step(op, name, instruction.head, created_by);
    }

    /// Neither an argument nor a variable of a process can hold the byte that ends it.
    pub(super) fn zero_byte(&mut self, keyword: &str, span: Span) {
        let message = format!("{keyword} must not hold a zero byte");
        let diagnostic = Diagnostic::error("zero-byte", self.place(span), message);
        self.planner.diagnostics.push(diagnostic.help("no program can be given one: write it into a file"));
    }

    fn network(&mut self, run: &Run) -> Option<NetworkMode> {
        let (span, mode) = match &run.network {
            None => (None, self.planner.options.network),
            Some(network) => match network.value.as_str() {
                "" | "default" => (None, self.planner.options.network),
                "none" => (None, NetworkMode::None),
                "host" => (Some(network.span), NetworkMode::Host),
                other => {
                    let message = format!("invalid network mode {}", crate::text::go_quoted(other));
                    self.error("invalid-network-mode", network.span, message);
                    return None;
                }
            },
        };
        match span {
            Some(span) => self.entitled(Entitlement::NetworkHost, span).then_some(mode),
            None => Some(mode),
        }
    }

    fn security(&mut self, run: &Run) -> Option<SecurityMode> {
        let Some(security) = &run.security else { return Some(SecurityMode::Sandbox) };
        match security.value.as_str() {
            "" | "sandbox" => Some(SecurityMode::Sandbox),
            "insecure" => self.entitled(Entitlement::SecurityInsecure, security.span).then_some(SecurityMode::Insecure),
            other => {
                let message = format!("security {} is not valid", crate::text::go_quoted(other));
                self.error("invalid-security-mode", security.span, message);
                None
            }
        }
    }

    fn entitled(&mut self, entitlement: Entitlement, span: Span) -> bool {
        if self.planner.options.allow.contains(&entitlement) {
            return true;
        }
        let name = entitlement.as_str();
        let message = format!("entitlement {name} is not allowed");
        let help = format!("allow it for this build with `--allow {name}`");
        let diagnostic = Diagnostic::error("entitlement-not-allowed", self.place(span), message).help(help);
        self.planner.diagnostics.push(diagnostic);
        false
    }

    /// The arguments of the process, and scripts with an interpreter line (dockerfile-semantics 5.5.2); `None` where
    /// something was reported.
    fn arguments(&mut self, instruction: &Instruction, command: &Command) -> Option<Arguments> {
        let text = match command {
            Command::Exec(arguments) => {
                return Some((arguments.iter().map(|argument| argument.value.clone()).collect(), Vec::new()));
            }
            Command::Shell(text) => text,
        };
        let mut arguments = self.shell();
        let mut pipes = Vec::new();
        match instruction.heredocs.as_slice() {
            [] => arguments.push(text.as_str().to_owned()),
            [only] if is_only_marker(text, only.marker) => {
                let content = only.content();
                // As BuildKit looks at it, before the tabs of `<<-` are taken away.
                if only.body.value.starts_with("#!") {
                    // A file as `COPY` makes it, at the root of what is mounted there. The program is looked for at
                    // the name as written, which may lead out of it again.
                    let name = self.inline_name(&only.name, only.marker)?;
                    let program = clean(&format!("{PIPES_DIRECTORY}/{}", only.name));
                    if program != format!("{PIPES_DIRECTORY}/{name}") {
                        self.invalid_file_name(&program, only.marker);
                        return None;
                    }
                    arguments.push(program);
                    pipes.push((name, content));
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
        Some((arguments, pipes))
    }

    /// `|2 A=1 B= ` for the arguments in scope; nothing where there are none.
    fn declared_arguments(&self) -> String {
        let declared = self.state.variables.declared();
        if declared.is_empty() {
            return String::new();
        }
        let mut text = format!("|{} ", declared.len());
        for name in declared {
            let value = self.state.variables.declared_value(name).unwrap_or("");
            text.push_str(&format!("{name}={value} "));
        }
        text
    }

    /// The variables that are what an `ARG` says, and not what an `ENV` says.
    fn argument_names(&self) -> BTreeSet<String> {
        let variables = &self.state.variables;
        let env = &self.state.config.config.env;
        let is_env = |name: &str| {
            let entry = env.iter().filter_map(|entry| entry.split_once('=')).find(|(known, _)| *known == name);
            entry.is_some_and(|(_, value)| variables.get(name) == Some(value))
        };
        variables.declared().iter().filter(|name| variables.get(name).is_some() && !is_env(name)).cloned().collect()
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
        let path = clean(&super::copy::join(self.state.cwd(), &expanded));
        // As BuildKit has it, an absolute path stays in the config as it is written, with a slash at its end.
        let shown = if expanded.starts_with('/') { &expanded } else { &path };
        self.state.config.config.working_dir.clone_from(shown);
        let created_by = format!("WORKDIR {shown}");
        if shown == "/" {
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
