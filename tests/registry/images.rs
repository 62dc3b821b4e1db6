//! Whole images: resolved and fetched as a build does it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use builder_core::digest::Digest;
use builder_core::layer::OverlayFlavor;
use builder_core::platform::Platform;
use builder_core::reference::Reference;
use builder_core::registry::RegistryOptions;
use builder_core::snapshot::Snapshots;
use builder_core::source::{SourceError, fetch, resolve_remote};

use crate::server::{Asked, FaultServer, Reply};
use crate::{TestStore, never};

/// A registry with one image of one layer, `repo:1`, that wants a token for everything.
fn registry(layer: &[u8], diff_id: Digest) -> FaultServer {
    spoiled(layer, diff_id, |_, reply| reply)
}

/// The same, with answers that a test may spoil.
fn spoiled(
    layer: &[u8],
    diff_id: Digest,
    spoil: impl Fn(&Asked, Reply) -> Reply + Send + Sync + 'static,
) -> FaultServer {
    let platform = Platform::host();
    let config = format!(
        r#"{{"os":"{}","architecture":"{}","rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#,
        platform.os, platform.architecture
    );
    let descriptor = |kind: &str, bytes: &[u8]| {
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.{kind}","digest":"{}","size":{}}}"#,
            Digest::of(bytes),
            bytes.len()
        )
    };
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{},"layers":[{}]}}"#,
        descriptor("config.v1+json", config.as_bytes()),
        descriptor("layer.v1.tar", layer)
    );
    let layer = layer.to_vec();
    FaultServer::start(move |asked| {
        if asked.target.starts_with("/token") {
            return Reply::new(200, r#"{"token":"letmein"}"#);
        }
        if asked.header("authorization") != Some("Bearer letmein") {
            let challenge = format!("Bearer realm=\"http://{}/token\"", asked.server);
            return Reply::new(401, "").with("www-authenticate", &challenge);
        }
        let documents = [manifest.as_bytes(), config.as_bytes(), &layer];
        let named = |bytes: &&&[u8]| asked.target.ends_with(&Digest::of(bytes).to_string());
        let reply = match documents.iter().find(named) {
            Some(bytes) => Reply::new(200, bytes),
            None if asked.target.ends_with("/manifests/1") => Reply::new(200, &manifest),
            None => Reply::new(404, ""),
        };
        spoil(asked, reply)
    })
}

fn pull(server: &FaultServer) -> Result<(), SourceError> {
    pull_into(&TestStore::new(), server)
}

fn pull_into(test: &TestStore, server: &FaultServer) -> Result<(), SourceError> {
    let reference: Reference = format!("{}/repo:1", server.address()).parse().unwrap();
    let mut options = RegistryOptions::default();
    options.silence_timeout = Duration::from_millis(400);
    let image = resolve_remote(&reference, &Platform::host(), &options, &test.store, &never())?;
    let snapshots = Snapshots::new(test.store.clone(), OverlayFlavor::Trusted);
    fetch(&image, &snapshots, &|_, _, _| {}, &never())
}

/// A tar archive of one file.
fn archive() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(100_000);
    header.set_mode(0o644);
    header.set_cksum();
    archive.append_data(&mut header, "file", vec![b'x'; 100_000].as_slice()).unwrap();
    archive.into_inner().unwrap()
}

#[test]
fn silence_in_the_middle_of_anything_is_bounded() {
    let layer = archive();
    let layer_name = Digest::of(&layer).to_string();
    let always = usize::MAX;
    // Most of a case is waiting: all at the same time.
    std::thread::scope(|scope| {
        for part in ["/manifests/1", "/blobs/sha256", &layer_name] {
            for (times, cut) in [(1, Some(20)), (1, None), (always, Some(20)), (always, None)] {
                let layer = &layer;
                scope.spawn(move || stalls(layer, part.to_owned(), times, cut));
            }
        }
    });
}

/// Pulls from a registry that falls silent in the middle of a part, or before it, the first `times` of asking.
fn stalls(layer: &[u8], part: String, times: usize, cut: Option<usize>) {
    let (diff_id, so_far) = (Digest::of(layer), AtomicUsize::new(0));
    let server = spoiled(layer, diff_id, move |asked, reply| {
        if !asked.target.contains(&part) || so_far.fetch_add(1, Ordering::SeqCst) >= times {
            return reply;
        }
        cut.map_or_else(Reply::silence, |length| reply.cut(length).then_silence())
    });
    let (test, begin) = (TestStore::new(), Instant::now());
    let outcome = pull_into(&test, &server);
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    if times == 1 {
        outcome.unwrap();
    } else {
        assert!(outcome.unwrap_err().is_registry());
    }
    assert_eq!(test.store.has_blob(&diff_id), times == 1);
    assert_eq!(test.store.images().unwrap().len(), usize::from(times == 1));
}

#[test]
fn an_image_needs_one_token() {
    let layer = tar::Builder::new(Vec::new()).into_inner().unwrap();
    let server = registry(&layer, Digest::of(&layer));
    pull(&server).unwrap();
    let tokens = server.asked().iter().filter(|asked| asked.target.starts_with("/token")).count();
    assert_eq!(tokens, 1);
}

#[test]
fn a_layer_that_is_none_is_the_registrys_fault() {
    for layer in [&b"garbage"[..], &[b'x'; 4096], b"\x1f\x8b\x08garbage"] {
        let error = pull(&registry(layer, Digest::of(layer))).unwrap_err();
        assert!(matches!(error, SourceError::Layer { .. }) && error.is_registry(), "{error:?}");
    }
    // One that unpacks to something else than the config promises.
    let layer = tar::Builder::new(Vec::new()).into_inner().unwrap();
    let error = pull(&registry(&layer, Digest::of(b"other"))).unwrap_err();
    assert!(error.is_registry(), "{error:?}");
}
