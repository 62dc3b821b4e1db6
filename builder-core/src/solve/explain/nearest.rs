//! Finds the earlier step that a step is compared with.

use super::place::Place;
use super::{Description, Explainer, Nearest};
use crate::cache::KeyPart;
use crate::cache::explain::likeness;
use crate::store::StepRecord;

/// How many steps of other places are looked at.
const RECENT: u32 = 32;

impl Explainer<'_> {
    /// Returns the nearest earlier step of a kind: at its place, else, for one with a key, one that is much like it.
    pub(super) fn nearest(&self, place: &Place, kind: &str, parts: Option<&[KeyPart]>) -> Option<Nearest> {
        let here = |place: &[u8; 32]| self.store.step_at(place).ok().flatten().filter(|record| record.kind == kind);
        for (exact, key) in place.keys().iter().enumerate().map(|(index, key)| (index == 0, key)) {
            if let Some(found) = here(key)
                && (exact || !self.has_moved(place, &found))
                && let Some(nearest) = read(found)
            {
                return Some(nearest);
            }
        }
        let recent = self.store.recent_steps(kind, RECENT).ok()?;
        let parts = parts?;
        let alike = recent.into_iter().filter_map(read).filter(|near| is_alike(&near.description.parts, parts));
        // The first of several is the newest, and `max_by_key` takes the last.
        let alike: Vec<Nearest> = alike.collect();
        alike.into_iter().rev().max_by_key(|near| likeness(&near.description.parts, parts))
    }

    /// Whether what stood at a number is another step of the same stage now: then it is nobody else's.
    fn has_moved(&self, place: &Place, found: &StepRecord) -> bool {
        self.places.iter().any(|other| other.stage == place.stage && other.text == found.name)
    }
}

fn read(record: StepRecord) -> Option<Nearest> {
    let description = Description::decode(&record.description)?;
    Some(Nearest { record, description })
}

/// Whether two steps do the same thing, as far as a person would say: of whatever they do it with.
fn is_alike(before: &[KeyPart], now: &[KeyPart]) -> bool {
    let values = |parts: &[KeyPart], names: &[&str]| -> Vec<String> {
        let wanted = |part: &&KeyPart| names.contains(&part.name.as_str()) || is_source(names, &part.name);
        parts
            .iter()
            .filter(wanted)
            .map(|part| if is_source(names, &part.name) { &part.name } else { &part.value })
            .cloned()
            .collect()
    };
    let same = |names: &[&str]| values(before, names) == values(now, names);
    let has = |name: &str| now.iter().any(|part| part.name == name);
    if has("argument") {
        return same(&["argument"]);
    }
    if has("destination") {
        return same(&["destination", SOURCE]);
    }
    same(&["path", "program"])
}

/// Stands for the names of all sources of a copy.
const SOURCE: &str = "source";

fn is_source(names: &[&str], name: &str) -> bool {
    names.contains(&SOURCE) && name.starts_with("source ") && name != "source date epoch"
}
