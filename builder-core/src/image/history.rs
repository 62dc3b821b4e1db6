//! History and times of a config.
//!
//! Spec: dockerfile-semantics 8.3 (the number of entries) and 8.4 (times).

use super::ImageError;
use super::assemble::NewLayer;
use crate::oci::{History, ImageConfig};

/// The comment of entries that stand for layers which no entry speaks of, as BuildKit writes it.
const PADDING_COMMENT: &str = "buildkit.exporter.image.v0";

/// Writes a point in time as Go's `RFC3339Nano` does: no trailing zeros, `Z`.
///
/// # Errors
/// [`ImageError::Time`] outside of the years that RFC 3339 can name.
pub fn rfc3339((seconds, nanoseconds): (i64, u32)) -> Result<String, ImageError> {
    let nanoseconds = i32::try_from(nanoseconds).unwrap_or(0);
    jiff::Timestamp::new(seconds, nanoseconds).map(|time| time.to_string()).map_err(|_| ImageError::Time(seconds))
}

/// The layers of an image, for its history.
pub(super) struct Layers<'l> {
    /// How many the base has.
    pub(super) base: usize,
    /// What the layers of the base come from, for entries that it lacks.
    pub(super) base_origin: &'l str,
    /// Those of this build.
    pub(super) new: &'l [NewLayer],
}

impl Layers<'_> {
    fn len(&self) -> usize {
        self.base + self.new.len()
    }

    fn created(&self, layer: usize) -> Result<Option<String>, ImageError> {
        let new = layer.checked_sub(self.base).and_then(|index| self.new.get(index));
        new.map(|layer| rfc3339(layer.created)).transpose()
    }

    fn description(&self, layer: usize) -> String {
        let new = layer.checked_sub(self.base).and_then(|index| self.new.get(index));
        new.map_or_else(|| format!("pulled from {}", self.base_origin), |layer| layer.description.clone())
    }
}

/// Makes entries and layers agree, and gives everything its time. The first `base_entries` entries are the base's.
pub(super) fn complete(
    config: &mut ImageConfig,
    base_entries: usize,
    layers: &Layers<'_>,
    epoch: Option<i64>,
) -> Result<(), ImageError> {
    let base: Vec<History> = config.history.iter().take(base_entries).cloned().collect();
    agree(&mut config.history, layers)?;
    give_times(&mut config.history, layers)?;
    if config.created.is_none() {
        config.created = config.history.iter().rev().find_map(|entry| entry.created.clone());
    }
    let Some(epoch) = epoch else { return Ok(()) };
    let same = config.history.iter().zip(&base).take_while(|(entry, before)| entry == before).count();
    for entry in config.history.iter_mut().skip(same) {
        limit(&mut entry.created, epoch)?;
    }
    limit(&mut config.created, epoch)
}

/// As many entries with a layer as there are layers: too many lose theirs, for missing ones others are added.
fn agree(history: &mut Vec<History>, layers: &Layers<'_>) -> Result<(), ImageError> {
    let mut with_layer = 0;
    for entry in history.iter_mut() {
        if with_layer >= layers.len() {
            entry.empty_layer = true;
        }
        with_layer += usize::from(!entry.empty_layer);
    }
    for layer in with_layer..layers.len() {
        history.push(History {
            created: layers.created(layer)?,
            created_by: layers.description(layer),
            comment: PADDING_COMMENT.to_owned(),
            ..History::default()
        });
    }
    Ok(())
}

/// Entries with a layer take its time. Those without take that of the entry before them, the first new ones that of
/// the first new layer.
fn give_times(history: &mut [History], layers: &Layers<'_>) -> Result<(), ImageError> {
    for (layer, entry) in history.iter_mut().filter(|entry| !entry.empty_layer).enumerate() {
        if entry.created.is_none() {
            entry.created = layers.created(layer)?;
        }
    }
    let first_without = history.iter().position(|entry| entry.created.is_none()).unwrap_or(history.len());
    let after = history[first_without..].iter().find_map(|entry| entry.created.clone());
    let before = || history[..first_without].iter().rev().find_map(|entry| entry.created.clone());
    let mut time = after.or_else(before);
    for entry in &mut history[first_without..] {
        match &entry.created {
            Some(own) => time = Some(own.clone()),
            None => entry.created.clone_from(&time),
        }
    }
    Ok(())
}

/// Sets a time to the epoch where it is later or missing.
fn limit(created: &mut Option<String>, epoch: i64) -> Result<(), ImageError> {
    let earlier = created
        .as_ref()
        .and_then(|text| text.parse::<jiff::Timestamp>().ok())
        .is_some_and(|time| (time.as_second(), time.subsec_nanosecond()) <= (epoch, 0));
    if !earlier {
        *created = Some(rfc3339((epoch, 0))?);
    }
    Ok(())
}
