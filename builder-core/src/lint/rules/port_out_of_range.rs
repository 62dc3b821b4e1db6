//! `DL3011`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds an `EXPOSE` of a port above 65535.
    ///
    /// ## Why it matters
    /// There is no such port, and the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// EXPOSE 80000
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// EXPOSE 8000
    /// ```
    RULE {
        id: "port-out-of-range",
        codes: &["DL3011"],
        summary: "a port above 65535",
        level: Level::Error,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::Expose(ports) = view.kind() else { return };
    if cx.skips(view) {
        return;
    }
    for port in ports {
        let range = port.as_str().split('/').next().unwrap_or_default();
        let is_too_high = |end: &str| end.parse::<u64>().is_ok_and(|number| number > 65_535);
        if range.split('-').any(is_too_high) {
            cx.report(view.index, port.span(), format!("`{range}` is no port: the highest is 65535")).done();
        }
    }
}
