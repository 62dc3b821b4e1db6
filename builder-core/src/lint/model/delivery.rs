//! Which stages reach an image.

use std::collections::HashSet;

use super::{InstructionView, StageView};
use crate::dockerfile::InstructionKind;
use crate::lint::image_name::ImageName;

/// Tells for each stage whether what it has in its layers reaches an image: it is the last one, or nothing merely copies
/// from it, or a stage that begins from it reaches one.
pub(super) fn delivered(stages: &[StageView], instructions: &[InstructionView<'_>]) -> Vec<bool> {
    let copied = copied(instructions);
    let mut is_base = vec![false; stages.len()];
    let mut delivered = vec![false; stages.len()];
    // Stages begin from earlier ones.
    for stage in stages.iter().rev() {
        let is_copied = || {
            let name = stage.name.as_ref().is_some_and(|name| copied.contains(&name.to_ascii_lowercase()));
            name || copied.contains(&stage.index.to_string())
        };
        if stage.is_last || !is_base[stage.index] && !is_copied() {
            delivered[stage.index] = true;
        }
        if let Some(parent) = stage.parent {
            is_base[parent] = true;
            delivered[parent] |= delivered[stage.index];
        }
    }
    delivered
}

/// What `COPY --from` and mounts name.
fn copied(instructions: &[InstructionView<'_>]) -> HashSet<String> {
    let mut copied = HashSet::new();
    for view in instructions {
        match view.kind() {
            InstructionKind::Copy(transfer) => {
                copied.extend(transfer.from.as_ref().map(|from| from.value.to_ascii_lowercase()));
            }
            InstructionKind::Run(run) => {
                let pairs = run.mounts.iter().flat_map(|mount| mount.value.split(','));
                copied.extend(pairs.filter_map(|pair| pair.strip_prefix("from=")).map(str::to_ascii_lowercase));
            }
            _ => {}
        }
    }
    copied
}

/// The images of all stages without registry, tag and digest.
pub(super) fn base_names(stages: &[StageView]) -> HashSet<String> {
    stages.iter().map(|stage| ImageName::new(&stage.image).path.to_owned()).collect()
}
