//! The whole directory is copied and no ignore file leaves anything out.

use crate::lint::build_files::{Entries, relative};
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

/// What nobody wants in an image.
const UNWANTED: [&str; 9] = [".git", "node_modules", "target", "venv", ".venv", "dist", "build", "__pycache__", ".env"];

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let Some(facts) = &cx.options.facts.context else { return };
    let (InstructionKind::Copy(transfer) | InstructionKind::Add(transfer)) = view.kind() else { return };
    if !transfer.exclude.is_empty() {
        return;
    }
    for path in view.context_sources().filter(|path| matches!(trimmed(path.as_str()), "." | "./" | "/")) {
        let others = cx.model.instructions.iter().flat_map(InstructionView::context_sources);
        let others: Vec<String> = others.map(|other| relative(trimmed(other.as_str()))).collect();
        let Some(files) = facts.best(&others) else { return };
        let found = match files.entries("") {
            // Where it is known that nothing but sources is there, nothing has to be left out.
            Entries::Known(names) => match UNWANTED.into_iter().find(|name| names.contains(*name)) {
                Some(name) => format!(", `{name}` too"),
                None => return,
            },
            Entries::Unknown if facts.is_certain => String::new(),
            Entries::Unknown | Entries::Missing => return,
        };
        if facts.ignore_file(files).is_none() {
            cx.report(view.index, path.span(), format!("everything is copied{found}, and there is no ignore file"))
                .help("add a `.dockerignore`")
                .done();
        }
    }
}
