//! The values of `RUN --mount`: which keys there are, what they mean for each type, and what is wrong with them.
//!
//! Spec: dockerfile-semantics 7.1. The messages are BuildKit's.

use super::copy::{clean, join};
use super::stage::StageBuilder;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{closest, csv_fields};
use crate::plan::mount::{
    BindMount, CacheMount, CacheOwner, Mount, MountKind, SecretMount, Sharing, SshMount, escape_pattern,
};
use crate::plan::op::{CopyFrom, CopyOp, CopyPart, CopySource, FilesystemRef, Op};
use crate::semantic::stage_table::StageLookup;
use crate::text::{Span, Spanned, go_quoted, parse_size};

/// The build arg that keeps the caches of one project apart from those of others.
const CACHE_NAMESPACE: &str = "BUILDKIT_CACHE_MOUNT_NS";
const TYPES: [&str; 5] = ["bind", "cache", "secret", "ssh", "tmpfs"];
const SHARINGS: [&str; 3] = ["locked", "private", "shared"];
const KEYS: [&str; 19] = [
    "type",
    "from",
    "source",
    "target",
    "readonly",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "src",
    "dst",
    "destination",
    "ro",
    "rw",
    "readwrite",
    "env",
];

/// The fields of one mount, as far as each alone can be wrong.
#[derive(Debug, Default, PartialEq, Eq)]
struct Fields {
    kind: Kind,
    from: String,
    source: String,
    target: String,
    id: String,
    read_only: Option<bool>,
    required: bool,
    size: Option<u64>,
    sharing: Option<Sharing>,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
    env: Option<String>,
}

#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
enum Kind {
    #[default]
    Bind,
    Cache,
    Tmpfs,
    Secret,
    Ssh,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Cache => "cache",
            Self::Tmpfs => "tmpfs",
            Self::Secret => "secret",
            Self::Ssh => "ssh",
        }
    }
}

/// What is wrong with a mount, and what may have been meant.
#[derive(Debug, PartialEq, Eq)]
struct Wrong {
    message: String,
    help: Option<String>,
}

impl From<String> for Wrong {
    fn from(message: String) -> Self {
        Self { message, help: None }
    }
}

impl Wrong {
    fn near(message: String, word: &str, known: &[&'static str]) -> Self {
        let help = match closest(word, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are `{}`", known.join("`, `")),
        };
        Self { message, help: Some(help) }
    }
}

impl Fields {
    /// Takes one field. Keys that belong to some types only are checked against the type so far (7.1).
    fn take(&mut self, field: &str, expand: &mut dyn FnMut(&str) -> Option<String>) -> Result<(), Wrong> {
        let Some((key, value)) = field.split_once('=') else {
            match field.to_ascii_lowercase().as_str() {
                "readonly" | "ro" => self.read_only = Some(true),
                "readwrite" | "rw" => self.read_only = Some(false),
                "required" if matches!(self.kind, Kind::Secret | Kind::Ssh) => self.required = true,
                "required" => return Err(self.unexpected("required")),
                _ => return Err(format!("invalid field '{field}' must be a key=value pair").into()),
            }
            return Ok(());
        };
        let key = key.to_ascii_lowercase();
        let expanded;
        let value = if key == "from" {
            value
        } else {
            // What cannot be expanded has been reported.
            let Some(text) = expand(value) else { return Ok(()) };
            expanded = text;
            expanded.as_str()
        };
        let invalid = || Wrong::from(format!("invalid value for {key}: {value}"));
        let number = |radix| {
            u32::from_str_radix(value, radix)
                .ok()
                .filter(|_| !value.starts_with('+'))
                .ok_or_else(|| Wrong::from(format!("invalid value {value} for {key}")))
        };
        match key.as_str() {
            "type" => {
                self.kind = match value.to_ascii_lowercase().as_str() {
                    "bind" => Kind::Bind,
                    "cache" => Kind::Cache,
                    "tmpfs" => Kind::Tmpfs,
                    "secret" => Kind::Secret,
                    "ssh" => Kind::Ssh,
                    _ => {
                        let message = format!("unsupported mount type {}", go_quoted(value));
                        return Err(Wrong::near(message, value, &TYPES));
                    }
                }
            }
            "from" => value.clone_into(&mut self.from),
            "source" | "src" => value.clone_into(&mut self.source),
            "target" | "dst" | "destination" => value.clone_into(&mut self.target),
            "readonly" | "ro" => self.read_only = Some(boolean(value).ok_or_else(invalid)?),
            "readwrite" | "rw" => self.read_only = Some(!boolean(value).ok_or_else(invalid)?),
            "required" if matches!(self.kind, Kind::Secret | Kind::Ssh) => {
                self.required = boolean(value).ok_or_else(invalid)?;
            }
            "size" if self.kind == Kind::Tmpfs => self.size = Some(parse_size(value).ok_or_else(invalid)?),
            "required" | "size" => return Err(self.unexpected(&key)),
            "id" => value.clone_into(&mut self.id),
            "sharing" => {
                self.sharing = Some(match value.to_ascii_lowercase().as_str() {
                    "shared" => Sharing::Shared,
                    "private" => Sharing::Private,
                    "locked" => Sharing::Locked,
                    _ => {
                        let message = format!("unsupported sharing value {}", go_quoted(value));
                        return Err(Wrong::near(message, value, &SHARINGS));
                    }
                });
            }
            "mode" => self.mode = Some(number(8)?),
            "uid" => self.uid = Some(number(10)?),
            "gid" => self.gid = Some(number(10)?),
            "env" => self.env = Some(value.to_owned()),
            _ => return Err(Wrong::near(format!("unexpected key '{key}' in '{field}'"), &key, &KEYS)),
        }
        Ok(())
    }

    fn unexpected(&self, key: &str) -> Wrong {
        let types = if key == "size" { "`tmpfs`" } else { "`secret` and `ssh`" };
        Wrong {
            message: format!("unexpected key '{key}' for mount type '{}'", self.kind.as_str()),
            help: Some(format!("`{key}` is for {types}; write `type=` before it")),
        }
    }

    /// Checks what only all fields together can tell.
    fn check(&self) -> Result<(), Wrong> {
        let kind = self.kind.as_str();
        if matches!(self.kind, Kind::Bind | Kind::Tmpfs) {
            for (key, given) in [("mode", self.mode), ("uid", self.uid), ("gid", self.gid)] {
                if given.is_some() {
                    return Err(format!("{key} not allowed for \"{kind}\" type mounts").into());
                }
            }
        }
        if self.kind == Kind::Secret {
            if !self.from.is_empty() {
                return Err("secret mount should not have a from".to_owned().into());
            }
            if self.sharing.is_some() {
                return Err("secret mount should not define sharing".to_owned().into());
            }
            if self.source.is_empty() && self.target.is_empty() && self.id.is_empty() {
                return Err("invalid secret mount. one of source, target required".to_owned().into());
            }
            if !self.source.is_empty() && !self.id.is_empty() {
                return Err("both source and id can't be set".to_owned().into());
            }
        }
        if self.kind == Kind::Ssh && !self.source.is_empty() {
            return Err("ssh does not support source".to_owned().into());
        }
        if self.env.is_some() && self.kind != Kind::Secret {
            let message = format!("unexpected key 'env' for mount type '{kind}'");
            return Err(Wrong { message, help: Some("`env` is for `secret`".to_owned()) });
        }
        if self.sharing.is_some() && self.kind != Kind::Cache {
            return Err(format!("invalid cache sharing set for {kind} mount").into());
        }
        Ok(())
    }
}

/// Go's `strconv.ParseBool`.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

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
        let fields = match csv_fields(&value.value) {
            Ok(fields) => fields,
            Err(error) => {
                self.error("invalid-mount", value.span, error.to_string());
                return None;
            }
        };
        let before = self.planner.diagnostics.len();
        let mut read = Fields::default();
        let outcome = fields
            .iter()
            .try_for_each(|field| read.take(field, &mut |text| self.expand_str(text, value.span)))
            .and_then(|()| read.check());
        if let Err(wrong) = outcome {
            let diagnostic = Diagnostic::error("invalid-mount", self.place(value.span), wrong.message);
            self.planner.diagnostics.push(match wrong.help {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            });
        }
        if self.planner.diagnostics.len() > before {
            return None;
        }
        self.lower_mount(&read, value.span)
    }

    fn lower_mount(&mut self, fields: &Fields, span: Span) -> Option<Mount> {
        let read_only = fields.read_only.unwrap_or(!matches!(fields.kind, Kind::Cache | Kind::Tmpfs));
        let source = clean(&join("/", &fields.source));
        let written = fields.target.as_str();
        let (target, kind) = match fields.kind {
            Kind::Bind => {
                let (from, selected) = self.mount_source(fields, &source, span)?;
                (Some(written), MountKind::Bind(BindMount { from, selected, source }))
            }
            Kind::Cache => {
                let from = match fields.from.as_str() {
                    "" => FilesystemRef::Scratch,
                    _ => self.mount_source(fields, &source, span)?.0,
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
                let target = self.mount_target(place.as_deref(), span)?;
                return Some(Mount { target, read_only, kind: MountKind::Secret(secret) });
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
        let target = self.mount_target(target, span)?;
        Some(Mount { target, read_only, kind })
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
    fn mount_target(&mut self, target: Option<&str>, span: Span) -> Option<Option<String>> {
        let Some(target) = target else { return Some(None) };
        let target = clean(&join(self.state.cwd(), target));
        if target == "/" {
            self.error("invalid-mount", span, format!("invalid mount target {}", go_quoted(&target)));
            return None;
        }
        Some(Some(target))
    }

    /// What the files of a mount come from. Of a context, what the mount selects is made a filesystem first: the
    /// step sees what COPY would see of it, by owner and by ignore file, whatever happens to the context meanwhile.
    /// With it comes whether the filesystem holds what is selected and nothing else.
    fn mount_source(&mut self, fields: &Fields, source: &str, span: Span) -> Option<(FilesystemRef, bool)> {
        let from = if fields.from.is_empty() {
            if !self.planner.options.has_main_context {
                self.error("no-context", span, format!("\"{source}\": not found: there is no build context"));
                return None;
            }
            CopyFrom::Context(String::new())
        } else {
            if let StageLookup::NotYet(_) = self.planner.table.lookup(self.id, &fields.from)
                && self.planner.context(&fields.from, &self.state.platform).is_none()
            {
                let message = format!(
                    "cannot mount from stage {} to {}, stage needs to be defined before current command",
                    go_quoted(&fields.from),
                    go_quoted(&fields.target)
                );
                self.error("forward-reference", span, message);
                return None;
            }
            self.taken_from(&Spanned::new(fields.from.clone(), span))?
        };
        let name = match &from {
            CopyFrom::Filesystem(filesystem) => return Some((*filesystem, false)),
            CopyFrom::Context(name) => name,
        };
        let shown = if name.is_empty() { "build context".to_owned() } else { format!("build context {name}") };
        let place = self.place(span);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Fields, String> {
        let mut fields = Fields::default();
        let outcome = csv_fields(text)
            .unwrap()
            .iter()
            .try_for_each(|field| fields.take(field, &mut |text| Some(text.replace("$V", "value"))))
            .and_then(|()| fields.check());
        outcome.map(|()| fields).map_err(|wrong| wrong.message)
    }

    #[test]
    fn every_key_is_read() {
        let fields = read("type=cache,ID=$V,Target=/a,src=b,from=c,sharing=LOCKED,mode=0700,uid=1,gid=2,ro").unwrap();
        let expected = Fields {
            kind: Kind::Cache,
            from: "c".into(),
            source: "b".into(),
            target: "/a".into(),
            id: "value".into(),
            read_only: Some(true),
            sharing: Some(Sharing::Locked),
            mode: Some(0o700),
            uid: Some(1),
            gid: Some(2),
            ..Fields::default()
        };
        assert_eq!(fields, expected);
        assert_eq!(read("rw").unwrap().read_only, Some(false));
        assert_eq!(read("rw=0").unwrap().read_only, Some(true));
        assert_eq!(read("type=tmpfs,size=1k").unwrap().size, Some(1024));
        let secret = read("type=secret,id=x,required,env=A").unwrap();
        assert_eq!((secret.required, secret.env.as_deref()), (true, Some("A")));
    }

    #[test]
    fn the_messages_are_those_of_buildkit() {
        for (text, message) in [
            ("x", "invalid field 'x' must be a key=value pair"),
            ("x=y", "unexpected key 'x' in 'x=y'"),
            ("type=x", "unsupported mount type \"x\""),
            ("required", "unexpected key 'required' for mount type 'bind'"),
            ("type=secret,id=a,size=1", "unexpected key 'size' for mount type 'secret'"),
            ("required,type=secret", "unexpected key 'required' for mount type 'bind'"),
            ("ro=x", "invalid value for ro: x"),
            ("type=tmpfs,size=x", "invalid value for size: x"),
            ("type=cache,sharing=x", "unsupported sharing value \"x\""),
            ("type=cache,mode=9", "invalid value 9 for mode"),
            ("type=cache,uid=x", "invalid value x for uid"),
            ("mode=1", "mode not allowed for \"bind\" type mounts"),
            ("type=tmpfs,gid=1", "gid not allowed for \"tmpfs\" type mounts"),
            ("sharing=shared", "invalid cache sharing set for bind mount"),
            ("type=secret,from=a", "secret mount should not have a from"),
            ("type=secret,id=a,sharing=shared", "secret mount should not define sharing"),
            ("type=secret", "invalid secret mount. one of source, target required"),
            ("type=secret,source=a,id=b", "both source and id can't be set"),
            ("type=ssh,source=a", "ssh does not support source"),
        ] {
            assert_eq!(read(text).unwrap_err(), message, "{text}");
        }
    }

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
