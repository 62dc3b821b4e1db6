//! What RUN steps are allowed, given and limited to: `--allow`, `--add-host`, `--ulimit`, `--memory` and so on.

use std::collections::BTreeSet;
use std::net::IpAddr;

use builder_core::dockerfile::closest;
use builder_core::plan::Entitlement;
use builder_core::plan::op::NetworkMode;
use builder_core::sandbox::isolation::in_initial_user_namespace;
use builder_core::sandbox::{Resources, Ulimit};
use builder_core::solve::RunOptions;
use builder_core::text::parse_size;
use rustix::thread::CapabilitySet;

use crate::args::RunArgs;
use crate::error::CommandError;

/// The name that stands for the address of this machine; steps share its network.
const HOST_GATEWAY: &str = "host-gateway";
const HOST_ADDRESS: &str = "127.0.0.1";
/// The least memory that docker lets a container have.
const LEAST_MEMORY: u64 = 6 * 1024 * 1024;

/// Reads `--allow`. A build whose steps all have the host's network by an option may name it too, as with buildx.
///
/// # Errors
/// An entitlement that does not exist.
pub(super) fn allow(given: &[String], network: NetworkMode) -> Result<BTreeSet<Entitlement>, CommandError> {
    let known = [Entitlement::NetworkHost, Entitlement::SecurityInsecure];
    let read = |text: &str| {
        known.into_iter().find(|entitlement| entitlement.as_str() == text).ok_or_else(|| {
            CommandError::usage(format!("unknown entitlement `{text}`"))
                .hint("there are network.host and security.insecure")
        })
    };
    let mut allowed: BTreeSet<Entitlement> =
        given.iter().flat_map(|list| list.split(',')).map(read).collect::<Result<_, _>>()?;
    if network == NetworkMode::Host {
        allowed.insert(Entitlement::NetworkHost);
    }
    Ok(allowed)
}

/// Reads the options of RUN steps.
///
/// # Errors
/// A value that is none, or a limit that an ordinary user cannot set.
pub(super) fn options(arguments: &RunArgs) -> Result<RunOptions, CommandError> {
    let options = RunOptions {
        shm_bytes: shm_bytes(arguments.shm_size.as_deref())?,
        ulimits: ulimits(&arguments.ulimits)?,
        extra_hosts: hosts(&arguments.hosts)?,
        resources: resources(arguments)?,
        ..RunOptions::default()
    };
    // An ordinary user has entered a user namespace by now.
    if !in_initial_user_namespace() && !options.resources.is_empty() {
        return Err(CommandError::usage(
            "limits by control groups (--cgroup-parent, --memory, --cpu-…, --cpuset-…) can only be set by root",
        )
        .hint("use --ulimit, which every user can lower, or build as root"));
    }
    Ok(options)
}

/// Reads `--shm-size`.
pub(super) fn shm_bytes(given: Option<&str>) -> Result<Option<u64>, CommandError> {
    given.map(|text| size("--shm-size", text)).transpose()
}

/// Reads `--ulimit`.
pub(super) fn ulimits(given: &[String]) -> Result<Vec<Ulimit>, CommandError> {
    let highest = Highest::of_this_process();
    given.iter().map(|text| highest.allows(text, ulimit(text)?)).collect()
}

/// Reads `--add-host`.
pub(super) fn hosts(given: &[String]) -> Result<Vec<(String, String)>, CommandError> {
    given.iter().map(|text| host(text)).collect()
}

/// Reads `--cgroup-parent`: a path that leads nowhere else.
fn cgroup_parent(given: Option<&str>) -> Result<Option<String>, CommandError> {
    let Some(parent) = given.filter(|parent| !parent.is_empty()) else { return Ok(None) };
    if parent.split('/').any(|part| part == "..") {
        return Err(CommandError::usage(format!("invalid control group `{parent}`: it leads out of the hierarchy"))
            .hint("name a group without `..`, such as `/ci/builds`"));
    }
    Ok(Some(parent.to_owned()))
}

/// Reads `--cpuset-cpus` and `--cpuset-mems`: numbers and ranges of them, with commas.
fn numbers(flag: &str, given: Option<&str>) -> Result<Option<String>, CommandError> {
    let Some(text) = given.filter(|text| !text.is_empty()) else { return Ok(None) };
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u32>().ok()).flatten();
    let is_range = |part: &str| match part.split_once('-') {
        None => number(part).is_some(),
        Some((from, to)) => number(from).zip(number(to)).is_some_and(|(from, to)| from <= to),
    };
    if text.split(',').all(is_range) {
        return Ok(Some(text.to_owned()));
    }
    let name = flag.trim_start_matches('-');
    Err(CommandError::usage(format!("invalid {name} value: {text}: no list of numbers"))
        .hint(format!("write numbers or ranges of them, such as {flag} 0-2,4")))
}

fn resources(arguments: &RunArgs) -> Result<Resources, CommandError> {
    let resources = Resources {
        cgroup_parent: cgroup_parent(arguments.cgroup_parent.as_deref())?,
        memory: arguments.memory.as_deref().map(|text| size("--memory", text)).transpose()?,
        memory_swap: match arguments.memory_swap.as_deref() {
            None => None,
            Some("-1") => Some(-1),
            Some(text) => Some(i64::try_from(size("--memory-swap", text)?).unwrap_or(i64::MAX)),
        },
        cpu_shares: arguments.cpu_shares,
        cpu_period: arguments.cpu_period,
        cpu_quota: arguments.cpu_quota,
        cpuset_cpus: numbers("--cpuset-cpus", arguments.cpuset_cpus.as_deref())?,
        cpuset_mems: numbers("--cpuset-mems", arguments.cpuset_mems.as_deref())?,
    };
    if resources.memory.is_some_and(|memory| memory < LEAST_MEMORY) {
        return Err(CommandError::usage("minimum memory limit allowed is 6MB"));
    }
    if let Some(both) = resources.memory_swap.and_then(|both| u64::try_from(both).ok()) {
        match resources.memory {
            None => return Err(CommandError::usage("--memory-swap counts memory too, so --memory must be given")),
            Some(memory) if both < memory => {
                return Err(CommandError::usage("--memory-swap must be larger than --memory: it is both together"));
            }
            Some(_) => {}
        }
    }
    Ok(resources)
}

/// A number of bytes that is not zero.
fn size(flag: &str, text: &str) -> Result<u64, CommandError> {
    let invalid = |why: &str| {
        let name = flag.trim_start_matches('-');
        CommandError::usage(format!("invalid {name} value: {text}: {why}"))
            .hint(format!("write a number of bytes with a unit: {flag} 512m"))
    };
    match parse_size(text) {
        None => Err(invalid("no size")),
        Some(0) => Err(invalid("must be > 0")),
        Some(bytes) => Ok(bytes),
    }
}

fn ulimit(text: &str) -> Result<Ulimit, CommandError> {
    Ulimit::parse(text).ok_or_else(|| {
        let (why, hint) = what_is_wrong(text);
        CommandError::usage(format!("invalid ulimit `{text}`: {why}")).hint(hint)
    })
}

/// How far a process that this one starts can raise its limits.
struct Highest {
    /// Whether it may raise them at all.
    may_raise: bool,
    /// The most files that even root may have open (`proc(5)`, `fs.nr_open`), where that can be known.
    files: Option<u64>,
}

impl Highest {
    fn of_this_process() -> Self {
        let held = rustix::thread::capabilities(None).map(|sets| sets.effective);
        let raises = held.is_ok_and(|held| held.contains(CapabilitySet::SYS_RESOURCE));
        let files = std::fs::read_to_string("/proc/sys/fs/nr_open").ok().and_then(|text| text.trim().parse().ok());
        // What root of a user namespace may do to its own is no right to raise the machine's.
        Self { may_raise: raises && in_initial_user_namespace(), files }
    }

    /// Gives a limit back that can be set.
    fn allows(&self, text: &str, limit: Ulimit) -> Result<Ulimit, CommandError> {
        let hard = limit.current_hard().unwrap_or(u64::MAX);
        let (highest, hint) = match self.files.filter(|_| limit.name() == "nofile" && self.may_raise) {
            Some(files) => (files, "the system's own limit is `sysctl fs.nr_open`"),
            None if self.may_raise => return Ok(limit),
            None => (hard, "only root can raise a hard limit"),
        };
        if limit.hard <= highest {
            return Ok(limit);
        }
        let asked = if limit.hard == u64::MAX { "no limit".to_owned() } else { limit.hard.to_string() };
        let why = format!("invalid ulimit `{text}`: {asked} is more than the {highest} that can be had here");
        Err(CommandError::usage(why).hint(hint))
    }
}

/// Why a text is no limit, and what to write.
fn what_is_wrong(text: &str) -> (String, String) {
    let form = || "write NAME=SOFT[:HARD], such as nofile=1024:2048".to_owned();
    let Some((name, limits)) = text.split_once('=') else { return ("it has no `=`".to_owned(), form()) };
    if !Ulimit::names().any(|known| known == name) {
        let hint = match closest(name, Ulimit::names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", Ulimit::names().collect::<Vec<_>>().join(", ")),
        };
        return (format!("there is no limit `{name}`"), hint);
    }
    let parts: Vec<&str> = limits.split(':').collect();
    match parts.iter().find(|part| part.parse::<i64>().map_or(true, |number| number < -1)) {
        Some(part) => (format!("`{part}` is no number"), "write whole numbers; -1 is no limit".to_owned()),
        None if parts.len() > 2 => ("it has more than two numbers".to_owned(), form()),
        None => ("the soft limit is above the hard one".to_owned(), "write the lower number first".to_owned()),
    }
}

/// `NAME:ADDRESS` or `NAME=ADDRESS`, as pairs of name and address.
fn host(text: &str) -> Result<(String, String), CommandError> {
    let split = text.split_once('=').or_else(|| text.split_once(':'));
    let Some((name, address)) = split.filter(|(name, _)| !name.is_empty()) else {
        return Err(CommandError::usage(format!("invalid host `{text}`")).hint("write NAME:ADDRESS"));
    };
    if name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(
            CommandError::usage(format!("invalid host `{text}`: a name has no blanks")).hint("write NAME:ADDRESS")
        );
    }
    if address == HOST_GATEWAY {
        return Ok((name.to_owned(), HOST_ADDRESS.to_owned()));
    }
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    match bare.parse::<IpAddr>() {
        Ok(address) => Ok((name.to_owned(), address.to_string())),
        Err(_) => Err(CommandError::usage(format!("invalid IP address in add-host: {address:?}"))
            .hint("write NAME:ADDRESS with an IPv4 or IPv6 address, or `host-gateway` for this machine")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_as_docker_reads_them() {
        for (text, name, address) in [
            ("a:10.0.0.1", "a", "10.0.0.1"),
            ("a=10.0.0.1", "a", "10.0.0.1"),
            ("a:::1", "a", "::1"),
            ("a:[::1]", "a", "::1"),
            ("a:host-gateway", "a", "127.0.0.1"),
        ] {
            assert_eq!(host(text).unwrap(), (name.to_owned(), address.to_owned()), "{text}");
        }
        for bad in ["a", ":1.2.3.4", "a:b", "a b:1.2.3.4", "a\n:1.2.3.4"] {
            assert!(host(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_have_names_and_an_order() {
        let limit = ulimit("nofile=10:20").unwrap();
        assert_eq!((limit.name(), limit.soft, limit.hard), ("nofile", 10, 20));
        assert_eq!(ulimit("core=-1").unwrap().soft, u64::MAX);
        for (bad, why, hint) in [
            ("nofile", "it has no `=`", "write NAME=SOFT[:HARD]"),
            ("nofile=", "`` is no number", "whole numbers"),
            ("nofiles=1", "there is no limit `nofiles`", "did you mean `nofile`?"),
            ("xyzzyx=1", "there is no limit `xyzzyx`", "there are core, cpu"),
            ("nofile=2:1", "the soft limit is above the hard one", "lower number first"),
            ("nofile=1:2:3", "it has more than two numbers", "write NAME"),
            ("nofile=-2", "`-2` is no number", "-1 is no limit"),
            ("nofile=a", "`a` is no number", "whole numbers"),
        ] {
            let error = ulimit(bad).unwrap_err();
            assert!(error.to_string().ends_with(why) && error.hints[0].contains(hint), "{bad}: {error:?}");
        }
    }

    #[test]
    fn limits_that_cannot_be_had_are_refused() {
        let root = Highest { may_raise: true, files: Some(1000) };
        for (text, fits) in [("nofile=10:1000", true), ("nofile=1001", false), ("nofile=-1", false), ("core=-1", true)]
        {
            assert_eq!(root.allows(text, ulimit(text).unwrap()).is_ok(), fits, "{text}");
        }
        let user = Highest { may_raise: false, files: Some(1000) };
        let hard = ulimit("nofile=1").unwrap().current_hard().unwrap();
        let text = format!("nofile={hard}");
        assert!(user.allows(&text, ulimit(&text).unwrap()).is_ok());
        let text = format!("nofile=1:{}", hard + 1);
        let refused = user.allows(&text, ulimit(&text).unwrap()).unwrap_err().to_string();
        assert!(refused.contains(&format!("more than the {hard} that can be had here")), "{refused}");
    }

    #[test]
    fn sets_of_processors_are_lists_of_numbers() {
        for good in ["0", "0-3", "1,3", "0-2,4,6-7"] {
            assert_eq!(numbers("--cpuset-cpus", Some(good)).unwrap().as_deref(), Some(good));
        }
        for bad in ["x", "0-", "-1", "3-1", "0,,1", "0 1", "+1", "99999999999"] {
            let refused = numbers("--cpuset-mems", Some(bad)).unwrap_err().to_string();
            assert!(refused.contains("invalid cpuset-mems value"), "{bad}: {refused}");
        }
        assert_eq!(numbers("--cpuset-cpus", Some("")).unwrap(), None);
    }

    #[test]
    fn the_hosts_network_by_option_is_an_entitlement() {
        assert!(allow(&[], NetworkMode::Default).unwrap().is_empty());
        assert!(allow(&[], NetworkMode::Host).unwrap().contains(&Entitlement::NetworkHost));
        let both = allow(&["network.host,security.insecure".to_owned()], NetworkMode::Default).unwrap();
        assert_eq!(both.len(), 2);
        assert!(allow(&["device".to_owned()], NetworkMode::Default).is_err());
    }
}
