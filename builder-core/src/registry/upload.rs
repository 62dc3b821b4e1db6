//! One blob on its way into a registry: asked for, mounted from another repository, or sent and resumed where it
//! broke off.
//!
//! Spec: OCI distribution-spec 1.1, "Pushing blobs" and "Mounting a blob from another repository".

use std::cell::Cell;
use std::time::Duration;

use reqwest::header::{
    CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RANGE,
};
use reqwest::{Method, Response, Url};

use tokio::time::timeout;

use super::RegistryError;
use super::error::Cause;
use super::part::{Part, UploadContent};
use super::reply::failure;
use super::transport::{Request, Transport};
use crate::digest::Digest;

/// A blob up to this size is sent with the request that ends its upload.
const IN_ONE_REQUEST: u64 = 256 * 1024;
/// The pieces in which a blob is sent where a server does not take it whole, unless it wants larger ones.
const CHUNK: u64 = 16 << 20;
/// The largest piece that a server may ask for.
const LARGEST_CHUNK: u64 = 1 << 30;
/// How long a server may take to hear that an upload is given up.
const FAREWELL: Duration = Duration::from_secs(2);
/// The smallest piece that a server wants to have, in bytes.
const CHUNK_MINIMUM: HeaderName = HeaderName::from_static("oci-chunk-min-length");

/// A blob to push.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upload {
    /// Its digest.
    pub digest: Digest,
    /// Its size, in bytes.
    pub size: u64,
    /// Its bytes.
    pub content: UploadContent,
    /// Repositories of the same registry that probably have it: the registry takes it from there.
    pub sources: Vec<String>,
}

/// How a blob got to where it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pushed {
    /// It was there.
    Existed,
    /// The registry took it from another repository.
    Mounted,
    /// It was sent.
    Sent,
}

/// One upload, over as many tries as it takes.
pub(super) struct Session<'u> {
    upload: &'u Upload,
    name: String,
    /// Where the rest is to be sent; nothing before the upload has begun.
    location: Option<Url>,
    /// How many bytes the server has.
    taken: u64,
    /// How many bytes are sent with one request; all where there is nothing.
    chunk: Option<u64>,
    /// The requests with bytes of this upload so far.
    pieces: u32,
    reached: &'u Cell<u64>,
}

impl<'u> Session<'u> {
    /// Prepares an upload that writes into `reached` how far it is.
    pub(super) fn new(upload: &'u Upload, name: String, chunk: Option<u64>, reached: &'u Cell<u64>) -> Self {
        Self { upload, name, location: None, taken: 0, chunk, pieces: 0, reached }
    }

    /// Sends what is missing. `progress` is told the bytes so far.
    pub(super) async fn attempt(
        &mut self,
        transport: &Transport,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Pushed, RegistryError> {
        if self.location.is_some() {
            self.resume(transport).await?;
        }
        if self.location.is_none() && self.begin(transport).await? == Pushed::Mounted {
            return Ok(Pushed::Mounted);
        }
        while self.taken < self.upload.size {
            if self.taken == 0 && self.chunk.is_none() && self.upload.size <= IN_ONE_REQUEST {
                break;
            }
            self.patch(transport, progress).await?;
            self.reached.set(self.taken.max(self.reached.get()));
        }
        self.finish(transport, progress).await
    }

    /// Begins an upload, or has the registry take the blob from a repository that has it.
    async fn begin(&mut self, transport: &Transport) -> Result<Pushed, RegistryError> {
        (self.taken, self.pieces) = (0, 0);
        let mut sources = self.upload.sources.iter();
        loop {
            let source = sources.next();
            let mut url = transport.url("blobs/uploads/")?;
            if let Some(source) = source {
                let mut query = url.query_pairs_mut();
                query.append_pair("mount", &self.upload.digest.to_string()).append_pair("from", source);
            }
            let mut request = Request::new(Method::POST, url);
            // Some servers want to hear of the length that there is not.
            request.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            request.body = Some(Part::empty());
            let response = transport.send(&request, &self.name).await;
            let response = match (response, source) {
                // Who may not read the other repository is told so; the blob can still be sent.
                (Err(RegistryError::Unauthorized { .. }), Some(_)) => continue,
                (response, _) => response?,
            };
            match (response.status().as_u16(), source) {
                (201, Some(_)) => return Ok(Pushed::Mounted),
                (202, _) => {
                    let least = number(response.headers(), &CHUNK_MINIMUM);
                    if let (Some(least), Some(chunk)) = (least, self.chunk) {
                        self.chunk = Some(chunk.max(least).min(LARGEST_CHUNK));
                    }
                    self.location = Some(location(&response, transport)?);
                    return Ok(Pushed::Sent);
                }
                (400..=499, Some(_)) => {}
                _ => return Err(self.refused(response, transport).await),
            }
        }
    }

    /// Asks how far the upload is; where the registry does not know, it begins anew.
    async fn resume(&mut self, transport: &Transport) -> Result<(), RegistryError> {
        let Some(url) = self.location.take() else { return Ok(()) };
        let response = transport.send(&Request::new(Method::GET, url), &self.name).await?;
        if response.status().as_u16() == 204
            && let Some(taken) = taken(response.headers()).filter(|taken| *taken <= self.upload.size)
        {
            self.taken = taken;
            self.reached.set(taken.max(self.reached.get()));
            self.location = Some(location(&response, transport)?);
        }
        Ok(())
    }

    /// Sends the rest, or the next piece of it.
    async fn patch(&mut self, transport: &Transport, progress: &(dyn Fn(u64) + Sync)) -> Result<(), RegistryError> {
        let length = (self.upload.size - self.taken).min(self.chunk.unwrap_or(u64::MAX));
        let end = self.taken + length;
        let mut request = Request::new(Method::PATCH, self.target(transport)?);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        if length < self.upload.size {
            let range = HeaderValue::try_from(format!("{}-{}", self.taken, end - 1));
            request.headers.extend(range.ok().map(|range| (CONTENT_RANGE, range)));
        }
        request.body = Some(Part::of(&self.upload.content, self.taken, length, progress));
        self.pieces += 1;
        let response = transport.send(&request, &self.name).await?;
        match response.status().as_u16() {
            // 202 is the specification's.
            200..=299 => {
                self.location = Some(location(&response, transport)?);
                // A server that says nothing has taken everything.
                let taken = match taken(response.headers()) {
                    // Which is one byte, too.
                    Some(0) if end == 1 => 1,
                    taken => taken.unwrap_or(end),
                };
                if taken <= self.taken || taken > end {
                    let message = format!("it has {taken} bytes after those up to {end} were sent");
                    let error = RegistryError::Protocol { domain: transport.domain().to_owned(), message };
                    // What it said before may have been wrong: the whole is tried once more.
                    return Err(if self.pieces > 1 { self.begin_anew(transport, Box::new(error)) } else { error });
                }
                self.taken = taken;
                Ok(())
            }
            413 if self.chunk.is_none_or(|chunk| chunk > CHUNK) && self.upload.size > CHUNK => {
                self.chunk = Some(CHUNK);
                Err(self.lost(&response, transport))
            }
            404 | 416 => Err(self.lost(&response, transport)),
            _ => Err(self.refused(response, transport).await),
        }
    }

    /// Ends the upload, with the bytes where none were sent yet.
    async fn finish(
        &mut self,
        transport: &Transport,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Pushed, RegistryError> {
        let mut url = self.target(transport)?;
        url.query_pairs_mut().append_pair("digest", &self.upload.digest.to_string());
        let mut request = Request::new(Method::PUT, url);
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        let rest = self.upload.size - self.taken;
        request.headers.insert(CONTENT_LENGTH, HeaderValue::from(rest));
        request.body = Some(Part::of(&self.upload.content, self.taken, rest, progress));
        let response = transport.send(&request, &self.name).await?;
        match response.status().as_u16() {
            // 201 is the specification's.
            200..=299 => {
                progress(self.upload.size);
                Ok(Pushed::Sent)
            }
            404 | 416 => Err(self.lost(&response, transport)),
            _ => {
                let error = self.refused(response, transport).await;
                // Some servers put the pieces together otherwise than they say: the whole is tried once more.
                if self.pieces > 1 && super::reply::is_other_content(&error) {
                    return Err(self.begin_anew(transport, Box::new(error)));
                }
                Err(error)
            }
        }
    }

    /// Tells the server to forget what it has of an upload that is given up. Whether it does is its own affair.
    pub(super) async fn abandon(&mut self, transport: &Transport) {
        let Some(url) = self.location.take() else { return };
        let request = Request::new(Method::DELETE, url);
        let _ = timeout(FAREWELL, transport.send(&request, &self.name)).await;
    }

    fn target(&self, transport: &Transport) -> Result<Url, RegistryError> {
        let missing = || RegistryError::Protocol {
            domain: transport.domain().to_owned(),
            message: "it began no upload".to_owned(),
        };
        self.location.clone().ok_or_else(missing)
    }

    /// The upload has to begin anew.
    fn lost(&mut self, response: &Response, transport: &Transport) -> RegistryError {
        let why = format!("the server takes no more of it: status {}", response.status().as_u16());
        self.begin_anew(transport, why.into())
    }

    fn begin_anew(&mut self, transport: &Transport, source: Cause) -> RegistryError {
        self.location = None;
        RegistryError::CutUpload { domain: transport.domain().to_owned(), source }
    }

    async fn refused(&self, response: Response, transport: &Transport) -> RegistryError {
        let domain = transport.domain_of(response.url());
        failure(response, &domain, &self.name).await
    }
}

/// Where a reply says that an upload goes on.
fn location(response: &Response, transport: &Transport) -> Result<Url, RegistryError> {
    let missing = || RegistryError::Protocol {
        domain: transport.domain().to_owned(),
        message: "it does not say where the upload goes on".to_owned(),
    };
    transport.redirected(response.url(), response.headers().get(LOCATION).ok_or_else(missing)?)
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// How many bytes a reply says are there: `0-9`, with or without `bytes=`, are ten. Servers write `0-0` for none.
fn taken(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(RANGE)?.to_str().ok()?.trim();
    let text = text.strip_prefix("bytes=").unwrap_or(text);
    let (begin, end) = text.split_once('-')?;
    let end: u64 = end.parse().ok()?;
    match (begin, end) {
        ("0", 0) => Some(0),
        ("0", end) => end.checked_add(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_has_is_read_from_the_range() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, text.parse().expect("header"));
            taken(&headers)
        };
        assert_eq!((read("0-9"), read("bytes=0-9"), read("0-0")), (Some(10), Some(10), Some(0)));
        for bad in ["", "9", "1-9", "0-", "-9", "0-18446744073709551615", "a-b"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(taken(&HeaderMap::new()), None);
    }
}
