//! Checks of certificates or signatures are switched off.

use crate::lint::downloads::curl_flag;
use crate::lint::prelude::*;
use crate::lint::words::{trimmed, unquoted};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds options and variables that switch the check of certificates or of package signatures off: `curl
    /// --insecure`, `wget --no-check-certificate`, `pip --trusted-host`, `GIT_SSL_NO_VERIFY`, `apt-get
    /// --allow-unauthenticated`, `gpgcheck=0` and the like.
    ///
    /// ## Why it matters
    /// Whoever is between the builder and the server decides what is in the image.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN curl -k -o /usr/bin/tool https://example.org/tool
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN curl -o /usr/bin/tool https://example.org/tool
    /// ```
    RULE {
        id: "disabled-tls-check",
        codes: &[],
        summary: "checks of certificates or signatures are switched off",
        level: Level::Warning,
        group: Group::Security,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    for view in &cx.model.instructions {
        check_variables(cx, view);
    }
    for script in cx.model.scripts.iter().filter(|script| script.is_run()) {
        for command in script.commands() {
            if let Some((argument, what)) = switched_off(&command) {
                report(cx, script, argument.span, &argument.text, what);
            }
        }
        check_assignments(cx, script);
        check_text(cx, script);
    }
}

fn report(cx: &Context<'_>, script: &ScriptView<'_>, span: Span, text: &str, what: &str) {
    cx.report(script.view.index, span, format!("`{text}` switches {what} off"))
        .help("add the certificate or the key that is missing instead")
        .done();
}

const TLS: &str = "the check of certificates";
const SIGNATURES: &str = "the check of signatures";

fn check_variables(cx: &Context<'_>, view: &InstructionView<'_>) {
    let mut found = Vec::new();
    match view.kind() {
        InstructionKind::Env(env) => {
            let pairs = env.pairs.iter().map(|pair| (trimmed(pair.key.as_str()), pair.key.span(), &pair.value));
            found.extend(pairs.map(|(name, span, value)| (name, span.cover(value.span()), unquoted(value.as_str()))));
        }
        InstructionKind::Arg(args) => {
            let defaults = args.iter().filter_map(|arg| Some((arg, arg.default.as_ref()?)));
            found.extend(defaults.map(|(arg, value)| (arg.name.value.as_str(), arg.span, unquoted(value.as_str()))));
        }
        _ => {}
    }
    for (name, span, value) in found.into_iter().filter(|(name, _, value)| is_switch(name, value)) {
        cx.report(view.index, span, format!("`{name}={value}` switches {TLS} off"))
            .help("add the certificate that is missing instead")
            .done();
    }
}

/// Tells whether a variable with this value switches checks off.
fn is_switch(name: &str, value: &str) -> bool {
    let is_on = !matches!(value, "" | "0" | "false" | "no" | "off");
    match name {
        "GIT_SSL_NO_VERIFY" | "GOINSECURE" | "PIP_TRUSTED_HOST" => is_on,
        "NODE_TLS_REJECT_UNAUTHORIZED" | "PYTHONHTTPSVERIFY" | "BUNDLE_SSL_VERIFY_MODE" => !is_on,
        "NPM_CONFIG_STRICT_SSL" | "npm_config_strict_ssl" | "YARN_ENABLE_STRICT_SSL" => !is_on && !value.is_empty(),
        _ => false,
    }
}

/// Assignments before commands, and the arguments of `export`.
fn check_assignments(cx: &Context<'_>, script: &ScriptView<'_>) {
    let text = script.text.as_str();
    if !["VERIFY", "TLS", "INSECURE", "TRUSTED", "STRICT", "strict"].iter().any(|word| text.contains(word)) {
        return;
    }
    let Some(tree) = script.tree() else { return };
    for (simple, _) in Index::new(tree).simple() {
        let before = simple.assignments.iter().map(|assignment| assignment.span);
        let words = simple.words.iter().filter(|word| word.as_assignment().is_some()).map(|word| word.span);
        for span in before.chain(words) {
            let written = script.slice(span);
            let Some((name, value)) = written.split_once('=') else { continue };
            if is_switch(name, unquoted(value)) {
                report(cx, script, script.place(span), written, TLS);
            }
        }
    }
}

/// Texts that end up in configurations, whoever writes them.
fn check_text(cx: &Context<'_>, script: &ScriptView<'_>) {
    let text = script.text.as_str();
    for word in ["trusted=yes", "gpgcheck=0"] {
        for (at, _) in text.match_indices(word) {
            let before = text[..at].chars().next_back();
            let rest = &text[at + word.len()..];
            // A repository on the disk has nobody between; `repo_gpgcheck` is about the index.
            let source = rest.split_once(']').map_or("", |(_, source)| source.trim_start());
            let is_local = source.starts_with("file:") || source.starts_with("copy:");
            let is_option = word == "gpgcheck=0" || before.is_some_and(|c| matches!(c, '[' | ' ' | ','));
            let is_part = before.is_some_and(|c| c == '_' || c.is_ascii_alphanumeric());
            if is_option && !is_local && !is_part {
                report(cx, script, script.text.span_of(at..at + word.len()), word, SIGNATURES);
            }
        }
    }
}

/// Finds the argument of a command that switches a check off, and what it switches off.
fn switched_off<'a>(command: &CommandView<'a>) -> Option<(&'a Argument, &'static str)> {
    let find = |texts: &[&str]| command.arguments().iter().find(|argument| texts.contains(&argument.text.as_str()));
    let begins =
        |texts: &[&str]| command.arguments().iter().find(|argument| texts.iter().any(|t| argument.text.starts_with(t)));
    let setting = |name: &str| {
        let lower = |argument: &Argument| argument.text.to_lowercase();
        let is_off = |value: &str| matches!(value, "false" | "0" | "no" | "off");
        let mut arguments = command.arguments().iter().zip(command.arguments().iter().skip(1));
        let apart = arguments.find(|(key, value)| lower(key) == name && is_off(&lower(value))).map(|(key, _)| key);
        let joined = |argument: &&Argument| {
            lower(argument).trim_start_matches("--").split_once('=').is_some_and(|(key, v)| key == name && is_off(v))
        };
        apart.or_else(|| command.arguments().iter().find(joined))
    };
    let tls = |argument: Option<&'a Argument>| argument.map(|argument| (argument, TLS));
    let signatures = |argument: Option<&'a Argument>| argument.map(|argument| (argument, SIGNATURES));
    match command.name() {
        "curl" => tls(curl_flag(command, 'k').or_else(|| find(&["--insecure", "--proxy-insecure"]))),
        "wget" => tls(find(&["--no-check-certificate"])),
        "git" => tls(setting("http.sslverify")),
        "npm" | "yarn" | "pnpm" => tls(setting("strict-ssl")),
        "apk" => signatures(find(&["--allow-untrusted"])),
        "apt" | "apt-get" => {
            signatures(find(&["--allow-unauthenticated", "--force-yes", "--allow-insecure-repositories"]))
                .or_else(|| tls(begins(&["Acquire::https::Verify-Peer=false"])))
        }
        "yum" | "dnf" | "microdnf" | "tdnf" | "zypper" | "rpm" => {
            let options = ["--nogpgcheck", "--no-gpg-checks", "--no-gpgchecks", "--nosignature", "--nogpg"];
            signatures(find(&options)).or_else(|| tls(setting("--setopt=sslverify")))
        }
        name if name.starts_with("pip") => tls(begins(&["--trusted-host"])),
        name if name.starts_with("python") && command.has_argument("pip") => tls(begins(&["--trusted-host"])),
        _ => None,
    }
}
