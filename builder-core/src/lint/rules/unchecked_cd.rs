//! `SC2164`.

use crate::lint::prelude::*;
use crate::lint::sh::{Call, calls, report, stops_at_errors};
use crate::shell::Index;

rule! {
    /// ## What it does
    /// Finds `cd`, `pushd` and `popd` whose failure nothing looks at.
    ///
    /// ## Why it matters
    /// The commands after it run in the folder before: `cd /tmp/build; rm -rf *` empties another one.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN cd /srv/app; make
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN cd /srv/app && make
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the build stops where it went on before.
    RULE {
        id: "unchecked-cd",
        codes: &["SC2164"],
        summary: "`cd` may fail, and what follows runs elsewhere",
        level: Level::Warning,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Tree(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>, index: &Index<'_>) {
    if stops_at_errors(index) || !cx.is_hadolint() && script.shell.stops_at_errors() {
        return;
    }
    for call in calls(index).filter(|call| ["cd", "pushd", "popd"].contains(&call.name.as_ref())) {
        let Some(site) = index.commands.get(call.at) else { continue };
        let turns = call.name != "cd" && call.has_flag(&["n"]);
        if site.checked || turns || is_upwards(&call) {
            continue;
        }
        let is_alone =
            site.item.rest.is_empty() && site.pipeline.commands.len() == 1 && site.pipeline.negated.is_none();
        let is_alone = is_alone && !site.in_background();
        let edit = Edit::insert(script.place(call.span).end, " || exit");
        let fix = is_alone.then(|| Fix::risky("stop where it fails", vec![edit]));
        let message = format!("nothing looks at whether `{}` failed", call.name);
        report(cx, script, call.span, message).maybe_fix(fix).done();
    }
}

/// `/`, `.`, `..` and `../..` are always there.
fn is_upwards(call: &Call<'_>) -> bool {
    let [word] = call.args else { return false };
    let Some(path) = word.literal() else { return false };
    let rest = path.trim_start_matches('/');
    rest.split('/').all(|part| matches!(part, "" | "." | "..")) && (!rest.contains("//") || rest.is_empty())
}
