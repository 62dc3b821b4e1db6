//! `npm install` where `npm ci` installs what was tested.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `npm install` without a package.
    ///
    /// ## Why it matters
    /// `npm install` may take newer packages than the lock file says, and changes it; `npm ci` takes exactly those,
    /// and is faster.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN npm install
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN npm ci
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: `npm ci` needs a lock file.
    RULE {
        id: "npm-install",
        codes: &[],
        summary: "`npm install` where `npm ci` installs what was tested",
        level: Level::Warning,
        group: Group::Reproducibility,
        activation: Activation::Opinion,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    if command.name() != "npm" || command.has_any_argument(&["-g", "--global", "--location=global", "--no-save"]) {
        return;
    }
    let mut words = command.words_without(&["prefix", "C", "registry", "loglevel", "omit", "only", "cache"]);
    let Some(verb) = words.next().filter(|verb| matches!(verb.text.as_str(), "install" | "i")) else { return };
    if words.next().is_none() {
        cx.report(command.instruction(), verb.span, "`npm install` may take other packages than the lock file says")
            .fix(Fix::risky("write `npm ci`", vec![Edit::replace(verb.span, "ci")]))
            .done();
    }
}
