//! How registries are reached: what the environment and the files of this machine say.

use std::path::{Path, PathBuf};

use builder_core::registry::{Credentials, RegistryOptions};

use super::{plain_proxy, proxy, variable};
use crate::args::GlobalArgs;
use crate::env;
use crate::error::CommandError;
use crate::registry::{Logins, drop_ins, rules, trust};

/// Returns how registries are reached.
///
/// # Errors
/// A file that makes no sense.
pub(crate) fn registry(global: &GlobalArgs) -> Result<RegistryOptions, CommandError> {
    let mut options = RegistryOptions::default();
    options.proxy = proxy();
    options.plain_proxy = plain_proxy();
    options.credentials = Some(Credentials::new(logins()));
    if let Some(path) = &global.registries_conf {
        // A file that is asked for is there, or it is a mistake.
        std::fs::metadata(path)
            .map_err(|error| CommandError::usage(format!("cannot read `{}`: {error}", path.display())))?;
    }
    let files = global.registries_conf.clone().map_or_else(registries_conf, |path| vec![path]);
    options.rules = rules(&files).map_err(CommandError::usage)?;
    options.trust = trust(&certificate_directories()).map_err(CommandError::environment)?;
    Ok(options)
}

/// Returns where credentials are.
pub(crate) fn logins() -> Logins {
    if let Some(file) = variable(env::REGISTRY_AUTH_FILE) {
        return Logins::new(vec![PathBuf::from(file)]);
    }
    let docker = variable(env::DOCKER_CONFIG).map(PathBuf::from).or_else(|| in_home(".docker"));
    let runtime = variable(env::XDG_RUNTIME_DIR).map(|base| Path::new(&base).join("containers/auth.json"));
    let own = config_home().map(|base| base.join("containers/auth.json"));
    let docker = docker.map(|directory| directory.join("config.json"));
    Logins::new([docker, runtime, own].into_iter().flatten().collect())
}

/// The files that say where registries are, the weaker one first.
fn registries_conf() -> Vec<PathBuf> {
    if let Some(file) = variable(env::CONTAINERS_REGISTRIES_CONF) {
        return vec![PathBuf::from(file)];
    }
    let system = PathBuf::from("/etc/containers/registries.conf");
    let own = config_home().map(|base| base.join("containers/registries.conf"));
    // The file of the user stands in place of the system's; drop-ins add to either.
    let main = own.clone().filter(|path| path.is_file()).unwrap_or_else(|| system.clone());
    let mut files = vec![main];
    files.extend(drop_ins(&system));
    files.extend(own.iter().flat_map(|path| drop_ins(path)));
    files
}

fn certificate_directories() -> Vec<PathBuf> {
    let own = config_home().map(|base| base.join("containers/certs.d"));
    let system = ["/etc/containers/certs.d", "/etc/docker/certs.d"].map(PathBuf::from);
    own.into_iter().chain(system).collect()
}

fn config_home() -> Option<PathBuf> {
    variable(env::XDG_CONFIG_HOME).map(PathBuf::from).or_else(|| in_home(".config"))
}

fn in_home(name: &str) -> Option<PathBuf> {
    variable(env::HOME).map(|home| Path::new(&home).join(name))
}
