//! `--link` beside a flag that switches it off.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `COPY` or `ADD` with both `--link` and `--chmod`.
    ///
    /// ## Why it matters
    /// With `--chmod`, BuildKit takes no notice of `--link`: the files are copied into what is below them, so the step
    /// runs again whenever that changes, links in the way are followed, and owners are looked up by name.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12
    /// COPY --link --chmod=755 tool /usr/bin/
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// COPY --chmod=755 tool /usr/bin/
    /// ```
    ///
    /// ## Fix safety
    /// Safe: the flag does nothing. It is taken away; whoever wants the link gives the files their mode before the build.
    RULE {
        id: "ignored-link",
        codes: &[],
        summary: "`--link` with `--chmod` links nothing",
        level: Level::Info,
        group: Group::Speed,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let (InstructionKind::Copy(transfer) | InstructionKind::Add(transfer)) = view.kind() else { return };
    let (Some(link), Some(mode)) = (&transfer.link, &transfer.chmod) else { return };
    let Some(flag) = view.instruction.flags.iter().find(|flag| flag.name.value == "link") else { return };
    // A variable may be empty.
    if !link.value || mode.value.is_empty() || mode.value.contains('$') {
        return;
    }
    let behind = cx.text(Span::new(flag.span.end, view.instruction.head.end.max(flag.span.end)));
    let blanks = behind.len() - behind.trim_start_matches([' ', '\t']).len();
    let word = Span::from_range(flag.span.start as usize..flag.span.end as usize + blanks);
    cx.report(view.index, flag.span, "`--link` does nothing beside `--chmod`")
        .also(mode.span, "this needs the files that are below")
        .fix(Fix::safe("take `--link` away", vec![Edit::delete(word)]))
        .done();
}
