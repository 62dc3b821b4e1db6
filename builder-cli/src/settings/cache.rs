//! `--cache-from` and `--cache-to`: CSV as docker reads it, attributes as BuildKit's caches know them.

use std::path::PathBuf;

use builder_core::builder::{CacheExport, CacheMode, CacheTarget, Compression};
use builder_core::cache::shared::{CacheOrigin, LocalCache};
use builder_core::dockerfile::csv_fields;
use builder_core::image::ImageForm;

use super::outputs::has_level;
use super::reference;
use crate::error::CommandError;

/// The name of a cache in a layout where none is given.
const TAG: &str = "latest";

/// An entry of either option, cut into its attributes.
struct Entry<'t> {
    option: &'static str,
    text: &'t str,
    kind: String,
    attributes: Vec<(String, String)>,
}

impl<'t> Entry<'t> {
    fn read(option: &'static str, text: &'t str) -> Result<Self, CommandError> {
        let bad = |why: &str| CommandError::usage(format!("invalid {option} `{text}`: {why}"));
        // A bare reference is a cache in a registry.
        if !text.contains('=') {
            let attributes = vec![("ref".to_owned(), text.to_owned())];
            return Ok(Self { option, text, kind: "registry".to_owned(), attributes });
        }
        let mut kind = None;
        let mut attributes = Vec::new();
        for field in csv_fields(text).map_err(|error| bad(&error.to_string()))? {
            let (key, value) = field.split_once('=').ok_or_else(|| bad(&format!("`{field}` must be key=value")))?;
            let key = key.trim().to_ascii_lowercase();
            if key == "type" {
                kind = Some(value.to_owned());
            } else {
                attributes.push((key, value.to_owned()));
            }
        }
        let hint = "there are `type=registry,ref=NAME`, `type=local,…` and, to write, `type=inline`";
        let kind = kind.ok_or_else(|| bad("it has no `type=`").hint(hint))?;
        if !["registry", "local", "inline"].contains(&kind.as_str()) {
            return Err(bad(&format!("there is no cache of type `{kind}` here")).hint(hint));
        }
        Ok(Self { option, text, kind, attributes })
    }

    fn bad(&self, why: &str) -> CommandError {
        CommandError::usage(format!("invalid {} `{}`: {why}", self.option, self.text))
    }

    fn take(&mut self, key: &str) -> Option<String> {
        let place = self.attributes.iter().position(|(known, _)| known == key)?;
        Some(self.attributes.remove(place).1)
    }

    fn require(&mut self, key: &str) -> Result<String, CommandError> {
        let value = self.take(key).filter(|value| !value.is_empty());
        value.ok_or_else(|| self.bad(&format!("`type={}` needs `{key}=`", self.kind)))
    }

    fn boolean(&mut self, key: &str) -> Result<Option<bool>, CommandError> {
        match self.take(key).as_deref() {
            None => Ok(None),
            Some("true" | "1" | "") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(other) => Err(self.bad(&format!("`{key}` is `{other}`, expected true or false"))),
        }
    }

    fn end(self) -> Result<(), CommandError> {
        match self.attributes.first() {
            None => Ok(()),
            Some((key, _)) => Err(self.bad(&format!("there is no attribute `{key}` for `type={}`", self.kind))),
        }
    }
}

/// Reads a `--cache-from`.
pub(super) fn origin(text: &str) -> Result<CacheOrigin, CommandError> {
    let mut entry = Entry::read("--cache-from", text)?;
    let origin = match entry.kind.as_str() {
        "registry" => CacheOrigin::Registry(reference(&entry.require("ref")?)?),
        "local" => {
            let directory = PathBuf::from(entry.require("src")?);
            let digest = entry.take("digest").map(|digest| digest.parse()).transpose();
            let digest = digest.map_err(|error| entry.bad(&format!("`digest`: {error}")))?;
            CacheOrigin::Local(LocalCache { directory, tag: entry.take("tag"), digest })
        }
        _ => {
            let hint = "read it with `type=registry,ref=NAME` of the image";
            return Err(entry.bad("a cache inside of an image is written with `type=inline`").hint(hint));
        }
    };
    entry.end()?;
    Ok(origin)
}

/// Reads a `--cache-to`.
pub(super) fn export(text: &str) -> Result<CacheExport, CommandError> {
    let mut entry = Entry::read("--cache-to", text)?;
    let target = match entry.kind.as_str() {
        "registry" => CacheTarget::Registry(super::name(&entry.require("ref")?)?),
        "local" => {
            let directory = PathBuf::from(entry.require("dest")?);
            CacheTarget::Local { directory, tag: entry.take("tag").unwrap_or_else(|| TAG.to_owned()) }
        }
        _ => CacheTarget::Inline,
    };
    let inline = target == CacheTarget::Inline;
    let mut export = CacheExport::new(target);
    export.mode = match entry.take("mode").as_deref() {
        None | Some("min") => CacheMode::Min,
        Some("max") if inline => return Err(entry.bad("an image has the layers of its own steps only (`mode=min`)")),
        Some("max") => CacheMode::Max,
        Some(other) => return Err(entry.bad(&format!("`mode` is `{other}`, expected min or max"))),
    };
    if !inline {
        export.form = form(&mut entry)?;
        export.required = entry.boolean("ignore-error")? == Some(false);
    }
    entry.end()?;
    Ok(export)
}

fn form(entry: &mut Entry<'_>) -> Result<ImageForm, CommandError> {
    let mut form = ImageForm::archive();
    form.compression = Some(match entry.take("compression").as_deref() {
        None | Some("gzip") => Compression::Gzip,
        Some("zstd") => Compression::Zstd,
        Some("uncompressed") => Compression::Uncompressed,
        Some(other) => {
            return Err(entry.bad(&format!("`compression` is `{other}`, expected gzip, zstd or uncompressed")));
        }
    });
    if let Some(level) = entry.take("compression-level") {
        let number = level.parse().ok().filter(|level| (0..=22).contains(level));
        let number = number.ok_or_else(|| entry.bad(&format!("`compression-level` is `{level}`, expected 0 to 22")))?;
        if !has_level(&form, number) {
            return Err(entry.bad(&format!("`compression-level` is `{level}`, expected 0 to 9 for gzip")));
        }
        form.level = Some(number);
    }
    form.force = entry.boolean("force-compression")?.unwrap_or(false);
    // Caches are always manifests of OCI's types.
    for key in ["oci-mediatypes", "image-manifest"] {
        if entry.boolean(key)? == Some(false) {
            return Err(entry.bad(&format!("`{key}=false` is not supported: a cache is an OCI image manifest")));
        }
    }
    Ok(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_are_read_as_docker_reads_them() {
        assert_eq!(origin("host/x:1").unwrap(), CacheOrigin::Registry("host/x:1".parse().unwrap()));
        assert_eq!(origin("type=registry,ref=x").unwrap(), CacheOrigin::Registry("x".parse().unwrap()));
        let CacheOrigin::Local(local) = origin("type=local,src=/c,tag=t").unwrap() else { panic!("not local") };
        assert_eq!((local.directory, local.tag.as_deref()), (PathBuf::from("/c"), Some("t")));
        let local = export("type=local,dest=/c,mode=max,compression=zstd,compression-level=9").unwrap();
        assert_eq!(
            (local.mode, local.form.compression, local.form.level),
            (CacheMode::Max, Some(Compression::Zstd), Some(9))
        );
        assert_eq!(export("type=inline").unwrap().target, CacheTarget::Inline);
        assert!(export("type=registry,ref=x,ignore-error=false").unwrap().required);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in ["type=gha", "type=registry", "src=x", "type=local", "type=local,src=x,mode=max", "type=inline"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
        for bad in [
            "type=local,src=x",
            "type=inline,mode=max",
            "type=registry,ref=x,mode=most",
            "type=registry,ref=x,image-manifest=false",
            "type=registry,ref=x,compression=estargz",
            "type=registry,ref=x,compression-level=23",
            "type=registry,ref=x,compression-level=10",
            "type=s3,bucket=x",
        ] {
            assert!(export(bad).is_err(), "{bad}");
        }
    }
}
