//! `ExposeInvalidFormat`.

use crate::lint::prelude::*;
use crate::lint::variables::{Place, walk};

rule! {
    /// ## What it does
    /// Finds `EXPOSE` with an IP address or a port of the host.
    ///
    /// ## Why it matters
    /// An image says which ports its program listens on; where they appear on the host is decided when a container
    /// is started, and what is written here is ignored.
    ///
    /// ## Example
    /// ```dockerfile
    /// EXPOSE 127.0.0.1:8080:80
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// EXPOSE 80
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the config of the image is the same, but the line in its history is another. There is none where a
    /// variable is involved.
    RULE {
        id: "port-mapping-in-expose",
        codes: &["ExposeInvalidFormat"],
        summary: "an address or a host port in `EXPOSE`",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    walk(cx, |view, environment| {
        let InstructionKind::Expose(words) = view.kind() else { return };
        for word in words {
            let Ok(expansion) = environment.expand(cx, &Place::Text(word)) else { continue };
            for port in &expansion.words {
                let Some((before, wanted)) = port.rsplit_once(':').filter(|(before, _)| *before != ":") else {
                    continue;
                };
                if before.chars().all(|c| c == ':') {
                    continue;
                }
                let fix = (word.as_str() == port)
                    .then(|| Fix::risky(format!("write `{wanted}`"), vec![Edit::replace(word.span(), wanted)]));
                cx.report(view.index, word.span(), format!("`{port}` maps a port, which only `docker run` can"))
                    .in_buildkits_words(|| {
                        format!(
                            "EXPOSE instruction should not define an IP address or host-port mapping, found '{port}'"
                        )
                    })
                    .help(format!("write `{wanted}`"))
                    .maybe_fix(fix)
                    .done();
            }
        }
    });
}
