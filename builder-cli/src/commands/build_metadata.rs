//! What `--metadata-file` says of a build, in buildx's names.

use builder_core::builder::BuildOutcome;
use builder_core::digest::Digest;
use builder_core::explanation::ExplainedStep;
use serde_json::{Value, json};

use crate::ui::explain;

/// The digits of a build's reference, as many as buildx has.
const REFERENCE_LENGTH: usize = 25;

/// Describes what a build resulted in (dockerfile-semantics 12, `--metadata-file`).
pub(super) fn metadata(outcome: &BuildOutcome) -> Value {
    let mut metadata = json!({});
    match outcome.provenance.as_slice() {
        [] => {}
        [(_, only)] => metadata["buildx.build.provenance"] = only.clone(),
        several => {
            for (platform, predicate) in several {
                metadata[format!("buildx.build.provenance/{platform}")] = predicate.clone();
            }
        }
    }
    // Ours, which buildx does not have: this build as `madeBy` of later ones names it, and why its steps ran.
    metadata["builder.build"] = explain::build(&outcome.build);
    metadata["builder.steps"] = outcome.explanations.iter().map(step).collect();
    metadata["buildx.build.ref"] = json!(format!("builder/builder/{}", reference(outcome)));
    if let Some(config) = &outcome.config {
        metadata["containerimage.config.digest"] = json!(config);
    }
    metadata["containerimage.descriptor"] = json!(outcome.descriptor);
    metadata["containerimage.digest"] = json!(outcome.descriptor.digest);
    if let Some(fetched) = outcome.fetched.filter(|fetched| fetched.blobs > 0) {
        metadata["builder.fetched"] = json!({ "layers": fetched.blobs, "bytes": fetched.bytes });
    }
    if !outcome.names.is_empty() {
        metadata["image.name"] = json!(outcome.names.join(","));
    }
    metadata
}

/// A step's `name`, and the keys that [`explain::explanation`] lists.
fn step(step: &ExplainedStep) -> Value {
    let mut value = explain::explanation(&step.explanation);
    value["name"] = json!(step.name);
    value
}

/// There is no record of builds to look this up in: it tells two results apart, and nothing more.
fn reference(outcome: &BuildOutcome) -> String {
    let text = format!("{} {}", outcome.descriptor.digest, outcome.names.join(","));
    Digest::of(text.as_bytes()).hex().chars().take(REFERENCE_LENGTH).collect()
}
