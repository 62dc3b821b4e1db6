//! An image in the shape of `docker image inspect`.

use serde_json::{Value, json};

use super::view::ImageView;
use crate::oci::IndexEntry;
use crate::reference::Reference;

/// Describes an image in the shape of `docker image inspect`. `size` is that of its layers without compression, in
/// bytes.
pub fn inspect(image: &ImageView, names: &[String], size: u64) -> Value {
    let references: Vec<Reference> = names.iter().filter_map(|name| name.parse().ok()).collect();
    let tagged = references.iter().filter(|reference| reference.digest().is_none());
    let tags: Vec<String> = tagged.map(Reference::familiar).collect();
    let (top, media_type) = match &image.index {
        Some(index) => (index.digest, &index.media_type),
        None => (image.digest, &image.manifest.media_type),
    };
    let mut digests: Vec<String> =
        references.iter().map(|reference| format!("{}@{top}", reference.familiar_name())).collect();
    digests.sort();
    digests.dedup();
    let comment = image.config.history.last().map_or("", |entry| entry.comment.as_str());
    let mut described = json!({
        "Id": if image.index.is_some() { top } else { image.manifest.config.digest },
        "RepoTags": tags,
        "RepoDigests": digests,
        "Parent": "",
        "Comment": comment,
        "Created": image.config.created,
        "Author": image.config.author,
        "Config": image.config.config,
        "Architecture": image.config.architecture,
        "Os": image.config.os,
        "Size": size,
        "RootFS": { "Type": "layers", "Layers": image.config.rootfs.diff_ids },
        "Descriptor": { "mediaType": media_type, "digest": top },
    });
    for (name, value) in [("Variant", &image.config.variant), ("OsVersion", &image.config.os_version)] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            described[name] = value.as_str().into();
        }
    }
    if let Some(index) = &image.index {
        let manifest = |entry: &IndexEntry| {
            json!({
                "mediaType": entry.descriptor.media_type,
                "digest": entry.descriptor.digest,
                "size": entry.descriptor.size,
                "platform": entry.platform.as_ref().map(ToString::to_string),
                "annotations": entry.annotations,
            })
        };
        described["Manifests"] = index.entries.iter().map(manifest).collect();
    } else if !image.manifest.annotations.is_empty() {
        described["Descriptor"]["annotations"] = json!(image.manifest.annotations);
    }
    described
}
