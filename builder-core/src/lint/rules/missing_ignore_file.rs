//! The whole directory is copied and no ignore file leaves anything out.

use crate::dockerfile::TransferSource;
use crate::lint::prelude::*;
use crate::lint::words::trimmed;

rule! {
    /// ## What it does
    /// Finds a copy of the whole build context where there is no `.dockerignore`.
    ///
    /// ## Why it matters
    /// The history of the repository, local settings and the results of other builds are sent to the builder and
    /// end up in the image, secrets among them.
    ///
    /// ## Example
    /// ```dockerfile
    /// COPY . .
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// # .dockerignore: .git
    /// COPY . .
    /// ```
    RULE {
        id: "missing-ignore-file",
        codes: &[],
        summary: "the whole directory is copied and no ignore file leaves anything out",
        level: Level::Info,
        group: Group::Security,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let (InstructionKind::Copy(transfer) | InstructionKind::Add(transfer)) = view.kind() else { return };
    let Some(context) = &cx.options.facts.context else { return };
    if transfer.from.is_some() || context.ignore_file.is_some() || !transfer.exclude.is_empty() {
        return;
    }
    // Where it is known that nothing but sources is there, nothing has to be left out.
    let unwanted = [".git", "node_modules", "target", "venv", ".venv", "dist", "build", "__pycache__", ".env"];
    let has = |paths: &std::collections::BTreeSet<String>| {
        unwanted.into_iter().find(|name| paths.iter().any(|path| path.split('/').any(|part| part == *name)))
    };
    let found = context.paths.as_ref().map(has);
    if found == Some(None) {
        return;
    }
    for source in &transfer.sources {
        let TransferSource::Path(path) = source else { continue };
        if matches!(trimmed(path.as_str()), "." | "./" | "/") {
            let what = found.flatten().map_or(String::new(), |name| format!(", `{name}` too"));
            cx.report(view.index, path.span(), format!("everything is copied{what}, and there is no ignore file"))
                .help("add a `.dockerignore`")
                .done();
        }
    }
}
