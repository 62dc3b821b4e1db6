use std::fs;

use super::*;
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::reference::Reference;

fn options(root: &Path) -> StoreOptions {
    StoreOptions { root: root.to_owned(), owner: Owner::Root }
}

fn record(name: &str, manifest: Digest) -> ImageRecord {
    ImageRecord {
        name: name.parse::<Reference>().unwrap().to_string(),
        manifest,
        manifest_size: 2,
        media_type: crate::oci::media_type::OCI_MANIFEST.to_owned(),
        config: manifest,
        created: String::new(),
    }
}

#[test]
fn a_blob_that_is_not_what_was_promised_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&options(directory.path())).unwrap();
    let digest = Digest::of(b"right");
    let cancel = CancelToken::new();
    for (bytes, size) in [(&b"wrong"[..], 5), (b"righ", 5), (b"right!", 5), (b"right", 4)] {
        assert!(store.ingest(&digest, size, &mut &bytes[..], &cancel).is_err());
    }
    assert_eq!(fs::read_dir(directory.path().join("blobs/sha256")).unwrap().count(), 0);
    store.ingest(&digest, 5, &mut &b"right"[..], &cancel).unwrap();
    assert_eq!(store.read_blob(&digest, 5).unwrap(), b"right");
    assert!(matches!(store.read_blob(&digest, 4), Err(StoreError::TooLarge { .. })));
    fs::write(store.blob_path(&digest), "fault").unwrap();
    assert!(matches!(store.read_blob(&digest, 5), Err(StoreError::Mismatch { .. })));
}

#[test]
fn what_a_dead_process_left_is_removed_and_what_a_living_one_has_stays() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&options(directory.path())).unwrap();
    let mine = store.work_dir().unwrap();
    let dead = directory.path().join("work/process-dead");
    fs::create_dir_all(dead.join("w1/upper/locked")).unwrap();
    fs::write(dead.join("lock"), "").unwrap();
    let closed = std::os::unix::fs::PermissionsExt::from_mode(0o000);
    fs::set_permissions(dead.join("w1/upper/locked"), closed).unwrap();
    let other = Store::open(&options(directory.path())).unwrap();
    assert!(!dead.exists());
    assert!(mine.path().exists());
    drop(other);
    let path = mine.path().to_owned();
    drop(mine);
    assert!(!path.exists());
    drop(store);
    assert_eq!(fs::read_dir(directory.path().join("work")).unwrap().count(), 0);
}

#[test]
fn a_store_of_another_version_or_owner_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(Store::open(&options(directory.path())).unwrap());
    let other = StoreOptions { root: directory.path().to_owned(), owner: Owner::Rootless { uid: 1000 } };
    assert!(matches!(Store::open(&other), Err(StoreError::Owner { .. })));
    fs::write(directory.path().join("builder-store.json"), r#"{"version":99,"owner":"root"}"#).unwrap();
    assert!(matches!(Store::open(&options(directory.path())), Err(StoreError::Version { found: 99, .. })));
}

#[test]
fn names_are_found_by_name_and_by_digits_and_shown_in_the_index() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&options(directory.path())).unwrap();
    let manifest = Digest::of(b"one");
    store.tag(&record("app", manifest)).unwrap();
    store.tag(&record("example.org/team/app:2", manifest)).unwrap();
    assert_eq!(store.find_images("app:latest").unwrap().len(), 1);
    assert_eq!(store.find_images(&manifest.short()).unwrap().len(), 2);
    assert_eq!(store.find_images("nope").unwrap(), []);
    let index: serde_json::Value =
        serde_json::from_slice(&fs::read(directory.path().join("index.json")).unwrap()).unwrap();
    let names: Vec<&str> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["annotations"]["org.opencontainers.image.ref.name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["app:latest", "app", "example.org/team/app:2"]);
    assert!(store.untag(&"app".parse().unwrap()).unwrap());
    assert!(!store.untag(&"app".parse().unwrap()).unwrap());
}

#[test]
fn images_without_a_name_are_kept_once_until_they_are_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&options(directory.path())).unwrap();
    let [one, two] = [&b"{}"[..], b"[]"].map(|bytes| store.write_blob(bytes).unwrap());
    for _ in 0..2 {
        store.keep(&record("x", one)).unwrap();
    }
    assert_eq!(store.all_images().unwrap().iter().map(|image| &*image.name).collect::<Vec<_>>(), [""]);
    assert_eq!(store.find_images(&one.short()).unwrap().len(), 1);
    // A name takes it out, one that moves on puts it back, and one that is taken away does not.
    store.tag(&record("app", one)).unwrap();
    store.keep(&record("x", one)).unwrap();
    assert_eq!(store.unnamed_images().unwrap(), []);
    store.tag(&record("app", two)).unwrap();
    store.tag(&record("again", two)).unwrap();
    store.tag(&record("app", one)).unwrap();
    assert_eq!(store.unnamed_images().unwrap(), []);
    store.tag(&record("app", two)).unwrap();
    assert_eq!(store.unnamed_images().unwrap()[0].manifest, one);
    assert!(store.untag(&"app".parse().unwrap()).unwrap() && store.untag(&"again".parse().unwrap()).unwrap());
    store.remove_unreferenced().unwrap();
    assert!(store.has_blob(&one) && !store.has_blob(&two));
    assert!(store.forget(&one).unwrap() && !store.forget(&one).unwrap());
    store.remove_unreferenced().unwrap();
    assert!(!store.has_blob(&one));
}

#[test]
fn a_digest_in_a_name_is_proved_by_the_manifest_or_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&options(directory.path())).unwrap();
    let index = |digest: Digest| {
        let media_type = crate::oci::media_type::OCI_MANIFEST;
        let entry = format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":2}}"#);
        store.write_blob(format!(r#"{{"schemaVersion":2,"manifests":[{entry}]}}"#).as_bytes()).unwrap()
    };
    let manifest = store.write_blob(b"{}").unwrap();
    let (inner, other) = (index(manifest), index(Digest::of(b"other")));
    let outer = index(inner);
    for (digest, expected) in
        [(manifest, true), (inner, true), (outer, true), (other, false), (Digest::of(b"nothing"), false)]
    {
        let reference: Reference = format!("app@{digest}").parse().unwrap();
        let image = record(&reference.to_string(), manifest);
        assert_eq!(store.is_true_of(&reference, &image).unwrap(), expected, "{digest}");
        store.tag(&image).unwrap();
    }
    store.remove_unreferenced().unwrap();
    assert!(store.has_blob(&inner) && store.has_blob(&outer) && !store.has_blob(&other));
}

#[test]
fn nothing_is_removed_while_another_process_uses_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&options(directory.path())).unwrap();
    let blob = store.write_blob(b"unreferenced").unwrap();
    let other = Store::open(&options(directory.path())).unwrap();
    assert_eq!(store.remove_unreferenced().unwrap(), None);
    assert!(store.has_blob(&blob));
    drop(other);
    assert_eq!(store.remove_unreferenced().unwrap(), Some(12));
    assert!(!store.has_blob(&blob));
}
