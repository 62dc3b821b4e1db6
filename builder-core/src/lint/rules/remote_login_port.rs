//! A port for remote logins.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `EXPOSE` of the ports of ssh, telnet and remote desktops.
    ///
    /// ## Why it matters
    /// A container that lets people log in is one more door to guard; `docker exec` opens a shell without any.
    ///
    /// ## Example
    /// ```dockerfile
    /// EXPOSE 22
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// # docker exec -it CONTAINER sh
    /// ```
    RULE {
        id: "remote-login-port",
        codes: &[],
        summary: "a port for remote logins",
        level: Level::Warning,
        group: Group::Security,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::Expose(words) = view.kind() else { return };
    for word in words {
        let number = word.as_str().split('/').next().unwrap_or_default();
        let what = match number {
            "22" => "ssh",
            "23" => "telnet",
            "3389" => "remote desktops",
            _ => continue,
        };
        cx.report(view.index, word.span(), format!("port {number} is that of {what}"))
            .help("use `docker exec` to look into a container")
            .done();
    }
}
