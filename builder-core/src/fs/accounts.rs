//! Users and groups of a root filesystem, as `USER` and `--chown` name them.
//!
//! Files are read as libcontainer reads them: first match wins, surplus or missing fields are tolerated,
//! and a number that is none counts as 0.

use std::path::Path;

use super::PathError;
use super::root::{Follow, RootDir};

/// The largest account file that is read. Spec: dockerfile-semantics 16.5.
const MAX_ACCOUNT_FILE_BYTES: u64 = 10 * 1024 * 1024;

/// The largest number of a user or group that runs a process; libcontainer's limit.
const MAX_ID: u32 = 0x7fff_ffff;

/// The largest number of an owner: the one above is the kernel's word for "leave it".
const MAX_OWNER: u32 = u32::MAX - 1;

/// Who a process runs as.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The user.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// All groups, the primary one first, each once.
    pub groups: Vec<u32>,
    /// The home directory from `/etc/passwd`, or `/`.
    pub home: String,
}

/// A user or group could not be found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// A user that a command should run as does not exist.
    #[error("unable to find user {user}: no matching entries in passwd file")]
    UnknownUser {
        /// The name as written.
        user: String,
    },
    /// A group that a command should run as does not exist.
    #[error("unable to find group {group}: no matching entries in group file")]
    UnknownGroup {
        /// The name as written.
        group: String,
    },
    /// A name was given where no filesystem exists to look it up in.
    #[error("invalid user index: -1")]
    NoFilesystem {
        /// The name as written.
        name: String,
    },
    /// A number is too large for a user or group.
    #[error("user and group numbers must be between 0 and {limit}: `{number}`")]
    OutOfRange {
        /// The number as written.
        number: String,
        /// The largest one that there may be.
        limit: u32,
    },
    /// An account file could not be read.
    #[error(transparent)]
    File(#[from] PathError),
}

impl AccountError {
    /// Returns what somebody could do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NoFilesystem { name } => {
                Some(format!("`{name}` cannot be looked up where there are no files below yet: write its number"))
            }
            Self::OutOfRange { .. } => Some("write a smaller number, or a name that the image knows".to_owned()),
            _ => None,
        }
    }

    /// Returns the name of this kind of error in a report.
    pub fn id(&self) -> &'static str {
        match self {
            Self::UnknownUser { .. } | Self::NoFilesystem { .. } => "unknown-user",
            Self::UnknownGroup { .. } => "unknown-group",
            Self::OutOfRange { .. } => "id-out-of-range",
            Self::File(_) => "step-failed",
        }
    }
}

/// Who files belong to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Owner {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// The user that the filesystem does not know, and the group; something else has taken their place.
    pub unknown: (Option<String>, Option<String>),
}

/// Finds out who a command runs as. Nobody in particular is root with the groups that the files give root.
///
/// Spec: dockerfile-semantics 16.5, 16.6.
///
/// # Errors
/// [`AccountError`] for an unknown name, a number out of range, or unreadable account files.
pub fn resolve_user(root: &RootDir, user: &str) -> Result<Identity, AccountError> {
    if user.is_empty() {
        return Ok(default_user(root));
    }
    let passwd = load(root, "etc/passwd")?;
    let (user_part, group_part) = user.split_once(':').unwrap_or((user, ""));
    let numeric_user = number(user_part)?;
    let numeric_group = number(group_part)?;
    if let (Some(uid), Some(gid)) = (numeric_user, numeric_group) {
        return Ok(identity(uid, gid, &[], home_of(&passwd, uid)));
    }
    let account = match numeric_user {
        Some(uid) => accounts(&passwd).find(|account| account.uid == uid),
        None if user_part.is_empty() => accounts(&passwd).find(|account| account.uid == 0),
        None => accounts(&passwd).find(|account| account.name == user_part),
    };
    if account.is_none() && numeric_user.is_none() && !user_part.is_empty() {
        return Err(AccountError::UnknownUser { user: user_part.to_owned() });
    }
    let uid = account.as_ref().map_or(numeric_user.unwrap_or(0), |account| account.uid);
    let mut gid = account.as_ref().map_or(0, |account| account.gid);
    let home = home_of(&passwd, uid);
    let group = load(root, "etc/group")?;
    let mut supplementary = Vec::new();
    if group_part.is_empty() {
        supplementary = account.as_ref().map(|account| supplementary_groups(&group, account)).unwrap_or_default();
    } else {
        gid = match numeric_group {
            Some(gid) => gid,
            None => groups(&group)
                .find(|group| group.name == group_part)
                .map(|group| group.gid)
                .ok_or_else(|| AccountError::UnknownGroup { group: group_part.to_owned() })?,
        };
    }
    for id in supplementary.iter().chain([&uid, &gid]) {
        usable(*id)?;
    }
    Ok(identity(uid, gid, &supplementary, home))
}

/// A number from an account file, where the kernel has a use for it.
fn usable(id: u32) -> Result<u32, AccountError> {
    if id > MAX_OWNER { Err(AccountError::OutOfRange { number: id.to_string(), limit: MAX_OWNER }) } else { Ok(id) }
}

/// Root as the account files know it. Where one of them is missing or cannot be read, it is root in group 0 alone, as
/// with `BuildKit`, which looks up `0` and forgives every failure.
fn default_user(root: &RootDir) -> Identity {
    let read = |path: &str| {
        let bytes = root.read(Path::new(path), MAX_ACCOUNT_FILE_BYTES).ok().flatten()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let (passwd, group) = (read("etc/passwd"), read("etc/group"));
    let passwd = passwd.unwrap_or_default();
    let home = home_of(&passwd, 0);
    let account = accounts(&passwd).find(|account| account.uid == 0);
    let groups = account.zip(group).map(|(account, group)| (account.gid, supplementary_groups(&group, &account)));
    match groups.filter(|(gid, others)| others.iter().chain([gid]).all(|id| *id <= MAX_OWNER)) {
        Some((gid, others)) => identity(0, gid, &others, home),
        None => identity(0, 0, &[], home),
    }
}

fn supplementary_groups(group: &str, account: &Account<'_>) -> Vec<u32> {
    groups(group).filter(|group| group.has(account.name)).map(|group| group.gid).collect()
}

/// Finds out who `--chown=USER[:GROUP]` names; without a root only numbers and `root` are known.
///
/// A user that an existing filesystem does not know is 0, as it is for BuildKit; a group, that of the user.
///
/// Spec: dockerfile-semantics 5.6.3.
///
/// # Errors
/// [`AccountError`] for a name where there is no filesystem, a number out of range, or unreadable account
/// files.
pub fn resolve_owner(root: Option<&RootDir>, chown: &str) -> Result<Owner, AccountError> {
    let (user, group) = match chown.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (chown, None),
    };
    let mut owner = Owner::default();
    let mut own_gid = 0;
    if let Some(uid) = owner_number(user)? {
        (owner.uid, own_gid) = (uid, uid);
    } else if !user.is_empty() && user != "root" {
        let passwd = load(known(root, user)?, "etc/passwd")?;
        match accounts(&passwd).find(|account| account.name == user) {
            Some(account) => (owner.uid, own_gid) = (usable(account.uid)?, usable(account.gid)?),
            None => owner.unknown.0 = Some(user.to_owned()),
        }
    }
    owner.gid = match group {
        None => own_gid,
        // A colon with nothing behind it is group 0, as with BuildKit.
        Some("root" | "") => 0,
        Some(group) => {
            if let Some(gid) = owner_number(group)? {
                gid
            } else {
                let text = load(known(root, group)?, "etc/group")?;
                if let Some(entry) = groups(&text).find(|entry| entry.name == group) {
                    usable(entry.gid)?
                } else {
                    // As BuildKit has it, a group that is not known leaves the one that the user has.
                    owner.unknown.1 = Some(group.to_owned());
                    own_gid
                }
            }
        }
    };
    Ok(owner)
}

fn known<'a>(root: Option<&'a RootDir>, name: &str) -> Result<&'a RootDir, AccountError> {
    root.ok_or_else(|| AccountError::NoFilesystem { name: name.to_owned() })
}

fn identity(uid: u32, gid: u32, supplementary: &[u32], home: String) -> Identity {
    let mut all = vec![gid];
    for group in supplementary {
        if !all.contains(group) {
            all.push(*group);
        }
    }
    Identity { uid, gid, groups: all, home }
}

fn home_of(passwd: &str, uid: u32) -> String {
    accounts(passwd)
        .find(|account| account.uid == uid)
        .map(|account| account.home)
        .filter(|home| !home.is_empty())
        .unwrap_or("/")
        .to_owned()
}

/// A missing file is an empty one.
fn load(root: &RootDir, path: &str) -> Result<String, AccountError> {
    let path = Path::new(path);
    if root.find(path, Follow::Yes)?.is_none() {
        return Ok(String::new());
    }
    let bytes = root.read(path, MAX_ACCOUNT_FILE_BYTES)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A number of `--chown`: what does not fit is a name to BuildKit, which nobody has. The highest is the kernel's word
/// for "leave it", and no owner; as `-1` it leaves 0.
fn owner_number(text: &str) -> Result<Option<u32>, AccountError> {
    if text == "-1" {
        return Ok(Some(0));
    }
    match digits(text).parse() {
        Ok(u32::MAX) => Err(AccountError::OutOfRange { number: text.to_owned(), limit: MAX_OWNER }),
        Ok(number) => Ok(Some(number)),
        _ => Ok(None),
    }
}

/// The digits of a number, which may have a plus in front; nothing where it is none.
fn digits(text: &str) -> &str {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits } else { "" }
}

fn number(text: &str) -> Result<Option<u32>, AccountError> {
    let digits = digits(text);
    if digits.is_empty() {
        return Ok(None);
    }
    match digits.parse() {
        Ok(number) if number <= MAX_ID => Ok(Some(number)),
        _ => Err(AccountError::OutOfRange { number: text.to_owned(), limit: MAX_ID }),
    }
}

struct Account<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

impl Group<'_> {
    fn has(&self, name: &str) -> bool {
        self.members.split(',').any(|member| member == name)
    }
}

fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| line.split(':').collect())
}

fn accounts(passwd: &str) -> impl Iterator<Item = Account<'_>> {
    lines(passwd).map(|fields| Account {
        name: field(&fields, 0),
        uid: lenient(field(&fields, 2)),
        gid: lenient(field(&fields, 3)),
        home: field(&fields, 5),
    })
}

fn groups(group: &str) -> impl Iterator<Item = Group<'_>> {
    lines(group).map(|fields| Group {
        name: field(&fields, 0),
        gid: lenient(field(&fields, 2)),
        members: field(&fields, 3),
    })
}

fn field<'a>(fields: &[&'a str], index: usize) -> &'a str {
    fields.get(index).copied().unwrap_or_default()
}

fn lenient(text: &str) -> u32 {
    text.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\n bin:x:1:2:bin:/bin\napp:x:1000:1001::/home/app:/bin/sh\n\
                          app:x:5:5::/second:\nodd:x:what:7\nnohome:x:8:8\n";
    const GROUP: &str =
        "root:x:0:\nwheel:x:10:app,other\napp:x:1001:app\nmore:x:20:other,app\nmore:x:21:app\nwheel:x:99:\n";

    fn root(passwd: Option<&str>, group: Option<&str>) -> (tempfile::TempDir, RootDir) {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("etc")).unwrap();
        for (name, text) in [("passwd", passwd), ("group", group)] {
            if let Some(text) = text {
                std::fs::write(directory.path().join("etc").join(name), text).unwrap();
            }
        }
        let opened = RootDir::open(directory.path()).unwrap();
        (directory, opened)
    }

    #[test]
    fn users_are_found_as_the_runtime_finds_them() {
        let (_guard, root) = root(Some(PASSWD), Some(GROUP));
        let table: [(&str, u32, u32, &[u32], &str); 13] = [
            ("+1000:+1", 1000, 1, &[1], "/home/app"),
            ("", 0, 0, &[0], "/root"),
            ("root", 0, 0, &[0], "/root"),
            ("app", 1000, 1001, &[1001, 10, 20, 21], "/home/app"),
            ("1000", 1000, 1001, &[1001, 10, 20, 21], "/home/app"),
            ("app:wheel", 1000, 10, &[10], "/home/app"),
            ("app:77", 1000, 77, &[77], "/home/app"),
            ("1000:1", 1000, 1, &[1], "/home/app"),
            ("4242", 4242, 0, &[0], "/"),
            ("4242:wheel", 4242, 10, &[10], "/"),
            ("odd", 0, 7, &[7], "/root"),
            ("nohome", 8, 8, &[8], "/"),
            (":wheel", 0, 10, &[10], "/root"),
        ];
        for (user, uid, gid, groups, home) in table {
            let wanted = Identity { uid, gid, groups: groups.to_vec(), home: home.to_owned() };
            assert_eq!(resolve_user(&root, user).unwrap(), wanted, "{user}");
        }
    }

    #[test]
    fn nobody_in_particular_is_root_with_its_groups() {
        let passwd = "root:x:0:50:root:/root:/bin/sh\n";
        let group = "root:x:0:root\nstaff:x:50:\nwheel:x:10:other,root\nother:x:11:other\n";
        let found = |passwd: Option<&str>, group: Option<&str>| {
            let (_guard, root) = root(passwd, group);
            let identity = resolve_user(&root, "").unwrap();
            (identity.uid, identity.gid, identity.groups, identity.home)
        };
        assert_eq!(found(Some(passwd), Some(group)), (0, 50, vec![50, 0, 10], "/root".to_owned()));
        // As with BuildKit, which forgives that the files are not there.
        assert_eq!(found(Some(passwd), None), (0, 0, vec![0], "/root".to_owned()));
        assert_eq!(found(None, Some(group)), (0, 0, vec![0], "/".to_owned()));
        let (guard, root) = root(Some(passwd), None);
        std::fs::create_dir(guard.path().join("etc/group")).unwrap();
        assert_eq!(resolve_user(&root, "").unwrap().groups, [0]);
    }

    #[test]
    fn unknown_users_are_named() {
        let (_guard, root) = root(Some(PASSWD), None);
        let message = |user: &str| resolve_user(&root, user).unwrap_err().to_string();
        assert_eq!(message("ghost"), "unable to find user ghost: no matching entries in passwd file");
        assert_eq!(message("app:ghosts"), "unable to find group ghosts: no matching entries in group file");
        assert_eq!(message("4294967295"), "user and group numbers must be between 0 and 2147483647: `4294967295`");
    }

    #[test]
    fn owners_follow_the_rules_of_chown() {
        let (_guard, root) = root(Some(PASSWD), Some(GROUP));
        let table = [
            ("1234", (1234, 1234)),
            ("1:2", (1, 2)),
            ("app", (1000, 1001)),
            ("app:wheel", (1000, 10)),
            ("app:3", (1000, 3)),
            ("7:more", (7, 20)),
            (":wheel", (0, 10)),
            ("root", (0, 0)),
            ("ghost", (0, 0)),
            ("ghost:ghosts", (0, 0)),
            ("app:ghosts", (1000, 1001)),
            ("7:ghosts", (7, 7)),
            ("app:", (1000, 0)),
            ("4294967294:65536", (4_294_967_294, 65_536)),
            ("4294967296", (0, 0)),
        ];
        for (chown, wanted) in table {
            let owner = resolve_owner(Some(&root), chown).unwrap();
            assert_eq!((owner.uid, owner.gid), wanted, "{chown}");
        }
        let unknown = |chown: &str| resolve_owner(Some(&root), chown).unwrap().unknown;
        assert_eq!(unknown("app:wheel"), (None, None));
        assert_eq!(unknown("ghost:wheel"), (Some("ghost".to_owned()), None));
        assert_eq!(unknown("4294967296:ghosts"), (Some("4294967296".to_owned()), Some("ghosts".to_owned())));
        let refused = resolve_owner(Some(&root), "0:4294967295").unwrap_err();
        assert_eq!(refused.to_string(), "user and group numbers must be between 0 and 4294967294: `4294967295`");
    }

    #[test]
    fn an_account_with_the_number_of_nobody_is_refused() {
        let (_guard, root) = root(Some("odd:x:4294967295:1\nodder:x:1:4294967295\n"), Some("oddest:x:4294967295:\n"));
        for chown in ["odd", "odder", "1:oddest"] {
            let refused = resolve_owner(Some(&root), chown).unwrap_err();
            assert_eq!(refused.to_string(), "user and group numbers must be between 0 and 4294967294: `4294967295`");
            assert!(resolve_user(&root, chown).is_err(), "{chown}");
        }
    }

    #[test]
    fn owners_on_an_empty_filesystem_are_numbers() {
        let ids = |root, chown| resolve_owner(root, chown).map(|owner| (owner.uid, owner.gid)).unwrap();
        assert_eq!(ids(None, "5:6"), (5, 6));
        assert_eq!(ids(None, "root:root"), (0, 0));
        assert_eq!(resolve_owner(None, "app").unwrap_err().to_string(), "invalid user index: -1");
        assert_eq!(resolve_owner(None, "5:app").unwrap_err().to_string(), "invalid user index: -1");
        let (_guard, root) = root(None, None);
        assert_eq!(ids(Some(&root), "app"), (0, 0));
    }

    #[test]
    fn account_files_are_regular_and_inside() {
        let (guard, root) = root(None, None);
        std::os::unix::fs::symlink("/etc/shadowed", guard.path().join("etc/passwd")).unwrap();
        std::fs::write(guard.path().join("etc/shadowed"), "app:x:3:4::/h:\n").unwrap();
        assert_eq!(resolve_owner(Some(&root), "app").map(|owner| (owner.uid, owner.gid)).unwrap(), (3, 4));
        std::fs::remove_file(guard.path().join("etc/passwd")).unwrap();
        std::fs::create_dir(guard.path().join("etc/passwd")).unwrap();
        assert!(matches!(resolve_user(&root, "app"), Err(AccountError::File(_))));
    }
}
