//! A cache mount that is emptied at every step.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a cache mount on `/var/cache/apt` in stages that leave `docker-clean` where it is.
    ///
    /// ## Why it matters
    /// The Debian and Ubuntu images delete packages after each installation (`/etc/apt/apt.conf.d/docker-clean`):
    /// the cache is always empty.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN --mount=type=cache,target=/var/cache/apt apt-get update && apt-get install -y curl
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN rm -f /etc/apt/apt.conf.d/docker-clean
    /// RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    ///     --mount=type=cache,target=/var/lib/apt,sharing=locked \
    ///     apt-get update && apt-get install -y curl
    /// ```
    RULE {
        id: "emptied-apt-cache",
        codes: &[],
        summary: "a cache mount that is emptied at every step",
        level: Level::Info,
        group: Group::Speed,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::Run(run) = view.kind() else { return };
    let is_cache = |value: &str| value.contains("type=cache") && value.contains("/var/cache/apt");
    let Some(mount) = run.mounts.iter().find(|mount| is_cache(&mount.value)) else { return };
    let mut scripts = cx.model.scripts.iter();
    let installs = scripts.any(|script| {
        let is_install = |c: &CommandView<'_>| matches!(c.name(), "apt" | "apt-get") && c.has_argument("install");
        script.view.index == view.index && script.commands().any(|command| is_install(&command))
    });
    let Some(stage) = view.stage.filter(|_| installs) else { return };
    let keeps = |text: &str| {
        text.contains("docker-clean") || text.contains("Keep-Downloaded-Packages") || text.contains("keep-cache")
    };
    let is_kept = cx.model.ancestry(stage).any(|stage| {
        let body = cx.dockerfile.instructions.get(stage.body.clone()).unwrap_or_default();
        body.iter().any(|instruction| keeps(cx.text(instruction.span)))
    });
    let is_known = cx.model.root(stage).is_some_and(|root| !root.image.contains('$'));
    if !is_kept && is_known {
        cx.report(view.index, mount.span, "the image deletes packages after each installation, this cache stays empty")
            .help("remove `/etc/apt/apt.conf.d/docker-clean` before")
            .done();
    }
}
