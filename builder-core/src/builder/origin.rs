//! How a build is remembered: what it built, and what tells one Dockerfile from another.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{BuildOptions, ContextSource, DockerfileSource};
use crate::explanation::BuildRecord;
use crate::remote::without_credentials;

/// Digits of a build's id.
const ID_DIGITS: usize = 16;

/// Describes a build for those to come. Nothing in it may be secret: it stays in the store.
pub(super) fn record(options: &BuildOptions) -> BuildRecord {
    let context = context(&options.context);
    let dockerfile = match &options.dockerfile {
        DockerfileSource::Default => match &options.context {
            ContextSource::Directory(directory) => whole(&directory.join("Dockerfile")),
            _ => "Dockerfile".to_owned(),
        },
        DockerfileSource::Path(path) => whole(path),
        DockerfileSource::InContext(path) => path.display().to_string(),
        DockerfileSource::Inline { name, .. } => name.clone(),
    };
    let target = options.target.clone().unwrap_or_default();
    let command = options.command.clone();
    BuildRecord { id: id(options, &context), started: options.now, command, context, dockerfile, target }
}

fn context(source: &ContextSource) -> String {
    match source {
        ContextSource::Directory(directory) => whole(directory),
        // Where it was unpacked is another place each time.
        ContextSource::Unpacked { .. } => "-".to_owned(),
        // Not the branch: the next build of another one is to be compared with it.
        ContextSource::Git(source) => match &source.subdir {
            None => without_credentials(&source.remote),
            Some(subdir) => format!("{}:{subdir}", without_credentials(&source.remote)),
        },
        ContextSource::Http(url) => without_credentials(url),
        ContextSource::Empty => String::new(),
    }
}

/// One path for one place, however it is written.
fn whole(path: &Path) -> String {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

/// Two builds have two ids, be it that they begin at the same time.
fn id(options: &BuildOptions, context: &str) -> String {
    static BUILDS: AtomicU32 = AtomicU32::new(0);
    let number = BUILDS.fetch_add(1, Ordering::Relaxed);
    let text = format!("{:?} {} {number} {context} {}", options.now, std::process::id(), options.command);
    let mut id = blake3::hash(text.as_bytes()).to_hex().to_string();
    id.truncate(ID_DIGITS);
    id
}
