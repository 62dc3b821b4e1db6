//! The program is started through a package manager.

use crate::dockerfile::Command;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds `CMD` and `ENTRYPOINT` that start the program with `npm`, `yarn` or `pnpm`.
    ///
    /// ## Why it matters
    /// The package manager is the first process of the container: it needs memory of its own, and does not pass
    /// signals on as it should, so that `docker stop` waits and then kills.
    ///
    /// ## Example
    /// ```dockerfile
    /// CMD ["npm", "start"]
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// CMD ["node", "server.js"]
    /// ```
    RULE {
        id: "npm-start-command",
        codes: &[],
        summary: "the program is started through a package manager",
        level: Level::Info,
        group: Group::Correctness,
        activation: Activation::Opinion,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Instruction(check),
    }
}

fn check(cx: &Context<'_>, view: &InstructionView<'_>) {
    let (InstructionKind::Cmd(command) | InstructionKind::Entrypoint(command)) = view.kind() else { return };
    let (first, span) = match command {
        Command::Exec(words) => match words.first() {
            Some(word) => (word.value.as_str(), word.span),
            None => return,
        },
        Command::Shell(text) => (text.as_str().split_whitespace().next().unwrap_or_default(), text.span()),
    };
    if matches!(first, "npm" | "yarn" | "pnpm" | "npx") {
        cx.report(view.index, span, format!("`{first}` stands between docker and the program"))
            .help("start the program itself: `node FILE`")
            .done();
    }
}
