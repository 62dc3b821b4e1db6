//! Annotations of images, at every level that a document or descriptor has them.
//!
//! Spec: dockerfile-semantics 12 (`--annotation`) and 13.2.

use std::collections::BTreeMap;

use super::ImageError;
use crate::platform::Platform;

/// Where an annotation stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum AnnotationLevel {
    /// In the manifest of each image.
    #[default]
    Manifest,
    /// In the index.
    Index,
    /// On the descriptor of each image's manifest, in the index or the layout.
    ManifestDescriptor,
    /// On the descriptor of the index, in the layout.
    IndexDescriptor,
}

/// An annotation of an image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Annotation {
    /// Where it stands.
    pub level: AnnotationLevel,
    /// The platform whose image it is for; `None` for all.
    pub platform: Option<Platform>,
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// Returns the annotations of one level, those for the platform after those for all.
pub(super) fn of(
    annotations: &[Annotation],
    level: AnnotationLevel,
    platform: Option<&Platform>,
) -> BTreeMap<String, String> {
    let fits = |annotation: &&Annotation| {
        annotation.level == level && (annotation.platform.is_none() || annotation.platform.as_ref() == platform)
    };
    let (for_one, for_all): (Vec<&Annotation>, Vec<&Annotation>) =
        annotations.iter().filter(fits).partition(|annotation| annotation.platform.is_some());
    let pair = |annotation: &Annotation| (annotation.key.clone(), annotation.value.clone());
    for_all.into_iter().chain(for_one).map(pair).collect()
}

/// Checks that there is something for every annotation to stand on.
pub(super) fn check(annotations: &[Annotation], platforms: &[Platform], index: bool) -> Result<(), ImageError> {
    for annotation in annotations {
        if let Some(platform) = annotation.platform.as_ref().filter(|platform| !platforms.contains(platform)) {
            return Err(ImageError::AnnotationPlatform(platform.clone()));
        }
        let of_index = matches!(annotation.level, AnnotationLevel::Index | AnnotationLevel::IndexDescriptor);
        if of_index && !index {
            return Err(ImageError::IndexAnnotation);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_one_platform_wins_there() {
        let platform: Platform = "linux/arm64".parse().unwrap();
        let annotation = |platform: Option<&Platform>, value: &str| Annotation {
            level: AnnotationLevel::Manifest,
            platform: platform.cloned(),
            key: "k".to_owned(),
            value: value.to_owned(),
        };
        let all = [annotation(Some(&platform), "one"), annotation(None, "all")];
        assert_eq!(of(&all, AnnotationLevel::Manifest, Some(&platform))["k"], "one");
        assert_eq!(of(&all, AnnotationLevel::Manifest, Some(&Platform::new("linux", "amd64", None)))["k"], "all");
        assert!(of(&all, AnnotationLevel::Index, None).is_empty());
        assert!(matches!(check(&all, &[], false), Err(ImageError::AnnotationPlatform(_))));
        let index = [Annotation { level: AnnotationLevel::IndexDescriptor, ..annotation(None, "x") }];
        assert!(matches!(check(&index, &[], false), Err(ImageError::IndexAnnotation)));
        assert!(check(&index, &[], true).is_ok());
    }
}
