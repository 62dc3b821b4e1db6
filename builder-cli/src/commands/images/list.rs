//! `images`.

use std::collections::HashSet;

use builder_core::digest::Digest;
use builder_core::glob::Glob;
use builder_core::image::{ImageFilter, ListedImage};
use builder_core::reference::Reference;
use serde_json::{Value, json};

use super::{NONE, UNKNOWN, age, date, filter};
use crate::args::ImagesArgs;
use crate::commands::Session;
use crate::commands::listing::{Field, Listing};
use crate::error::CommandError;
use crate::ui::format::size;

/// What a row has.
const FIELDS: [Field; 14] = [
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("Digest", "DIGEST"),
    ("ID", "IMAGE ID"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("Size", "SIZE"),
    ("SharedSize", "SHARED SIZE"),
    ("UniqueSize", "UNIQUE SIZE"),
    ("Containers", "CONTAINERS"),
    ("Platforms", "PLATFORMS"),
    ("Bytes", "BYTES"),
    ("SharedBytes", "SHARED BYTES"),
    ("UniqueBytes", "UNIQUE BYTES"),
];
/// Go's way to write a time.
const GO_TIME: &str = "%Y-%m-%d %H:%M:%S +0000 UTC";

pub(in crate::commands) fn images(arguments: &ImagesArgs, session: &Session) -> Result<(), CommandError> {
    let listing = Listing::parse(&arguments.format)?;
    let mut filter = filter::images(&arguments.filters, session)?;
    if let Some(pattern) = &arguments.repository {
        let glob = Glob::new(pattern);
        filter.references.push(glob.map_err(|error| CommandError::usage(format!("`{pattern}`: {error}")))?);
    }
    let images = session.builder.list_images(&filter, &session.cancel).map_err(CommandError::environment)?;
    let images = without_digests_beside_tags(images);
    if arguments.quiet && listing.is_usual() {
        let ids = images.iter().map(|image| id(image, arguments.no_trunc) + "\n");
        return session.printer.data(&ids.collect::<String>());
    }
    let mut shown = vec!["Repository", "Tag"];
    shown.extend(arguments.digests.then_some("Digest"));
    shown.extend(["ID", "CreatedSince", "Size"]);
    if arguments.verbose {
        shown.extend(["SharedSize", "UniqueSize"]);
    }
    let rows: Vec<Value> = images.iter().map(|image| row(image, arguments.no_trunc)).collect();
    session.printer.data(&listing.write(&FIELDS, &shown, &rows)?)
}

/// Leaves out names with a digest where the image has a tag of the same repository, as docker does.
fn without_digests_beside_tags(mut images: Vec<ListedImage>) -> Vec<ListedImage> {
    let place = |image: &ListedImage, name: &Reference| (image.record.config, name.familiar_name());
    let names: Vec<Option<Reference>> = images.iter().map(ListedImage::reference).collect();
    let tagged: HashSet<(Digest, String)> = images
        .iter()
        .zip(&names)
        .filter_map(|(image, name)| Some((image, name.as_ref().filter(|name| name.digest().is_none())?)))
        .map(|(image, name)| place(image, name))
        .collect();
    let mut names = names.iter();
    images.retain(|image| {
        let name = names.next().and_then(Option::as_ref).filter(|name| name.digest().is_some());
        name.is_none_or(|name| !tagged.contains(&place(image, name)))
    });
    images
}

/// The table of `system df -v`.
pub(in crate::commands) fn table(session: &Session) -> Result<String, CommandError> {
    let images =
        session.builder.list_images(&ImageFilter::default(), &session.cancel).map_err(CommandError::environment)?;
    let images = without_digests_beside_tags(images);
    let rows: Vec<Value> = images.iter().map(|image| row(image, false)).collect();
    let shown = ["Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize"];
    Listing::Table.write(&FIELDS, &shown, &rows)
}

fn id(image: &ListedImage, whole: bool) -> String {
    if whole { image.record.config.to_string() } else { image.record.config.short() }
}

/// The tag of a name. Beside a digest it says nothing: no registry was asked about it.
fn tag(name: &Reference) -> Option<&str> {
    name.tag().filter(|_| name.digest().is_none())
}

fn row(image: &ListedImage, whole: bool) -> Value {
    let reference = image.reference();
    let repository = reference.as_ref().map_or_else(|| NONE.to_owned(), Reference::familiar_name);
    let platforms: Vec<String> = image.platforms.iter().map(ToString::to_string).collect();
    json!({
        "Repository": repository,
        "Tag": reference.as_ref().and_then(tag).unwrap_or(NONE),
        "Digest": image.record.manifest,
        "ID": id(image, whole),
        "CreatedSince": age(&image.record.created),
        "CreatedAt": date(&image.record.created, GO_TIME),
        "Size": size(image.size),
        "SharedSize": size(image.shared),
        "UniqueSize": size(image.unique()),
        // Docker's field: here are none.
        "Containers": UNKNOWN,
        "Platforms": platforms.join(", "),
        "Bytes": image.size,
        "SharedBytes": image.shared,
        "UniqueBytes": image.unique(),
    })
}
