//! Bodies of requests: read and sent piece by piece, so that nothing large is ever in memory.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use reqwest::{RequestBuilder, Response, Url};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use super::RegistryError;
use super::pace::Pace;
use super::transport::Transport;

/// Bytes read at once.
const PIECE: usize = 128 * 1024;
/// A server that takes pieces may be this many times slower with each than one that is silent: it may be the line.
const SLOWNESS: u32 = 2;
/// Pieces that are read ahead of the network.
const AHEAD: usize = 4;

/// Where the bytes of an upload are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UploadContent {
    /// Here.
    Bytes(Vec<u8>),
    /// In a file that does not change.
    File(PathBuf),
}

impl UploadContent {
    fn size(&self) -> io::Result<u64> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.len() as u64),
            Self::File(path) => Ok(path.metadata()?.len()),
        }
    }

    fn open(&self, from: u64) -> io::Result<Box<dyn Read + '_>> {
        match self {
            Self::Bytes(bytes) => {
                let from = usize::try_from(from).ok().filter(|from| *from <= bytes.len()).unwrap_or(bytes.len());
                Ok(Box::new(&bytes[from..]))
            }
            Self::File(path) => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(from))?;
                Ok(Box::new(file))
            }
        }
    }
}

/// A part of a content as the body of a request, which may be sent more than once.
#[derive(Clone)]
pub(super) struct Part<'p> {
    content: Cow<'p, UploadContent>,
    from: u64,
    length: Option<u64>,
    sent: Option<&'p (dyn Fn(u64) + Sync)>,
}

impl std::fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part").field("from", &self.from).field("length", &self.length).finish_non_exhaustive()
    }
}

impl<'p> Part<'p> {
    /// All of a content.
    pub(super) fn whole(content: &'p UploadContent) -> Self {
        Self { content: Cow::Borrowed(content), from: 0, length: None, sent: None }
    }

    /// Nothing.
    pub(super) fn empty() -> Self {
        let content = Cow::Owned(UploadContent::Bytes(Vec::new()));
        Self { content, from: 0, length: Some(0), sent: None }
    }

    /// `length` bytes from `from`. `sent` is told how many bytes of the content are on their way.
    pub(super) fn of(content: &'p UploadContent, from: u64, length: u64, sent: &'p (dyn Fn(u64) + Sync)) -> Self {
        Self { content: Cow::Borrowed(content), from, length: Some(length), sent: Some(sent) }
    }

    /// Sends a request with this body. The answer may come before all of it is sent.
    pub(super) async fn send(
        &self,
        request: RequestBuilder,
        transport: &Transport,
        url: &Url,
    ) -> Result<Response, RegistryError> {
        let whole = self.content.size().map_err(RegistryError::Read)?;
        let length = self.length.unwrap_or(whole);
        let (sender, pieces) = channel(AHEAD);
        let response = request.body(reqwest::Body::wrap(Pieces { pieces, left: length })).send();
        let feed = self.feed(length, sender, transport);
        tokio::pin!(response, feed);
        let answer = tokio::select! {
            answer = &mut response => answer,
            outcome = &mut feed => {
                outcome?;
                match timeout(transport.patience(whole), response).await {
                    Ok(answer) => answer,
                    Err(_) => return Err(silent(transport, url)),
                }
            }
        };
        answer.map_err(|error| {
            if error.is_connect() || error.is_builder() {
                return transport.no_answer(url, error);
            }
            let source = Box::new(error.without_url());
            RegistryError::CutUpload { domain: transport.domain_of(url), source }
        })
    }

    /// Reads the bytes and hands them over, for as long as they are taken.
    async fn feed(&self, length: u64, sender: Sender<Bytes>, transport: &Transport) -> Result<(), RegistryError> {
        let mut content = self.content.open(self.from).map_err(RegistryError::Read)?;
        let (mut sent, mut pace) = (0, Pace::default());
        while sent < length {
            let limit = usize::try_from(length - sent).unwrap_or(PIECE).min(PIECE);
            let mut piece = vec![0; limit];
            content.read_exact(&mut piece).map_err(RegistryError::Read)?;
            match timeout(transport.options().silence_timeout * SLOWNESS, sender.send(piece.into())).await {
                Ok(Ok(())) => {}
                // Nobody wants more: the answer is there, or the connection is not.
                Ok(Err(_)) => return std::future::pending().await,
                Err(_) => {
                    let source = "the server does not take more".into();
                    return Err(RegistryError::CutUpload { domain: transport.domain().to_owned(), source });
                }
            }
            sent += limit as u64;
            if let Some(told) = self.sent.filter(|_| sent == length || pace.is_due()) {
                told(self.from + sent);
            }
        }
        Ok(())
    }
}

fn silent(transport: &Transport, url: &Url) -> RegistryError {
    let source = "the server does not answer".into();
    RegistryError::CutUpload { domain: transport.domain_of(url), source }
}

/// A body whose length is known, which comes from a channel.
struct Pieces {
    pieces: Receiver<Bytes>,
    left: u64,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.pieces.poll_recv(context) {
            Poll::Ready(Some(piece)) => {
                self.left = self.left.saturating_sub(piece.len() as u64);
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Poll::Ready(None) if self.left > 0 => Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
