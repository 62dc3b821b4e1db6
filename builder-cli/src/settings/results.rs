//! `--platform`, `--annotation`, `--provenance`, `--attest` and `--sbom`.

use builder_core::builder::{Provenance, ProvenanceMode, ProvenanceVersion};
use builder_core::dockerfile::csv_fields;
use builder_core::image::{Annotation, AnnotationLevel};
use builder_core::platform::Platform;

use crate::args::BuildArgs;
use crate::env;
use crate::error::CommandError;

/// Reads the platforms to build for; `local` is this machine's.
pub(super) fn platforms(given: &[String]) -> Result<Vec<Platform>, CommandError> {
    let default = || super::variable(env::DOCKER_DEFAULT_PLATFORM).into_iter().collect();
    let texts: Vec<String> = if given.is_empty() { default() } else { given.to_vec() };
    let texts = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
    let read = |text: &str| match text {
        "local" => Ok(Platform::host()),
        _ => text.parse().map_err(CommandError::usage),
    };
    texts.map(read).collect()
}

fn level(text: &str) -> Option<AnnotationLevel> {
    Some(match text {
        "manifest" => AnnotationLevel::Manifest,
        "index" => AnnotationLevel::Index,
        "manifest-descriptor" => AnnotationLevel::ManifestDescriptor,
        "index-descriptor" => AnnotationLevel::IndexDescriptor,
        _ => return None,
    })
}

/// `LEVEL[PLATFORM]`, where the platform may be missing.
fn place(text: &str) -> Result<(AnnotationLevel, Option<Platform>), CommandError> {
    let (name, platform) = match text.split_once('[') {
        None => (text, None),
        Some((name, rest)) => {
            let invalid = || CommandError::usage(format!("invalid annotation type `{text}`, expected TYPE[PLATFORM]"));
            let platform = rest.strip_suffix(']').filter(|platform| !platform.is_empty()).ok_or_else(invalid)?;
            (name, Some(platform.parse().map_err(CommandError::usage)?))
        }
    };
    let level = level(name).ok_or_else(|| {
        CommandError::usage(format!("unknown annotation type {name:?}"))
            .hint("there are manifest, index, manifest-descriptor and index-descriptor")
    })?;
    let of_index = matches!(level, AnnotationLevel::Index | AnnotationLevel::IndexDescriptor);
    if of_index && platform.is_some() {
        return Err(CommandError::usage(format!("`{text}`: an index is for all platforms")));
    }
    Ok((level, platform))
}

/// Reads `[TYPE[PLATFORM],…:]KEY=VALUE`.
pub(super) fn annotations(given: &[String]) -> Result<Vec<Annotation>, CommandError> {
    let mut annotations = Vec::new();
    for text in given.iter().filter(|text| !text.is_empty()) {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| CommandError::usage(format!("invalid annotation {text:?}, expected key=value")))?;
        let (places, key) = match name.split_once(':') {
            None => (vec![(AnnotationLevel::Manifest, None)], name),
            Some((places, key)) => (places.split(',').map(place).collect::<Result<_, _>>()?, key),
        };
        if key.is_empty() {
            return Err(CommandError::usage(format!("invalid annotation {text:?}, expected key=value")));
        }
        annotations.extend(places.into_iter().map(|(level, platform)| Annotation {
            level,
            platform,
            key: key.to_owned(),
            value: value.to_owned(),
        }));
    }
    Ok(annotations)
}

/// Reads an attribute of an output: `annotation.KEY`, `annotation-LEVEL.KEY`, `annotation-LEVEL[PLATFORM].KEY`;
/// nothing where it is another one.
pub(super) fn annotation_attribute(name: &str, value: &str) -> Result<Option<Annotation>, CommandError> {
    let Some(rest) = name.strip_prefix("annotation") else { return Ok(None) };
    let annotation = |(level, platform), key: &str| {
        Ok(Some(Annotation { level, platform, key: key.to_owned(), value: value.to_owned() }))
    };
    if let Some(key) = rest.strip_prefix('.').filter(|key| !key.is_empty()) {
        return annotation((AnnotationLevel::Manifest, None), key);
    }
    if let Some(platform) = rest.strip_prefix('[')
        && let Some((platform, key)) = platform.split_once("].")
    {
        return annotation((AnnotationLevel::Manifest, Some(platform.parse().map_err(CommandError::usage)?)), key);
    }
    let found = rest.strip_prefix('-').and_then(|rest| match rest.split_once("].") {
        Some((place, key)) => Some((format!("{place}]"), key)),
        None => rest.split_once('.').map(|(place, key)| (place.to_owned(), key)),
    });
    match found {
        Some((text, key)) if !key.is_empty() => annotation(place(&text)?, key),
        _ => Err(CommandError::usage(format!("invalid annotation attribute `{name}`"))
            .hint("write annotation.KEY=VALUE or annotation-LEVEL[PLATFORM].KEY=VALUE")),
    }
}

/// Reads what is to be stated about the image; the last word counts.
pub(super) fn provenance(arguments: &BuildArgs) -> Result<Option<Provenance>, CommandError> {
    let mut asked = None;
    for text in &arguments.attestations {
        let fields = fields(text)?;
        match fields.iter().find(|(key, _)| key == "type").map(|(_, value)| value.as_str()) {
            Some("provenance") => asked = provenance_of(&fields)?,
            Some("sbom") => sbom(&fields)?,
            Some(other) => {
                return Err(CommandError::usage(format!("unknown attestation type `{other}`"))
                    .hint("there are provenance and sbom"));
            }
            None => return Err(CommandError::usage(format!("attestation `{text}` has no `type=`"))),
        }
    }
    if let Some(text) = &arguments.sbom {
        sbom(&shorthand(text)?)?;
    }
    match &arguments.provenance {
        Some(text) => provenance_of(&shorthand(text)?),
        None => Ok(asked),
    }
}

type Fields = Vec<(String, String)>;

fn fields(text: &str) -> Result<Fields, CommandError> {
    let fields = csv_fields(text).map_err(|error| CommandError::usage(format!("invalid value `{text}`: {error}")))?;
    let pair = |field: &String| match field.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_ascii_lowercase(), value.to_owned())),
        None => Err(CommandError::usage(format!("invalid value `{text}`: `{field}` must be key=value"))),
    };
    fields.iter().map(pair).collect()
}

/// `true`, `false`, `min` or `max`, or fields.
fn shorthand(text: &str) -> Result<Fields, CommandError> {
    let one = |key: &str, value: &str| Ok(vec![(key.to_owned(), value.to_owned())]);
    match text {
        "" | "true" | "1" => Ok(Vec::new()),
        "false" | "0" => one("disabled", "true"),
        "min" | "max" => one("mode", text),
        _ => fields(text),
    }
}

fn boolean(key: &str, value: &str) -> Result<bool, CommandError> {
    match value {
        "true" | "1" | "" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(CommandError::usage(format!("`{key}` is `{value}`, expected true or false"))),
    }
}

fn provenance_of(fields: &Fields) -> Result<Option<Provenance>, CommandError> {
    let mut provenance = Provenance::new(ProvenanceMode::Max);
    let mut disabled = false;
    for (key, value) in fields {
        match key.as_str() {
            "type" => {}
            "disabled" => disabled = boolean(key, value)?,
            "mode" => {
                provenance.mode = match value.as_str() {
                    "min" => ProvenanceMode::Min,
                    "max" => ProvenanceMode::Max,
                    _ => return Err(CommandError::usage(format!("invalid provenance mode `{value}`, min or max"))),
                }
            }
            "version" => {
                provenance.version = match value.as_str() {
                    "v1" => ProvenanceVersion::V1,
                    "v0.2" => ProvenanceVersion::V02,
                    _ => return Err(CommandError::usage(format!("invalid provenance version `{value}`, v1 or v0.2"))),
                }
            }
            "builder-id" => value.clone_into(&mut provenance.builder_id),
            "filename" => provenance.filename = Some(value.clone()).filter(|name| !name.is_empty()),
            "reproducible" => provenance.reproducible = boolean(key, value)?,
            "inline-only" => provenance.inline_only = boolean(key, value)?,
            _ => {
                return Err(CommandError::usage(format!("there is no attribute `{key}` of provenance"))
                    .hint("there are mode, version, builder-id, filename, reproducible, inline-only and disabled"));
            }
        }
    }
    if provenance.filename.as_deref().is_some_and(|name| name.contains('/') || name == "." || name == "..") {
        return Err(CommandError::usage("`filename` of provenance is a name, not a path"));
    }
    Ok(Some(provenance).filter(|_| !disabled))
}

/// A bill of materials needs a scanner, which is an image that is run on the result.
fn sbom(fields: &Fields) -> Result<(), CommandError> {
    let disabled = fields.iter().find(|(key, _)| key == "disabled").is_some_and(|(_, value)| value != "false");
    if disabled {
        return Ok(());
    }
    Err(CommandError::usage("attestation `sbom` is not supported: it takes a scanner image that is run on the result")
        .hint("run a scanner on the root filesystem instead: `builder build -o DIR …`, then `syft DIR`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Annotation {
        let mut found = annotations(&[text.to_owned()]).unwrap();
        assert_eq!(found.len(), 1, "{text}");
        found.remove(0)
    }

    #[test]
    fn annotations_have_levels_and_platforms() {
        assert_eq!(one("a=b=c").value, "b=c");
        assert_eq!(one("index:a=b").level, AnnotationLevel::Index);
        let found = one("manifest-descriptor[linux/aarch64]:a:x=b");
        assert_eq!((found.key.as_str(), found.platform), ("a:x", "linux/arm64".parse().ok()));
        assert_eq!(annotations(&["manifest,index:a=b".to_owned()]).unwrap().len(), 2);
        for bad in ["a", "nope:a=b", "manifest[:a=b", "manifest[]:a=b", "index[linux/amd64]:a=b", "index:=b"] {
            assert!(annotations(&[bad.to_owned()]).is_err(), "{bad}");
        }
        let attribute = |name: &str| annotation_attribute(name, "v").unwrap().unwrap();
        assert_eq!(attribute("annotation.org.x").key, "org.x");
        let found = attribute("annotation-manifest[linux/arm/v7].a.b");
        assert_eq!((found.key.as_str(), found.platform), ("a.b", "linux/arm/v7".parse().ok()));
        assert_eq!(attribute("annotation-index.a").level, AnnotationLevel::Index);
        assert!(annotation_attribute("annotation-index", "v").is_err());
    }

    #[test]
    fn platforms_come_in_lists() {
        let found = platforms(&["linux/amd64,arm64".to_owned(), "linux/arm".to_owned()]).unwrap();
        assert_eq!(
            found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            "linux/amd64 linux/arm64 linux/arm/v7"
        );
        assert!(platforms(&["linux/amd64,".to_owned()]).is_err());
    }
}
