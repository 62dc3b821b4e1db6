//! The Dockerfile language, statement by statement: `fixtures/language/*.txt` holds the tables.
//!
//! A case begins with `=== what it shows`. Lines `> …` are options, then comes the Dockerfile, and behind `---` what
//! must be said about the plan, in the order of [`described`]; `! ` before a line means that it must not be there.
//!
//! | option | what it gives |
//! |---|---|
//! | `> arg NAME=VALUE` | a build arg |
//! | `> target NAME`, `> platform P`, `> label K=V` | as on the command line |
//! | `> context NAME` | a named context that is a directory; `> context NAME=image` one that is the image `base` |
//! | `> onbuild TEXT` | a trigger of the image `parent`; `\n` in it is a line feed |
//! | `> unplannable` | nothing: the file is only parsed |

use std::collections::BTreeMap;
use std::fmt::Write as _;

use builder_core::digest::Digest;
use builder_core::dockerfile::parse;
use builder_core::oci::ImageConfig;
use builder_core::plan::op::Op;
use builder_core::plan::{NamedContext, Plan, PlanOptions, Planned, ResolvedImage, plan};
use builder_core::platform::Platform;
use builder_core::text::SourceFile;

struct Case<'t> {
    name: &'t str,
    options: Vec<&'t str>,
    dockerfile: String,
    expected: Vec<&'t str>,
}

fn cases(text: &str) -> Vec<Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    let mut behind = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            cases.push(Case { name, options: Vec::new(), dockerfile: String::new(), expected: Vec::new() });
            behind = false;
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        match line.strip_prefix("> ") {
            Some(option) if case.dockerfile.is_empty() => case.options.push(option),
            _ if line == "---" => behind = true,
            _ if behind => case.expected.extend((!line.is_empty()).then_some(line)),
            _ => {
                case.dockerfile.push_str(line);
                case.dockerfile.push('\n');
            }
        }
    }
    cases
}

fn image(name: &str, on_build: &[String]) -> ResolvedImage {
    let mut config = ImageConfig::empty(&Platform::new("linux", "amd64", None));
    "base author".clone_into(&mut config.author);
    let container = &mut config.config;
    if name == "bare" {
        container.env = vec!["BASE=yes".to_owned()];
    } else {
        container.env = vec!["PATH=/bin".to_owned(), "BASE=yes".to_owned()];
        container.cmd = Some(vec!["base-cmd".to_owned()]);
        container.labels = BTreeMap::from([("base".to_owned(), "yes".to_owned())]);
        "/w".clone_into(&mut container.working_dir);
    }
    if name == "parent" {
        container.on_build = on_build.to_vec();
    }
    config.rootfs.diff_ids = vec![Digest::of(name.as_bytes())];
    let display = format!("example.test/{name}:latest");
    ResolvedImage { config, digest: Digest::of(b"manifest"), display }
}

fn planned(case: &Case<'_>) -> Result<Plan, Vec<String>> {
    let mut options = PlanOptions::new(Platform::new("linux", "amd64", None), Platform::new("linux", "amd64", None));
    let mut on_build = Vec::new();
    for option in &case.options {
        let (key, value) = option.split_once(' ').unwrap_or((option, ""));
        let pair = || {
            let (name, value) = value.split_once('=').unwrap_or((value, ""));
            (name.to_owned(), value.to_owned())
        };
        match key {
            "arg" => options.build_args.extend([pair()]),
            "label" => options.labels.extend([pair()]),
            "target" => options.target = Some(value.to_owned()),
            "platform" => {
                options.platform = value.parse().unwrap();
                options.explicit_platform = true;
            }
            "context" => {
                let (name, kind) = pair();
                let context = if kind == "image" { NamedContext::Image } else { NamedContext::Local };
                options.contexts.insert(name, context);
            }
            "onbuild" => on_build.push(value.replace("\\n", "\n")),
            other => panic!("{}: no option `{other}`", case.name),
        }
    }
    let parsed = parse(&SourceFile::new("Dockerfile", case.dockerfile.as_str()));
    if parsed.has_errors() {
        let errors = parsed.diagnostics.iter().filter(|d| d.severity == builder_core::diagnostic::Severity::Error);
        return Err(errors.map(|error| format!("error {}", error.in_one_line())).collect());
    }
    let mut images = BTreeMap::new();
    loop {
        match plan(&parsed.dockerfile, &options, &images) {
            Err(error) => {
                return Err(error.diagnostics.iter().map(|d| format!("error {}", d.in_one_line())).collect());
            }
            Ok(Planned::Ready(plan)) => return Ok(*plan),
            Ok(Planned::NeedEpoch(asked)) => return Err(vec![format!("epoch {asked:?}")]),
            Ok(Planned::NeedImages(requests)) => {
                for request in requests {
                    let resolved = image(&request.key.name, &on_build);
                    images.insert(request.key, resolved);
                }
            }
        }
    }
}

/// What a plan says, a line each, in this order.
fn described(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let config = &plan.config.config;
    for vertex in &plan.vertexes {
        let name = vertex.name.split_once("@sha256:").map_or(vertex.name.clone(), |(name, _)| format!("{name}@…"));
        lines.push(format!("step {name}"));
    }
    for vertex in &plan.vertexes {
        match &vertex.op {
            Op::Run(op) => {
                lines.push(format!("run {}", op.args.join(" | ")));
                let env = op.env.iter().filter(|(name, _)| !matches!(name.as_str(), "PATH" | "BASE"));
                lines.extend(env.map(|(name, value)| format!("run-env {name}={value}")));
                lines.extend(op.proxy_env.iter().map(|(name, value)| format!("run-proxy {name}={value}")));
            }
            Op::Copy(op) => {
                for source in op.parts.iter().flat_map(|part| &part.sources) {
                    lines.push(match source {
                        builder_core::plan::op::CopySource::Path { path, .. } => format!("copy {path}"),
                        builder_core::plan::op::CopySource::Parents { base, pattern, .. } => {
                            format!("parents {base} {pattern}")
                        }
                        builder_core::plan::op::CopySource::Inline { name, content } => {
                            format!("inline {name}:{content}")
                        }
                    });
                }
            }
            _ => {}
        }
    }
    lines.push(format!("platform {}", plan.config.platform()));
    lines.extend(config.env.iter().map(|entry| format!("env {entry}")));
    lines.extend(config.labels.iter().map(|(name, value)| format!("label {name}={value}")));
    lines.push(format!("author {}", plan.config.author));
    lines.push(format!("user {}", config.user));
    lines.push(format!("workdir {}", config.working_dir));
    lines.push(format!("shell {}", config.shell.join(" | ")));
    let words = |words: &Option<Vec<String>>| words.as_ref().map_or("-".to_owned(), |words| words.join(" | "));
    lines.push(format!("entrypoint {}", words(&config.entrypoint)));
    lines.push(format!("cmd {}", words(&config.cmd)));
    lines.push(format!("args-escaped {}", config.args_escaped));
    lines.extend(config.exposed_ports.keys().map(|port| format!("port {port}")));
    lines.extend(config.volumes.keys().map(|path| format!("volume {path}")));
    lines.push(format!("stop-signal {}", config.stop_signal));
    if let Some(check) = &config.healthcheck {
        let mut line = format!("health {}", check.test.join(" | "));
        for (name, value) in [
            ("interval", check.interval),
            ("timeout", check.timeout),
            ("start-period", check.start_period),
            ("start-interval", check.start_interval),
            ("retries", check.retries),
        ] {
            if value != 0 {
                write!(line, " {name}={value}").unwrap();
            }
        }
        lines.push(line);
    }
    lines.extend(config.on_build.iter().map(|text| format!("onbuild {text}")));
    for entry in &plan.history {
        let layer = if entry.vertex.is_some() { "history+" } else { "history" };
        lines.push(format!("{layer} {}", entry.created_by.as_deref().unwrap_or("(no entry)")));
    }
    lines.into_iter().map(|line| line.replace('\n', "\\n").trim_end().to_owned()).collect()
}

fn hold(table: &str) {
    let mut wrong = String::new();
    for case in cases(table) {
        assert!(!case.expected.is_empty(), "{}: nothing is expected", case.name);
        let found = planned(&case).map_or_else(|errors| errors, |plan| described(&plan));
        let mut rest = found.iter();
        for expected in &case.expected {
            let holds = match expected.strip_prefix("! ") {
                Some(absent) => !found.iter().any(|line| line.starts_with(absent)),
                None => rest.any(|line| line == expected.trim_end()),
            };
            if !holds {
                write!(wrong, "\n=== {}\nexpected: {expected}\nfound:\n  {}\n", case.name, found.join("\n  ")).unwrap();
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

macro_rules! tables {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            hold(include_str!(concat!("../../fixtures/language/", stringify!($name), ".txt")));
        })*

        #[test]
        fn every_table_is_held() {
            let held = [$(stringify!($name)),*];
            let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/language");
            for entry in std::fs::read_dir(directory).unwrap().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                assert!(held.contains(&name.trim_end_matches(".txt")), "{name}");
            }
        }
    };
}

tables! { lines words arguments stages triggers instructions errors }
