//! Platforms: parse, normalise and match `os/arch/variant`.
//!
//! Spec: OCI image-spec 1.1, image-index.md, "platform"; normalisation as containerd's `platforms` package.

use std::fmt;
use std::str::FromStr;

/// A platform in normal form: `linux/amd64`, `linux/arm/v7`, `windows(10.0.17763)/amd64`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Platform {
    /// Operating system, such as `linux`.
    pub os: String,
    /// Operating system version, mostly empty.
    pub os_version: Option<String>,
    /// Architecture in Go's words, such as `amd64`.
    pub architecture: String,
    /// Variant, such as `v7`; `None` where there is only one or it is the default.
    pub variant: Option<String>,
}

/// The text names no platform.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("failed to parse platform `{text}`, expected `os[/arch[/variant]]` such as `linux/arm64`")]
pub struct PlatformError {
    /// The text as given.
    pub text: String,
}

impl Platform {
    /// Makes a platform and brings it to normal form.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let lower = architecture.to_ascii_lowercase();
        let variant = variant.map(str::to_ascii_lowercase).filter(|v| !v.is_empty());
        let (architecture, variant) = match (lower.as_str(), variant.as_deref()) {
            ("x86_64" | "x86-64" | "amd64", v) => ("amd64", v.filter(|v| *v != "v1")),
            ("i386" | "386", _) => ("386", None),
            ("aarch64" | "arm64", v) => ("arm64", v.filter(|v| !matches!(*v, "8" | "v8"))),
            ("armhf", _) => ("arm", Some("v7")),
            ("armel", _) => ("arm", Some("v6")),
            ("arm", None | Some("7" | "v7")) => ("arm", Some("v7")),
            ("arm", Some("5")) => ("arm", Some("v5")),
            ("arm", Some("6")) => ("arm", Some("v6")),
            ("arm", Some("8")) => ("arm", Some("v8")),
            (other, v) => (other, v),
        };
        let os = match os.to_ascii_lowercase().as_str() {
            "macos" => "darwin".to_owned(),
            other => other.to_owned(),
        };
        Self { os, os_version: None, architecture: architecture.to_owned(), variant: variant.map(str::to_owned) }
    }

    /// Returns the name of the directory that exports give it: `linux_arm_v7`.
    pub fn directory_name(&self) -> String {
        self.to_string().replace('/', "_")
    }

    /// Returns the platform that this program was compiled for.
    pub fn host() -> Self {
        Self::new(std::env::consts::OS, std::env::consts::ARCH, None)
    }

    /// Tells how well an image of platform `offered` runs where `self` is wanted: `None` not at all, else
    /// a rank in which more is better.
    pub fn rank(&self, offered: &Self) -> Option<u32> {
        if self.os != offered.os || self.architecture != offered.architecture {
            return None;
        }
        if self.variant == offered.variant {
            return Some(100);
        }
        let level = |variant: &Option<String>, default: u32| match variant {
            None => Some(default),
            Some(text) => text.trim_start_matches('v').parse::<u32>().ok(),
        };
        let default = match self.architecture.as_str() {
            "amd64" => 1,
            "arm64" => 8,
            "arm" => 7,
            _ => return offered.variant.is_none().then_some(1),
        };
        let (wanted, offered) = (level(&self.variant, default)?, level(&offered.variant, default)?);
        (offered <= wanted).then_some(50 + offered.min(40))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.os)?;
        if let Some(version) = &self.os_version {
            write!(f, "({version})")?;
        }
        write!(f, "/{}", self.architecture)?;
        if let Some(variant) = &self.variant {
            write!(f, "/{variant}")?;
        }
        Ok(())
    }
}

const KNOWN_OS: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "illumos",
    "ios",
    "js",
    "linux",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "wasip1",
    "windows",
    "zos",
];

const KNOWN_ARCHITECTURES: &[&str] = &[
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64",
    "s390x", "wasm",
];

/// Tells whether an operating system and an architecture are in Go's list of those that there are.
pub fn is_known(os: &str, architecture: &str) -> bool {
    KNOWN_OS.contains(&os) && KNOWN_ARCHITECTURES.contains(&architecture)
}

impl FromStr for Platform {
    type Err = PlatformError;

    /// Parses `os[(version)][/arch[/variant]]`; a single word is an operating system or an architecture, the
    /// other half comes from the host.
    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let error = || PlatformError { text: text.to_owned() };
        let valid = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        };
        let parts: Vec<&str> = text.trim().split('/').collect();
        let first = *parts.first().ok_or_else(error)?;
        let (os, version) = match first.split_once('(') {
            None => (first, None),
            Some((os, rest)) => (os, Some(rest.strip_suffix(')').filter(|v| valid(v)).ok_or_else(error)?)),
        };
        if !valid(os) || parts.iter().skip(1).any(|part| !valid(part)) {
            return Err(error());
        }
        let host = Self::host();
        let mut platform = match parts.as_slice() {
            [_] => {
                let as_os = Self::new(os, &host.architecture, host.variant.as_deref());
                let as_architecture = Self::new(&host.os, os, None);
                if KNOWN_OS.contains(&as_os.os.as_str()) {
                    as_os
                } else if KNOWN_ARCHITECTURES.contains(&as_architecture.architecture.as_str()) {
                    as_architecture
                } else {
                    return Err(error());
                }
            }
            [_, architecture] => Self::new(os, architecture, None),
            [_, architecture, variant] => Self::new(os, architecture, Some(variant)),
            _ => return Err(error()),
        };
        platform.os_version = version.map(str::to_owned);
        Ok(platform)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parsing_normalises() {
        for (text, expected) in [
            ("linux/x86_64", "linux/amd64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/i386", "linux/386"),
            ("arm64", "linux/arm64"),
            ("windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64"),
        ] {
            assert_eq!(text.parse::<Platform>().expect(text).to_string(), expected);
        }
        for bad in ["", "/", "nonsense", "linux/", "linux/a/b/c", "li nux/amd64", "windows(/amd64"] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_older_variant_runs_where_a_newer_one_is_wanted() {
        let arm = |variant| Platform::new("linux", "arm", Some(variant));
        assert!(arm("v7").rank(&arm("v6")).is_some());
        assert!(arm("v6").rank(&arm("v7")).is_none());
        assert!(arm("v7").rank(&arm("v7")) > arm("v7").rank(&arm("v6")));
        assert!(arm("v7").rank(&Platform::new("linux", "arm64", None)).is_none());
    }
}
