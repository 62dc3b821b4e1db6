//! Files of any web server, whole, resumed where a connection broke, asked for again only where they changed.
//!
//! Other than a registry, a web server may be spoken to without encryption: whoever writes `http://` in a Dockerfile
//! means it. An authorization is shown to the server that it is for and to nobody it redirects to.

mod error;

use std::cell::Cell;
use std::fs::File;
use std::io::{Seek, Write};

use reqwest::header::{
    AUTHORIZATION, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED,
    RANGE,
};
use reqwest::{Response, Url};

pub use error::WebError;

use super::pace::{Pace, TOO_SLOW, Trickle};
use super::reply::continues_at;
use super::retry::{retried_while, retry_after};
use super::transport::{NO_PROXY_ADDRESS, chain, client_builder, is_tls, target};
use super::{Background, RegistryOptions, Waits};
use crate::cancel::CancelToken;
use crate::digest::{Digest, Digester};

/// How often a request may be sent elsewhere: what Go's client allows.
const MAX_REDIRECTS: usize = 10;
/// Who is never asked through a proxy.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// A client for the files of web servers.
pub struct WebClient {
    runtime: Background,
    http: reqwest::Client,
    limit: u64,
    waits: Waits,
}

impl std::fmt::Debug for WebClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebClient").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// What a server said about the version of a file, so that it can be asked for newer ones only.
///
/// Spec: RFC 9110, 8.8.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Validators {
    /// The value of `ETag`.
    pub etag: Option<String>,
    /// The value of `Last-Modified`.
    pub last_modified: Option<String>,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub struct WebRequest<'r> {
    /// The address.
    pub url: &'r str,
    /// The value of `Authorization`, for the server of the address only.
    pub authorization: Option<&'r [u8]>,
    /// The version that is already here.
    pub known: Option<&'r Validators>,
}

impl std::fmt::Debug for WebRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebRequest").field("known", &self.known).finish_non_exhaustive()
    }
}

/// A file that was fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebFile {
    /// Its digest.
    pub digest: Digest,
    /// Its size, in bytes.
    pub size: u64,
    /// Its version.
    pub validators: Validators,
}

impl WebClient {
    /// Makes a client; nothing is sent yet.
    ///
    /// # Errors
    /// [`WebError::Setup`].
    pub fn new(options: &RegistryOptions) -> Result<Self, WebError> {
        let setup = |message: String| WebError::Setup { message };
        let runtime = Background::new().map_err(|error| setup(error.to_string()))?;
        let mut http = client_builder(options);
        for (proxy, encrypted) in [(&options.proxy, true), (&options.plain_proxy, false)] {
            let Some(proxy) = proxy else { continue };
            let mut proxy = proxy.clone();
            proxy.bypass = format!("{LOOPBACK},{}", proxy.bypass);
            http = http.proxy(proxy.of(encrypted).map_err(|_| setup(NO_PROXY_ADDRESS.to_owned()))?);
        }
        let http = http.build().map_err(|error| setup(chain(&error)))?;
        Ok(Self { runtime, http, limit: options.file_limit, waits: options.waits.clone() })
    }

    /// Fetches a file; `None` where the one of [`WebRequest::known`] is still it. `progress` is told bytes so far
    /// and in all.
    ///
    /// # Errors
    /// [`WebError`]; what `out` holds then is of no use.
    pub fn fetch(
        &self,
        request: &WebRequest<'_>,
        out: &mut File,
        progress: &dyn Fn(u64, Option<u64>),
        cancel: &CancelToken,
    ) -> Result<Option<WebFile>, WebError> {
        let url = Url::parse(request.url).map_err(|error| WebError::Address { reason: error.to_string() })?;
        let authorization = request.authorization.map(secret_header).transpose()?;
        let (reached, waiting) = (Cell::new(0), self.waits.begin(&host_of(&url)));
        let progress = |seen, total| {
            waiting.heard();
            progress(seen, total);
        };
        let mut download = Download {
            http: &self.http,
            url,
            authorization,
            known: request.known,
            limit: self.limit,
            out,
            digester: Digester::new(),
            validators: Validators::default(),
            seen: 0,
            reached: &reached,
        };
        let tries = retried_while(cancel, &waiting, || reached.get(), async || download.attempt(&progress).await);
        let ended = || WebError::Setup { message: "the runtime has ended".to_owned() };
        if self.runtime.block_on(tries).ok_or_else(ended)?? == Version::Known {
            return Ok(None);
        }
        let (size, digest) = (download.digester.length(), download.digester.finish());
        Ok(Some(WebFile { digest, size, validators: download.validators }))
    }
}

/// A header that no log shows.
fn secret_header(value: &[u8]) -> Result<HeaderValue, WebError> {
    let mut header = HeaderValue::from_bytes(value.trim_ascii()).map_err(|_| WebError::Authorization)?;
    header.set_sensitive(true);
    Ok(header)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Known,
    Fetched,
}

/// One file, over as many tries as it takes.
struct Download<'d> {
    http: &'d reqwest::Client,
    url: Url,
    authorization: Option<HeaderValue>,
    known: Option<&'d Validators>,
    limit: u64,
    out: &'d mut File,
    digester: Digester,
    /// Of the version whose first bytes are there.
    validators: Validators,
    seen: u64,
    reached: &'d Cell<u64>,
}

impl Download<'_> {
    async fn attempt(&mut self, progress: &dyn Fn(u64, Option<u64>)) -> Result<Version, WebError> {
        let Some(mut response) = self.open().await? else { return Ok(Version::Known) };
        let total = response.content_length().map(|rest| rest.saturating_add(self.seen));
        if total.is_some_and(|total| total > self.limit) {
            return Err(WebError::TooLarge { limit: self.limit });
        }
        let (mut pace, mut trickle) = (Pace::default(), Trickle::begin());
        loop {
            let chunk =
                response.chunk().await.map_err(|error| WebError::Cut { source: Box::new(error.without_url()) })?;
            if chunk.as_ref().is_some_and(|chunk| trickle.is_too_slow(chunk.len())) {
                return Err(WebError::Cut { source: TOO_SLOW.into() });
            }
            let Some(chunk) = chunk else {
                progress(self.seen, Some(self.seen));
                return Ok(Version::Fetched);
            };
            if chunk.len() as u64 > self.limit - self.seen {
                return Err(WebError::TooLarge { limit: self.limit });
            }
            self.out.write_all(&chunk).map_err(WebError::Write)?;
            self.digester.update(&chunk);
            self.seen += chunk.len() as u64;
            self.reached.set(self.seen.max(self.reached.get()));
            if pace.is_due() {
                progress(self.seen, total);
            }
        }
    }

    /// Asks for the rest, or for everything; `None` where nothing changed.
    async fn open(&mut self) -> Result<Option<Response>, WebError> {
        let from = self.resumable().then_some(self.seen);
        let response = self.follow(&self.conditions(from)).await?;
        match (response.status().as_u16(), from) {
            (304, None) if self.known.is_some() => return Ok(None),
            (206, Some(from)) if self.goes_on(&response, from) => return Ok(Some(response)),
            // What does not fit is asked for as a whole.
            (206 | 412 | 416, Some(_)) => {
                self.restart()?;
                return Err(WebError::Cut { source: "the server did not go on where it broke off".into() });
            }
            (200 | 203, _) => {}
            (code, _) => return Err(WebError::Status { code, retry_after: retry_after(response.headers()) }),
        }
        self.restart()?;
        self.validators = validators(response.headers());
        Ok(Some(response))
    }

    /// Whether the rest of the same version can be asked for: a weak tag does not promise the same bytes.
    fn resumable(&self) -> bool {
        self.seen > 0 && self.range_validator().is_some()
    }

    fn range_validator(&self) -> Option<&str> {
        let strong = self.validators.etag.as_deref().filter(|etag| !etag.starts_with("W/"));
        strong.or(self.validators.last_modified.as_deref())
    }

    fn goes_on(&self, response: &Response, from: u64) -> bool {
        let same = validators(response.headers());
        let agrees = |ours: &Option<String>, theirs: &Option<String>| theirs.is_none() || ours == theirs;
        continues_at(response.headers(), from).is_some()
            && agrees(&self.validators.etag, &same.etag)
            && agrees(&self.validators.last_modified, &same.last_modified)
    }

    fn conditions(&self, from: Option<u64>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut add = |name: HeaderName, value: Option<&str>| {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                headers.insert(name, value);
            }
        };
        if let Some(from) = from {
            add(RANGE, Some(&format!("bytes={from}-")));
            add(IF_RANGE, self.range_validator());
        } else if let Some(known) = self.known {
            add(IF_NONE_MATCH, known.etag.as_deref());
            add(IF_MODIFIED_SINCE, known.last_modified.as_deref());
        }
        headers
    }

    fn restart(&mut self) -> Result<(), WebError> {
        self.out.set_len(0).and_then(|()| self.out.rewind()).map_err(WebError::Write)?;
        self.digester = Digester::new();
        self.seen = 0;
        Ok(())
    }

    /// Sends a request, and again to where it is sent.
    async fn follow(&self, headers: &HeaderMap) -> Result<Response, WebError> {
        let mut url = self.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.http.get(url.clone()).headers(headers.clone());
            if let Some(authorization) = self.authorization.as_ref().filter(|_| url.origin() == self.url.origin()) {
                request = request.header(AUTHORIZATION, authorization.clone());
            }
            let response = request.send().await.map_err(|error| no_answer(&url, error))?;
            let Some(target) = target(&response) else { return Ok(response) };
            let next = target.to_str().ok().and_then(|target| url.join(target).ok());
            let next = next.filter(|next| matches!(next.scheme(), "http" | "https"));
            url =
                next.ok_or_else(|| WebError::Redirect { reason: "to something that is no web address".to_owned() })?;
        }
        Err(WebError::Redirect { reason: format!("more than {MAX_REDIRECTS} times") })
    }
}

fn validators(headers: &HeaderMap) -> Validators {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Validators { etag: text(ETAG), last_modified: text(LAST_MODIFIED) }
}

/// The host of an address, with its port where it says one.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn no_answer(url: &Url, error: reqwest::Error) -> WebError {
    let host = host_of(url);
    // The address may hold more than a person should see in a log.
    let error = error.without_url();
    if error.is_builder() {
        WebError::Address { reason: chain(&error) }
    } else if is_tls(&error) {
        WebError::Tls { host, source: Box::new(error) }
    } else {
        WebError::Unreachable { host, source: Box::new(error) }
    }
}
