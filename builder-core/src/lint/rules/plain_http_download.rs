//! A download without encryption.

use crate::dockerfile::TransferSource;
use crate::lint::downloads::{addresses, host, is_near};
use crate::lint::prelude::*;
use crate::lint::words::trimmed;

rule! {
    /// ## What it does
    /// Finds `ADD`, `curl` and `wget` of addresses that begin with `http://`, where nothing checks what comes.
    ///
    /// ## Why it matters
    /// Whoever is between the builder and the server decides what is in the image.
    ///
    /// ## Example
    /// ```dockerfile
    /// ADD http://example.org/tool /usr/bin/
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ADD https://example.org/tool /usr/bin/
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the server may not know `https`, and the line in the history of the image is another.
    RULE {
        id: "plain-http-download",
        codes: &[],
        summary: "a download without encryption",
        level: Level::Warning,
        group: Group::Security,
        activation: Activation::Default,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    for view in &cx.model.instructions {
        let InstructionKind::Add(transfer) = view.kind() else { continue };
        for source in transfer.sources.iter().filter(|_| transfer.checksum.is_none()) {
            if let TransferSource::Path(path) = source {
                check_address(cx, view.index, trimmed(path.as_str()), path.span());
            }
        }
    }
    for script in cx.model.scripts.iter().filter(|script| script.is_run()) {
        let text = script.text.as_str();
        if ["sum -c", "sum --c", "sum --strict", "gpg ", "gpgv ", "shasum", "minisign", "cosign"]
            .iter()
            .any(|check| text.contains(check))
        {
            continue;
        }
        for command in script.commands() {
            addresses(&command)
                .for_each(|argument| check_address(cx, script.view.index, &argument.text, argument.span));
        }
    }
}

fn check_address(cx: &Context<'_>, index: usize, address: &str, span: Span) {
    if !address.starts_with("http://") || is_near(host(address)) {
        return;
    }
    let text = cx.text(span);
    let Some(at) = text.find("http://") else { return };
    let place = Span::at(span.start + u32::try_from(at + "http".len()).unwrap_or(0));
    cx.report(index, span, "anybody on the way can change this download")
        .fix(Fix::risky("use `https`", vec![Edit::replace(place, "s")]))
        .done();
}
