//! `DL3029`, `FromPlatformFlagConstDisallowed`.

use std::str::FromStr;

use crate::lint::prelude::*;
use crate::platform::Platform;
use crate::text::go_quoted;

rule! {
    /// ## What it does
    /// Finds a `FROM --platform` with a platform that does not depend on the build.
    ///
    /// ## Why it matters
    /// The stage is for this platform whatever the build is for: an image for another one holds the wrong programs.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM --platform=linux/amd64 debian:12
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM --platform=$BUILDPLATFORM debian:12
    /// ```
    RULE {
        id: "constant-platform",
        codes: &["DL3029", "FromPlatformFlagConstDisallowed"],
        summary: "`FROM --platform` with a constant",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::From(from) = view.kind() else { return };
    let Some(platform) = &from.platform else { return };
    let value = platform.value.as_str();
    let is_constant = if cx.is_hadolint() {
        !value.contains("BUILDPLATFORM") && !value.contains("TARGETPLATFORM")
    } else {
        !value.contains('$')
    };
    // A stage that is named after its platform is one of several, and meant so.
    let is_meant = !cx.is_hadolint()
        && from.name.as_ref().is_some_and(|name| value.split('/').any(|part| name.value.contains(part)));
    let is_meant = match Platform::from_str(value) {
        // BuildKit compares the names that it knows platforms by.
        Ok(platform) if cx.is_buildkit() => from.name.as_ref().is_some_and(|name| {
            let name = name.value.to_lowercase();
            name.contains(&platform.os) || name.contains(&platform.architecture)
        }),
        Err(_) if cx.is_buildkit() => true,
        _ => is_meant,
    };
    if is_constant && !is_meant {
        cx.report(view.index, platform.span, format!("the stage is for `{value}` whatever the build is for"))
            .in_buildkits_words(|| format!("FROM --platform flag should not use constant value {}", go_quoted(value)))
            .help("use `$BUILDPLATFORM`, or leave the flag out")
            .done();
    }
}
