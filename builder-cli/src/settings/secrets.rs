//! `--secret` and `--ssh`: what a build borrows from its caller.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use builder_core::dockerfile::csv_fields;
use builder_core::secret::{MAX_SECRET_BYTES, Secret, SecretSource, SshSource};

use super::variable;
use crate::env;
use crate::error::CommandError;

/// Reads all of `--secret`; of two with one id the last one holds.
///
/// # Errors
/// A specification that makes no sense, or a file that is not there.
pub(super) fn secrets(given: &[String]) -> Result<BTreeMap<String, SecretSource>, CommandError> {
    given.iter().map(|text| secret(text, &|name| std::env::var_os(name))).collect()
}

/// `id=ID[,src=FILE|,env=VARIABLE][,type=file|env]`, as buildx reads it.
fn secret(text: &str, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<(String, SecretSource), CommandError> {
    let invalid = |why: String| {
        CommandError::usage(format!("invalid secret `{text}`: {why}"))
            .hint("write id=ID,src=FILE or id=ID,env=VARIABLE")
    };
    let fields = csv_fields(text).map_err(|error| invalid(error.to_string()))?;
    let (mut id, mut kind, mut file, mut name) = (String::new(), String::new(), String::new(), String::new());
    for field in &fields {
        let Some((key, value)) = field.split_once('=') else {
            return Err(invalid(format!("`{field}` must be a key=value pair")));
        };
        match key.to_ascii_lowercase().as_str() {
            "type" if matches!(value, "file" | "env") => value.clone_into(&mut kind),
            "type" => return Err(invalid(format!("unsupported secret type {value:?}"))),
            "id" => value.clone_into(&mut id),
            "source" | "src" => value.clone_into(&mut file),
            "env" => value.clone_into(&mut name),
            _ => return Err(invalid(format!("unexpected key '{key}' in '{field}'"))),
        }
    }
    if id.is_empty() {
        return Err(invalid("secret missing ID".to_owned()));
    }
    if kind == "env" && name.is_empty() {
        name = std::mem::take(&mut file);
    }
    let mut searched = false;
    if name.is_empty() && file.is_empty() {
        if kind != "file" && variable(&id).is_some() {
            name.clone_from(&id);
        } else {
            file.clone_from(&id);
            searched = kind != "file";
        }
    }
    if !name.is_empty() {
        let value = variable(&name).unwrap_or_default().into_vec();
        let value = Secret::new(value).map_err(|_| too_big(&id, &format!("the variable `{name}`")))?;
        return Ok((id, SecretSource::Value(value)));
    }
    let path = PathBuf::from(file);
    let shown = path.display();
    let metadata = match std::fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if searched && error.kind() == ErrorKind::NotFound => {
            let message = format!("secret `{id}`: there is neither a variable nor a file `{shown}`");
            let hint = format!("say where it is: --secret id={id},src=FILE or --secret id={id},env=VARIABLE");
            return Err(CommandError::usage(message).hint(hint));
        }
        Err(error) => {
            return Err(CommandError::usage(format!("secret `{id}`: cannot read the file `{shown}`: {error}"))
                .hint("`src` is seen from the directory in which builder is started, not from the context"));
        }
    };
    if metadata.is_dir() {
        return Err(CommandError::usage(format!("secret `{id}`: `{shown}` is a directory"))
            .hint("name one file; give every file of a directory an --secret of its own"));
    }
    if metadata.len() > MAX_SECRET_BYTES as u64 {
        return Err(too_big(&id, &format!("the file `{shown}`")));
    }
    Ok((id, SecretSource::File(path)))
}

fn too_big(id: &str, place: &str) -> CommandError {
    CommandError::usage(format!("secret {id} too big. max size 500KB: it is {place}"))
        .hint("give the key as the secret, and what it opens as an encrypted file of the context")
}

/// Reads all of `--ssh`.
///
/// # Errors
/// No agent where one is asked for, two sources for one id, or what is neither a socket nor key files.
pub(super) fn ssh(given: &[String]) -> Result<BTreeMap<String, SshSource>, CommandError> {
    let mut sources = BTreeMap::new();
    for text in given {
        let (id, source) = agent(text)?;
        if sources.insert(id.clone(), source).is_some() {
            return Err(CommandError::usage(format!("invalid duplicate SSH agent ID {id}")));
        }
    }
    Ok(sources)
}

/// `ID[=SOCKET|KEY[,KEY…]]`.
fn agent(text: &str) -> Result<(String, SshSource), CommandError> {
    let invalid = |why: String| CommandError::usage(format!("invalid SSH source `{text}`: {why}"));
    let (id, paths) = text.split_once('=').unwrap_or((text, ""));
    let id = if id.is_empty() { "default" } else { id };
    if paths.is_empty() {
        let Some(socket) = variable(env::SSH_AUTH_SOCK) else {
            return Err(invalid("invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set".to_owned()));
        };
        return Ok((id.to_owned(), SshSource::Agent(PathBuf::from(socket))));
    }
    let paths: Vec<PathBuf> = paths.split(',').map(PathBuf::from).collect();
    let mut keys = Vec::new();
    for path in &paths {
        if is_socket(path).map_err(|error| invalid(format!("`{}`: {error}", path.display())))? {
            if paths.len() > 1 {
                return Err(invalid("only single socket allowed".to_owned()));
            }
            return Ok((id.to_owned(), SshSource::Agent(path.clone())));
        }
        keys.push(path.clone());
    }
    Ok((id.to_owned(), SshSource::Keys(keys)))
}

fn is_socket(path: &Path) -> std::io::Result<bool> {
    Ok(std::fs::metadata(path)?.file_type().is_socket())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, SecretSource), CommandError> {
        secret(text, &|name| (name == "TOKEN").then(|| "value".into()))
    }

    #[test]
    fn secrets_are_read_as_docker_reads_them() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display();
        let value = SecretSource::Value(Secret::new(b"value".to_vec()).unwrap());
        let empty = SecretSource::Value(Secret::new(Vec::new()).unwrap());
        for text in [format!("id=TOKEN,src={path}"), format!("type=file,id=TOKEN,source={path}")] {
            assert_eq!(read(&text).unwrap().1, SecretSource::File(file.path().to_owned()), "{text}");
        }
        for text in ["id=TOKEN", "id=x,env=TOKEN", "id=x,type=env,src=TOKEN", "ID=x,ENV=TOKEN"] {
            assert_eq!(read(text).unwrap().1, value, "{text}");
        }
        assert_eq!(read("id=x,env=UNSET").unwrap().1, empty);
        for text in
            ["", "x", "id=", "src=/etc/hosts", "id=x,type=y", "id=x,no=y", "id=x", "id=x,src=/", "id=TOKEN,type=file"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sockets_and_keys_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let (socket, key) = (dir.path().join("agent"), dir.path().join("key"));
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::fs::write(&key, "").unwrap();
        let (socket_text, key_text) = (socket.display(), key.display());
        assert_eq!(agent(&format!("x={socket_text}")).unwrap(), ("x".into(), SshSource::Agent(socket.clone())));
        let keys = SshSource::Keys(vec![key.clone(), key.clone()]);
        assert_eq!(agent(&format!("x={key_text},{key_text}")).unwrap(), ("x".into(), keys));
        for text in [format!("x={socket_text},{key_text}"), "x=/no/such/file".to_owned()] {
            assert!(agent(&text).is_err(), "{text}");
        }
    }
}
