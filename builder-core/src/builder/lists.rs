//! Indexes that people put together of images that were built one by one: `manifest create` and its like.
//!
//! An index is an image of the store under its name. Its images may be of the store, or of a registry: then their
//! manifests and configs are here, and their layers are fetched when somebody wants them.

use std::collections::BTreeMap;

use super::prepare::Tasks;
use super::{BuildError, BuildErrorKind, Builder};
use crate::cancel::CancelToken;
use crate::digest::Digest;
use crate::event::EventSink;
use crate::export::{PushList, PushRequest, PushSummary};
use crate::image::{ImageForm, ImageList, PlatformChange};
use crate::oci::{
    BlobDescriptor, Document, DocumentError, ImageConfig, MAX_CONFIG_SIZE, MAX_MANIFEST_SIZE, Manifest, check_config,
    links,
};
use crate::reference::{Reference, ReferenceError};
use crate::registry::{Client, RegistryError};
use crate::source::SourceError;
use crate::store::{ImageRecord, ListMember, StepLock};

/// The most images of one index that are taken into another.
const MAX_MEMBERS: usize = 1000;
/// What marks the statements about an image in an index.
const STATEMENT: &str = "vnd.docker.reference.type";

/// An index could not be put together. The words are docker's where docker has some.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// There is one, and nobody said that it is to be changed.
    #[error("refusing to amend an existing manifest list with no --amend flag")]
    Exists,
    /// The name is that of a single image.
    #[error("`{name}` is an image and no manifest list")]
    NotAList {
        /// The name.
        name: String,
    },
    /// There is no such index here.
    #[error("No such manifest: {name}")]
    NoSuchList {
        /// The name.
        name: String,
    },
    /// An index has no such image.
    #[error("manifest for image {image} does not exist in {list}")]
    NoSuchMember {
        /// The image.
        image: String,
        /// The index.
        list: String,
    },
    /// Nobody knows such a platform.
    #[error("manifest entry for image has unsupported os/arch combination: {os}/{architecture}")]
    Platform {
        /// The operating system.
        os: String,
        /// The architecture.
        architecture: String,
    },
    /// Of an image for several platforms not all are here.
    #[error("of `{image}` the store has the images for some platforms only")]
    Partial {
        /// Its name.
        image: String,
    },
    /// A name is ambiguous.
    #[error("`{image}` fits several images")]
    Ambiguous {
        /// What was typed.
        image: String,
    },
    /// What was typed is neither an image of the store nor a reference.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// Everything else.
    #[error(transparent)]
    Build(BuildError),
}

impl<E: Into<BuildErrorKind>> From<E> for ListError {
    fn from(error: E) -> Self {
        Self::Build(BuildError::from(error.into()))
    }
}

fn of_registry(error: RegistryError) -> ListError {
    SourceError::from(error).into()
}

fn of_document(error: DocumentError) -> ListError {
    SourceError::from(error).into()
}

/// What is added to an index.
struct Added {
    list: ImageList,
    members: Vec<ListMember>,
    left_out: usize,
}

/// What putting an index together came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreatedList {
    /// The digest of the index.
    pub digest: Digest,
    /// How many statements about images were left out: they speak of bytes that become others when they are pushed.
    pub left_out: usize,
}

impl Builder {
    /// Puts an index of images together, or adds to one.
    ///
    /// # Errors
    /// [`ListError`]; then nothing has changed.
    pub fn create_list(
        &self,
        name: &Reference,
        images: &[String],
        amend: bool,
        cancel: &CancelToken,
    ) -> Result<CreatedList, ListError> {
        name.check_as_name()?;
        let (_hold, _alone) = (self.store.hold(), self.only_one_changes(name, cancel)?);
        let before = self.store.image(name)?;
        let list = match &before {
            Some(_) if !amend => return Err(ListError::Exists),
            Some(record) => self.read_list(record)?,
            None => ImageList::default(),
        };
        let mut added = Added { list, members: Vec::new(), left_out: 0 };
        for image in images {
            self.add(image, &mut added, cancel)?;
        }
        let digest = self.keep_list(name, &added.list, before.as_ref())?;
        if before.is_none() {
            // What a list of that name had, which somebody removed as an image.
            self.store.forget_list(&name.to_string())?;
        }
        self.store.note_list_members(&name.to_string(), &added.members)?;
        Ok(CreatedList { digest, left_out: added.left_out })
    }

    /// Others who change this index wait: what one reads and the other writes would be lost.
    fn only_one_changes(&self, name: &Reference, cancel: &CancelToken) -> Result<StepLock, ListError> {
        Ok(self.store.lock_step(Digest::of(format!("list {name}").as_bytes()).as_bytes(), cancel)?)
    }

    /// Changes what an index says of the platform of one of its images.
    ///
    /// # Errors
    /// [`ListError`]; then nothing has changed.
    pub fn annotate_list(
        &self,
        name: &Reference,
        image: &str,
        change: &PlatformChange,
        cancel: &CancelToken,
    ) -> Result<(), ListError> {
        let (_hold, _alone) = (self.store.hold(), self.only_one_changes(name, cancel)?);
        let no_list = || ListError::NoSuchList { name: name.familiar() };
        let record = self.store.image(name)?.ok_or_else(no_list)?;
        let mut list = self.read_list(&record)?;
        let members = self.members_called(name, image, &list, cancel)?;
        let no_member = || ListError::NoSuchMember { image: image.to_owned(), list: name.familiar() };
        if members.is_empty() {
            return Err(no_member());
        }
        for member in members {
            let (os, architecture) = list.annotate(&member, change).ok_or_else(no_member)?;
            if !crate::platform::is_known(&os, &architecture) {
                return Err(ListError::Platform { os, architecture });
            }
        }
        self.keep_list(name, &list, Some(&record))?;
        Ok(())
    }

    /// Pushes an index with its images to where its name says.
    ///
    /// # Errors
    /// [`ListError`].
    pub fn push_list(
        &self,
        name: &Reference,
        events: &dyn EventSink,
        cancel: &CancelToken,
    ) -> Result<PushSummary, ListError> {
        let _hold = self.store.hold();
        let record = self.store.image(name)?.ok_or_else(|| ListError::NoSuchList { name: name.familiar() })?;
        let list = self.read_list(&record)?;
        let members = self.store.list_members(&name.to_string())?;
        let origin = |member: &ListMember| Some((member.manifest, member.image.parse().ok()?));
        let origins: BTreeMap<Digest, Reference> = members.iter().filter_map(origin).collect();
        let tasks = Tasks::new(events);
        let push = tasks.run("preparing layers".to_owned(), || {
            PushList::new(&self.snapshots, list, &origins, ImageForm::archive(), cancel)
        })?;
        let request = PushRequest { target: name, by_digest: false, options: &self.registry };
        Ok(tasks.run_told(format!("pushing {name}"), |progress| push.push(&request, &self.store, progress, cancel))?)
    }

    /// Removes an index that was put together here; its images stay.
    ///
    /// # Errors
    /// [`ListError::NoSuchList`].
    pub fn remove_list(&self, name: &Reference) -> Result<(), ListError> {
        let full = name.to_string();
        // The name may have become another image's since.
        let is_index = |record: &ImageRecord| self.read_list(record).is_ok();
        if !self.store.image(name)?.as_ref().is_some_and(is_index) || !self.store.is_list(&full)? {
            return Err(ListError::NoSuchList { name: name.familiar() });
        }
        self.store.untag(name)?;
        Ok(self.store.forget_list(&full)?)
    }

    /// Finds an image in an index, by the name that it was added under, another name of it or its digest.
    ///
    /// # Errors
    /// [`ListError::NoSuchList`], [`ListError::NoSuchMember`].
    pub fn find_member(&self, name: &Reference, image: &str, cancel: &CancelToken) -> Result<Digest, ListError> {
        let record = self.store.image(name)?.ok_or_else(|| ListError::NoSuchList { name: name.familiar() })?;
        let list = self.read_list(&record)?;
        let found = self.members_called(name, image, &list, cancel)?;
        let no_member = || ListError::NoSuchMember { image: image.to_owned(), list: name.familiar() };
        found.into_iter().find(|digest| list.has(digest)).ok_or_else(no_member)
    }

    fn read_list(&self, record: &ImageRecord) -> Result<ImageList, ListError> {
        let bytes = self.store.read_blob(&record.manifest, MAX_MANIFEST_SIZE)?;
        match Document::parse(&bytes, Some(&record.media_type)).map_err(of_document)? {
            Document::Index(_) => Ok(ImageList::parse(&bytes)?),
            Document::Manifest(_) => Err(ListError::NotAList { name: record.name.clone() }),
        }
    }

    fn keep_list(&self, name: &Reference, list: &ImageList, before: Option<&ImageRecord>) -> Result<Digest, ListError> {
        let bytes = list.bytes()?;
        let digest = self.store.write_blob(&bytes)?;
        let record = ImageRecord {
            name: name.to_string(),
            manifest: digest,
            manifest_size: bytes.len() as u64,
            media_type: list.media_type().to_owned(),
            config: digest,
            created: String::new(),
        };
        self.store.tag(&record)?;
        // What it was before is nobody's image.
        if let Some(before) = before.filter(|before| before.manifest != digest) {
            self.store.forget(&before.manifest)?;
        }
        Ok(digest)
    }

    /// Adds an image of the store, or else of a registry.
    fn add(&self, image: &str, added: &mut Added, cancel: &CancelToken) -> Result<(), ListError> {
        let found = self.store.find_images(image)?;
        if found.iter().any(|other| other.manifest != found[0].manifest) {
            return Err(ListError::Ambiguous { image: image.to_owned() });
        }
        match found.into_iter().next() {
            Some(record) => self.add_stored(image, &record, added),
            None => self.add_remote(&image.parse()?, added, cancel),
        }
    }

    fn add_stored(&self, image: &str, record: &ImageRecord, added: &mut Added) -> Result<(), ListError> {
        let bytes = self.store.read_blob(&record.manifest, MAX_MANIFEST_SIZE)?;
        let read = |digest: &Digest| {
            if !self.store.has_blob(digest) {
                return Err(ListError::Partial { image: image.to_owned() });
            }
            Ok(self.store.read_blob(digest, MAX_MANIFEST_SIZE)?)
        };
        // What is stated about an image that was made here is about bytes that will be compressed.
        let with_statements = self.store.is_of_registry(&record.manifest)?;
        let config = |config: &BlobDescriptor| Ok(self.store.read_blob(&config.digest, MAX_CONFIG_SIZE)?);
        take(&record.name, &bytes, &record.media_type, with_statements, &read, &config, added)
    }

    fn add_remote(&self, reference: &Reference, added: &mut Added, cancel: &CancelToken) -> Result<(), ListError> {
        let client = Client::new(reference, &self.registry).map_err(of_registry)?;
        let top = client.manifest(None, cancel).map_err(of_registry)?;
        let mut here = Vec::new();
        let noted = std::cell::RefCell::new(&mut here);
        let keep = |bytes: &[u8]| -> Result<(), ListError> {
            let digest = self.store.write_blob(bytes)?;
            let named = links(bytes).unwrap_or_default().blobs.into_iter().map(|blob| blob.digest);
            noted.borrow_mut().extend(std::iter::once(digest).chain(named));
            Ok(())
        };
        let read = |digest: &Digest| {
            let bytes = client.manifest(Some(digest), cancel).map_err(of_registry)?;
            keep(&bytes)?;
            Ok(bytes)
        };
        let config = |config: &BlobDescriptor| {
            let bytes = client.small_blob(config, MAX_CONFIG_SIZE, cancel).map_err(of_registry)?;
            self.store.write_blob(&bytes)?;
            Ok(bytes)
        };
        keep(&top)?;
        take(&reference.to_string(), &top, "", true, &read, &config, added)?;
        self.store.note_whereabouts(reference.domain(), reference.path(), &here)?;
        Ok(())
    }

    /// Finds the entries that a person means by a digest, by the name that they were taken under, or by another name
    /// of the same image.
    fn members_called(
        &self,
        list_name: &Reference,
        image: &str,
        list: &ImageList,
        cancel: &CancelToken,
    ) -> Result<Vec<Digest>, ListError> {
        if let Ok(digest) = image.parse::<Digest>() {
            return Ok(vec![digest]);
        }
        let reference = image.parse::<Reference>();
        if let Ok(reference) = &reference {
            if let Some(digest) = reference.digest() {
                return Ok(vec![*digest]);
            }
            let full = reference.to_string();
            let members = self.store.list_members(&list_name.to_string())?;
            let called = members.into_iter().filter(|member| member.image == full && list.has(&member.manifest));
            let called: Vec<Digest> = called.map(|member| member.manifest).collect();
            if !called.is_empty() {
                return Ok(called);
            }
        }
        let stored: Vec<Digest> = self.store.find_images(image)?.iter().map(|record| record.manifest).collect();
        if stored.iter().any(|digest| list.has(digest)) {
            return Ok(stored.into_iter().filter(|digest| list.has(digest)).take(1).collect());
        }
        // Pulled by hand from an index of others, perhaps: the registry knows what it is.
        let Ok(reference) = reference else { return Ok(Vec::new()) };
        if !list.members().iter().any(|(digest, _)| self.is_of(digest, &reference)) {
            return Ok(Vec::new());
        }
        let client = Client::new(&reference, &self.registry).map_err(of_registry)?;
        let digest = Digest::of(&client.manifest(None, cancel).map_err(of_registry)?);
        Ok(list.has(&digest).then_some(digest).into_iter().collect())
    }

    fn is_of(&self, digest: &Digest, reference: &Reference) -> bool {
        let repositories = self.store.repositories_with(digest, reference.domain(), 16).unwrap_or_default();
        repositories.iter().any(|repository| repository == reference.path())
    }
}

type Read<'r, I> = &'r dyn Fn(&I) -> Result<Vec<u8>, ListError>;

/// Takes an image, or the images of an index, into a list.
fn take(
    name: &str,
    bytes: &[u8],
    media_type: &str,
    with_statements: bool,
    read: Read<'_, Digest>,
    config: Read<'_, BlobDescriptor>,
    added: &mut Added,
) -> Result<(), ListError> {
    let member = |manifest| ListMember { manifest, image: name.to_owned() };
    let config_of = |manifest: &Manifest| -> Result<ImageConfig, ListError> {
        check_config(&config(&manifest.config)?, manifest).map_err(of_document)
    };
    match Document::parse(bytes, Some(media_type)).map_err(of_document)? {
        Document::Manifest(manifest) => {
            let digest = Digest::of(bytes);
            let config = config_of(&manifest)?;
            added.list.add_image(&manifest.media_type, digest, bytes.len() as u64, &config)?;
            added.members.push(member(digest));
        }
        Document::Index(_) => {
            let index = ImageList::parse(bytes)?;
            let members = index.members();
            if members.len() > MAX_MEMBERS {
                let error = RegistryError::TooLarge { what: "the index", limit: MAX_MEMBERS as u64 };
                return Err(of_registry(error));
            }
            for (entry, (digest, _)) in index.entries().iter().zip(members) {
                let is_statement = entry["annotations"].get(STATEMENT).is_some();
                if is_statement && !with_statements {
                    added.left_out += 1;
                    continue;
                }
                let document = read(&digest)?;
                // Its config is what others look at first.
                if !is_statement && let Ok(Document::Manifest(manifest)) = Document::parse(&document, None) {
                    config(&manifest.config)?;
                }
                added.list.add(entry.clone());
                added.members.push(member(digest));
            }
        }
    }
    Ok(())
}
