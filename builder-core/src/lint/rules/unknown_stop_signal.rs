//! A signal that does not exist.

use crate::dockerfile::closest;
use crate::lint::paths::literal;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `STOPSIGNAL` with a name or number that no signal has.
    ///
    /// ## Why it matters
    /// The build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// STOPSIGNAL SIGQIUT
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// STOPSIGNAL SIGQUIT
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: there is a fix where a signal has nearly the same name.
    RULE {
        id: "unknown-stop-signal",
        codes: &[],
        summary: "a signal that does not exist",
        level: Level::Error,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

const SIGNALS: [&str; 34] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "UNUSED", "URG",
    "USR1", "USR2", "VTALRM", "WINCH", "XCPU",
];

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let InstructionKind::StopSignal(signal) = view.kind() else { return };
    let Some(text) = literal(signal) else { return };
    let upper = text.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let is_number = text.parse::<u32>().is_ok_and(|number| (1..=64).contains(&number));
    if is_number || SIGNALS.contains(&name) || name == "XFSZ" || is_realtime(name) {
        return;
    }
    let fix = closest(name, SIGNALS)
        .map(|near| Fix::risky(format!("write `SIG{near}`"), vec![Edit::replace(signal.span(), format!("SIG{near}"))]));
    cx.report(view.index, signal.span(), format!("there is no signal `{text}`")).maybe_fix(fix).done();
}

fn is_realtime(name: &str) -> bool {
    let rest = name.strip_prefix("RTMIN").or_else(|| name.strip_prefix("RTMAX"));
    rest.is_some_and(|rest| rest.is_empty() || rest.trim_start_matches(['+', '-']).parse::<u8>().is_ok_and(|n| n < 16))
}
