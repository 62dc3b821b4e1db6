//! Why a step ran: what in its key is not as it was.

use std::collections::BTreeMap;

use super::KeyPart;
use super::key::{HIDDEN, OPAQUE, without_passwords};
use crate::explanation::{Change, ChangeKind, ChangedValue};
use crate::plan::mount::{Mount, MountKind};
use crate::plan::op::RunOp;
use crate::semantic::secret_names::is_private;

/// Variables that often hold the password of a proxy.
const PROXIES: [&str; 5] = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/// The part that stands for a variable of a RUN: whether it is an `ARG` or an `ENV`, and its value where that may be
/// kept.
pub fn variable(op: &RunOp, name: &str, value: &str) -> KeyPart {
    let kind = if op.arguments.contains(name) { "arg" } else { "env" };
    let is_secret = is_private(name, value) || PROXIES.contains(&name.to_ascii_uppercase().as_str());
    let name = format!("{kind} {name}");
    if is_secret { KeyPart::hidden(name, value) } else { KeyPart::new(name, value) }
}

/// The parts that say what the command of a RUN is to a person: the script and its shell.
pub fn command(op: &RunOp) -> Vec<KeyPart> {
    match op.args.split_last() {
        Some((script, shell)) if op.shell_form => {
            vec![KeyPart::new("shell", &shell.join(" ")), KeyPart::new("command", &without_passwords(script))]
        }
        _ => vec![KeyPart::new("command", &without_passwords(&op.args.join(" ")))],
    }
}

/// The part that says what a mount is to a person, without what it holds.
pub fn mount(mount: &Mount) -> KeyPart {
    let mut value = format!("type={}", mount.type_name());
    let mut add = |name: &str, text: &str| {
        if !text.is_empty() {
            value.push_str(&format!(",{name}={text}"));
        }
    };
    match &mount.kind {
        MountKind::Bind(bind) => add("source", &bind.source),
        MountKind::Cache(cache) => {
            add("source", if cache.source == "/" { "" } else { &cache.source });
            if let Some(owner) = cache.owner {
                add("uid", &owner.uid.to_string());
                add("gid", &owner.gid.to_string());
                add("mode", &format!("{:o}", owner.mode));
            }
        }
        MountKind::Tmpfs { size } => add("size", &size.map(|size| size.to_string()).unwrap_or_default()),
        MountKind::Secret(secret) => {
            add("id", &secret.id);
            add("env", secret.env.as_deref().unwrap_or_default());
            add("uid", &secret.uid.to_string());
            add("gid", &secret.gid.to_string());
            add("mode", &format!("{:o}", secret.mode));
        }
        MountKind::Ssh(_) => {}
    }
    value.push_str(if mount.read_only { ",ro" } else { ",rw" });
    let variable = match &mount.kind {
        MountKind::Secret(secret) => secret.env.as_deref(),
        _ => None,
    };
    let target = mount.target.as_deref().or(variable).unwrap_or(mount.type_name());
    KeyPart::new(format!("{MOUNT}{target}"), &value)
}

/// The part that stands for what is mounted somewhere.
pub fn mounted(mount: &Mount, content: &[u8; 32]) -> KeyPart {
    KeyPart::digest(format!("{MOUNTED}{}", mount.target.as_deref().unwrap_or_default()), content)
}

/// Compares the parts of an earlier key with those of a new one. That of the filesystem below comes as a
/// [`ChangeKind::Step`] without a name, and those of files without the files: who asks knows more.
pub fn changes(before: &[KeyPart], now: &[KeyPart]) -> Vec<Change> {
    let (before, now) = (grouped(before), grouped(now));
    let mut names: Vec<&str> = now.keys().chain(before.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    let different = names.into_iter().filter(|name| before.get(name) != now.get(name));
    let mut changes: Vec<Change> = different.filter_map(|name| change(name, before.get(name), now.get(name))).collect();
    join_variables(&mut changes);
    // What says the same less exactly.
    let is_known = |changes: &[Change], name: &str| {
        changes.iter().any(|change| change.name.starts_with(name) && change.name.len() > name.len())
    };
    for (exact, rough) in [(SOURCE, FILES), (MOUNT, MOUNTS), (MOUNTED, MOUNTS)] {
        if is_known(&changes, exact) {
            changes.retain(|change| change.name != rough);
        }
    }
    if changes.iter().any(|change| matches!(change.kind, ChangeKind::Command | ChangeKind::Shell)) {
        changes.retain(|change| change.name != ARGUMENTS);
    }
    changes.dedup();
    changes
}

/// How alike two keys are: the number of parts that are the same. Finds the nearest of several records.
pub fn likeness(before: &[KeyPart], now: &[KeyPart]) -> usize {
    let before = grouped(before);
    grouped(now).iter().filter(|(name, values)| before.get(*name) == Some(values)).count()
}

const SOURCE: &str = "source ";
const FILES: &str = "the files that are copied";
const MOUNT: &str = "--mount ";
const MOUNTS: &str = "--mount";
/// How the part begins that stands for what is mounted somewhere; the place follows.
pub const MOUNTED: &str = "what is mounted at ";
const ARGUMENTS: &str = "the arguments";

fn grouped(parts: &[KeyPart]) -> BTreeMap<&str, Vec<&str>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for part in parts {
        groups.entry(&part.name).or_default().push(&part.value);
    }
    groups
}

fn change(name: &str, old: Option<&Vec<&str>>, new: Option<&Vec<&str>>) -> Option<Change> {
    let (kind, shown) = match name.split_once(' ') {
        Some(("arg", rest)) => (ChangeKind::Arg, rest),
        Some(("env", rest)) => (ChangeKind::Env, rest),
        Some(("script", rest)) => (ChangeKind::Script, rest),
        Some(("source", "date epoch")) => (ChangeKind::Epoch, ""),
        // The cheap key of a copy and the exact one are never compared with each other.
        Some(("source", "filesystem" | "path")) => (ChangeKind::Other, FILES),
        Some(("source", _)) => (ChangeKind::Files, name),
        Some(("--mount", _)) => (ChangeKind::Flag, name),
        _ if name.starts_with(MOUNTED) => (ChangeKind::Other, name),
        _ => plain(name)?,
    };
    let (mut old, mut new) = (value(old), value(new));
    if name == "operation" {
        let linked = |value: Option<ChangedValue>| {
            let is_linked = value.as_ref().and_then(ChangedValue::shown).is_some_and(|kind| kind == "linked copy");
            Some(ChangedValue::Shown(if is_linked { "yes" } else { "no" }.to_owned()))
        };
        (old, new) = (linked(old), linked(new));
    }
    // An empty text stands for what is not given.
    let given = |value: Option<ChangedValue>| value.filter(|value| value.shown() != Some(""));
    if kind == ChangeKind::Epoch || matches!(shown, "--chown" | "--chmod" | "--shm-size") {
        (old, new) = (given(old), given(new));
    }
    if kind == ChangeKind::User {
        let root = || ChangedValue::Shown("root".to_owned());
        (old, new) = (given(old).or_else(|| Some(root())), given(new).or_else(|| Some(root())));
    }
    Some(Change::new(kind, shown, old, new))
}

/// Parts that have no name of their own.
fn plain(name: &str) -> Option<(ChangeKind, &'static str)> {
    Some(match name {
        "parent" => (ChangeKind::Step { ran: false }, ""),
        "command" => (ChangeKind::Command, ""),
        "shell" => (ChangeKind::Shell, ""),
        "argument" => (ChangeKind::Command, ARGUMENTS),
        "cwd" => (ChangeKind::Workdir, ""),
        "path" => (ChangeKind::Source, "the directory"),
        "user" => (ChangeKind::User, ""),
        "platform" => (ChangeKind::Platform, ""),
        "network" => (ChangeKind::Flag, "--network"),
        "security" => (ChangeKind::Flag, "--security"),
        "shared memory" => (ChangeKind::Flag, "--shm-size"),
        "limit" => (ChangeKind::Flag, "--ulimit"),
        "extra host" => (ChangeKind::Flag, "--add-host"),
        "control group" => (ChangeKind::Flag, "--cgroup-parent"),
        "host name" => (ChangeKind::Arg, "BUILDKIT_SANDBOX_HOSTNAME"),
        "owner" => (ChangeKind::Flag, "--chown"),
        "mode" => (ChangeKind::Flag, "--chmod"),
        "exclude" => (ChangeKind::Flag, "--exclude"),
        "unpack" => (ChangeKind::Flag, "--unpack"),
        "operation" => (ChangeKind::Flag, "--link"),
        "destination" => (ChangeKind::Source, "the destination"),
        "files" => (ChangeKind::Other, FILES),
        "older times" => (ChangeKind::Other, "the times of files that are older than the image"),
        "program" => (ChangeKind::Other, "the list of programs"),
        "content" => (ChangeKind::Other, "what comes from there"),
        // The words of mounts are in parts of their own.
        "mount" | "mount target" | "mount writable" | "mounted filesystem" | "mounted files" | "mounted times"
        | "mounted path" | "cache base" | "cache owner" | "cache source" | "tmpfs size" | "secret"
        | "secret variable" | "secret owner" => (ChangeKind::Flag, MOUNTS),
        _ => return None,
    })
}

fn value(values: Option<&Vec<&str>>) -> Option<ChangedValue> {
    let values = values?;
    Some(if values.iter().any(|value| value.starts_with(HIDDEN)) {
        ChangedValue::Hidden
    } else if values.iter().any(|value| value.starts_with(OPAQUE)) {
        ChangedValue::Opaque
    } else {
        ChangedValue::Shown(values.join(" "))
    })
}

/// A variable that was an `ARG` and is an `ENV` now did not come and go.
fn join_variables(changes: &mut Vec<Change>) {
    let is = |change: &Change, kind, name: &str| change.kind == kind && change.name == name;
    let names: Vec<String> =
        changes.iter().filter(|change| change.kind == ChangeKind::Arg).map(|change| change.name.clone()).collect();
    for name in names {
        let Some(arg) = changes.iter().position(|change| is(change, ChangeKind::Arg, &name)) else { continue };
        if !changes.iter().any(|change| is(change, ChangeKind::Env, &name)) {
            continue;
        }
        let arg = changes.remove(arg);
        for change in changes.iter_mut().filter(|change| is(change, ChangeKind::Env, &name)) {
            change.old = change.old.take().or_else(|| arg.old.clone());
            change.new = change.new.take().or_else(|| arg.new.clone());
            if arg.new.is_some() {
                change.kind = ChangeKind::Arg;
            }
        }
        // Hidden values differ by what is not shown; whether they do is no matter for a name.
        changes.retain(|change| change.name != name || change.old != change.new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::KeyBuilder;

    fn parts(build: impl FnOnce(&mut KeyBuilder)) -> Vec<KeyPart> {
        let mut key = KeyBuilder::new("run");
        key.digest("parent", &[1; 32]);
        build(&mut key);
        key.finish().1
    }

    fn words(before: &[KeyPart], now: &[KeyPart]) -> Vec<String> {
        changes(before, now).iter().map(ToString::to_string).collect()
    }

    fn env(kind: &str, value: &str) -> Vec<KeyPart> {
        parts(|key| {
            key.text_as("env VERSION", value, KeyPart::new(format!("{kind} VERSION"), value));
        })
    }

    #[test]
    fn equal_keys_have_no_changes() {
        assert_eq!(words(&env("arg", "1"), &env("arg", "1")), [""; 0]);
    }

    #[test]
    fn variables_are_called_what_they_are() {
        assert_eq!(words(&env("arg", "1"), &env("arg", "2")), ["ARG VERSION: \"1\" → \"2\""]);
        assert_eq!(words(&env("env", "1"), &env("env", "2")), ["ENV VERSION: \"1\" → \"2\""]);
        assert_eq!(words(&env("arg", "1"), &env("env", "2")), ["ENV VERSION: \"1\" → \"2\""]);
        assert_eq!(words(&env("env", "1"), &env("arg", "2")), ["ARG VERSION: \"1\" → \"2\""]);
        assert_eq!(words(&env("env", "1"), &env("arg", "1")), [""; 0]);
        assert_eq!(words(&env("env", "1"), &parts(|_| ())), ["ENV VERSION is gone, it was \"1\""]);
    }

    #[test]
    fn a_source_that_changed_stands_for_all_files() {
        let copy = |a: u8| {
            parts(|key| {
                key.digest("files", &[a; 32]).digest("source src/", &[a; 32]).digest("source b", &[9; 32]);
            })
        };
        assert_eq!(words(&copy(1), &copy(2)), ["source src/ changed"]);
    }

    #[test]
    fn flags_that_are_not_given_are_not_there() {
        let copy = |kind: &str, owner: &str| {
            let mut key = KeyBuilder::new(kind);
            key.text("owner", owner);
            key.finish().1
        };
        assert_eq!(words(&copy("copy", ""), &copy("copy", "1:2")), ["--chown is new: \"1:2\""]);
        assert_eq!(words(&copy("copy", ""), &copy("linked copy", "")), ["--link: \"no\" → \"yes\""]);
    }

    #[test]
    fn the_nearest_record_has_most_parts_in_common() {
        let one = parts(|key| {
            key.text("user", "").text("cwd", "/");
        });
        let two = parts(|key| {
            key.text("user", "me").text("cwd", "/");
        });
        let three = parts(|key| {
            key.text("user", "you").text("cwd", "/x");
        });
        assert!(likeness(&one, &two) > likeness(&one, &three));
    }
}
