//! The options of one `RUN --mount`: which there are, what they mean for each type, and what is wrong with them.
//!
//! Spec: dockerfile-semantics 7.1. The messages are BuildKit's, the help is ours.

use crate::dockerfile::closest;
use crate::plan::mount::Sharing;
use crate::text::{go_quoted, parse_size};

const TYPES: [&str; 5] = ["bind", "cache", "secret", "ssh", "tmpfs"];
/// The names of `source`.
pub(super) const SOURCE: &[&str] = &["source", "src"];
/// The names of `target`.
pub(super) const TARGET: &[&str] = &["target", "dst", "destination"];
const NUMBERS: &str = "write the number: names of users and groups are not looked up here";
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
pub(super) struct Fields {
    pub(super) kind: Kind,
    pub(super) from: String,
    pub(super) source: String,
    pub(super) target: String,
    pub(super) id: String,
    pub(super) read_only: Option<bool>,
    pub(super) required: bool,
    pub(super) size: Option<u64>,
    pub(super) sharing: Option<Sharing>,
    pub(super) mode: Option<u32>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) env: Option<String>,
}

#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
pub(super) enum Kind {
    #[default]
    Bind,
    Cache,
    Tmpfs,
    Secret,
    Ssh,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Cache => "cache",
            Self::Tmpfs => "tmpfs",
            Self::Secret => "secret",
            Self::Ssh => "ssh",
        }
    }
}

/// What is wrong with a mount, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) help: String,
    /// The options that are to blame, by all their names. None: the one that was being read, or what is missing.
    pub(super) keys: &'static [&'static str],
}

impl Wrong {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), keys: &[] }
    }

    fn about(keys: &'static [&'static str], message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { keys, ..Self::new(message, help) }
    }

    fn near(message: String, word: &str, known: &[&'static str]) -> Self {
        let help = match closest(word, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are `{}`", known.join("`, `")),
        };
        Self::new(message, help)
    }
}

impl Fields {
    /// Takes one field. Keys that belong to some types only are checked against the type so far (7.1).
    pub(super) fn take(&mut self, field: &str, expand: &mut dyn FnMut(&str) -> Option<String>) -> Result<(), Wrong> {
        let Some((key, value)) = field.split_once('=') else {
            match field.to_ascii_lowercase().as_str() {
                "readonly" | "ro" => self.read_only = Some(true),
                "readwrite" | "rw" => self.read_only = Some(false),
                "required" if matches!(self.kind, Kind::Secret | Kind::Ssh) => self.required = true,
                "required" => return Err(self.unexpected("required")),
                key => return Err(no_pair(field, key)),
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
        let invalid = |help: &str| Wrong::new(format!("invalid value for {key}: {value}"), help);
        let on_or_off = |value| {
            boolean(value)
                .ok_or_else(|| invalid(&format!("write `{key}=true` or `{key}=false`; `{key}` alone is true")))
        };
        let number = |radix, help: &str| {
            u32::from_str_radix(value, radix)
                .ok()
                .filter(|_| !value.starts_with('+'))
                .ok_or_else(|| Wrong::new(format!("invalid value {value} for {key}"), help))
        };
        // The largest number means "nobody in particular" to the kernel.
        let owner = |id: u32| {
            if id == u32::MAX { Err(Wrong::new(format!("invalid value {value} for {key}"), NUMBERS)) } else { Ok(id) }
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
            "readonly" | "ro" => self.read_only = Some(on_or_off(value)?),
            "readwrite" | "rw" => self.read_only = Some(!on_or_off(value)?),
            "required" if matches!(self.kind, Kind::Secret | Kind::Ssh) => {
                self.required = on_or_off(value)?;
            }
            "size" if self.kind == Kind::Tmpfs => {
                let help = "write a number of bytes, or one with a unit: `size=64m`";
                self.size = Some(parse_size(value).ok_or_else(|| invalid(help))?);
            }
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
            "mode" => self.mode = Some(number(8, "permission bits are octal digits: `mode=0755`")?),
            "uid" => self.uid = Some(owner(number(10, NUMBERS)?)?),
            "gid" => self.gid = Some(owner(number(10, NUMBERS)?)?),
            "env" => self.env = Some(value.to_owned()),
            _ => return Err(Wrong::near(format!("unexpected key '{key}' in '{field}'"), &key, &KEYS)),
        }
        Ok(())
    }

    fn unexpected(&self, key: &str) -> Wrong {
        let types = if key == "size" { "`tmpfs`" } else { "`secret` and `ssh`" };
        let message = format!("unexpected key '{key}' for mount type '{}'", self.kind.as_str());
        Wrong::new(message, format!("`{key}` is for {types}; write `type=` before it"))
    }

    /// Checks what only all fields together can tell.
    pub(super) fn check(&self) -> Result<(), Wrong> {
        let kind = self.kind.as_str();
        if matches!(self.kind, Kind::Bind | Kind::Tmpfs) {
            let given = [(&["mode"], self.mode), (&["uid"], self.uid), (&["gid"], self.gid)];
            if let Some((keys, _)) = given.iter().find(|(_, given)| given.is_some()) {
                let message = format!("{} not allowed for \"{kind}\" type mounts", keys[0]);
                let help = "take it away: `mode`, `uid` and `gid` are for `cache`, `secret` and `ssh`";
                return Err(Wrong::about(*keys, message, help));
            }
        }
        if self.kind == Kind::Secret {
            self.check_secret()?;
        }
        if self.kind == Kind::Ssh && !self.source.is_empty() {
            let help = "name the keys with `id=NAME`, and lend them with `--ssh NAME`";
            return Err(Wrong::about(SOURCE, "ssh does not support source", help));
        }
        if self.env.is_some() && self.kind != Kind::Secret {
            let message = format!("unexpected key 'env' for mount type '{kind}'");
            return Err(Wrong::about(&["env"], message, "`env` is for `type=secret`"));
        }
        if self.sharing.is_some() && self.kind != Kind::Cache {
            let message = format!("invalid cache sharing set for {kind} mount");
            return Err(Wrong::about(&["sharing"], message, "`sharing` is for `type=cache`"));
        }
        Ok(())
    }

    fn check_secret(&self) -> Result<(), Wrong> {
        if !self.from.is_empty() {
            let help = "take `from` away: a secret comes from the command line, `--secret id=NAME,src=FILE`";
            return Err(Wrong::about(&["from"], "secret mount should not have a from", help));
        }
        if self.sharing.is_some() {
            let help = "take it away: `sharing` is for `type=cache`";
            return Err(Wrong::about(&["sharing"], "secret mount should not define sharing", help));
        }
        if self.source.is_empty() && self.target.is_empty() && self.id.is_empty() {
            let help = "name the secret: `type=secret,id=NAME`, and give it with `--secret id=NAME,src=FILE`";
            return Err(Wrong::new("invalid secret mount. one of source, target required", help));
        }
        if !self.source.is_empty() && !self.id.is_empty() {
            let help = "keep `id`: `source` is another word for it";
            return Err(Wrong::about(SOURCE, "both source and id can't be set", help));
        }
        Ok(())
    }
}

/// A word without a value that is no option by itself.
fn no_pair(field: &str, key: &str) -> Wrong {
    let message = format!("invalid field '{field}' must be a key=value pair");
    let help = match closest(key, KEYS) {
        Some(near) => format!("write `{near}=VALUE`"),
        None if field.is_empty() => "take the comma away that nothing stands behind or before".to_owned(),
        None => {
            "write options as `key=value` with commas and no blanks between them: `type=cache,target=/dir`".to_owned()
        }
    };
    Wrong::new(message, help)
}

/// Go's `strconv.ParseBool`.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_read(text: &str) -> Result<Fields, Wrong> {
        let mut fields = Fields::default();
        for field in text.split(',') {
            fields.take(field, &mut |text| Some(text.replace("$V", "value")))?;
        }
        fields.check().map(|()| fields)
    }

    fn read(text: &str) -> Result<Fields, String> {
        try_read(text).map_err(|wrong| wrong.message)
    }

    fn read_wrong(text: &str) -> Wrong {
        try_read(text).unwrap_err()
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
            ("type=cache,uid=4294967295", "invalid value 4294967295 for uid"),
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
    fn every_error_says_what_to_write_and_which_option_is_meant() {
        for (text, help, keys) in [
            ("x", "write options as `key=value`", &[][..]),
            ("target", "write `target=VALUE`", &[]),
            ("", "take the comma away", &[]),
            ("ro=x", "write `ro=true` or `ro=false`", &[]),
            ("type=tmpfs,size=x", "`size=64m`", &[]),
            ("type=cache,mode=9", "octal", &[]),
            ("type=cache,uid=root", "write the number", &[]),
            ("mode=1", "are for `cache`", &["mode"]),
            ("type=secret,from=a", "comes from the command line", &["from"]),
            ("type=secret", "name the secret", &[]),
            ("type=secret,source=a,id=b", "keep `id`", SOURCE),
            ("type=ssh,source=a", "`id=NAME`", SOURCE),
            ("target=/a,env=A", "`type=secret`", &["env"]),
            ("sharing=shared", "`type=cache`", &["sharing"]),
        ] {
            let wrong = read_wrong(text);
            assert!(wrong.help.contains(help), "{text}: {}", wrong.help);
            assert_eq!(wrong.keys, keys, "{text}");
        }
    }
}
