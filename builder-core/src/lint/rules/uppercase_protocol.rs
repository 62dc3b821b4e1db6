//! `ExposeProtoCasing`.

use crate::lint::prelude::*;
use crate::lint::variables::{Place, walk};

rule! {
    /// ## What it does
    /// Finds `EXPOSE` with a protocol in capital letters.
    ///
    /// ## Why it matters
    /// The name of the protocol is written in small letters everywhere else.
    ///
    /// ## Example
    /// ```dockerfile
    /// EXPOSE 80/TCP
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// EXPOSE 80/tcp
    /// ```
    ///
    /// ## Fix safety
    /// Safe: the config of the image has it in small letters in any case. There is none where a variable is
    /// involved.
    RULE {
        id: "uppercase-protocol",
        codes: &["ExposeProtoCasing"],
        summary: "a protocol with capital letters in `EXPOSE`",
        level: Level::Warning,
        group: Group::Maintenance,
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
                let Some((number, protocol)) = port.split_once('/') else { continue };
                let lower = protocol.to_lowercase();
                if lower == protocol {
                    continue;
                }
                let wanted = format!("{number}/{lower}");
                let fix = (word.as_str() == port)
                    .then(|| Fix::safe(format!("write `{wanted}`"), vec![Edit::replace(word.span(), wanted.as_str())]));
                cx.report(view.index, word.span(), format!("the protocol of `{port}` has capital letters"))
                    .in_buildkits_words(|| {
                        format!("Defined protocol '{port}' in EXPOSE instruction should be lowercase")
                    })
                    .help(format!("write `{wanted}`"))
                    .maybe_fix(fix)
                    .done();
            }
        }
    });
}
