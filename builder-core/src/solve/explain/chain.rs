//! What the filesystem below a step is made of, and where it parts from what it was made of.

use serde::{Deserialize, Serialize};

use super::Explainer;
use crate::cache::FilesystemContent;
use crate::explanation::{Change, ChangeKind, ChangedValue};
use crate::ids::VertexId;
use crate::plan::op::{FilesystemRef, Op};

/// The most steps that are remembered of what is below a step; the kernel has a limit of that size.
const MAX_BELOW: usize = 500;
/// Digits of a filesystem's digest that are remembered.
const DIGITS: usize = 16;

/// One step below another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Below {
    /// The instruction.
    pub(super) text: String,
    /// The filesystem that it left: some digits of its digest.
    content: String,
    /// For an image, the digest of its manifest.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    image: Option<String>,
}

impl Explainer<'_> {
    /// What is below a vertex, bottom first, with the vertexes of this build.
    pub(super) fn chain(&self, vertex: VertexId) -> Vec<(Below, VertexId)> {
        let mut chain = Vec::new();
        let mut next = self.plan().vertex(vertex).op.parent();
        while let Some(FilesystemRef::Vertex(id)) = next
            && chain.len() < MAX_BELOW
        {
            let finished = self.slot(id, |slot| slot.finished).flatten();
            let content = finished.map_or_else(FilesystemContent::empty, |finished| finished.content);
            chain.push((self.described(id, content), id));
            next = self.plan().vertex(id).op.parent();
        }
        chain.reverse();
        chain
    }

    /// [`Explainer::chain`] as it is remembered.
    pub(super) fn below(&self, vertex: VertexId) -> Vec<Below> {
        self.chain(vertex).into_iter().map(|(below, _)| below).collect()
    }

    /// A vertex as it is remembered by those that stand on it.
    pub(super) fn described(&self, vertex: VertexId, content: FilesystemContent) -> Below {
        let image = match &self.plan().vertex(vertex).op {
            Op::Image(op) => self.inputs.images.get(&op.image).map(|image| image.manifest.to_string()),
            _ => None,
        };
        let text = self.place(vertex).map_or_else(String::new, |place| place.text.clone());
        let mut content = format!("{content:?}");
        content.truncate(DIGITS);
        Below { text, content, image }
    }
}

/// The first step, from the base up, at which two filesystems part.
pub(super) fn compare(before: &[Below], now: &[(Below, VertexId)], explainer: &Explainer<'_>) -> Option<Change> {
    let same = before.iter().zip(now).take_while(|(old, (new, _))| old.content == new.content).count();
    let shown = |text: &str| Some(ChangedValue::Shown(text.to_owned()));
    match (before.get(same), now.get(same)) {
        (None, None) => None,
        (Some(old), None) => Some(Change::new(ChangeKind::Step { ran: false }, "", shown(&old.text), None)),
        (Some(Below { text: old, image: Some(was), .. }), Some((Below { text: new, image: Some(is), .. }, _))) => {
            let name = |text: &str| text.strip_prefix("FROM ").unwrap_or(text).to_owned();
            Some(if old == new {
                Change::new(ChangeKind::Base, name(new), shown(was), shown(is))
            } else {
                Change::new(ChangeKind::Base, "", shown(&name(old)), shown(&name(new)))
            })
        }
        (old, Some((new, vertex))) => {
            let (name, ran) = explainer.step(*vertex);
            let change = |old: Option<&str>, new: Option<&str>| {
                Change::new(ChangeKind::Step { ran }, name, old.and_then(shown), new.and_then(shown))
            };
            Some(match old {
                Some(old) if old.text == new.text => change(None, None),
                // What stood here is further up now, so that something came before it; or the other way round.
                Some(old) if now.iter().skip(same).any(|(later, _)| later.text == old.text) => {
                    change(None, Some(&new.text))
                }
                Some(old) if before.iter().skip(same).any(|later| later.text == new.text) => {
                    Change::new(ChangeKind::Step { ran: false }, "", shown(&old.text), None)
                }
                Some(old) => change(Some(&old.text), Some(&new.text)),
                None => change(None, Some(&new.text)),
            })
        }
    }
}
