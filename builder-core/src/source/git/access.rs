//! What opens a repository: tokens and headers from secrets, keys through ssh.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::super::Outside;
use super::GitError;
use crate::fs::PathContext;
use crate::remote::GitSource;
use crate::sandbox::{Agent, AgentProxy, KeyRing, SshKeyError};
use crate::secret::{SecretSource, SshSource};

/// The secret with a whole header.
const HEADER: &str = "GIT_AUTH_HEADER";
/// The secret with a token.
const TOKEN: &str = "GIT_AUTH_TOKEN";
/// The id of the agent or keys that are lent to git.
const SSH_ID: &str = "default";
/// The longest path that a socket can have.
const MAX_SOCKET_PATH: usize = 107;

/// The value of an `Authorization` header, where a secret gives one: those for the host first.
///
/// Spec: dockerfile-semantics 11.2, "Auth".
pub(super) fn authorization(
    source: &GitSource,
    secrets: &BTreeMap<String, SecretSource>,
) -> Result<Option<Zeroizing<Vec<u8>>>, GitError> {
    if source.is_ssh() {
        return Ok(None);
    }
    let host = source.host();
    let without_port = host.split(':').next().unwrap_or_default();
    let ids = [format!(".{host}"), format!(".{without_port}"), String::new()];
    for (suffix, name) in ids.iter().flat_map(|suffix| [(suffix, HEADER), (suffix, TOKEN)]) {
        let id = format!("{name}{suffix}");
        let Some(secret) = secrets.get(&id) else { continue };
        let secret = secret.read().map_err(|source| GitError::Secret { id, source })?;
        let value = secret.expose().trim_ascii();
        if name == HEADER {
            return Ok(Some(Zeroizing::new(value.to_vec())));
        }
        let pair = Zeroizing::new([b"x-access-token:", value].concat());
        let encoded = Zeroizing::new(STANDARD.encode(&*pair));
        return Ok(Some(Zeroizing::new([b"basic ", encoded.as_bytes()].concat())));
    }
    Ok(None)
}

/// The addresses that the authorization is for: the repository's own, and with GitHub, where submodules are often
/// beside it, the whole of it.
pub(super) fn scope(remote: &str) -> &str {
    ["https://github.com/", "https://www.github.com/"]
        .into_iter()
        .find(|prefix| remote.starts_with(prefix))
        .unwrap_or(remote)
}

/// What git needs for servers that it reaches through ssh.
pub(super) struct Ssh {
    /// The command that it runs.
    pub(super) command: Vec<u8>,
    /// The socket of an agent.
    pub(super) socket: Option<PathBuf>,
    /// The agent, where it is this program; it ends with this.
    pub(super) agent: Option<AgentProxy>,
}

/// Lends keys to git. Those from files are used by an agent of this program's own, so that ssh does not look at whose
/// they are; kinds of keys that it cannot use are left to ssh.
pub(super) fn ssh(outside: &Outside<'_>, work: &Path) -> Result<Ssh, GitError> {
    let known_hosts = work.join("known_hosts");
    let mut command = b"ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o ConnectTimeout=30 \
                        -o GlobalKnownHostsFile=/etc/ssh/ssh_known_hosts -o UserKnownHostsFile="
        .to_vec();
    command.extend(quoted(&known_hosts)?);
    let (mut socket, mut agent) = (None, None);
    let mut files: &[PathBuf] = &[];
    match outside.ssh.get(SSH_ID) {
        Some(SshSource::Agent(of_caller)) => socket = Some(of_caller.clone()),
        Some(SshSource::Keys(keys)) => match own_agent(keys, work)? {
            Some((path, proxy)) => (socket, agent) = (Some(path), Some(proxy)),
            None => files = keys,
        },
        None => {}
    }
    command.extend_from_slice(if files.is_empty() { b" -o IdentityFile=none" } else { b" -o IdentitiesOnly=yes" });
    for key in files {
        let key = std::path::absolute(key).map_err(|_| GitError::Key { path: key.clone() })?;
        command.extend_from_slice(b" -i ");
        command.extend(quoted(&key)?);
    }
    Ok(Ssh { command, socket, agent })
}

/// Starts an agent for keys; nothing where ssh has to read them itself.
fn own_agent(keys: &[PathBuf], work: &Path) -> Result<Option<(PathBuf, AgentProxy)>, GitError> {
    let path = work.join("agent");
    let ring = match KeyRing::read(keys) {
        Ok(ring) if path.as_os_str().len() < MAX_SOCKET_PATH => ring,
        Ok(_) | Err(SshKeyError::Kind { .. }) => return Ok(None),
        Err(error) => return Err(GitError::SshKey(error)),
    };
    let started = UnixListener::bind(&path).and_then(|listener| AgentProxy::start(listener, Agent::Keys(ring)));
    Ok(Some((path.clone(), started.at("listen at", &path)?)))
}

/// A path as the shell that git runs ssh with reads it.
fn quoted(path: &Path) -> Result<Vec<u8>, GitError> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.iter().any(|byte| matches!(byte, b'\'' | b'\n' | b'"' | b'%' | b'$')) {
        return Err(GitError::Key { path: path.to_owned() });
    }
    Ok([b"'", bytes, b"'"].concat())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;
    use crate::secret::Secret;

    fn value(address: &str, secrets: &[(&str, &str)]) -> Option<String> {
        let source = crate::remote::parse_git(address).unwrap().unwrap().source;
        let secret = |value: &str| SecretSource::Value(Secret::new(value.into()).unwrap());
        let secrets = secrets.iter().map(|(id, value)| ((*id).to_owned(), secret(value))).collect();
        authorization(&source, &secrets).unwrap().map(|value| String::from_utf8(value.to_vec()).unwrap())
    }

    #[test]
    fn the_secret_of_the_host_comes_first() {
        let all = [("GIT_AUTH_TOKEN", "t"), ("GIT_AUTH_TOKEN.h", "h\n"), ("GIT_AUTH_HEADER.h:1", "bearer x")];
        assert_eq!(value("https://h:1/x.git", &all).as_deref(), Some("bearer x"));
        // `x-access-token:h` and `x-access-token:t`.
        assert_eq!(value("https://h/x.git", &all).as_deref(), Some("basic eC1hY2Nlc3MtdG9rZW46aA=="));
        assert_eq!(value("https://o/x.git", &all).as_deref(), Some("basic eC1hY2Nlc3MtdG9rZW46dA=="));
        assert_eq!(value("git@h:x", &all), None);
        assert_eq!(value("https://h/x.git", &[]), None);
    }

    #[test]
    fn an_authorization_is_for_one_repository() {
        assert_eq!(scope("https://github.com/a/b.git"), "https://github.com/");
        assert_eq!(scope("https://github.com.example/a/b.git"), "https://github.com.example/a/b.git");
    }

    /// What `ssh-keygen` makes of a kind of key, whatever others may read.
    fn key(directory: &Path, kind: &str) -> PathBuf {
        let path = directory.join(kind);
        let arguments = ["-q", "-t", kind, "-N", "", "-f"];
        assert!(std::process::Command::new("ssh-keygen").args(arguments).arg(&path).status().unwrap().success());
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        path
    }

    #[test]
    fn keys_from_files_are_lent_by_an_agent() {
        let directory = tempfile::tempdir().unwrap();
        let keys = [key(directory.path(), "ed25519"), key(directory.path(), "ecdsa")];
        let (socket, agent) = own_agent(&keys, directory.path()).unwrap().unwrap();
        let mut connection = std::os::unix::net::UnixStream::connect(&socket).unwrap();
        // SSH_AGENTC_REQUEST_IDENTITIES; the answer has its length, its kind and the number of keys.
        connection.write_all(&[0, 0, 0, 1, 11]).unwrap();
        let mut answer = [0; 9];
        connection.read_exact(&mut answer).unwrap();
        assert_eq!(answer[4..], [12, 0, 0, 0, 2]);
        drop(connection);
        drop(agent);
        assert!(std::os::unix::net::UnixStream::connect(&socket).is_err(), "nobody listens any more");
        // What only ssh itself can use is left to it.
        assert!(own_agent(&[key(directory.path(), "rsa")], directory.path()).unwrap().is_none());
        assert!(own_agent(&[directory.path().join("no")], directory.path()).is_err());
    }
}
