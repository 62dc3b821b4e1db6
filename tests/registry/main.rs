//! The registry client against servers that misbehave in every way that a test can think of.

#![allow(clippy::unwrap_used, reason = "test code")]

mod documents;
mod downloads;
mod images;
mod server;
mod tokens;
mod uploads;
mod web_files;

use std::time::Duration;

use builder_core::cancel::CancelToken;
use builder_core::digest::Digest;
use builder_core::oci::BlobDescriptor;
use builder_core::registry::{Client, RegistryOptions};
use builder_core::store::{Owner, Store, StoreOptions};
use server::FaultServer;

/// A client that does not wait long, for `repo:1` of a server.
fn client(server: &FaultServer) -> Client {
    let mut options = RegistryOptions::default();
    options.silence_timeout = Duration::from_millis(400);
    client_with(server, &options)
}

fn client_with(server: &FaultServer, options: &RegistryOptions) -> Client {
    Client::new(&format!("{}/repo:1", server.address()).parse().unwrap(), options).unwrap()
}

fn never() -> CancelToken {
    CancelToken::new()
}

fn descriptor(bytes: &[u8]) -> BlobDescriptor {
    BlobDescriptor {
        digest: Digest::of(bytes),
        size: bytes.len() as u64,
        media_type: "application/octet-stream".to_owned(),
    }
}

/// A store of its own.
struct TestStore {
    store: Store,
    /// The files that an empty store has in its work directory.
    own: usize,
    _directory: tempfile::TempDir,
}

impl TestStore {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = StoreOptions { root: directory.path().join("store"), owner: Owner::Root };
        let store = Store::open(&options).unwrap();
        let own = files_below(&store.root().join("work"));
        Self { store, own, _directory: directory }
    }

    /// How many blobs there are, finished and not.
    fn files(&self) -> usize {
        let root = self.store.root();
        files_below(&root.join("blobs/sha256")) + files_below(&root.join("work")) - self.own
    }
}

fn files_below(folder: &std::path::Path) -> usize {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| if path.is_dir() { files_below(&path) } else { 1 }).sum()
}
