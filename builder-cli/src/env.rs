//! Every environment variable that the command line looks at. Only `settings` reads them.
//!
//! `--build-arg NAME` without a value also reads the variable `NAME`, whatever it is called, and so does
//! `--secret` with `env=NAME` or without a source.

/// Where images, layers and the cache are kept; `--root` wins over it.
pub(crate) const BUILDER_ROOT: &str = "BUILDER_ROOT";
/// The shell that wants completions; set by what `builder completion` prints.
pub(crate) const BUILDER_COMPLETE: &str = "BUILDER_COMPLETE";
/// The base of the default place for an ordinary user: `$XDG_DATA_HOME/builder`.
pub(crate) const XDG_DATA_HOME: &str = "XDG_DATA_HOME";
/// The base of the default place where `XDG_DATA_HOME` is unset: `$HOME/.local/share/builder`.
pub(crate) const HOME: &str = "HOME";
/// Seconds since 1970 that no time in the image may exceed; `--timestamp` and
/// `--build-arg SOURCE_DATE_EPOCH=…` win over it.
pub(crate) const SOURCE_DATE_EPOCH: &str = "SOURCE_DATE_EPOCH";
/// What the cache may take of the disk where `--cache-budget` is not given.
pub(crate) const BUILDER_CACHE_BUDGET: &str = "BUILDER_CACHE_BUDGET";
/// The progress display where `--progress` is not given, as docker has it.
pub(crate) const BUILDKIT_PROGRESS: &str = "BUILDKIT_PROGRESS";
/// The platforms to build for where `--platform` is not given, as docker has it.
pub(crate) const DOCKER_DEFAULT_PLATFORM: &str = "DOCKER_DEFAULT_PLATFORM";
/// How many bytes of one stream of a step's output are shown, as BuildKit's daemon has it; -1 for all.
pub(crate) const BUILDKIT_STEP_LOG_MAX_SIZE: &str = "BUILDKIT_STEP_LOG_MAX_SIZE";
/// How many bytes of it are shown in a second; -1 for all.
pub(crate) const BUILDKIT_STEP_LOG_MAX_SPEED: &str = "BUILDKIT_STEP_LOG_MAX_SPEED";
/// Set to anything: no colours, unless `--color=always`. See <https://no-color.org>.
pub(crate) const NO_COLOR: &str = "NO_COLOR";
/// The kind of terminal; `dumb` means neither colours nor a live display.
pub(crate) const TERM: &str = "TERM";
/// The socket of the agent that `--ssh ID` lends, as ssh has it.
pub(crate) const SSH_AUTH_SOCK: &str = "SSH_AUTH_SOCK";
/// The proxies that registries are asked through, the first that is set: encrypted connections only, and never to
/// this machine. The names in small letters, and `no_proxy`, are curl's and work as well.
pub(crate) const HTTPS_PROXY: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
/// The proxies that web servers are asked through without encryption, where an ADD or a context says so.
pub(crate) const HTTP_PROXY: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
/// Hosts that are asked without the proxy.
pub(crate) const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];
/// The base of hadolint's places for a configuration: `$XDG_CONFIG_HOME/hadolint.yaml`; `$HOME/.config` where unset.
pub(crate) const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";

/// `builder lint`: truthy values (`1`, `y`, `on`, `true`, `yes`) are `--no-fail`.
pub(crate) const HADOLINT_NOFAIL: &str = "HADOLINT_NOFAIL";
/// Truthy: `--verbose`.
pub(crate) const HADOLINT_VERBOSE: &str = "HADOLINT_VERBOSE";
/// `--format`.
pub(crate) const HADOLINT_FORMAT: &str = "HADOLINT_FORMAT";
/// `--failure-threshold`.
pub(crate) const HADOLINT_FAILURE_THRESHOLD: &str = "HADOLINT_FAILURE_THRESHOLD";
/// `--error` and the others, with commas; in the order of the levels.
pub(crate) const HADOLINT_OVERRIDES: [&str; 4] =
    ["HADOLINT_OVERRIDE_STYLE", "HADOLINT_OVERRIDE_INFO", "HADOLINT_OVERRIDE_WARNING", "HADOLINT_OVERRIDE_ERROR"];
/// `--ignore`, with commas.
pub(crate) const HADOLINT_IGNORE: &str = "HADOLINT_IGNORE";
/// Truthy: `--strict-labels`.
pub(crate) const HADOLINT_STRICT_LABELS: &str = "HADOLINT_STRICT_LABELS";
/// Truthy: `--disable-ignore-pragma`.
pub(crate) const HADOLINT_DISABLE_IGNORE_PRAGMA: &str = "HADOLINT_DISABLE_IGNORE_PRAGMA";
/// `--trusted-registry`, with commas.
pub(crate) const HADOLINT_TRUSTED_REGISTRIES: &str = "HADOLINT_TRUSTED_REGISTRIES";
/// `--require-label`, with commas.
pub(crate) const HADOLINT_REQUIRE_LABELS: &str = "HADOLINT_REQUIRE_LABELS";

/// The directory of docker's `config.json`, which has credentials; `$HOME/.docker` where unset.
pub(crate) const DOCKER_CONFIG: &str = "DOCKER_CONFIG";
/// The file of credentials, as podman has it; wins over all others.
pub(crate) const REGISTRY_AUTH_FILE: &str = "REGISTRY_AUTH_FILE";
/// The base of podman's file of credentials: `$XDG_RUNTIME_DIR/containers/auth.json`.
pub(crate) const XDG_RUNTIME_DIR: &str = "XDG_RUNTIME_DIR";
/// The file that says where registries are, in place of `$XDG_CONFIG_HOME/containers/registries.conf` and
/// `/etc/containers/registries.conf`.
pub(crate) const CONTAINERS_REGISTRIES_CONF: &str = "CONTAINERS_REGISTRIES_CONF";
