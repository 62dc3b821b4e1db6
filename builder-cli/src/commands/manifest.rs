//! `builder manifest`.

use builder_core::builder::{Builder, ListError};
use builder_core::cancel::CancelToken;
use builder_core::digest::Digest;
use builder_core::image::PlatformChange;
use builder_core::oci::{Document, MAX_MANIFEST_SIZE};
use builder_core::reference::Reference;
use builder_core::registry::{Client, ManifestName};
use builder_core::source::SourceError;
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Value, json};

use super::Session;
use super::build::command_error;
use super::registry::shown;
use crate::args::{
    ManifestAnnotateArgs, ManifestCommand, ManifestCreateArgs, ManifestInspectArgs, ManifestPushArgs, ManifestRmArgs,
};
use crate::error::{CommandError, ErrorKind};
use crate::settings;

pub(super) fn manifest(command: &ManifestCommand, session: &Session) -> Result<(), CommandError> {
    match command {
        ManifestCommand::Create(arguments) => create(arguments, session),
        ManifestCommand::Annotate(arguments) => annotate(arguments, session),
        ManifestCommand::Inspect(arguments) => inspect(arguments, session),
        ManifestCommand::Push(arguments) => push(arguments, session),
        ManifestCommand::Rm(arguments) => remove(arguments, session),
    }
}

/// The builder of this command: with `--insecure` the registries of some names need not prove who they are.
fn trusting(session: &Session, insecure: bool, names: &[Reference]) -> Builder {
    let domains = names.iter().filter(|_| insecure).map(Reference::domain);
    session.builder.reaching(session.builder.registry_options().insecure_for(domains))
}

fn create(arguments: &ManifestCreateArgs, session: &Session) -> Result<(), CommandError> {
    let name = settings::name(&arguments.list)?;
    let images: Vec<Reference> = arguments.images.iter().filter_map(|image| image.parse().ok()).collect();
    let builder = trusting(session, arguments.insecure, &images);
    let created = builder.create_list(&name, &arguments.images, arguments.amend, &session.cancel);
    let created = created.map_err(list_error)?;
    if created.left_out > 0 {
        session.printer.note(&format!(
            "{} statement(s) about images that were built here were left out: push those images first to have them",
            created.left_out
        ));
    }
    session.printer.data(&format!("Created manifest list {name}\n"))
}

fn annotate(arguments: &ManifestAnnotateArgs, session: &Session) -> Result<(), CommandError> {
    let change = PlatformChange {
        os: arguments.os.clone(),
        architecture: arguments.arch.clone(),
        variant: arguments.variant.clone(),
        os_version: arguments.os_version.clone(),
        os_features: arguments.os_features.clone(),
    };
    let name = settings::name(&arguments.list)?;
    session.builder.annotate_list(&name, &arguments.image, &change, &session.cancel).map_err(list_error)
}

fn push(arguments: &ManifestPushArgs, session: &Session) -> Result<(), CommandError> {
    let name = settings::name(&arguments.list)?;
    let builder = trusting(session, arguments.insecure, std::slice::from_ref(&name));
    let pushed = shown(arguments.quiet, arguments.progress, session, |events| {
        builder.push_list(&name, events, &session.cancel)
    })?;
    let summary = pushed.map_err(list_error)?;
    session.printer.data(&format!("{}\n", summary.digest))?;
    if arguments.purge { purge(&name, session) } else { Ok(()) }
}

fn remove(arguments: &ManifestRmArgs, session: &Session) -> Result<(), CommandError> {
    for list in &arguments.lists {
        purge(&settings::name(list)?, session)?;
    }
    Ok(())
}

fn purge(name: &Reference, session: &Session) -> Result<(), CommandError> {
    session.builder.remove_list(name).map_err(list_error)?;
    // Where another process uses the store, what is not needed stays for now.
    session.builder.store().remove_unreferenced().map(|_| ()).map_err(CommandError::environment)
}

/// Where documents are read from.
struct Place<'s> {
    session: &'s Session,
    builder: Builder,
    reference: Reference,
    /// The registry, where the image is asked for there.
    client: Option<Client>,
}

impl<'s> Place<'s> {
    /// Finds out where a name is looked up: what came from a registry is asked for there, so that what is shown is
    /// what is true now.
    fn of(name: &str, insecure: bool, session: &'s Session) -> Result<(Self, Vec<u8>), CommandError> {
        let reference = settings::reference(name)?;
        let builder = trusting(session, insecure, std::slice::from_ref(&reference));
        let store = session.builder.store();
        let failed = CommandError::environment;
        let record = store.image(&reference).map_err(failed)?;
        let full = reference.to_string();
        if let Some(record) = record
            && (store.is_list(&full).map_err(failed)? || !store.is_of_registry(&record.manifest).map_err(failed)?)
        {
            let bytes = store.read_blob(&record.manifest, MAX_MANIFEST_SIZE).map_err(failed)?;
            return Ok((Self { session, builder, reference, client: None }, bytes));
        }
        let client = Client::new(&reference, builder.registry_options()).map_err(registry_error)?;
        let bytes = client.manifest(None, &session.cancel).map_err(registry_error)?;
        Ok((Self { session, builder, reference, client: Some(client) }, bytes))
    }

    /// Reads a manifest that a list names.
    fn read(&self, digest: &Digest, cancel: &CancelToken) -> Result<Vec<u8>, CommandError> {
        let store = self.session.builder.store();
        if store.has_blob(digest) {
            return store.read_blob(digest, MAX_MANIFEST_SIZE).map_err(CommandError::environment);
        }
        match &self.client {
            Some(client) => client.manifest_of(ManifestName::Digest(digest), cancel).map_err(registry_error),
            None => Err(CommandError::new(ErrorKind::Failed, format!("manifest {digest} is not in the store"))),
        }
    }

    /// Describes a document with its descriptor, as `docker manifest inspect --verbose` does.
    fn described(&self, bytes: &[u8], platform: &Value) -> Result<Value, CommandError> {
        let document: Value = serde_json::from_slice(bytes).map_err(CommandError::usage)?;
        let digest = Digest::of(bytes);
        let (media_type, name) = match Document::parse(bytes, None) {
            Ok(Document::Manifest(manifest)) if manifest.media_type.contains(".docker.") => {
                (manifest.media_type, "SchemaV2Manifest")
            }
            Ok(Document::Manifest(manifest)) => (manifest.media_type, "OCIManifest"),
            _ => (document["mediaType"].as_str().unwrap_or_default().to_owned(), "OCIManifest"),
        };
        let mut descriptor = json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() });
        if platform.is_object() {
            descriptor["platform"] = platform.clone();
        }
        let shown = format!("{}@{digest}", self.reference.familiar_name());
        Ok(json!({ "Ref": shown, "Descriptor": descriptor, name: document }))
    }
}

fn inspect(arguments: &ManifestInspectArgs, session: &Session) -> Result<(), CommandError> {
    let (place, mut bytes) = Place::of(&arguments.name, arguments.insecure, session)?;
    let mut document: Value = serde_json::from_slice(&bytes).map_err(CommandError::usage)?;
    let mut platform = Value::Null;
    if let Some(member) = &arguments.image {
        let name = settings::name(&arguments.name)?;
        let found = place.builder.find_member(&name, member, &session.cancel).map_err(list_error)?;
        platform = entry(&document, &found)["platform"].clone();
        bytes = place.read(&found, &session.cancel)?;
        document = serde_json::from_slice(&bytes).map_err(CommandError::usage)?;
    }
    let value = if !arguments.verbose {
        document
    } else if let Some(entries) = document["manifests"].as_array() {
        let described = |entry: &Value| {
            let digest: Digest = entry["digest"].as_str().unwrap_or_default().parse().map_err(CommandError::usage)?;
            place.described(&place.read(&digest, &session.cancel)?, &entry["platform"])
        };
        Value::Array(entries.iter().map(described).collect::<Result<_, _>>()?)
    } else {
        place.described(&bytes, &platform)?
    };
    session.printer.data(&indented(&value)?)
}

fn entry<'d>(document: &'d Value, digest: &Digest) -> &'d Value {
    let entries = document["manifests"].as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().find(|entry| entry["digest"] == digest.to_string()).unwrap_or(&Value::Null)
}

/// Indents with tabs, as docker does.
fn indented(value: &Value) -> Result<String, CommandError> {
    let mut out = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut out, PrettyFormatter::with_indent(b"\t"));
    value.serialize(&mut serializer).map_err(CommandError::environment)?;
    out.push(b'\n');
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn registry_error(error: builder_core::registry::RegistryError) -> CommandError {
    command_error(SourceError::from(error).into())
}

fn list_error(error: ListError) -> CommandError {
    let (kind, hint) = match &error {
        ListError::Exists => (ErrorKind::Usage, Some("`--amend` adds to it, `builder manifest rm` removes it")),
        ListError::NotAList { .. } | ListError::Platform { .. } | ListError::Reference(_) => (ErrorKind::Usage, None),
        ListError::Ambiguous { .. } => (ErrorKind::Usage, Some("give more digits, or a name")),
        ListError::Partial { .. } => {
            (ErrorKind::Failed, Some("`builder pull --all-platforms NAME` fetches the others"))
        }
        ListError::NoSuchMember { .. } => {
            (ErrorKind::Failed, Some("`builder manifest inspect LIST` shows what it has"))
        }
        ListError::Build(_) => {
            let ListError::Build(error) = error else { return CommandError::usage(error) };
            return command_error(error);
        }
        _ => (ErrorKind::Failed, None),
    };
    let error = CommandError::new(kind, error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
