//! From a plan's config and the layers of its steps to the parts of an image.

use super::ImageError;
use super::history::{Layers, complete, rfc3339};
use super::view::ImageParts;
use crate::digest::Digest;
use crate::oci::{BlobDescriptor, History, ImageConfig, media_type};
use crate::platform::Platform;

/// The comment of every history entry that a Dockerfile makes, as BuildKit writes it.
const COMMENT: &str = "buildkit.dockerfile.v0";

/// A history entry about to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewHistory {
    /// `created_by`.
    pub created_by: String,
    /// Whether it has a layer.
    pub has_layer: bool,
}

/// A layer of this build.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewLayer {
    /// Its diff ID.
    pub diff_id: Digest,
    /// The size of its tar, in bytes.
    pub size: u64,
    /// When it was made, seconds and nanoseconds since 1970.
    pub created: (i64, u32),
    /// The name of the step that made it.
    pub description: String,
}

/// What to make an image of.
#[derive(Clone, PartialEq, Debug)]
pub struct AssembleRequest {
    /// The platform that it is for.
    pub platform: Platform,
    /// The config, with history and diff IDs of the base.
    pub config: ImageConfig,
    /// The layers of the base, bottom first, as its manifest names them.
    pub base_layers: Vec<BlobDescriptor>,
    /// What the base is called.
    pub base_origin: String,
    /// The layers of this build, bottom first.
    pub layers: Vec<NewLayer>,
    /// The history of this build.
    pub history: Vec<NewHistory>,
    /// Further fields of the config.
    pub more: serde_json::Map<String, serde_json::Value>,
    /// The time of everything made by this build, seconds since 1970, where one was given.
    pub source_date_epoch: Option<i64>,
}

/// Puts a config together.
///
/// # Errors
/// [`ImageError::Time`], [`ImageError::Json`].
pub fn assemble(request: &AssembleRequest) -> Result<ImageParts, ImageError> {
    let mut config = request.config.clone();
    let base_entries = config.history.len();
    let created = request.source_date_epoch.map(|epoch| rfc3339((epoch, 0))).transpose()?;
    config.history.extend(request.history.iter().map(|entry| History {
        created: created.clone(),
        created_by: entry.created_by.clone(),
        comment: COMMENT.to_owned(),
        empty_layer: !entry.has_layer,
        ..History::default()
    }));
    let layers = Layers { base: config.rootfs.diff_ids.len(), base_origin: &request.base_origin, new: &request.layers };
    complete(&mut config, base_entries, &layers, request.source_date_epoch)?;
    config.other.extend(request.more.clone());
    config.rootfs.diff_ids.extend(request.layers.iter().map(|layer| layer.diff_id));
    let ours = request.layers.iter().map(|layer| BlobDescriptor {
        media_type: media_type::OCI_LAYER.to_owned(),
        digest: layer.diff_id,
        size: layer.size,
    });
    Ok(ImageParts {
        platform: platform_of(&request.platform, &config),
        os_features: config.os_features.clone(),
        config_bytes: serde_json::to_vec(&config)?,
        layers: request.base_layers.iter().cloned().chain(ours).collect(),
        layer_annotations: Vec::new(),
        base_layers: request.base_layers.len(),
        diff_ids: config.rootfs.diff_ids,
        created: config.created.unwrap_or_default(),
        annotations: std::collections::BTreeMap::new(),
        descriptor_annotations: std::collections::BTreeMap::new(),
        attestations: Vec::new(),
        manifest: None,
    })
}

/// The platform that the image is listed under. Images for Windows take the version of their base
/// (dockerfile-semantics 17).
fn platform_of(asked: &Platform, config: &ImageConfig) -> Platform {
    let mut platform = asked.clone();
    if platform.os == "windows" && platform.os_version.is_none() && config.os == platform.os {
        platform.os_version.clone_from(&config.os_version);
    }
    platform
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, created: (i64, u32)) -> NewLayer {
        NewLayer { diff_id: Digest::of(name.as_bytes()), size: 3, created, description: format!("RUN {name}") }
    }

    fn entry(created_by: &str, has_layer: bool) -> NewHistory {
        NewHistory { created_by: created_by.to_owned(), has_layer }
    }

    fn request(epoch: Option<i64>) -> AssembleRequest {
        let platform = Platform::new("linux", "amd64", None);
        AssembleRequest {
            config: ImageConfig::empty(&platform),
            platform,
            base_layers: Vec::new(),
            base_origin: "base".to_owned(),
            layers: vec![layer("one", (100, 500_000_000)), layer("two", (200, 0))],
            history: vec![
                entry("ENV A=1", false),
                entry("RUN one", true),
                entry("LABEL x=y", false),
                entry("RUN two", true),
                entry("CMD [\"x\"]", false),
            ],
            more: serde_json::Map::new(),
            source_date_epoch: epoch,
        }
    }

    fn assembled(request: &AssembleRequest) -> ImageConfig {
        serde_json::from_slice(&assemble(request).unwrap().config_bytes).unwrap()
    }

    fn times(config: &ImageConfig) -> Vec<&str> {
        config.history.iter().map(|entry| entry.created.as_deref().unwrap_or("none")).collect()
    }

    fn old(created: Option<&str>, empty_layer: bool) -> History {
        History { created: created.map(str::to_owned), created_by: "old".to_owned(), empty_layer, ..History::default() }
    }

    #[test]
    fn entries_without_a_layer_take_the_time_of_their_neighbours() {
        let config = assembled(&request(None));
        let (first, second) = ("1970-01-01T00:01:40.5Z", "1970-01-01T00:03:20Z");
        assert_eq!(times(&config), [first, first, first, second, second]);
        assert_eq!(config.created.as_deref(), Some(second));
        assert_eq!(config.history.iter().filter(|entry| !entry.empty_layer).count(), config.rootfs.diff_ids.len());
    }

    #[test]
    fn an_epoch_replaces_every_time_but_those_of_the_base() {
        let mut request = request(Some(7));
        request.config.history = vec![old(Some("2020-01-01T00:00:00Z"), true)];
        let config = assembled(&request);
        assert_eq!(times(&config)[0], "2020-01-01T00:00:00Z");
        assert!(times(&config)[1..].iter().all(|time| *time == "1970-01-01T00:00:07Z"), "{config:?}");
        assert_eq!(config.created.as_deref(), Some("1970-01-01T00:00:07Z"));
    }

    #[test]
    fn an_image_without_new_layers_is_as_old_as_its_base() {
        let mut request = request(None);
        request.config.history =
            vec![old(Some("2020-01-01T00:00:00Z"), false), old(Some("2021-01-01T00:00:00Z"), true)];
        request.config.rootfs.diff_ids = vec![Digest::of(b"base")];
        request.layers.clear();
        request.history = vec![entry("ENV A=1", false)];
        let config = assembled(&request);
        assert_eq!(times(&config)[2], "2021-01-01T00:00:00Z");
        assert_eq!(config.created.as_deref(), Some("2021-01-01T00:00:00Z"));
    }

    #[test]
    fn layers_that_no_entry_speaks_of_get_one() {
        let mut request = request(None);
        request.config.rootfs.diff_ids = vec![Digest::of(b"base")];
        let config = assembled(&request);
        let with_layer: Vec<_> = config.history.iter().filter(|entry| !entry.empty_layer).collect();
        assert_eq!(with_layer.len(), 3);
        assert_eq!(with_layer[2].comment, "buildkit.exporter.image.v0");
    }

    #[test]
    fn entries_without_their_layer_are_empty() {
        let mut request = request(None);
        request.config.history = vec![old(None, false), old(None, false), old(None, false)];
        request.layers.clear();
        request.history.clear();
        let config = assembled(&request);
        assert!(config.history.iter().all(|entry| entry.empty_layer));
        assert_eq!(config.created, None);
    }
}
