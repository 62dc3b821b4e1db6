//! `--output`: CSV as docker reads it, attributes as BuildKit's exporters know them.

use std::io::IsTerminal;
use std::path::PathBuf;

use builder_core::builder::{Compression, ExportTarget, Output, OutputKind, PushOutput};
use builder_core::dockerfile::csv_fields;
use builder_core::image::{ImageForm, MediaTypes};

use super::name;
use super::results::annotation_attribute;
use crate::error::CommandError;

/// The attributes that every kind of output has.
const COMMON: &[&str] = &["type", "source-date-epoch"];
/// Those of outputs with an image.
const IMAGE: &[&str] = &[
    "name",
    "compression",
    "compression-level",
    "force-compression",
    "oci-mediatypes",
    "rewrite-timestamp",
    "unpack",
    "store",
    "dangling-name-prefix",
    "name-canonical",
    "prefer-nondist-layers",
    "attestation-inline",
    "push",
    "annotation.KEY",
];
/// Those of outputs that are written somewhere.
const DESTINATION: &[&str] = &["dest"];
/// Those of root filesystems.
const ROOT_FILESYSTEM: &[&str] = &["platform-split", "attestation-prefix"];

/// Reads an output.
pub(super) fn output(text: &str) -> Result<Output, CommandError> {
    if text == "-" {
        return stdout_output(Output::new(OutputKind::Tar, ExportTarget::Stdout));
    }
    if text.is_empty() {
        return Err(CommandError::usage("--output is empty")
            .hint("write a directory, `-` for a tar on standard output, or `type=oci,dest=FILE`"));
    }
    if !text.contains('=') {
        return Ok(Output::new(OutputKind::Local, ExportTarget::Path(PathBuf::from(text))));
    }
    let fields = csv_fields(text).map_err(|error| CommandError::usage(format!("invalid output `{text}`: {error}")))?;
    let mut pairs = Vec::new();
    for field in &fields {
        let (key, value) = field
            .split_once('=')
            .ok_or_else(|| CommandError::usage(format!("invalid output `{text}`: `{field}` must be key=value")))?;
        pairs.push((key.trim().to_ascii_lowercase(), key.trim(), value));
    }
    // Of several the last one holds, as with docker; so it is with every attribute.
    let kind = pairs.iter().rfind(|(key, ..)| key == "type").map(|(_, _, value)| *value);
    let kind = kind.ok_or_else(|| CommandError::usage(format!("output `{text}` has no `type=`")))?;
    let mut reader = Reader {
        text,
        output: Output::new(kind_of(text, kind)?, ExportTarget::Store),
        types_given: false,
        push: (kind == "registry").then_some(true),
        pushed: PushOutput::default(),
        tagged: None,
    };
    let mut unpack = false;
    for (key, given, value) in pairs {
        unpack |= key == "unpack" && value == "true";
        reader.attribute(&key, given, value)?;
    }
    if unpack && reader.output.rewrite_timestamp {
        return Err(CommandError::usage("exporter option \"rewrite-timestamp\" conflicts with \"unpack\""));
    }
    if let Some(level) = reader.output.form.level.filter(|level| !has_level(&reader.output.form, *level)) {
        return Err(reader.invalid("compression-level", &level.to_string(), "a number from 0 to 9 for gzip"));
    }
    if let (true, Some(name)) = (reader.pushed.by_digest, &reader.tagged) {
        return Err(tagged_by_digest(name));
    }
    let mut output = reader.output;
    output.push = reader.push.filter(|push| *push).map(|_| reader.pushed);
    if output.kind == OutputKind::Docker {
        match output.target {
            // Docker loads what has no destination; without a daemon that is the store.
            ExportTarget::Store => output.kind = OutputKind::Image,
            _ if !reader.types_given => output.form.media_types = MediaTypes::Docker,
            _ => {}
        }
    }
    let streams = matches!(output.kind, OutputKind::Oci | OutputKind::Tar);
    if streams && output.target == ExportTarget::Store {
        output.target = ExportTarget::Stdout;
    }
    if output.target == ExportTarget::Store && output.kind == OutputKind::Local {
        return Err(CommandError::usage("output `type=local` needs `dest=DIR`"));
    }
    stdout_output(output)
}

/// Adds what `--push` means: outputs of images are pushed, and where there is none, there is one.
pub(super) fn push(outputs: &mut Vec<Output>) {
    let is_image = |output: &&mut Output| output.kind == OutputKind::Image;
    let mut found = false;
    for output in outputs.iter_mut().filter(is_image) {
        output.push.get_or_insert_default();
        found = true;
    }
    if !found {
        let mut output = Output::new(OutputKind::Image, ExportTarget::Store);
        output.push = Some(PushOutput::default());
        outputs.push(output);
    }
}

/// Refuses tags where an image is pushed by its digest.
pub(super) fn check_by_digest(outputs: &[Output], tags: &[String]) -> Result<(), CommandError> {
    let by_digest = outputs.iter().any(|output| output.push.is_some_and(|push| push.by_digest));
    match tags.iter().find(|tag| by_digest && has_tag(tag)) {
        Some(tag) => Err(tagged_by_digest(tag)),
        None => Ok(()),
    }
}

/// Tells whether the compression of a form, gzip where none is said, has a level.
pub(super) fn has_level(form: &ImageForm, level: i32) -> bool {
    !matches!(form.compression, None | Some(Compression::Gzip)) || level <= 9
}

fn has_tag(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|last| last.contains(':'))
}

fn tagged_by_digest(name: &str) -> CommandError {
    CommandError::usage(format!("can't push tagged ref {name} by digest")).hint("leave the tag out")
}

fn kind_of(text: &str, kind: &str) -> Result<OutputKind, CommandError> {
    Ok(match kind {
        "image" | "registry" => OutputKind::Image,
        "oci" => OutputKind::Oci,
        "docker" => OutputKind::Docker,
        "tar" => OutputKind::Tar,
        "local" => OutputKind::Local,
        "cacheonly" => OutputKind::CacheOnly,
        _ => {
            let expected = "expected image, registry, oci, docker, tar, local or cacheonly";
            return Err(CommandError::usage(format!("invalid output `{text}`: `type` is `{kind}`, {expected}")));
        }
    })
}

struct Reader<'t> {
    text: &'t str,
    output: Output,
    types_given: bool,
    push: Option<bool>,
    pushed: PushOutput,
    /// A name with a tag.
    tagged: Option<String>,
}

impl Reader<'_> {
    fn invalid(&self, key: &str, value: &str, expected: &str) -> CommandError {
        let text = self.text;
        CommandError::usage(format!("invalid output `{text}`: `{key}` is `{value}`, expected {expected}"))
    }

    fn boolean(&self, key: &str, value: &str) -> Result<bool, CommandError> {
        // An attribute without a value is set, as with BuildKit.
        match value {
            "" | "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
            _ => Err(self.invalid(key, value, "true or false")),
        }
    }

    /// Refuses what is only known switched off.
    fn only_off(&self, key: &str, value: &str, why: &str) -> Result<(), CommandError> {
        if self.boolean(key, value)? {
            return Err(CommandError::usage(format!("output attribute `{key}=true` is not supported: {why}")));
        }
        Ok(())
    }

    fn known(&self) -> Vec<&'static str> {
        let mut known = COMMON.to_vec();
        match self.output.kind {
            OutputKind::Image => known.extend(IMAGE),
            OutputKind::Oci | OutputKind::Docker => known.extend(DESTINATION.iter().chain(&["tar"]).chain(IMAGE)),
            OutputKind::Tar => known.extend(DESTINATION.iter().chain(ROOT_FILESYSTEM)),
            OutputKind::Local => known.extend(DESTINATION.iter().chain(&["mode"]).chain(ROOT_FILESYSTEM)),
            OutputKind::CacheOnly => {}
        }
        known
    }

    fn attribute(&mut self, key: &str, given: &str, value: &str) -> Result<(), CommandError> {
        let of_image = matches!(self.output.kind, OutputKind::Image | OutputKind::Oci | OutputKind::Docker);
        if of_image && let Some(annotation) = annotation_attribute(given, value)? {
            self.output.annotations.push(annotation);
            return Ok(());
        }
        let known = self.known();
        let registry = ["push-by-digest", "registry.insecure"].contains(&key);
        if !known.contains(&key) && !(of_image && (registry || key == "oci-artifact")) {
            let message = format!("invalid output `{}`: there is no attribute `{given}` for this type", self.text);
            return Err(CommandError::usage(message).hint(format!("there are {}", known.join(", "))));
        }
        let output = &mut self.output;
        match key {
            "dest" if value.is_empty() => return Err(self.invalid(key, value, "a file or directory, or `-`")),
            "dest" if value == "-" => output.target = ExportTarget::Stdout,
            "dest" => output.target = ExportTarget::Path(PathBuf::from(value)),
            "name" => {
                output.names.clear();
                self.tagged = None;
                for text in value.split(',').filter(|text| !text.is_empty()) {
                    output.names.push(name(text)?);
                    if has_tag(text) {
                        self.tagged = Some(text.to_owned());
                    }
                }
            }
            "dangling-name-prefix" => output.dangling_prefix = Some(value.to_owned()),
            "attestation-prefix" => value.clone_into(&mut output.attestation_prefix),
            "source-date-epoch" if value.is_empty() => output.source_date_epoch = Some(None),
            "source-date-epoch" => match value.parse() {
                Ok(epoch) => output.source_date_epoch = Some(Some(epoch)),
                Err(_) => return Err(self.invalid(key, value, "whole seconds since 1970")),
            },
            "compression" | "compression-level" | "force-compression" => self.compression(key, value)?,
            "mode" => match value {
                "copy" => output.mirror = false,
                "delete" => output.mirror = true,
                _ => return Err(self.invalid(key, value, "copy or delete")),
            },
            _ => self.switch(key, value)?,
        }
        Ok(())
    }

    fn compression(&mut self, key: &str, value: &str) -> Result<(), CommandError> {
        if key == "force-compression" {
            self.output.form.force = self.boolean(key, value)?;
            return Ok(());
        }
        if key == "compression-level" {
            let level = value.parse().ok().filter(|level| (0..=22).contains(level));
            self.output.form.level = Some(level.ok_or_else(|| self.invalid(key, value, "a number from 0 to 22"))?);
            return Ok(());
        }
        self.output.form.compression = Some(match value {
            "gzip" => Compression::Gzip,
            "zstd" => Compression::Zstd,
            "uncompressed" => Compression::Uncompressed,
            "estargz" => {
                return Err(CommandError::usage("output attribute `compression=estargz` is not supported")
                    .hint("use gzip, zstd or uncompressed"));
            }
            _ => return Err(self.invalid(key, value, "gzip, zstd or uncompressed")),
        });
        Ok(())
    }

    fn switch(&mut self, key: &str, value: &str) -> Result<(), CommandError> {
        match key {
            "tar" => self.output.directory = !self.boolean(key, value)?,
            "store" => self.output.store = self.boolean(key, value)?,
            "name-canonical" => self.output.canonical_names = self.boolean(key, value)?,
            "platform-split" => self.output.platform_split = Some(self.boolean(key, value)?),
            "oci-mediatypes" => {
                let oci = self.boolean(key, value)?;
                self.types_given = true;
                self.output.form.media_types = if oci { MediaTypes::Oci } else { MediaTypes::Docker };
            }
            "rewrite-timestamp" => self.output.rewrite_timestamp = self.boolean(key, value)?,
            // Root filesystems of the store are always unpacked, and statements about images always in the index.
            "unpack" | "attestation-inline" => {
                self.boolean(key, value)?;
            }
            "push" | "push-by-digest" | "registry.insecure" if self.output.kind != OutputKind::Image => {
                self.only_off(key, value, "only images are pushed: `type=image` or `type=registry`")?;
            }
            "push" => self.push = Some(self.boolean(key, value)?),
            "push-by-digest" => self.pushed.by_digest = self.boolean(key, value)?,
            "registry.insecure" => self.pushed.insecure = self.boolean(key, value)?,
            "oci-artifact" => {
                self.only_off(key, value, "statements are written as manifests with a config, which all tools read")?;
            }
            "prefer-nondist-layers" => {
                self.only_off(key, value, "layers that may not be distributed are not built upon")?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn stdout_output(output: Output) -> Result<Output, CommandError> {
    if output.target == ExportTarget::Stdout {
        if output.directory || output.kind == OutputKind::Local {
            return Err(CommandError::usage("a directory cannot be written to standard output"));
        }
        if std::io::stdout().is_terminal() {
            return Err(CommandError::usage("refusing to write an archive to a terminal")
                .hint("add dest=FILE, or send standard output to a file"));
        }
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read_as_docker_reads_them() {
        let local = output("out").unwrap();
        assert_eq!((local.kind, local.target), (OutputKind::Local, ExportTarget::Path("out".into())));
        let oci = output("type=oci,dest=x.tar,compression=zstd,name=a:b").unwrap();
        assert_eq!((oci.kind, oci.form.compression), (OutputKind::Oci, Some(Compression::Zstd)));
        assert_eq!(oci.names[0].familiar(), "a:b");
        assert!(output("type=oci,dest=x,tar=false").unwrap().directory);
        let image = output("type=image,\"name=a,b:2\",annotation.x=y,source-date-epoch=,push=false").unwrap();
        assert_eq!(image.names.len(), 2);
        assert_eq!((image.annotations.len(), image.source_date_epoch), (1, Some(None)));
        assert_eq!(image.push, None);
        assert_eq!(output("type=registry,name=a").unwrap().push, Some(PushOutput::default()));
        let pushed = output("type=image,push=true,push-by-digest=true,registry.insecure=true,name=x:5000/a").unwrap();
        assert_eq!(pushed.push, Some(PushOutput { by_digest: true, insecure: true }));
    }

    #[test]
    fn of_what_is_given_twice_the_last_one_holds() {
        let twice = output("type=oci,type=tar,dest=x,dest=y").unwrap();
        assert_eq!((twice.kind, twice.target), (OutputKind::Tar, ExportTarget::Path("y".into())));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [
            "",
            "type=tar,dest=",
            "type=nope,dest=x",
            "dest=x",
            "type=oci,dest",
            "type=oci,dest=x,level=3",
            "type=local",
            "type=oci,dest=x,push=true",
            "type=image,push=true,push-by-digest=true,name=a:b",
            "type=image,dest=x",
            "type=local,dest=x,name=y",
            "type=image,compression=estargz",
            "type=image,compression-level=23",
            "type=image,compression-level=10",
            "type=image,unpack=true,rewrite-timestamp=true",
            "type=image,store=perhaps",
            "type=image,source-date-epoch=soon",
        ] {
            assert!(output(bad).is_err(), "{bad}");
        }
    }
}
