//! The platforms that a build is for.

use super::{BuildOptions, NamedContextSource, OptionError};
use crate::plan::op::ImageKey;
use crate::platform::Platform;
use crate::reference::Reference;

/// The build arg that makes an index of an image for one platform.
const MULTI_PLATFORM: &str = "BUILDKIT_MULTI_PLATFORM";

/// The platforms of a build.
pub(super) struct TargetPlatforms {
    /// Each once, in the order asked for; at least one.
    pub(super) all: Vec<Platform>,
    /// Whether the result is an index.
    pub(super) index: bool,
}

/// Works out what a build is for (dockerfile-semantics 12, `--platform`).
pub(super) fn target_platforms(options: &BuildOptions) -> Result<TargetPlatforms, OptionError> {
    let mut all: Vec<Platform> = Vec::new();
    for platform in &options.platforms {
        if !all.contains(platform) {
            all.push(platform.clone());
        }
    }
    if all.is_empty() {
        all.push(Platform::host());
    }
    let several = all.len() > 1;
    let index = match options.build_args.get(MULTI_PLATFORM).filter(|text| !text.is_empty()) {
        None => several,
        Some(text) => match go_bool(text) {
            None => return Err(OptionError::MultiPlatform(text.clone())),
            Some(false) if several => return Err(OptionError::SeveralPlatforms),
            Some(index) => index,
        },
    };
    Ok(TargetPlatforms { all, index })
}

/// The name of the task that resolves an image, with its full reference (dockerfile-semantics 18.1).
pub(super) fn metadata_task(options: &BuildOptions, key: &ImageKey, multi_platform: bool) -> String {
    let platform = if multi_platform { format!("{} ", key.platform) } else { String::new() };
    let full =
        |name: &str| name.parse::<Reference>().map_or_else(|_| name.to_owned(), |reference| reference.to_string());
    match options.contexts.get(&key.name) {
        None => format!("[{platform}internal] load metadata for {}", full(&key.name)),
        Some(NamedContextSource::Image(reference)) => {
            format!("[{platform}context {}] load metadata for {reference}", key.name)
        }
        Some(_) => format!("[{platform}context {}] load metadata", key.name),
    }
}

/// The name of an image for a message, and that of the named context that it is.
pub(super) fn image_name(options: &BuildOptions, key: &ImageKey) -> (String, Option<String>) {
    match options.contexts.get(&key.name) {
        Some(NamedContextSource::Image(reference)) => (reference.to_string(), Some(key.name.clone())),
        Some(NamedContextSource::OciLayout { path, .. }) => {
            (format!("oci-layout://{}", path.display()), Some(key.name.clone()))
        }
        _ => (key.name.clone(), None),
    }
}

/// Reads a truth value as Go's `strconv.ParseBool` does.
pub(super) fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::ContextSource;

    fn of(platforms: &[&str], multi: Option<&str>) -> Result<(usize, bool), OptionError> {
        let mut options = BuildOptions::new(ContextSource::Empty);
        options.platforms = platforms.iter().map(|text| text.parse().expect("platform")).collect();
        options.build_args.extend(multi.map(|text| (MULTI_PLATFORM.to_owned(), text.to_owned())));
        target_platforms(&options).map(|found| (found.all.len(), found.index))
    }

    #[test]
    fn several_platforms_are_an_index_and_one_is_where_that_is_asked_for() {
        assert_eq!(of(&[], None), Ok((1, false)));
        assert_eq!(of(&["linux/arm64", "linux/arm64/v8"], None), Ok((1, false)));
        assert_eq!(of(&["linux/arm64", "linux/amd64"], None), Ok((2, true)));
        assert_eq!(of(&["linux/arm64"], Some("1")), Ok((1, true)));
        assert_eq!(of(&["linux/arm64", "linux/amd64"], Some("false")), Err(OptionError::SeveralPlatforms));
        assert!(matches!(of(&[], Some("perhaps")), Err(OptionError::MultiPlatform(_))));
    }
}
