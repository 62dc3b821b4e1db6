//! Instructions that change the image's config and no file.

use serde_json::{Map, Value};

use super::ports::ports;
use super::stage::StageBuilder;
use crate::dockerfile::expand::expand_words;
use crate::dockerfile::{
    ArgDeclaration, Command, HealthcheckInstruction, Instruction, InstructionKind, KeyValues, SourceText,
};
use crate::oci::Healthcheck;
use crate::text::{Span, go_quoted};

impl StageBuilder<'_, '_> {
    pub(super) fn metadata(&mut self, instruction: &Instruction) {
        match &instruction.kind {
            InstructionKind::Arg(declarations) => self.args(declarations),
            InstructionKind::Env(pairs) => self.env(pairs, instruction.head),
            InstructionKind::Label(pairs) => self.labels(pairs),
            InstructionKind::Maintainer(text) => {
                text.as_str().clone_into(&mut self.state.config.author);
                self.state.add_history(format!("MAINTAINER {}", text.as_str()), None);
            }
            InstructionKind::Cmd(command) => {
                let arguments = self.command(command);
                self.state.add_history(format!("CMD {}", quoted_list(&arguments)), None);
                let config = &mut self.state.config.config;
                config.cmd = (!arguments.is_empty()).then_some(arguments);
                config.args_escaped = true;
                self.state.cmd_set = true;
            }
            InstructionKind::Entrypoint(command) => {
                let arguments = self.command(command);
                self.state.add_history(format!("ENTRYPOINT {}", quoted_list(&arguments)), None);
                let cmd_set = self.state.cmd_set;
                let config = &mut self.state.config.config;
                config.entrypoint = (!arguments.is_empty()).then_some(arguments);
                if !cmd_set {
                    config.cmd = None;
                }
            }
            InstructionKind::Shell(arguments) => {
                let shell: Vec<String> = arguments.iter().map(|argument| argument.value.clone()).collect();
                self.state.add_history(format!("SHELL [{}]", shell.join(" ")), None);
                self.state.config.config.shell = shell;
            }
            InstructionKind::Healthcheck(check) => self.healthcheck(check),
            InstructionKind::Expose(words) => self.expose(words),
            InstructionKind::Volume(words) => self.volumes(words),
            InstructionKind::User(word) => {
                let Some(user) = self.expand(word) else { return };
                self.state.add_history(format!("USER {user}"), None);
                self.state.config.config.user = user;
            }
            InstructionKind::StopSignal(word) => self.stop_signal(word),
            InstructionKind::OnBuild(trigger) => self.state.config.config.on_build.push(trigger.text.clone()),
            InstructionKind::Add(_)
            | InstructionKind::Copy(_)
            | InstructionKind::From(_)
            | InstructionKind::Run(_)
            | InstructionKind::Workdir(_)
            | InstructionKind::Invalid => {}
        }
    }

    fn command(&self, command: &Command) -> Vec<String> {
        match command {
            Command::Exec(arguments) => arguments.iter().map(|argument| argument.value.clone()).collect(),
            Command::Shell(text) => {
                let mut arguments = self.shell();
                arguments.push(text.as_str().to_owned());
                arguments
            }
        }
    }

    fn args(&mut self, declarations: &[ArgDeclaration]) {
        let mut shown = Vec::new();
        for declaration in declarations {
            let name = declaration.name.value.clone();
            let given = self.planner.options.build_args.get(&name).cloned();
            let value = match (given, &declaration.default) {
                (Some(given), _) => Some(given),
                (None, Some(default)) => match self.expand(default) {
                    Some(value) => Some(value),
                    None => continue,
                },
                (None, None) => self.planner.globals.get(&name).map(str::to_owned),
            };
            shown.push(match &value {
                Some(value) => format!("{name}={value}"),
                None => name.clone(),
            });
            self.state.variables.declare(&name, value.as_deref());
        }
        self.state.add_history(format!("ARG {}", shown.join(" ")), None);
    }

    /// Expands the pairs of one instruction, all with the variables from before it.
    fn pairs(&mut self, pairs: &KeyValues) -> Vec<(String, String)> {
        let expanded = pairs.pairs.iter().map(|pair| Some((self.expand(&pair.key)?, self.expand(&pair.value)?)));
        expanded.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    fn env(&mut self, pairs: &KeyValues, head: Span) {
        let pairs = self.pairs(pairs);
        if pairs.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
            return self.zero_byte("ENV", head);
        }
        for (name, value) in &pairs {
            let entry = format!("{name}={value}");
            let env = &mut self.state.config.config.env;
            let same = |known: &&mut String| known.split_once('=').map_or(known.as_str(), |(n, _)| n) == name;
            match env.iter_mut().find(same) {
                Some(known) => *known = entry,
                None => env.push(entry),
            }
            self.state.variables.set(name, value);
        }
        self.state.add_history(format!("ENV {}", joined(&pairs)), None);
    }

    fn labels(&mut self, pairs: &KeyValues) {
        let pairs = self.pairs(pairs);
        self.state.add_history(format!("LABEL {}", joined(&pairs)), None);
        self.state.config.config.labels.extend(pairs);
    }

    fn healthcheck(&mut self, check: &HealthcheckInstruction) {
        let value = |field: &Option<crate::text::Spanned<i64>>| field.as_ref().map_or(0, |field| field.value);
        let test = match &check.command {
            None => vec!["NONE".to_owned()],
            Some(Command::Exec(arguments)) => {
                std::iter::once("CMD".to_owned()).chain(arguments.iter().map(|a| a.value.clone())).collect()
            }
            Some(Command::Shell(text)) => vec!["CMD-SHELL".to_owned(), text.as_str().to_owned()],
        };
        let healthcheck = Healthcheck {
            test,
            interval: value(&check.interval),
            timeout: value(&check.timeout),
            start_period: value(&check.start_period),
            start_interval: value(&check.start_interval),
            retries: value(&check.retries),
        };
        let created_by = format!(
            "HEALTHCHECK {{Test:[{}] Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}",
            healthcheck.test.join(" "),
            go_duration(healthcheck.interval),
            go_duration(healthcheck.timeout),
            go_duration(healthcheck.start_period),
            go_duration(healthcheck.start_interval),
            healthcheck.retries
        );
        self.state.add_history(created_by, None);
        self.state.config.config.healthcheck = Some(healthcheck);
    }

    fn expose(&mut self, words: &[SourceText]) {
        let mut sorted: Vec<&SourceText> = words.iter().collect();
        sorted.sort_by_key(|word| word.as_str().to_owned());
        let mut shown = Vec::new();
        for word in sorted {
            let variables = &self.state.variables;
            let split = match expand_words(word.as_str(), self.escape, &|name| variables.get(name)) {
                Ok(words) => words,
                Err(error) => {
                    self.error("invalid-expansion", word.span_of(error.range.clone()), error.to_string());
                    continue;
                }
            };
            for text in split {
                match ports(&text) {
                    Ok(ports) => shown.extend(ports),
                    Err(message) => self.error("invalid-port", word.span(), message),
                }
            }
        }
        self.state.add_history(format!("EXPOSE [{}]", shown.join(" ")), None);
        let exposed = &mut self.state.config.config.exposed_ports;
        exposed.extend(shown.into_iter().map(|port| (port, Value::Object(Map::new()))));
    }

    fn volumes(&mut self, words: &[SourceText]) {
        let mut paths = Vec::new();
        for word in words {
            let Some(path) = self.expand_str(word.as_str().trim(), word.span()) else { continue };
            if path.is_empty() {
                self.error("empty-volume", word.span(), "VOLUME specified can not be an empty string");
                continue;
            }
            paths.push(path);
        }
        self.state.add_history(format!("VOLUME [{}]", paths.join(" ")), None);
        let volumes = &mut self.state.config.config.volumes;
        volumes.extend(paths.into_iter().map(|path| (path, Value::Object(Map::new()))));
    }

    fn stop_signal(&mut self, word: &SourceText) {
        let Some(signal) = self.expand(word) else { return };
        if !is_signal(&signal) {
            self.error("invalid-signal", word.span(), format!("invalid signal: {signal}"));
            return;
        }
        self.state.add_history(format!("STOPSIGNAL {signal}"), None);
        self.state.config.config.stop_signal = signal;
    }
}

fn joined(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
}

/// `["a" "b"]`, as Go prints a list of quoted strings.
fn quoted_list(arguments: &[String]) -> String {
    let quoted: Vec<String> = arguments.iter().map(|argument| go_quoted(argument).clone()).collect();
    format!("[{}]", quoted.join(" "))
}

const SIGNALS: &[&str] = &[
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1",
    "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
];

/// Whether a text is a signal's number, any but zero as with `BuildKit`, or name, with or without `SIG`.
fn is_signal(text: &str) -> bool {
    if let Ok(number) = text.parse::<i64>() {
        return number != 0;
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let offset = |rest: &str, sign: char, most: u32| {
        rest.is_empty() || rest.strip_prefix(sign).and_then(|n| n.parse().ok()).is_some_and(|n: u32| n <= most)
    };
    SIGNALS.contains(&name)
        || name.strip_prefix("RTMIN").is_some_and(|rest| offset(rest, '+', 15))
        || name.strip_prefix("RTMAX").is_some_and(|rest| offset(rest, '-', 14))
}

/// Nanoseconds in Go's notation: `1m30s`, `500ms`, `0s`.
fn go_duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = nanoseconds.unsigned_abs();
    let fraction = |value: u64, unit: u64| {
        let text = format!("{}.{:0width$}", value / unit, value % unit, width = unit.ilog10() as usize);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match total {
        0 => "0s".to_owned(),
        1..1_000 => format!("{sign}{total}ns"),
        1_000..1_000_000 => format!("{sign}{}µs", fraction(total, 1_000)),
        1_000_000..1_000_000_000 => format!("{sign}{}ms", fraction(total, 1_000_000)),
        _ => {
            let (minutes, rest) = (total / 60_000_000_000, total % 60_000_000_000);
            let seconds = fraction(rest, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{sign}{seconds}s"),
                (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
                (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_does() {
        for (nanoseconds, text) in [
            (0, "0s"),
            (1_000_000_000, "1s"),
            (90_000_000_000, "1m30s"),
            (500_000_000, "500ms"),
            (1_500_000_000, "1.5s"),
            (3_600_000_000_000, "1h0m0s"),
            (1_500, "1.5µs"),
        ] {
            assert_eq!(go_duration(nanoseconds), text);
        }
    }

    #[test]
    fn signals_by_number_and_name() {
        for good in ["9", "SIGTERM", "term", "RTMIN+3", "SIGRTMAX-1", "64", "65", "-1"] {
            assert!(is_signal(good), "{good}");
        }
        for bad in ["", "0", "SIGNOPE", "RTMIN+99", "SIG"] {
            assert!(!is_signal(bad), "{bad}");
        }
    }
}
