//! `RUN --mount`: what its options mean together, and where the files come from.
//!
//! Spec: dockerfile-semantics 7. The messages are BuildKit's.

use super::copy::{clean, join};
use super::mount_fields::{Fields, Kind, SOURCE, TARGET};
use super::stage::StageBuilder;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::flag_fields;
use crate::plan::mount::{
    BindMount, CacheMount, CacheOwner, Mount, MountKind, MountPlaces, SecretMount, SshMount, escape_pattern,
};
use crate::plan::op::{CopyFrom, CopyOp, CopyPart, CopySource, FilesystemRef, Op};
use crate::semantic::stage_table::StageLookup;
use crate::text::{Span, Spanned, go_quoted};

/// The build arg that keeps the caches of one project apart from those of others.
const CACHE_NAMESPACE: &str = "BUILDKIT_CACHE_MOUNT_NS";
impl StageBuilder<'_, '_> {
    /// Lowers the mounts of one RUN; `None` where something was reported.
    pub(super) fn mounts(&mut self, values: &[Spanned<String>]) -> Option<Vec<Mount>> {
        let mut mounts = Vec::with_capacity(values.len());
        let before = self.planner.diagnostics.len();
        for value in values {
            mounts.extend(self.mount(value));
        }
        (self.planner.diagnostics.len() == before && mounts.len() == values.len()).then_some(mounts)
    }

    fn mount(&mut self, value: &Spanned<String>) -> Option<Mount> {
        let fields = match flag_fields(value) {
            Ok(fields) => fields,
            Err(error) => {
                self.error("invalid-mount", value.span, error.to_string());
                return None;
            }
        };
        let before = self.planner.diagnostics.len();
        let mut read = Fields::default();
        let mut outcome = Ok(());
        for field in &fields {
            let taken = read.take(&field.value, &mut |text| self.expand_str(text, field.span));
            outcome = taken.map_err(|wrong| (wrong, field.span));
            if outcome.is_err() {
                break;
            }
        }
        let written = Written { whole: value.span, fields: &fields };
        let outcome = outcome.and_then(|()| {
            read.check().map_err(|wrong| {
                let span = written.place(wrong.keys);
                (wrong, span)
            })
        });
        if let Err((wrong, span)) = outcome {
            self.wrong_mount(span, wrong.message, wrong.help);
        }
        if self.planner.diagnostics.len() > before {
            return None;
        }
        self.lower_mount(&read, &written)
    }

    fn wrong_mount(&mut self, span: Span, message: String, help: impl Into<String>) {
        let diagnostic = Diagnostic::error("invalid-mount", self.place(span), message);
        self.planner.diagnostics.push(diagnostic.help(help));
    }

    fn lower_mount(&mut self, fields: &Fields, places: &Written<'_>) -> Option<Mount> {
        let read_only = fields.read_only.unwrap_or(!matches!(fields.kind, Kind::Cache | Kind::Tmpfs));
        let source = clean(&join("/", &fields.source));
        let written = fields.target.as_str();
        let places_of = MountPlaces {
            whole: self.place(places.whole),
            source: self.place(places.place(SOURCE)),
            target: self.place(places.place(TARGET)),
        };
        let (target, kind) = match fields.kind {
            Kind::Bind => {
                let (from, selected) = self.mount_source(fields, &source, places)?;
                (Some(written), MountKind::Bind(BindMount { from, selected, source }))
            }
            Kind::Cache => {
                let from = match fields.from.as_str() {
                    "" => FilesystemRef::Scratch,
                    _ => self.mount_source(fields, &source, places)?.0,
                };
                (Some(written), MountKind::Cache(self.cache_mount(fields, from, source)))
            }
            Kind::Tmpfs => (Some(written), MountKind::Tmpfs { size: fields.size.filter(|size| *size > 0) }),
            Kind::Secret => {
                let given = if fields.source.is_empty() { &fields.id } else { &fields.source };
                let id = if given.is_empty() { base_name(written) } else { given.as_str() };
                let secret = SecretMount {
                    id: id.to_owned(),
                    env: fields.env.clone(),
                    required: fields.required,
                    uid: fields.uid.unwrap_or(0),
                    gid: fields.gid.unwrap_or(0),
                    mode: fields.mode.unwrap_or(0o400) & 0o7777,
                };
                let place = (!written.is_empty()).then(|| written.to_owned());
                let place = place.or_else(|| fields.env.is_none().then(|| format!("/run/secrets/{}", base_name(id))));
                let target = self.mount_target(place.as_deref(), places)?;
                return Some(Mount { target, read_only, kind: MountKind::Secret(secret), places: places_of });
            }
            Kind::Ssh => {
                let ssh = SshMount {
                    id: if fields.id.is_empty() { "default".to_owned() } else { fields.id.clone() },
                    required: fields.required,
                    uid: fields.uid.unwrap_or(0),
                    gid: fields.gid.unwrap_or(0),
                    mode: fields.mode.unwrap_or(0o600) & 0o7777,
                };
                ((!written.is_empty()).then_some(written), MountKind::Ssh(ssh))
            }
        };
        let target = self.mount_target(target, places)?;
        Some(Mount { target, read_only, kind, places: places_of })
    }

    fn cache_mount(&self, fields: &Fields, from: FilesystemRef, source: String) -> CacheMount {
        let namespace = self.planner.options.build_args.get(CACHE_NAMESPACE).map_or("", String::as_str);
        let default_id = fields.id.is_empty();
        // By the target as it is written: two stages with the same relative target share it, as with BuildKit.
        let id = if default_id { clean_relative(&fields.target) } else { fields.id.clone() };
        let given = fields.mode.is_some() || fields.uid.is_some() || fields.gid.is_some();
        CacheMount {
            id: format!("{namespace}/{id}"),
            default_id,
            from,
            sharing: fields.sharing.unwrap_or_default(),
            owner: (given && source == "/").then(|| CacheOwner {
                uid: fields.uid.unwrap_or(0),
                gid: fields.gid.unwrap_or(0),
                mode: fields.mode.unwrap_or(0o755) & 0o7777,
            }),
            source,
        }
    }

    /// Joins a target to the working directory; the outer `None` where that was reported to be impossible.
    #[expect(clippy::option_option, reason = "the outer one means: reported")]
    fn mount_target(&mut self, target: Option<&str>, places: &Written<'_>) -> Option<Option<String>> {
        let Some(target) = target else { return Some(None) };
        let target = clean(&join(self.state.cwd(), target));
        if target == "/" {
            let help = "mount it at a directory below the root: `target=/mnt`";
            self.wrong_mount(places.place(TARGET), format!("invalid mount target {}", go_quoted(&target)), help);
            return None;
        }
        Some(Some(target))
    }

    /// What the files of a mount come from. Of a context, what the mount selects is made a filesystem first: the
    /// step sees what COPY would see of it, by owner and by ignore file, whatever happens to the context meanwhile.
    /// With it comes whether the filesystem holds what is selected and nothing else.
    fn mount_source(&mut self, fields: &Fields, source: &str, places: &Written<'_>) -> Option<(FilesystemRef, bool)> {
        let from = if fields.from.is_empty() {
            if !self.planner.options.has_main_context {
                let message = format!("\"{source}\": not found: there is no build context");
                let diagnostic = Diagnostic::error("no-context", self.place(places.place(SOURCE)), message);
                let help =
                    "build with a directory as the context, or mount `from=` a stage, an image or a named context";
                self.planner.diagnostics.push(diagnostic.help(help));
                return None;
            }
            CopyFrom::Context(String::new())
        } else {
            let span = places.place(&["from"]);
            if let StageLookup::NotYet(_) = self.planner.table.lookup(self.id, &fields.from)
                && self.planner.context(&fields.from, &self.state.platform).is_none()
            {
                let message = format!(
                    "cannot mount from stage {} to {}, stage needs to be defined before current command",
                    go_quoted(&fields.from),
                    go_quoted(&fields.target)
                );
                let diagnostic = Diagnostic::error("forward-reference", self.place(span), message);
                let help = format!("move the stage `{}` before this one", fields.from);
                self.planner.diagnostics.push(diagnostic.help(help));
                return None;
            }
            self.taken_from(&Spanned::new(fields.from.clone(), span))?
        };
        let name = match &from {
            CopyFrom::Filesystem(filesystem) => return Some((*filesystem, false)),
            CopyFrom::Context(name) => name,
        };
        let shown = if name.is_empty() { "build context".to_owned() } else { format!("build context {name}") };
        let place = self.place(places.place(SOURCE));
        let sources = vec![CopySource::Path { path: escape_pattern(source), span: place }];
        let parts = vec![CopyPart { from, sources, unpack: false }];
        // At the same place, so that the mount's source needs no other name.
        let (destination, platform) = (source.to_owned(), self.state.platform.clone());
        let op = Op::Copy(CopyOp::new(FilesystemRef::Scratch, parts, destination, platform));
        let vertex = self.planner.vertex(op, format!("[internal] load {shown}: {source}"), place, self.id);
        Some((FilesystemRef::Vertex(vertex), true))
    }
}

/// Go's `path.Base`.
fn base_name(path: &str) -> &str {
    match path.trim_end_matches('/').rsplit('/').next() {
        Some("") | None => "/",
        Some(name) => name,
    }
}

/// Go's `path.Clean`, for a path that may be relative or empty.
fn clean_relative(path: &str) -> String {
    if path.starts_with('/') {
        return clean(path);
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// Where the options of a mount stand.
struct Written<'f> {
    whole: Span,
    fields: &'f [Spanned<String>],
}

impl Written<'_> {
    /// Returns the place of the option that has one of these names: of several the last one, which holds. Where there
    /// is none, the mount.
    fn place(&self, names: &[&str]) -> Span {
        let matches = |field: &&Spanned<String>| {
            let key = field.value.split_once('=').map_or(field.value.as_str(), |(key, _)| key);
            names.iter().any(|name| key.eq_ignore_ascii_case(name))
        };
        self.fields.iter().rev().find(matches).map_or(self.whole, |field| field.span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_paths_as_go_makes_them() {
        for (path, expected) in [("/a/b", "b"), ("a/", "a"), ("/", "/")] {
            assert_eq!(base_name(path), expected);
        }
        for (path, expected) in [("/a//b/", "/a/b"), ("a/./b", "a/b"), ("", "."), ("../a/..", ".."), ("a/..", ".")] {
            assert_eq!(clean_relative(path), expected, "{path}");
        }
    }
}
