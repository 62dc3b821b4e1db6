//! A blob that another repository of the same registry has: the registry takes it from there, and nothing is sent.
//!
//! Spec: OCI distribution-spec 1.1, "Mounting a blob from another repository".

use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, HeaderValue, LOCATION};

use super::part::Part;
use super::push::refused;
use super::transport::Request;
use super::{Client, RegistryError};
use crate::cancel::CancelToken;
use crate::digest::Digest;

impl Client {
    /// Asks the registry to take a blob from another of its repositories; tells whether it did.
    ///
    /// # Errors
    /// [`RegistryError`]; a registry that cannot, or does not let us read there, is none.
    pub fn mount_blob(&self, digest: &Digest, from: &str, cancel: &CancelToken) -> Result<bool, RegistryError> {
        let name = self.name_of(digest);
        self.ask(cancel, async |transport| {
            let mut url = transport.url("blobs/uploads/")?;
            url.query_pairs_mut().append_pair("mount", &digest.to_string()).append_pair("from", from);
            let mut request = Request::new(Method::POST, url);
            request.headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            request.body = Some(Part::empty());
            let response = match transport.send(&request, &name).await {
                Err(RegistryError::Unauthorized { .. }) => return Ok(false),
                other => other?,
            };
            match response.status().as_u16() {
                201 => Ok(true),
                202 => {
                    // It began an upload instead, which nobody goes on with. One that stays is the registry's to clean.
                    let location = response.headers().get(LOCATION);
                    if let Some(Ok(url)) = location.map(|at| transport.redirected(response.url(), at)) {
                        let _ = transport.send(&Request::new(Method::DELETE, url), &name).await;
                    }
                    Ok(false)
                }
                400..=499 => Ok(false),
                _ => Err(refused(response, transport, &name).await),
            }
        })
    }
}
