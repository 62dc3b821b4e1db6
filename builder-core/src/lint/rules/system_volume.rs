//! A volume over a directory of the system.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `VOLUME` of directories that the system is made of, such as `/etc` and `/usr`.
    ///
    /// ## Why it matters
    /// What the image has there is copied into a volume when a container starts and stays as it is then: newer
    /// images show nothing of their own.
    ///
    /// ## Example
    /// ```dockerfile
    /// VOLUME /etc
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// VOLUME /etc/app
    /// ```
    RULE {
        id: "system-volume",
        codes: &[],
        summary: "a volume over a directory of the system",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

const SYSTEM: [&str; 14] = [
    "/", "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sbin", "/sys", "/usr", "/usr/bin", "/usr/lib",
    "/var",
];

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::Volume(paths) = view.kind() else { return };
    for path in paths {
        let text = path.as_str();
        let short = if text.len() > 1 { text.trim_end_matches('/') } else { text };
        if SYSTEM.contains(&short) {
            cx.report(view.index, path.span(), format!("`{text}` is a directory of the system")).done();
        }
    }
}
