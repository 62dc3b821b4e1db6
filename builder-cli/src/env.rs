//! Every environment variable that the command line looks at. Only `settings` reads them.
//!
//! `--build-arg NAME` without a value also reads the variable `NAME`, whatever it is called.

/// Where images, layers and the cache are kept; `--root` wins over it.
pub(crate) const BUILDER_ROOT: &str = "BUILDER_ROOT";
/// The base of the default place for an ordinary user: `$XDG_DATA_HOME/builder`.
pub(crate) const XDG_DATA_HOME: &str = "XDG_DATA_HOME";
/// The base of the default place where `XDG_DATA_HOME` is unset: `$HOME/.local/share/builder`.
pub(crate) const HOME: &str = "HOME";
/// Seconds since 1970 that no time in the image may exceed; `--timestamp` and
/// `--build-arg SOURCE_DATE_EPOCH=…` win over it.
pub(crate) const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";
/// The progress display where `--progress` is not given, as docker has it.
pub(crate) const BUILDKIT_PROGRESS: &str = "BUILDKIT_PROGRESS";
/// Set to anything: no colours, unless `--color=always`. See <https://no-color.org>.
pub(crate) const NO_COLOR: &str = "NO_COLOR";
/// The kind of terminal; `dumb` means neither colours nor a live display.
pub(crate) const TERM: &str = "TERM";
/// The proxies that registries are asked through, the first that is set: encrypted connections only, and never to
/// this machine. The names in small letters, and `no_proxy`, are curl's and work as well.
pub(crate) const HTTPS_PROXY: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
/// Hosts that are asked without the proxy.
pub(crate) const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];
