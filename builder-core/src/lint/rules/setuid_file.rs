//! Files that run with the rights of their owner.

use super::world_writable_file::each_mode;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `chmod` and `--chmod` that set the set-user-id bit.
    ///
    /// ## Why it matters
    /// Every user of the container can run the program as its owner, who is mostly root.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN chmod u+s /usr/bin/tool
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN setcap cap_net_bind_service=+ep /usr/bin/tool
    /// ```
    RULE {
        id: "setuid-file",
        codes: &[],
        summary: "files that run with the rights of their owner",
        level: Level::Warning,
        group: Group::Security,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    each_mode(cx, |index, span, mode| {
        if is_setuid(mode) {
            cx.report(index, span, format!("`{mode}` lets every user run the program as its owner"))
                .help("give the program the one capability that it needs: `setcap`")
                .done();
        }
    });
}

fn is_setuid(mode: &str) -> bool {
    if mode.chars().all(|c| c.is_digit(8)) {
        return mode.chars().rev().nth(3).and_then(|c| c.to_digit(8)).is_some_and(|digit| digit & 4 != 0);
    }
    mode.split(',').any(|clause| {
        let Some(at) = clause.find(['+', '=']) else { return false };
        let (who, what) = clause.split_at(at);
        (who.is_empty() || who.contains(['a', 'u'])) && what.contains('s')
    })
}
