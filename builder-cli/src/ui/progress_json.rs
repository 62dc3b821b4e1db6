//! Progress as newline-delimited JSON, in the form of docker's `--progress=rawjson`.
//!
//! Each line is one object with one or more of these lists:
//!
//! - `vertexes`: a step or task became known, began or ended. `digest` identifies it in all other objects,
//!   `name`, `inputs` (digests), `started` and `completed` (RFC 3339), `cached` (only `true`), `error` (only
//!   when it failed or was cancelled).
//! - `statuses`: a part of a step moved on. `id` names the part, `vertex` the step, `current`, `total` (absent
//!   where unknown), `timestamp`, `started` (when it was first heard of), `completed` once it is complete.
//! - `logs`: a step wrote something. `vertex`, `stream` (1 standard output, 2 standard error), `data`
//!   (base64, because it need not be text), `timestamp`.
//! - `warnings`: `level` (1), `short` (base64, as docker has it), `id`.
//! - `explanations`: why a step ran, or who made what was found (ours, docker has no such thing). `vertex`, `cached`,
//!   and the keys that [`super::explain::explanation`] lists.
//! - `waits`: servers that are silent, or tried again soon (ours). `server`, `silence` (seconds), `retryIn` (seconds) with
//!   `reason`.
//! - `result`: the image is complete (ours, docker has no such thing). `manifest` and `config` (digests),
//!   `names`.

use std::collections::BTreeMap;
use std::time::Duration;

use builder_core::digest::Digest;
use builder_core::event::{Event, LogStream, StepStatus};
use builder_core::registry::Wait;
use jiff::Timestamp;
use serde::Serialize;

use super::model::{Key, WAITING};
use super::progress::Renderer;
use super::waits::{self, News};

#[derive(Debug, Clone, Serialize)]
struct Vertex {
    digest: String,
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cached: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Status<'a> {
    id: &'a str,
    vertex: String,
    current: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    timestamp: String,
    started: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<String>,
}

#[derive(Debug, Serialize)]
struct Log {
    vertex: String,
    stream: u8,
    data: String,
    timestamp: String,
}

#[derive(Debug, Serialize)]
struct Warning {
    level: u8,
    short: String,
    id: &'static str,
}

#[derive(Debug, Serialize)]
struct ImageResult<'a> {
    manifest: &'a Digest,
    config: &'a Digest,
    names: &'a [String],
}

#[derive(Debug, Default, Serialize)]
struct Message<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vertexes: Vec<Vertex>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    statuses: Vec<Status<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logs: Vec<Log>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    explanations: Vec<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ImageResult<'a>>,
}

/// Turns events into JSON.
#[derive(Debug)]
pub(super) struct Json {
    start: Timestamp,
    vertexes: BTreeMap<Key, Vertex>,
    /// When parts of steps were first heard of.
    started: BTreeMap<(Key, String), String>,
    news: News,
}

impl Renderer for Json {
    fn event(&mut self, at: Duration, event: &Event) -> String {
        let Some(message) = self.message(at, event) else { return String::new() };
        // The types above have only string keys and plain values, so that serialising cannot fail.
        serde_json::to_string(&message).map(|line| line + "\n").unwrap_or_default()
    }

    fn tick(&mut self, at: Duration, waits: &[Wait]) -> String {
        let waits: Vec<serde_json::Value> = self.news.of(at, waits).into_iter().map(waits::value).collect();
        if waits.is_empty() { String::new() } else { serde_json::json!({ "waits": waits }).to_string() + "\n" }
    }
}

impl Json {
    /// Makes a renderer for a build that began at `start`.
    pub(super) fn new(start: Timestamp) -> Self {
        Self { start, vertexes: BTreeMap::new(), started: BTreeMap::new(), news: News::default() }
    }

    fn time(&self, at: Duration) -> String {
        self.start.checked_add(at).unwrap_or(self.start).to_string()
    }

    fn message<'a>(&mut self, at: Duration, event: &'a Event) -> Option<Message<'a>> {
        let now = self.time(at);
        let vertexes = |vertexes| Some(Message { vertexes, ..Message::default() });
        match event {
            Event::PlanReady { steps } => {
                for step in steps {
                    let inputs = step.inputs.iter().filter_map(|id| self.digest(Key::Step(*id))).collect();
                    self.insert(Key::Step(step.id), &step.name, inputs);
                }
                vertexes(steps.iter().filter_map(|step| self.vertexes.get(&Key::Step(step.id)).cloned()).collect())
            }
            Event::TaskStarted { task, name } => {
                self.insert(Key::Task(*task), name, Vec::new());
                vertexes(self.update(Key::Task(*task), |vertex| vertex.started = Some(now)))
            }
            Event::StepWaiting { id } => self.status(Key::Step(*id), WAITING, (0, None), now),
            Event::StepStarted { id } => vertexes(self.update(Key::Step(*id), |vertex| vertex.started = Some(now))),
            Event::StepFinished { id, status, .. } => vertexes(self.update(Key::Step(*id), |vertex| {
                vertex.started.get_or_insert_with(|| now.clone());
                vertex.completed = Some(now);
                vertex.cached = *status == StepStatus::Cached;
                vertex.error = match status {
                    StepStatus::Failed(message) => Some(message.clone()),
                    StepStatus::Cancelled => Some("canceled".to_owned()),
                    StepStatus::Done | StepStatus::Cached => None,
                };
            })),
            Event::TaskFinished { task, error, .. } => vertexes(self.update(Key::Task(*task), |vertex| {
                vertex.completed = Some(now);
                vertex.error.clone_from(error);
            })),
            Event::StepProgress { id, item, current, total, .. } => {
                self.status(Key::Step(*id), item, (*current, *total), now)
            }
            Event::TaskProgress { task, item, current, total, .. } => {
                self.status(Key::Task(*task), item, (*current, *total), now)
            }
            Event::StepLog { id, stream, data } => {
                let stream = if *stream == LogStream::Stdout { 1 } else { 2 };
                let log = Log { vertex: self.digest(Key::Step(*id))?, stream, data: base64(data), timestamp: now };
                Some(Message { logs: vec![log], ..Message::default() })
            }
            Event::StepExplained { id, explanation } => {
                let mut explained = super::explain::explanation(explanation);
                explained["vertex"] = self.digest(Key::Step(*id))?.into();
                Some(Message { explanations: vec![explained], ..Message::default() })
            }
            Event::Warning { diagnostic, .. } => {
                let short = base64(diagnostic.message.as_bytes());
                Some(Message { warnings: vec![Warning { level: 1, short, id: diagnostic.id }], ..Message::default() })
            }
            Event::Finding { code, diagnostic, .. } => {
                let short = base64(diagnostic.message.as_bytes());
                Some(Message { warnings: vec![Warning { level: 1, short, id: code }], ..Message::default() })
            }
            Event::Check { warning, .. } => {
                let short = base64(warning.in_one_line().as_bytes());
                Some(Message { warnings: vec![Warning { level: 1, short, id: warning.rule }], ..Message::default() })
            }
            Event::ImageReady { manifest, config, names } => {
                Some(Message { result: Some(ImageResult { manifest, config, names }), ..Message::default() })
            }
            _ => None,
        }
    }

    fn insert(&mut self, key: Key, name: &str, inputs: Vec<String>) {
        // Docker's vertexes are known by digest; programs that read them take it for an opaque word.
        let digest = Digest::of(format!("{key:?} {name}").as_bytes()).to_string();
        let vertex = Vertex {
            digest,
            name: name.to_owned(),
            inputs,
            started: None,
            completed: None,
            cached: false,
            error: None,
        };
        self.vertexes.insert(key, vertex);
    }

    fn digest(&self, key: Key) -> Option<String> {
        self.vertexes.get(&key).map(|vertex| vertex.digest.clone())
    }

    fn update(&mut self, key: Key, change: impl FnOnce(&mut Vertex)) -> Vec<Vertex> {
        self.vertexes
            .get_mut(&key)
            .map(|vertex| {
                change(vertex);
                vertex.clone()
            })
            .into_iter()
            .collect()
    }

    fn status<'a>(
        &mut self,
        key: Key,
        id: &'a str,
        (current, total): (u64, Option<u64>),
        now: String,
    ) -> Option<Message<'a>> {
        let completed = total.is_some_and(|total| current >= total).then(|| now.clone());
        let started = self.started.entry((key, id.to_owned())).or_insert_with(|| now.clone()).clone();
        let status = Status { id, vertex: self.digest(key)?, current, total, timestamp: now, started, completed };
        Some(Message { statuses: vec![status], ..Message::default() })
    }
}

/// Encodes bytes as RFC 4648 section 4 says, with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for position in 0..4 {
            let digit = (word >> (18 - 6 * position)) & 63;
            out.push(if position <= chunk.len() { char::from(ALPHABET[digit as usize]) } else { '=' });
        }
    }
    out
}
