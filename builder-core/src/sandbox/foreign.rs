//! Programs of other architectures: what this machine runs them with (`binfmt_misc`).

use std::fs;
use std::path::Path;

const REGISTRY: &str = "/proc/sys/fs/binfmt_misc";

/// What the kernel has for an architecture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handler {
    /// Nothing.
    Missing,
    /// A handler that is switched off.
    Disabled,
    /// A handler whose interpreter is looked up in the image (no flag F), where it is not.
    NotFixed,
    /// A handler that works in every root filesystem.
    Ready,
}

/// Looks for a handler by the name that qemu's packages give it: `qemu-ARCHITECTURE`.
pub fn handler(architecture: &str) -> Handler {
    in_registry(Path::new(REGISTRY), architecture)
}

fn in_registry(registry: &Path, architecture: &str) -> Handler {
    let enabled = fs::read_to_string(registry.join("status")).is_ok_and(|text| text.trim() == "enabled");
    let name = format!("qemu-{}", qemu_name(architecture));
    match fs::read_to_string(registry.join(name)) {
        Err(_) => Handler::Missing,
        Ok(text) if !enabled || text.lines().next() != Some("enabled") => Handler::Disabled,
        Ok(text) => {
            let flags = text.lines().find_map(|line| line.strip_prefix("flags:")).unwrap_or_default();
            if flags.contains('F') { Handler::Ready } else { Handler::NotFixed }
        }
    }
}

/// Architectures are called otherwise by qemu than by images.
fn qemu_name(architecture: &str) -> &str {
    match architecture {
        "amd64" => "x86_64",
        "386" => "i386",
        "arm64" => "aarch64",
        "mips64le" => "mips64el",
        "loong64" => "loongarch64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_is_told_by_its_file() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(in_registry(dir.path(), "arm64"), Handler::Missing);
        fs::write(dir.path().join("status"), "enabled\n").unwrap();
        for (text, expected) in [
            ("enabled\ninterpreter /usr/bin/qemu\nflags: POCF\n", Handler::Ready),
            ("enabled\ninterpreter /usr/bin/qemu\nflags: \n", Handler::NotFixed),
            ("disabled\nflags: F\n", Handler::Disabled),
        ] {
            fs::write(dir.path().join("qemu-aarch64"), text).unwrap();
            assert_eq!(in_registry(dir.path(), "arm64"), expected);
        }
    }
}
