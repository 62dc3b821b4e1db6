//! The socket of a container engine in the image.

use crate::lint::prelude::*;
use crate::lint::variables::places;

rule! {
    /// ## What it does
    /// Finds the socket of docker, podman or containerd in `VOLUME`, `COPY`, `ADD` and `RUN --mount`.
    ///
    /// ## Why it matters
    /// Whoever can write to the socket is root on the host.
    ///
    /// ## Example
    /// ```dockerfile
    /// VOLUME /var/run/docker.sock
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// # mount the socket when the container is started, and only where it must be
    /// ```
    RULE {
        id: "docker-socket",
        codes: &[],
        summary: "the socket of a container engine in the image",
        level: Level::Warning,
        group: Group::Security,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let is_looked_at = matches!(
        view.kind(),
        InstructionKind::Volume(_) | InstructionKind::Run(_) | InstructionKind::Copy(_) | InstructionKind::Add(_)
    );
    for place in places(view.instruction).into_iter().filter(|_| is_looked_at) {
        let text = place.text();
        for name in ["docker.sock", "podman.sock", "containerd.sock"] {
            if let Some(at) = text.find(name).filter(|_| text.len() < 400) {
                let span = place.span_of(at..at + name.len());
                cx.report(view.index, span, format!("`{name}` makes whoever has the container root on the host"))
                    .done();
            }
        }
    }
}
