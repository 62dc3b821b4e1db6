//! A plan as text for people, and as a graph for Graphviz.

use std::fmt::Write as _;

use super::Plan;
use super::mount::{Mount, MountKind};
use super::op::{CopyFrom, CopyPart, CopySource, FilesystemRef, Op, SecurityMode};

/// Writes a plan as text: one paragraph a vertex, then the image.
pub fn text(plan: &Plan) -> String {
    let mut out = format!("target {}\n", plan.target);
    for vertex in &plan.vertexes {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "\n{} {}", vertex.id, vertex.name);
        for line in facts(&vertex.op) {
            let _ = writeln!(out, "    {line}");
        }
    }
    let _ = writeln!(out, "\nresult {}", filesystem(plan.result));
    for entry in &plan.history {
        let layer = entry.vertex.map_or_else(String::new, |id| format!("  <- {id}"));
        let _ =
            writeln!(out, "    {}{layer}", entry.created_by.as_deref().unwrap_or("(no entry)").replace('\n', "\\n"));
    }
    if let Ok(config) = serde_json::to_string_pretty(&plan.config.config) {
        let _ = writeln!(out, "config {config}");
    }
    out
}

/// Writes a plan in Graphviz's language.
pub fn dot(plan: &Plan) -> String {
    let mut out = String::from("digraph plan {\n    rankdir=LR;\n    node [shape=box];\n");
    for vertex in &plan.vertexes {
        let label = vertex.name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = writeln!(out, "    v{} [label=\"{label}\"];", vertex.id);
        for input in vertex.op.inputs() {
            let style = if vertex.op.parent() == Some(FilesystemRef::Vertex(input)) { "" } else { " [style=dashed]" };
            let _ = writeln!(out, "    v{input} -> v{}{style};", vertex.id);
        }
    }
    out.push_str("}\n");
    out
}

fn filesystem(reference: FilesystemRef) -> String {
    match reference {
        FilesystemRef::Scratch => "scratch".to_owned(),
        FilesystemRef::Vertex(id) => id.to_string(),
    }
}

fn part(part: &CopyPart) -> Vec<String> {
    let from = match &part.from {
        CopyFrom::Context(name) if name.is_empty() => "the build context".to_owned(),
        CopyFrom::Context(name) => format!("context {name}"),
        CopyFrom::Filesystem(reference) => filesystem(*reference),
    };
    let mut facts = vec![format!("from {from}")];
    facts.extend(part.sources.iter().map(|source| match source {
        CopySource::Path { path, .. } => format!("source {path}"),
        CopySource::Parents { base, pattern, .. } => format!("pattern {pattern} below {base}"),
        CopySource::Inline { name, .. } => format!("inline {name}"),
    }));
    facts
}

fn mount(mount: &Mount) -> String {
    let mut text = format!("mount {}", mount.type_name());
    if let Some(target) = &mount.target {
        let _ = write!(text, " at {target}");
    }
    let _ = match &mount.kind {
        MountKind::Bind(bind) => write!(text, " of {} in {}", bind.source, filesystem(bind.from)),
        MountKind::Cache(cache) => write!(text, " {:?} {}", cache.id, cache.sharing.as_str()),
        MountKind::Tmpfs { size } => size.map_or(Ok(()), |size| write!(text, " of {size} bytes")),
        MountKind::Secret(secret) => write!(text, " {:?}", secret.id),
        MountKind::Ssh(ssh) => write!(text, " {:?}", ssh.id),
    };
    text
}

fn facts(op: &Op) -> Vec<String> {
    match op {
        Op::Image(op) => vec![format!("image {} for {}", op.image.name, op.image.platform)],
        Op::Host(op) => vec![format!("programs {}", op.programs.join(" "))],
        Op::Remote(source) => vec![format!("fetch {}", source.display())],
        Op::Run(op) => {
            let mut facts = vec![format!("on {}", filesystem(op.parent)), format!("run {:?}", op.args)];
            facts.extend(op.env.iter().map(|(name, value)| format!("env {name}={value}")));
            facts.push(format!("in {} as {:?}, network {:?}", op.cwd, op.user, op.network));
            facts.extend((op.security == SecurityMode::Insecure).then(|| "with all privileges".to_owned()));
            facts.extend(op.hostname.iter().map(|name| format!("host name {name}")));
            facts.extend(op.mounts.iter().map(mount));
            facts
        }
        Op::Copy(op) => {
            let mut facts = vec![format!("on {}", filesystem(op.parent))];
            facts.extend(op.parts.iter().flat_map(part));
            facts.push(format!("to {}", op.destination));
            facts.extend(op.owner.iter().map(|owner| format!("owner {owner}")));
            facts.extend(op.mode.iter().map(|mode| format!("mode {mode}")));
            facts.extend(op.exclude.iter().map(|pattern| format!("without {pattern}")));
            if op.link {
                facts.push("as a layer of its own".to_owned());
            }
            facts
        }
        Op::Workdir(op) => vec![format!("on {}", filesystem(op.parent)), format!("directory {}", op.path)],
    }
}
