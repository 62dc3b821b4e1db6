//! Where a step stands: what makes it the same step of another build.

use std::collections::BTreeMap;

use crate::explanation::BuildRecord;
use crate::plan::op::Op;
use crate::plan::{Plan, Vertex};

/// The place of a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// The stage: its name, or its number where it has none.
    pub(super) stage: String,
    /// The instruction, without the number of the step.
    pub(super) text: String,
    /// Stands for the instruction in its stage; of several equal ones, the first, the second, and so on.
    pub(super) by_text: [u8; 32],
    /// Stands for the number of the step in its stage.
    by_number: Option<[u8; 32]>,
}

impl Place {
    /// What stands for the place, the most exact first.
    pub(super) fn keys(&self) -> Vec<[u8; 32]> {
        std::iter::once(self.by_text).chain(self.by_number).collect()
    }

    /// The keyword of the instruction.
    pub(super) fn keyword(&self) -> &str {
        let text = self.text.strip_prefix("ONBUILD ").unwrap_or(&self.text);
        match text.split(' ').next() {
            Some(keyword @ ("COPY" | "ADD")) => keyword,
            _ => "the files of",
        }
    }
}

/// Returns the places of all vertexes of a plan.
pub(super) fn places(plan: &Plan, build: &BuildRecord) -> Vec<Place> {
    let mut seen: BTreeMap<(String, String), u32> = BTreeMap::new();
    let mut place = |vertex: &Vertex| {
        let (stage, number, text) = parts(vertex);
        let ordinal = seen.entry((stage.clone(), text.clone())).or_default();
        *ordinal += 1;
        let hash = |kind: &str, fields: [&str; 2]| {
            let mut hasher = blake3::Hasher::new();
            for field in [kind, &build.context, &build.dockerfile, &stage].into_iter().chain(fields) {
                hasher.update(&(field.len() as u64).to_le_bytes());
                hasher.update(field.as_bytes());
            }
            *hasher.finalize().as_bytes()
        };
        let by_text = hash("text", [&text, &ordinal.to_string()]);
        let by_number = number.map(|number| hash("number", [number, ""]));
        Place { stage, text, by_text, by_number }
    };
    plan.vertexes.iter().map(&mut place).collect()
}

/// Takes `[linux/amd64 stage 2/3] RUN make` apart: stage, number, instruction.
fn parts(vertex: &Vertex) -> (String, Option<&str>, String) {
    let bracketed = vertex.name.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    let (label, text) = bracketed.unwrap_or(("", vertex.name.as_str()));
    let (label, number) = match label.rsplit_once(' ').map_or(("", label), |(label, last)| (label.trim_end(), last)) {
        (rest, last) if last.contains('/') && last.bytes().all(|byte| byte.is_ascii_digit() || byte == b'/') => {
            (rest, last.split('/').next())
        }
        _ => (label, None),
    };
    // Stages without a name are `stage-1`, or nothing where there is one only.
    let stage = match label.rsplit_once(' ').map_or(label, |(_, name)| name) {
        name if number.is_some() && (name.is_empty() || name.starts_with("stage-") || name.contains('/')) => {
            format!("{} {}", label.strip_suffix(name).unwrap_or(label), vertex.stage)
        }
        _ => label.to_owned(),
    };
    let text = match &vertex.op {
        // The digest in the name is what changes.
        Op::Image(op) => format!("FROM {}", op.image.name),
        // The list of them is what changes.
        Op::Host(_) => "programs of this machine".to_owned(),
        _ => text.to_owned(),
    };
    (stage, number, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{StageId, VertexId};
    use crate::plan::op::{FilesystemRef, WorkdirOp};

    fn split(name: &str) -> (String, Option<String>, String) {
        let vertex = Vertex {
            id: VertexId(0),
            op: Op::Workdir(WorkdirOp { parent: FilesystemRef::Scratch, path: "/w".to_owned(), user: String::new() }),
            name: name.to_owned(),
            span: crate::text::Span::default(),
            stage: StageId(1),
        };
        let (stage, number, text) = parts(&vertex);
        (stage, number.map(str::to_owned), text)
    }

    fn is(stage: &str, number: Option<&str>, text: &str) -> (String, Option<String>, String) {
        (stage.to_owned(), number.map(str::to_owned), text.to_owned())
    }

    #[test]
    fn names_are_taken_apart() {
        assert_eq!(split("[build  2/13] WORKDIR /w"), is("build", Some("2"), "WORKDIR /w"));
        assert_eq!(split("[2/3] WORKDIR /w"), is(" 1", Some("2"), "WORKDIR /w"));
        assert_eq!(split("[stage-1 2/3] WORKDIR /w"), is(" 1", Some("2"), "WORKDIR /w"));
        assert_eq!(split("[linux/arm64 build 2/3] WORKDIR /w"), is("linux/arm64 build", Some("2"), "WORKDIR /w"));
        assert_eq!(split("[linux/arm64 2/3] WORKDIR /w"), is(" 1", Some("2"), "WORKDIR /w"));
        assert_eq!(split("https://example.org/x"), is("", None, "https://example.org/x"));
    }
}
