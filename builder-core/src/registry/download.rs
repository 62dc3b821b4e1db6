//! Blobs as they stream in: bounded by their descriptor, resumed where a connection broke.

use std::cell::Cell;
use std::io::Write;

use reqwest::Response;
use reqwest::header::{HeaderMap, HeaderValue, RANGE};

use super::RegistryError;
use super::pace::{Pace, TOO_SLOW, Trickle};
use super::reply::{continues, failure};
use super::transport::Transport;
use crate::oci::BlobDescriptor;
use crate::store::{BlobWriter, PartialBlob, Store};

/// Where the bytes of a blob go.
pub(super) trait Sink {
    /// Takes the next bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<(), RegistryError>;

    /// Forgets all bytes so far.
    fn restart(&mut self) -> Result<(), RegistryError>;

    /// How many bytes were there from the beginning.
    fn length(&self) -> u64 {
        0
    }
}

impl Sink for Vec<u8> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), RegistryError> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), RegistryError> {
        self.clear();
        Ok(())
    }
}

/// A blob on its way into the store. Its writer knows the digest of the bytes so far, so a resumed download
/// reads nothing twice; a large one goes on in another process, too.
pub(super) struct Stored<'s> {
    store: &'s Store,
    writer: Writer,
}

enum Writer {
    /// It is gone when it is interrupted.
    Passing(BlobWriter),
    /// It stays.
    Lasting(PartialBlob),
}

impl<'s> Stored<'s> {
    pub(super) fn begin(store: &'s Store, blob: &BlobDescriptor) -> Result<Self, RegistryError> {
        let writer = match store.partial_blob(&blob.digest, blob.size)? {
            Some(partial) => Writer::Lasting(partial),
            None => Writer::Passing(store.blob_writer()?),
        };
        Ok(Self { store, writer })
    }

    /// Whether it goes on with what came before, perhaps from somebody else.
    pub(super) fn is_continued(&self) -> bool {
        matches!(&self.writer, Writer::Lasting(partial) if partial.is_continued())
    }

    /// Verifies the blob and gives it its name.
    pub(super) fn finish(self, blob: &BlobDescriptor) -> Result<(), RegistryError> {
        let finished = match self.writer {
            Writer::Passing(writer) => writer.finish_as(&blob.digest, blob.size),
            Writer::Lasting(partial) => partial.finish_as(&blob.digest, blob.size),
        };
        Ok(finished?)
    }
}

impl Sink for Stored<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), RegistryError> {
        let written = match &mut self.writer {
            Writer::Passing(writer) => writer.write_all(bytes),
            Writer::Lasting(partial) => partial.write_all(bytes),
        };
        written.map_err(RegistryError::Write)
    }

    fn restart(&mut self) -> Result<(), RegistryError> {
        match &mut self.writer {
            Writer::Passing(writer) => *writer = self.store.blob_writer()?,
            Writer::Lasting(partial) => partial.restart()?,
        }
        Ok(())
    }

    fn length(&self) -> u64 {
        match &self.writer {
            Writer::Passing(_) => 0,
            Writer::Lasting(partial) => partial.length(),
        }
    }
}

/// One blob, over as many tries as it takes.
pub(super) struct Download<'d, S> {
    transport: &'d Transport,
    blob: &'d BlobDescriptor,
    name: String,
    sink: S,
    seen: u64,
    reached: &'d Cell<u64>,
}

impl<'d, S: Sink> Download<'d, S> {
    /// Begins a download that writes into `reached` how far it is.
    pub(super) fn new(
        transport: &'d Transport,
        blob: &'d BlobDescriptor,
        name: String,
        sink: S,
        reached: &'d Cell<u64>,
    ) -> Self {
        let seen = sink.length();
        reached.set(seen);
        Self { transport, blob, name, sink, seen, reached }
    }

    /// Returns what the bytes went to.
    pub(super) fn into_sink(self) -> S {
        self.sink
    }

    /// Fetches what is missing. `progress` is told the bytes so far.
    pub(super) async fn attempt(&mut self, progress: &dyn Fn(u64)) -> Result<(), RegistryError> {
        if self.seen > 0 && self.seen == self.blob.size {
            // Whoever fetched all of it did not come to give it its name.
            progress(self.seen);
            return Ok(());
        }
        let mut response = self.open().await?;
        let announced = response.content_length();
        if announced.is_some_and(|length| length > self.blob.size - self.seen) {
            return Err(self.too_long());
        }
        let (mut pace, mut trickle) = (Pace::default(), Trickle::begin());
        let cut = |source| RegistryError::Cut { digest: self.blob.digest, source };
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    if chunk.len() as u64 > self.blob.size - self.seen {
                        return Err(self.too_long());
                    }
                    self.sink.write(&chunk)?;
                    self.seen += chunk.len() as u64;
                    self.reached.set(self.seen);
                    if self.seen == self.blob.size || pace.is_due() {
                        progress(self.seen);
                    }
                    if trickle.is_too_slow(chunk.len()) && self.seen < self.blob.size {
                        return Err(cut(std::io::Error::other(TOO_SLOW)));
                    }
                }
                // Everything came: how the connection ended after it does not matter.
                _ if self.seen == self.blob.size => return Ok(()),
                // The server says that this is all; the verification tells what to think of it.
                Ok(None) if announced.is_some() => return Ok(()),
                Ok(None) => return Err(cut(std::io::ErrorKind::UnexpectedEof.into())),
                Err(error) => return Err(cut(std::io::Error::other(error.without_url()))),
            }
        }
    }

    /// Asks for the rest, or for everything where the server does not give the rest.
    async fn open(&mut self) -> Result<Response, RegistryError> {
        loop {
            let mut headers = HeaderMap::new();
            if self.seen > 0 {
                headers.insert(RANGE, range_from(self.seen));
            }
            let path = format!("blobs/{}", self.blob.digest);
            let response = self.transport.get(&path, &headers, &self.name).await?;
            match response.status().as_u16() {
                200 => {
                    self.restart()?;
                    return Ok(response);
                }
                206 if self.seen > 0 && continues(response.headers(), self.seen, self.blob.size) => {
                    return Ok(response);
                }
                206 | 416 if self.seen > 0 => self.restart()?,
                206 => {
                    let domain = self.transport.domain_of(response.url());
                    let message = "a part, and not the whole was asked for".to_owned();
                    return Err(RegistryError::Protocol { domain, message });
                }
                _ => {
                    let domain = self.transport.domain_of(response.url());
                    return Err(failure(response, &domain, &self.name).await);
                }
            }
        }
    }

    fn restart(&mut self) -> Result<(), RegistryError> {
        if self.seen > 0 {
            self.sink.restart()?;
            self.seen = 0;
        }
        Ok(())
    }

    fn too_long(&self) -> RegistryError {
        RegistryError::Size { digest: self.blob.digest, expected: self.blob.size }
    }
}

fn range_from(begin: u64) -> HeaderValue {
    HeaderValue::try_from(format!("bytes={begin}-")).unwrap_or(HeaderValue::from_static("bytes=0-"))
}
