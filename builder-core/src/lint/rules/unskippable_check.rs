//! `skip` for a check that it does not reach.

use crate::lint::buildkit::is_experimental;
use crate::lint::prelude::*;
use crate::lint::{CheckSettings, Rule, find_rule};

rule! {
    /// ## What it does
    /// Finds a `# check=` directive that skips a check which it asks for.
    ///
    /// ## Why it matters
    /// `skip` is for the checks that are made by default. One that `experimental` asks for is made whatever is skipped,
    /// `skip=all` included.
    ///
    /// ## Example
    /// ```dockerfile
    /// # check=skip=InvalidDefinitionDescription;experimental=all
    /// FROM debian:12
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// # check=skip=JSONArgsRecommended
    /// FROM debian:12
    /// ```
    RULE {
        id: "unskippable-check",
        codes: &[],
        summary: "`skip` beside `experimental` for the same check",
        level: Level::Info,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    for directive in cx.dockerfile.directives.iter().filter(|directive| directive.name.value == "check") {
        let Ok(settings) = CheckSettings::parse(&directive.value.value) else { continue };
        let asked = settings.experimental_all || !settings.experimental.is_empty();
        let is_check = |rule: &Rule| rule.buildkit_name().is_some() && is_experimental(rule);
        let named =
            settings.skip.iter().find(|name| find_rule(name).is_some_and(is_check) && settings.wants(name, true));
        let message = match named {
            Some(name) => format!("`{name}` is made all the same: `experimental` asks for it"),
            None if settings.skip_all && asked => "`skip=all` does not skip what `experimental` asks for".to_owned(),
            None => continue,
        };
        cx.report(usize::MAX, directive.value.span, message).help("leave one of them out").done();
    }
}
