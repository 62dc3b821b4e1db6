//! Says of every step why it ran, or which build made what was found, and remembers the steps of this build for
//! those to come.
//!
//! The step to compare with is the one that was last at the same place: the same instruction of the same Dockerfile
//! and context, or else what stood at its number. Only where there is none, the steps of any build that ran lately are
//! gone through for one that is alike. A hit costs two look-ups by key, a miss a few more.
//!
//! Nothing here decides what runs, and whatever cannot be looked up is not said.

mod chain;
mod nearest;
mod place;

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use self::chain::Below;
use self::place::{Place, places};
use super::{SolveInputs, SolveOptions, StepResult};
use crate::cache::{CacheKey, FileList, FilesystemContent, KeyPart, explain};
use crate::explanation::{Change, ChangeKind, ChangedValue, ExplainedStep, Explanation, Ran, Reason};
use crate::ids::VertexId;
use crate::plan::Plan;
use crate::plan::mount::Mount;
use crate::plan::op::{FilesystemRef, Op};
use crate::store::{NewStep, StepRecord, Store};

/// How hard descriptions are compressed.
const LEVEL: i32 = 1;
/// The most bytes that a description is believed to have.
const MAX_DESCRIPTION: usize = 16 * 1024 * 1024;

/// What is remembered of a step besides its result.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Description {
    /// The parts of its most exact key.
    parts: Vec<KeyPart>,
    /// What its filesystem was made of, bottom first.
    below: Vec<Below>,
    /// Whether the parts are those of a key that says less than the exact one.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    rough: bool,
}

impl Description {
    fn encode(&self) -> Vec<u8> {
        // Plain texts always serialise, and compressing into memory cannot fail.
        zstd::bulk::compress(&serde_json::to_vec(self).unwrap_or_default(), LEVEL).unwrap_or_default()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let size = zstd::bulk::Decompressor::upper_bound(bytes)?.min(MAX_DESCRIPTION);
        serde_json::from_slice(&zstd::bulk::decompress(bytes, size).ok()?).ok()
    }
}

/// A step to compare with.
struct Nearest {
    record: StepRecord,
    description: Description,
}

/// What is known of a vertex so far.
#[derive(Default)]
struct Slot {
    explanation: Option<Explanation>,
    missed: Option<Missed>,
    finished: Option<Finished>,
}

/// A step that had to run.
struct Missed {
    description: Description,
    files: Option<FileList>,
    nearest_result: Option<Vec<u8>>,
}

/// A vertex whose filesystem is there.
#[derive(Clone, Copy)]
struct Finished {
    content: FilesystemContent,
    cached: bool,
}

/// Explains the steps of one solve.
pub(super) struct Explainer<'a> {
    store: &'a Store,
    options: &'a SolveOptions,
    inputs: &'a SolveInputs<'a>,
    places: Vec<Place>,
    slots: Mutex<Vec<Slot>>,
}

impl<'a> Explainer<'a> {
    pub(super) fn new(store: &'a Store, options: &'a SolveOptions, inputs: &'a SolveInputs<'a>) -> Self {
        let places = places(inputs.plan, &options.build);
        let slots = Mutex::new(inputs.plan.vertexes.iter().map(|_| Slot::default()).collect());
        Self { store, options, inputs, places, slots }
    }

    fn plan(&self) -> &Plan {
        self.inputs.plan
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot<T>(&self, vertex: VertexId, action: impl FnOnce(&mut Slot) -> T) -> Option<T> {
        self.slots().get_mut(vertex.index()).map(action)
    }

    fn place(&self, vertex: VertexId) -> Option<&Place> {
        self.places.get(vertex.index())
    }

    /// Returns what there is to say of a vertex.
    pub(super) fn explanation(&self, vertex: VertexId) -> Option<Explanation> {
        self.slot(vertex, |slot| slot.explanation.clone()).flatten()
    }

    /// Returns what there is to say of all.
    pub(super) fn explanations(&self) -> Vec<ExplainedStep> {
        let slots = self.slots();
        let pairs = self.plan().vertexes.iter().zip(slots.iter());
        let explained = pairs.filter_map(|(vertex, slot)| {
            Some(ExplainedStep { name: vertex.name.clone(), explanation: slot.explanation.clone()? })
        });
        explained.collect()
    }

    /// A step's result was found under a key.
    pub(super) fn hit(&self, vertex: VertexId, key: &CacheKey) {
        let found = self.store.made_by(&key.0).ok().flatten();
        if let (Some((step, _)), Some(place)) = (&found, self.place(vertex)) {
            self.stand(place, *step);
        }
        let from_cache = if found.is_none() { self.store.from_cache(&key.0).ok().flatten() } else { None };
        let explanation = Explanation::Cached { made_by: found.map(|(_, build)| build), from_cache };
        self.slot(vertex, |slot| slot.explanation = Some(explanation));
    }

    /// A step's result was found in a shared cache. It is remembered as if it had run, so that a later one can be
    /// compared with it. `rough` says that there is a more exact key.
    pub(super) fn shared_hit(
        &self,
        vertex: VertexId,
        (key, parts): &(CacheKey, Vec<KeyPart>),
        rough: bool,
        files: Option<FileList>,
        (cache, content): (&str, FilesystemContent),
    ) {
        let explanation = Explanation::Cached { made_by: None, from_cache: Some(cache.to_owned()) };
        self.slot(vertex, |slot| slot.explanation = Some(explanation));
        let Some(place) = self.place(vertex) else { return };
        let known = self.store.step_at(&place.by_text).ok().flatten();
        if known.is_some_and(|known| known.key == key.0) && self.store.from_cache(&key.0).is_ok_and(|it| it.is_some()) {
            return;
        }
        let description = Description { parts: parts.clone(), below: self.below(vertex), rough };
        let files = files.map(|files| files.encode());
        self.remember(vertex, place, &[key.0], Some(cache), (content, &description, files.as_deref()));
    }

    /// An earlier step is the last one at a place now; written only where it was not.
    fn stand(&self, place: &Place, step: i64) {
        let before = self.store.step_number_at(&place.by_text);
        if before.is_ok_and(|before| before != Some(step)) {
            // Words may be lost, a build may not.
            let _ = self.store.move_step(step, &place.keys());
        }
    }

    /// A step is about to run, since no record was found under any of its keys. The last one is the most exact.
    pub(super) fn missed(&self, vertex: VertexId, keys: &[(CacheKey, Vec<KeyPart>)], files: Option<FileList>) {
        let (Some((_, parts)), Some(place)) = (keys.last(), self.place(vertex)) else { return };
        let description = Description { parts: parts.clone(), below: self.below(vertex), rough: false };
        let op = &self.plan().vertex(vertex).op;
        let nearest = self.nearest(place, kind(op), Some(parts));
        let ran = match &nearest {
            None => self.ran(vertex, Reason::NoRecord, Vec::new()),
            Some(nearest) if keys.iter().any(|(key, _)| nearest.record.key == key.0) => {
                let reason = self.never_fetched(&nearest.record).map_or(Reason::ResultGone, Reason::NeverFetched);
                self.ran(vertex, reason, Vec::new())
            }
            Some(nearest) => {
                let changes = self.changes(vertex, nearest, &description, files.as_ref());
                self.ran(vertex, Reason::Changed, changes)
            }
        };
        let ran = Ran { compared_with: nearest.as_ref().and_then(|nearest| nearest.record.build.clone()), ..ran };
        let missed = Missed { description, files, nearest_result: nearest.map(|nearest| nearest.record.result) };
        self.slot(vertex, |slot| {
            slot.explanation = Some(Explanation::Ran(ran));
            slot.missed = Some(missed);
        });
    }

    /// The shared cache that has a step's result, where the store never had it.
    fn never_fetched(&self, record: &StepRecord) -> Option<String> {
        let key: [u8; 32] = record.key.as_slice().try_into().ok()?;
        let is_known = self.store.cache_record(&key).ok()?.is_some();
        self.store.from_cache(&key).ok().flatten().filter(|_| !is_known)
    }

    fn ran(&self, vertex: VertexId, reason: Reason, changes: Vec<Change>) -> Ran {
        let stage = self.plan().vertex(vertex).stage;
        let reason = if self.options.no_cache {
            Reason::NoCache
        } else if self.options.no_cache_stages.contains(&stage) {
            Reason::NoCacheStage
        } else {
            reason
        };
        Ran { reason, changes, compared_with: None, same_result: false }
    }

    /// A step that ran has left its result under its keys; without keys nobody is to find it.
    pub(super) fn made(&self, vertex: VertexId, keys: &[(CacheKey, Vec<KeyPart>)], content: FilesystemContent) {
        let Some(missed) = self.slot(vertex, |slot| slot.missed.take()).flatten() else { return };
        if missed.nearest_result.as_deref() == Some(&content.0) {
            self.slot(vertex, |slot| {
                if let Some(Explanation::Ran(ran)) = &mut slot.explanation {
                    ran.same_result = true;
                }
            });
        }
        let Some(place) = self.place(vertex).filter(|_| !keys.is_empty()) else { return };
        let keys: Vec<[u8; 32]> = keys.iter().map(|(key, _)| key.0).collect();
        let files = missed.files.map(|files| files.encode());
        self.remember(vertex, place, &keys, None, (content, &missed.description, files.as_deref()));
    }

    fn remember(
        &self,
        vertex: VertexId,
        place: &Place,
        keys: &[[u8; 32]],
        cache: Option<&str>,
        (content, description, files): (FilesystemContent, &Description, Option<&[u8]>),
    ) {
        let step = NewStep {
            build: &self.options.build,
            kind: kind(&self.plan().vertex(vertex).op),
            name: &place.text,
            keys,
            cache,
            result: &content.0,
            description: &description.encode(),
            files,
            places: &place.keys(),
        };
        // Words may be lost, a build may not.
        let _ = self.store.put_step(&step);
    }

    /// A filesystem came from elsewhere, or had come before.
    pub(super) fn external(&self, vertex: VertexId, result: &StepResult) {
        let Some(place) = self.place(vertex) else { return };
        let own = self.described(vertex, result.content);
        let nearest = self.nearest(place, kind(&self.plan().vertex(vertex).op), None);
        let is_known = nearest.as_ref().is_some_and(|nearest| nearest.record.result == result.content.0);
        let explanation = if result.cached {
            Explanation::Cached { made_by: None, from_cache: None }
        } else {
            let changes = nearest.as_ref().map(|nearest| self.moved(vertex, nearest, &own)).unwrap_or_default();
            let reason = match &nearest {
                None => Reason::NotInStore,
                Some(_) if is_known => Reason::ResultGone,
                Some(_) => Reason::Changed,
            };
            let compared_with = nearest.as_ref().and_then(|nearest| nearest.record.build.clone());
            Explanation::Ran(Ran { reason, changes, compared_with, same_result: false })
        };
        self.slot(vertex, |slot| slot.explanation = Some(explanation));
        let same_place = nearest.is_some_and(|nearest| nearest.record.name == place.text);
        if !(is_known && same_place) {
            let description = Description { parts: Vec::new(), below: vec![own], rough: false };
            self.remember(vertex, place, &[], None, (result.content, &description, None));
        }
    }

    /// What changed in something that comes from elsewhere.
    fn moved(&self, vertex: VertexId, nearest: &Nearest, now: &Below) -> Vec<Change> {
        match nearest.description.below.as_slice() {
            [before] => {
                chain::compare(std::slice::from_ref(before), &[(now.clone(), vertex)], self).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// A vertex has its filesystem.
    pub(super) fn finished(&self, vertex: VertexId, result: &StepResult) {
        let finished = Finished { content: result.content, cached: result.cached };
        self.slot(vertex, |slot| slot.finished = Some(finished));
    }

    /// The name of a step, and whether it ran in this build.
    fn step(&self, vertex: VertexId) -> (&str, bool) {
        let finished = self.slot(vertex, |slot| slot.finished).flatten();
        (&self.plan().vertex(vertex).name, finished.is_some_and(|finished| !finished.cached))
    }

    fn changes(&self, vertex: VertexId, nearest: &Nearest, now: &Description, files: Option<&FileList>) -> Vec<Change> {
        let before = &nearest.description;
        let mut changes = if before.rough {
            let has = |parts: &[KeyPart], name: &str| parts.iter().any(|part| part.name == name);
            let common = |parts: &[KeyPart], other: &[KeyPart]| -> Vec<KeyPart> {
                parts.iter().filter(|part| has(other, &part.name)).cloned().collect()
            };
            explain::changes(&common(&before.parts, &now.parts), &common(&now.parts, &before.parts))
        } else {
            explain::changes(&before.parts, &now.parts)
        };
        if changes.iter().any(|change| change.kind == ChangeKind::Epoch) {
            // With a time for the image, times of files count: everything below is something else.
            changes.retain(|change| !matches!(change.kind, ChangeKind::Step { .. }));
        }
        self.name_parent(vertex, nearest, &mut changes);
        let keyword = self.place(vertex).map_or("", |place| place.keyword());
        let mut before: Option<Option<FileList>> = None;
        for change in changes.iter_mut().filter(|change| change.kind == ChangeKind::Files) {
            let source = change.name.strip_prefix("source ").unwrap_or_default().to_owned();
            if change.old.is_some()
                && change.new.is_some()
                && let Some(now) = files
            {
                let before = before.get_or_insert_with(|| {
                    let bytes = self.store.step_files(nearest.record.id).ok().flatten()?;
                    FileList::decode(&bytes)
                });
                change.files = before.as_ref().and_then(|before| before.changes(now, &source));
            }
            change.name = format!("{keyword} {source}");
        }
        self.name_mounts(vertex, &mut changes);
        if changes.is_empty() {
            let name = if nearest.description.rough {
                "what comes from there"
            } else {
                "what this version of builder looks at"
            };
            let value = || Some(ChangedValue::Opaque);
            changes.push(Change::new(ChangeKind::Other, name, value(), value()));
        }
        changes
    }

    /// Says where a mount comes from, beside its place.
    fn name_mounts(&self, vertex: VertexId, changes: &mut [Change]) {
        let Op::Run(op) = &self.plan().vertex(vertex).op else { return };
        for change in changes {
            let Some(target) = change.name.strip_prefix(explain::MOUNTED) else { continue };
            let mount = op.mounts.iter().find(|mount| mount.target.as_deref() == Some(target));
            if let Some(FilesystemRef::Vertex(from)) = mount.and_then(Mount::from) {
                change.name = format!("{} from {}", change.name, self.plan().vertex(from).name);
            }
        }
    }

    /// Puts the step or image that changed in the place of the filesystem below.
    fn name_parent(&self, vertex: VertexId, nearest: &Nearest, changes: &mut Vec<Change>) {
        let is_parent = |change: &Change| matches!(change.kind, ChangeKind::Step { .. });
        let Some(index) = changes.iter().position(is_parent) else { return };
        changes.remove(index);
        match chain::compare(&nearest.description.below, &self.chain(vertex), self) {
            // What comes first on the way from the base comes first in words.
            Some(change) => changes.insert(0, change),
            None if changes.is_empty() => {
                let value = || Some(ChangedValue::Opaque);
                changes.push(Change::new(ChangeKind::Other, "the filesystem below", value(), value()));
            }
            None => {}
        }
    }
}

fn kind(op: &Op) -> &'static str {
    match op {
        Op::Image(_) => "image",
        Op::Host(_) => "host",
        Op::Remote(_) => "remote",
        Op::Run(_) => "run",
        Op::Copy(_) => "copy",
        Op::Workdir(_) => "workdir",
    }
}
