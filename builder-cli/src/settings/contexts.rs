//! The main context and `--build-context`: which text stands for what.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use builder_core::builder::{ContextSource, NamedContextSource};
use builder_core::reference::{DEFAULT_TAG, Reference};
use builder_core::remote::{is_http, parse_git};

use super::reference;
use crate::error::CommandError;

/// How often one context may stand for another.
const MAX_RECURSION: usize = 10;

/// Reads the main context that is not standard input: a directory, a git repository, or a web address.
///
/// # Errors
/// It is none of them.
pub(crate) fn main(given: &Path) -> Result<ContextSource, CommandError> {
    if given.is_dir() {
        return Ok(ContextSource::Directory(given.to_owned()));
    }
    if let Some(text) = given.to_str() {
        if let Some(address) = parse_git(text).map_err(CommandError::usage)? {
            return Ok(ContextSource::Git(address.source));
        }
        if is_http(text) {
            return Ok(ContextSource::Http(text.to_owned()));
        }
        if text.contains("://") {
            let message = format!("unable to prepare context: `{text}` is not supported");
            return Err(CommandError::usage(message)
                .hint("use a directory, a git repository, an http(s) address, or `-` with a tar on standard input"));
        }
    }
    Err(CommandError::usage(format!("unable to prepare context: `{}` is not a directory", given.display())))
}

/// Reads all of `--build-context`.
///
/// # Errors
/// One that makes no sense.
pub(super) fn named(given: &[String]) -> Result<BTreeMap<String, NamedContextSource>, CommandError> {
    let mut texts = BTreeMap::new();
    for text in given {
        let pair = text.split_once('=').filter(|(name, value)| !name.is_empty() && !value.is_empty());
        let (name, value) =
            pair.ok_or_else(|| CommandError::usage(format!("invalid build context `{text}`, expected NAME=VALUE")))?;
        let bare = name.split("::").next().unwrap_or(name);
        if bare.eq_ignore_ascii_case("scratch") || bare.eq_ignore_ascii_case("context") {
            return Err(CommandError::usage(format!("`{bare}` cannot be replaced by a build context")));
        }
        texts.insert(normalized(name), value);
    }
    texts.iter().map(|(name, value)| Ok((name.clone(), source(name, value, &texts)?))).collect()
}

/// A name as the Dockerfile's names are compared with it: short, and without `:latest`.
fn normalized(name: &str) -> String {
    let (bare, platform) = name.split_once("::").map_or((name, None), |(bare, platform)| (bare, Some(platform)));
    let short = match bare.parse::<Reference>() {
        Ok(reference) if reference.digest().is_none() && reference.tag().is_none_or(|tag| tag == DEFAULT_TAG) => {
            reference.familiar_name()
        }
        Ok(reference) => reference.familiar(),
        Err(_) => bare.to_owned(),
    };
    platform.map_or_else(|| short.clone(), |platform| format!("{short}::{platform}"))
}

fn source(name: &str, value: &str, all: &BTreeMap<String, &str>) -> Result<NamedContextSource, CommandError> {
    let mut value = value;
    for _ in 0..=MAX_RECURSION {
        let Some(input) = value.strip_prefix("input:") else { return one(name, value) };
        let invalid = || CommandError::usage(format!("invalid input {input} for {name}"));
        value = all.get(&normalized(input)).copied().ok_or_else(invalid)?;
    }
    let message = "context recursion limit exceeded; this may indicate a cycle in the build contexts: ";
    Err(CommandError::usage(format!("{message}{name}")))
}

fn one(name: &str, value: &str) -> Result<NamedContextSource, CommandError> {
    if let Some(programs) = value.strip_prefix("host:") {
        let programs = programs.split(',').map(str::trim).filter(|program| !program.is_empty());
        return Ok(NamedContextSource::Host(programs.map(str::to_owned).collect()));
    }
    match value.strip_prefix("docker-image://") {
        Some("scratch") => return Ok(NamedContextSource::Scratch),
        Some(image) => return Ok(NamedContextSource::Image(reference(image)?)),
        None => {}
    }
    if let Some(layout) = value.strip_prefix("oci-layout://") {
        return oci_layout(layout);
    }
    if let Some(stage) = value.strip_prefix("target:").filter(|stage| !stage.is_empty()) {
        return Ok(NamedContextSource::Stage(stage.to_owned()));
    }
    if let Some(path) = value.strip_prefix("local:") {
        return directory(name, path);
    }
    if Path::new(value).is_dir() {
        return directory(name, value);
    }
    if let Some(address) = parse_git(value).map_err(CommandError::usage)? {
        return Ok(NamedContextSource::Git(address.source));
    }
    if is_http(value) {
        return Ok(NamedContextSource::Http(value.to_owned()));
    }
    if let Some((scheme, _)) = value.split_once("://") {
        return Err(CommandError::usage(format!("unsupported context source {scheme} for {name}")).hint(
            "use a directory, docker-image://, oci-layout://, a git repository, an http(s) address, target: or host:",
        ));
    }
    directory(name, value)
}

fn directory(name: &str, value: &str) -> Result<NamedContextSource, CommandError> {
    let path = PathBuf::from(value);
    if !path.is_dir() {
        return Err(CommandError::usage(format!("build context `{value}` for `{name}` is not a directory")));
    }
    Ok(NamedContextSource::Directory(path))
}

/// `PATH[:TAG][@DIGEST]`; what exists as a path as a whole is one.
fn oci_layout(text: &str) -> Result<NamedContextSource, CommandError> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest.parse().map_err(CommandError::usage)?)),
        None => (text, None),
    };
    let (path, tag) = match rest.split_once(':') {
        Some((path, tag)) if !Path::new(rest).exists() => (path, Some(tag.to_owned())),
        _ => (rest, None),
    };
    if !Path::new(path).exists() {
        return Err(CommandError::usage(format!("there is no OCI layout or archive at `{path}`")));
    }
    Ok(NamedContextSource::OciLayout { path: PathBuf::from(path), tag, digest })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, NamedContextSource), CommandError> {
        named(&[text.to_owned()]).map(|found| found.into_iter().next().unwrap())
    }

    #[test]
    fn build_contexts_know_their_schemes() {
        let (name, source) = read("base=host:sh, ls").unwrap();
        assert_eq!((name.as_str(), source), ("base", NamedContextSource::Host(vec!["sh".into(), "ls".into()])));
        assert!(matches!(read("b=docker-image://debian").unwrap().1, NamedContextSource::Image(_)));
        assert_eq!(read("b=docker-image://scratch").unwrap().1, NamedContextSource::Scratch);
        assert_eq!(read("b=target:x").unwrap().1, NamedContextSource::Stage("x".into()));
        assert_eq!(read("b=https://h/y").unwrap().1, NamedContextSource::Http("https://h/y".into()));
        assert_eq!(read("b=local:/").unwrap().1, NamedContextSource::Directory("/".into()));
        for git in ["b=https://h/y.git#x", "b=git@h:y", "b=ssh://h/y"] {
            assert!(matches!(read(git).unwrap().1, NamedContextSource::Git(_)), "{git}");
        }
        for bad in [
            "x",
            "=y",
            "x=",
            "x=ftp://host/y",
            "x=/no/such/directory",
            "x=input:y",
            "x=input:x",
            "scratch=host:sh",
            "context=/",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let two = named(&["a=input:b".to_owned(), "b=/".to_owned()]).unwrap();
        assert_eq!(two["a"], two["b"]);
    }

    #[test]
    fn names_are_compared_in_their_short_form() {
        for (name, short) in [
            ("docker.io/library/alpine:latest", "alpine"),
            ("alpine:3", "alpine:3"),
            ("alpine::linux/arm64", "alpine::linux/arm64"),
            ("Stage", "Stage"),
        ] {
            assert_eq!(normalized(name), short);
        }
    }
}
