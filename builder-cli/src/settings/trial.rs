//! What `builder run` is asked for.

use std::path::{Path, PathBuf};

use builder_core::builder::{MemoryDirectory, Trial, Volume};
use builder_core::platform::Platform;
use builder_core::sandbox::SandboxNetwork;
use builder_core::store::ImageRecord;
use builder_core::text::parse_size;

use super::run;
use crate::args::{TrialArgs, TrialNetwork};
use crate::error::CommandError;

/// Merges the arguments of a trial.
///
/// # Errors
/// Arguments that make no sense, and files of variables that cannot be read.
pub(crate) fn trial(arguments: &TrialArgs, image: ImageRecord) -> Result<Trial, CommandError> {
    let mut trial = Trial::new(image, platform(arguments)?);
    trial.command = arguments.words.iter().skip(1).cloned().collect();
    trial.entrypoint = arguments
        .entrypoint
        .as_ref()
        .map(|program| if program.is_empty() { Vec::new() } else { vec![program.clone()] });
    for path in &arguments.env_files {
        trial.env.extend(env_file(path)?);
    }
    for text in &arguments.env {
        if text.is_empty() || text.starts_with('=') {
            return Err(CommandError::usage(format!("invalid environment variable: {text}")));
        }
        trial.env.extend(variable(text));
    }
    trial.user.clone_from(&arguments.user);
    trial.cwd.clone_from(&arguments.workdir);
    if let Some(cwd) = arguments.workdir.as_ref().filter(|cwd| !cwd.starts_with('/')) {
        return Err(CommandError::usage(format!("the working directory `{cwd}` is not absolute")));
    }
    trial.volumes = arguments.volumes.iter().map(|text| volume(text)).collect::<Result<_, _>>()?;
    trial.tmpfs = arguments.tmpfs.iter().map(|text| tmpfs(text)).collect::<Result<_, _>>()?;
    trial.read_only = arguments.read_only;
    trial.network = match arguments.network {
        TrialNetwork::Host => SandboxNetwork::Host,
        TrialNetwork::None => SandboxNetwork::None,
    };
    trial.hostname.clone_from(&arguments.hostname);
    trial.extra_hosts = run::hosts(&arguments.hosts)?;
    trial.ulimits = run::ulimits(&arguments.ulimits)?;
    trial.shm_bytes = run::shm_bytes(arguments.shm_size.as_deref())?;
    trial.resolv_conf = super::resolv_conf();
    Ok(trial)
}

fn platform(arguments: &TrialArgs) -> Result<Option<Platform>, CommandError> {
    let given: Vec<String> = arguments.platform.iter().cloned().collect();
    match super::results::platforms(&given)?.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only.clone())),
        _ => Err(CommandError::usage("an image is run for one platform")),
    }
}

/// Without a value, the variable of this process; nothing where it has none.
fn variable(text: &str) -> Option<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => std::env::var(text).ok().map(|value| (text.to_owned(), value)),
    }
}

fn env_file(path: &Path) -> Result<Vec<(String, String)>, CommandError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| CommandError::usage(format!("cannot read `{}`: {error}", path.display())))?;
    let mut found = Vec::new();
    for line in text.trim_start_matches('\u{feff}').lines().map(str::trim_start) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let name = line.split_once('=').map_or(line, |(name, _)| name);
        if name.is_empty() || name.contains(char::is_whitespace) {
            let what = if name.is_empty() { "no variable name on line" } else { "variable contains whitespaces:" };
            return Err(CommandError::usage(format!("invalid env file ({}): {what} '{line}'", path.display())));
        }
        found.extend(variable(line));
    }
    Ok(found)
}

/// Reads `DIR[:OPTION,…]`.
fn tmpfs(text: &str) -> Result<MemoryDirectory, CommandError> {
    let bad = |why: &str| CommandError::usage(format!("invalid tmpfs `{text}`: {why}"));
    let (target, options) = text.split_once(':').unwrap_or((text, ""));
    if !target.starts_with('/') {
        return Err(bad("the directory is not absolute"));
    }
    let target = if target == "/" { target } else { target.trim_end_matches('/') };
    let mut directory = MemoryDirectory { target: target.to_owned(), size_bytes: None, read_only: false };
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("size", size)) => {
                let size = parse_size(size).filter(|size| *size > 0);
                directory.size_bytes = Some(size.ok_or_else(|| bad("its size is no number of bytes"))?);
            }
            None if option == "ro" => directory.read_only = true,
            None if option == "rw" => directory.read_only = false,
            _ => {
                return Err(
                    bad(&format!("there is no option `{option}`")).hint("there are `size=BYTES`, `ro` and `rw`")
                );
            }
        }
    }
    Ok(directory)
}

fn volume(text: &str) -> Result<Volume, CommandError> {
    let bad = |why: &str| CommandError::usage(format!("invalid volume `{text}`: {why}"));
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, mode) = match parts.as_slice() {
        [source, target] => (*source, *target, ""),
        [source, target, mode] => (*source, *target, *mode),
        _ => return Err(bad("expected SOURCE:TARGET[:ro]").hint("a volume without a source is not supported")),
    };
    let read_only = match mode {
        "" | "rw" => false,
        "ro" => true,
        other => return Err(bad(&format!("there is no mode `{other}`")).hint("there are `ro` and `rw`")),
    };
    if !source.starts_with(['/', '.']) {
        return Err(bad("volumes with names are not supported").hint("give a path: `/dir` or `./dir`"));
    }
    if !target.starts_with('/') {
        return Err(bad("the target is not absolute"));
    }
    let source = std::path::absolute(PathBuf::from(source)).map_err(|error| bad(&error.to_string()))?;
    if !source.exists() {
        return Err(
            bad(&format!("`{}` does not exist", source.display())).hint("make it first; nothing is made for you")
        );
    }
    let target = if target == "/" { target } else { target.trim_end_matches('/') };
    Ok(Volume { source, target: target.to_owned(), read_only })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_are_read_as_docker_reads_them() {
        let read = volume("/tmp:/data/:ro").unwrap();
        assert_eq!((read.source, read.target.as_str(), read.read_only), ("/tmp".into(), "/data", true));
        assert!(volume(".:/data").unwrap().source.is_absolute());
        let memory = tmpfs("/run/:size=1m,ro").unwrap();
        assert_eq!((memory.target.as_str(), memory.size_bytes, memory.read_only), ("/run", Some(1 << 20), true));
        for bad in ["run", "/run:size=x", "/run:size=0", "/run:exec"] {
            assert!(tmpfs(bad).is_err(), "{bad}");
        }
        for bad in ["/tmp", "name:/data", "/tmp:data", "/tmp:/data:shared", "/no/such/thing:/data", "a:b:c:d"] {
            assert!(volume(bad).is_err(), "{bad}");
        }
    }
}
