//! Files of web servers, kept by their version: what did not change is not fetched again.
//!
//! Spec: dockerfile-semantics 5.6.9, 15.2.

use std::fs::File;
use std::io::Seek;
use std::path::PathBuf;

use super::{Outside, SourceError};
use crate::fs::PathContext;
use crate::registry::web::{Validators, WebClient, WebFile, WebRequest};
use crate::remote::{Checksum, HttpSource, host_of};
use crate::store::{HttpRecord, WorkDir};

/// A file that was asked for.
#[derive(Debug)]
pub struct HttpFile {
    /// Its version.
    pub record: HttpRecord,
    /// The file, where it was fetched just now; it goes away with this.
    pub fetched: Option<(WorkDir, PathBuf)>,
}

/// Asks for a file. `is_here` tells whether a version is kept already: then only a newer one is fetched, and nobody
/// is asked where the checksum says that it is the right one.
///
/// # Errors
/// [`SourceError::Web`], [`SourceError::Checksum`].
pub fn fetch(
    source: &HttpSource,
    outside: &Outside<'_>,
    is_here: &dyn Fn(&HttpRecord) -> Result<bool, SourceError>,
    progress: &dyn Fn(u64, Option<u64>),
) -> Result<HttpFile, SourceError> {
    let mut known = outside.store.http_record(&source.url)?;
    if let Some(record) = &known
        && (source.checksum.as_ref().is_some_and(|checksum| !is_known(checksum, record)) || !is_here(record)?)
    {
        known = None;
    }
    match known {
        Some(record) if source.checksum.is_some() => return Ok(HttpFile { record, fetched: None }),
        _ => {}
    }
    let work = outside.store.work_dir()?;
    let path = work.path().join("file");
    let open = File::options().create_new(true).read(true).write(true).open(&path);
    let mut content = open.at("create", &path)?;
    let authorization = authorization(source, outside)?;
    let validators = known
        .as_ref()
        .map(|record| Validators { etag: record.etag.clone(), last_modified: record.last_modified.clone() });
    let request = WebRequest {
        url: &source.url,
        authorization: authorization.as_ref().map(|value| value.as_slice()),
        known: validators.as_ref(),
    };
    let web = |error| SourceError::Web(Box::new(error));
    let client = WebClient::new(outside.registry).map_err(web)?;
    let fetched = client.fetch(&request, &mut content, progress, outside.cancel).map_err(web)?;
    match (fetched, known) {
        (None, Some(record)) => Ok(HttpFile { record, fetched: None }),
        (None, None) => {
            Err(SourceError::Web(Box::new(crate::registry::web::WebError::Status { code: 304, retry_after: None })))
        }
        (Some(file), _) => {
            let found = Checksum::from(file.digest);
            let mut record = record(file);
            if let Some(expected) = &source.checksum {
                let found = match expected.sha256() {
                    Some(_) => found,
                    None => of_file(expected, &mut content).at("read", &path)?,
                };
                verify(source, expected, found)?;
                record.checksum = Some(expected.to_string());
            }
            outside.store.put_http_record(&source.url, &record)?;
            Ok(HttpFile { record, fetched: Some((work, path)) })
        }
    }
}

fn verify(source: &HttpSource, expected: &Checksum, found: Checksum) -> Result<(), SourceError> {
    if *expected == found {
        return Ok(());
    }
    let url = crate::remote::without_credentials(&source.url);
    Err(SourceError::Checksum { url, found, expected: expected.clone() })
}

/// Whether a version was found to have a checksum, or must have it.
fn is_known(checksum: &Checksum, record: &HttpRecord) -> bool {
    match checksum.sha256() {
        Some(digest) => digest == record.digest,
        None => record.checksum.as_deref() == Some(checksum.to_string().as_str()),
    }
}

fn of_file(expected: &Checksum, file: &mut File) -> std::io::Result<Checksum> {
    file.rewind()?;
    expected.same_of(file)
}

fn record(file: WebFile) -> HttpRecord {
    let Validators { etag, last_modified } = file.validators;
    let modified = last_modified.as_deref().and_then(seconds);
    HttpRecord { digest: file.digest, size: file.size, etag, last_modified, modified, checksum: None }
}

/// Reads a date of HTTP: seconds since 1970.
fn seconds(date: &str) -> Option<i64> {
    let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date.trim());
    parsed.ok().map(jiff::Timestamp::as_second)
}

/// The value of `Authorization`, where a secret for the host gives one: a whole header, or a token.
fn authorization(
    source: &HttpSource,
    outside: &Outside<'_>,
) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, SourceError> {
    let host = host_of(&source.url);
    let without_port = host.split(':').next().unwrap_or_default();
    for host in [host, without_port] {
        for (name, prefix) in [("HTTP_AUTH_HEADER_", &b""[..]), ("HTTP_AUTH_TOKEN_", &b"Bearer "[..])] {
            let id = format!("{name}{host}");
            let Some(secret) = outside.secrets.get(&id) else { continue };
            let secret = secret.read().map_err(|source| SourceError::Secret { id, source })?;
            return Ok(Some(zeroize::Zeroizing::new([prefix, secret.expose().trim_ascii()].concat())));
        }
    }
    Ok(None)
}
