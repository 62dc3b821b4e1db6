//! `registries.conf`, version 2: where images of some names are instead, and how those places are spoken to.
//!
//! A name without a registry is the hub's, as docker has it: `unqualified-search-registries` and the modes of short
//! names say nothing here, and neither do helpers.
//!
//! Spec: containers-registries.conf(5).

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use builder_core::registry::{Mirror, MirrorServes, RegistryRule};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    registry: Vec<Registry>,
    /// Version 1.
    #[serde(default)]
    registries: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Registry {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    mirror_by_digest_only: bool,
    #[serde(default)]
    mirror: Vec<MirrorEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct MirrorEntry {
    #[serde(default)]
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    pull_from_mirror: String,
}

/// Reads files; what a later one says of a prefix replaces what an earlier one says. Those that are not there say
/// nothing.
///
/// # Errors
/// A file that is none.
pub(crate) fn rules(files: &[PathBuf]) -> Result<Vec<RegistryRule>, String> {
    let mut rules: Vec<RegistryRule> = Vec::new();
    for path in files {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
            Err(error) => return Err(format!("cannot read `{}`: {error}", path.display())),
        };
        for rule in read(&text).map_err(|why| format!("`{}`: {why}", path.display()))? {
            rules.retain(|known| known.prefix != rule.prefix);
            rules.push(rule);
        }
    }
    Ok(rules)
}

/// The drop-ins beside a file, by the alphabet.
pub(crate) fn drop_ins(file: &Path) -> Vec<PathBuf> {
    let mut directory = file.as_os_str().to_owned();
    directory.push(".d");
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "conf"));
    paths.sort();
    paths
}

fn read(text: &str) -> Result<Vec<RegistryRule>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    if file.registries.is_some() {
        return Err("it has the form of version 1, `[registries.…]`; write `[[registry]]` tables".to_owned());
    }
    file.registry.into_iter().map(rule).collect()
}

fn rule(registry: Registry) -> Result<RegistryRule, String> {
    let prefix = if registry.prefix.is_empty() { registry.location.clone() } else { registry.prefix };
    let place = |location: &str| -> Result<String, String> {
        let location = location.trim_end_matches('/');
        if location.contains("://") {
            return Err(format!("`{location}` is no location: it begins with a host, without `https://`"));
        }
        Ok(location.to_owned())
    };
    let prefix = place(&prefix)?;
    if prefix.is_empty() {
        return Err("a `[[registry]]` has neither `prefix` nor `location`".to_owned());
    }
    let location = place(&registry.location)?;
    let digests_only = registry.mirror_by_digest_only;
    let mirror = |entry: MirrorEntry| -> Result<Mirror, String> {
        let location = place(&entry.location)?;
        if location.is_empty() {
            return Err("a mirror has no `location`".to_owned());
        }
        let serves = match entry.pull_from_mirror.as_str() {
            "" | "all" if digests_only => MirrorServes::Digests,
            "" | "all" => MirrorServes::All,
            "digest-only" => MirrorServes::Digests,
            "tag-only" => MirrorServes::Tags,
            other => return Err(format!("`pull-from-mirror` is `{other}`, expected all, digest-only or tag-only")),
        };
        Ok(Mirror { location, insecure: entry.insecure, serves })
    };
    let mirrors = registry.mirror.into_iter().map(mirror).collect::<Result<_, _>>()?;
    Ok(RegistryRule { prefix, location, insecure: registry.insecure, blocked: registry.blocked, mirrors })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read() {
        let text = r#"
            unqualified-search-registries = ["docker.io"]
            [[registry]]
            prefix = "example.com/foo"
            location = "internal.example:5000/bar"
            insecure = true
            mirror-by-digest-only = true
            [[registry.mirror]]
            location = "mirror.example/x/"
            [[registry.mirror]]
            location = "tags.example"
            pull-from-mirror = "tag-only"
            [[registry]]
            location = "bad.example"
            blocked = true
        "#;
        let rules = read(text).unwrap();
        assert_eq!((rules[0].prefix.as_str(), rules[0].insecure), ("example.com/foo", true));
        assert_eq!(rules[0].mirrors[0].location, "mirror.example/x");
        assert_eq!(rules[0].mirrors[0].serves, MirrorServes::Digests);
        assert_eq!(rules[0].mirrors[1].serves, MirrorServes::Tags);
        assert_eq!((rules[1].prefix.as_str(), rules[1].blocked), ("bad.example", true));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for bad in [
            "[[registry]]\ninsecure = true",
            "[[registry]]\nlocation = \"https://x\"",
            "[[registry]]\nlocation = \"x\"\n[[registry.mirror]]\ninsecure = true",
            "[[registry]]\nlocation = 1",
            "[registries.search]\nregistries = []",
            "[[registry",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
