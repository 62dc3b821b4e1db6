//! `inspect`.

use std::io::Write;

use builder_core::image::{self, ImageView, layer_sizes, read_all};
use builder_core::oci::{MAX_CONFIG_SIZE, MAX_MANIFEST_SIZE};
use builder_core::store::ImageRecord;
use serde_json::Value;

use super::go_fields::for_templates;
use super::remove_error;
use crate::args::{InspectArgs, RawDocument};
use crate::commands::Session;
use crate::error::{CommandError, ErrorKind};
use crate::template::Template;
use crate::ui::printer::stdout_error;

pub(in crate::commands) fn inspect(arguments: &InspectArgs, session: &Session) -> Result<(), CommandError> {
    let template = match arguments.format.as_deref() {
        None | Some("json" | "") => None,
        Some(text) => {
            Some(Template::parse(&text.replace("\\t", "\t").replace("\\n", "\n")).map_err(CommandError::usage)?)
        }
    };
    let mut missing = Vec::new();
    let mut found = Vec::new();
    for text in &arguments.images {
        match session.builder.find_image(text) {
            Ok(record) => found.push(record),
            // As with docker, the others are shown.
            Err(error) if error.is_not_found() => missing.push(error),
            Err(error) => return Err(remove_error(error)),
        }
    }
    if let Some(document) = arguments.raw {
        for record in &found {
            raw(record, document, arguments.platform.as_deref(), session)?;
        }
    } else {
        let described =
            found.iter().map(|record| describe(record, arguments, session)).collect::<Result<Vec<_>, _>>()?;
        let text = match (&template, arguments.format.as_deref()) {
            (Some(template), _) => {
                described.iter().map(|image| filled(template, image)).collect::<Result<String, _>>()?
            }
            (None, Some("json")) => described.iter().map(|image| image.to_string() + "\n").collect(),
            (None, _) => format!("{:#}\n", Value::Array(described)),
        };
        session.printer.data(&text)?;
    }
    let last = missing.pop();
    for error in missing {
        session.printer.note(&format!("error: {error}"));
    }
    last.map_or(Ok(()), |error| Err(remove_error(error)))
}

fn describe(record: &ImageRecord, arguments: &InspectArgs, session: &Session) -> Result<Value, CommandError> {
    let store = session.builder.store();
    let view = session.view_for(record, arguments.platform.as_deref())?;
    let all = store.images().map_err(CommandError::environment)?;
    let names: Vec<String> =
        all.iter().filter(|other| other.manifest == record.manifest).map(|other| other.name.clone()).collect();
    let size = size(record, &view, arguments.platform.is_some(), session).map_err(CommandError::environment)?;
    let mut described = image::inspect(&view, &names, size);
    // A description is of the document that the image's name stands for.
    described["Descriptor"]["size"] = record.manifest_size.into();
    Ok(described)
}

/// The bytes of all layers without compression; of an index those of all its images, each once.
fn size(record: &ImageRecord, view: &ImageView, alone: bool, session: &Session) -> Result<u64, image::ImageError> {
    let store = session.builder.store();
    if alone || view.index.is_none() {
        let sizes = layer_sizes(store, &view.manifest.layers, &view.config.rootfs.diff_ids, &session.cancel)?;
        return Ok(sizes.iter().sum());
    }
    let mut layers = std::collections::BTreeMap::new();
    for part in read_all(store, record)?.images {
        let sizes = layer_sizes(store, &part.layers, &part.diff_ids, &session.cancel)?;
        layers.extend(builder_core::oci::chain_ids(&part.diff_ids).into_iter().zip(sizes));
    }
    Ok(layers.values().sum())
}

fn filled(template: &Template, image: &Value) -> Result<String, CommandError> {
    Ok(template.render(&for_templates(image)).map_err(CommandError::usage)? + "\n")
}

/// Writes a document, every byte as it is.
fn raw(
    record: &ImageRecord,
    document: RawDocument,
    platform: Option<&str>,
    session: &Session,
) -> Result<(), CommandError> {
    let (digest, limit) = match document {
        RawDocument::Index => (record.manifest, MAX_MANIFEST_SIZE),
        RawDocument::Manifest => (session.view_for(record, platform)?.digest, MAX_MANIFEST_SIZE),
        RawDocument::Config => (session.view_for(record, platform)?.manifest.config.digest, MAX_CONFIG_SIZE),
    };
    let bytes = session.builder.store().read_blob(&digest, limit);
    let bytes = bytes.map_err(|error| CommandError::new(ErrorKind::Environment, error))?;
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&bytes).and_then(|()| stdout.flush()).map_err(stdout_error)
}
