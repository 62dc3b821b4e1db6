//! `SC2239`.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a shebang of a script that does not begin with `/`.
    ///
    /// ## Why it matters
    /// The kernel looks for it in the working directory.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN <<EOF
    /// #!bash
    /// make
    /// EOF
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN <<EOF
    /// #!/bin/bash
    /// make
    /// EOF
    /// ```
    RULE {
        id: "relative-shebang",
        codes: &["SC2239"],
        summary: "the interpreter of a script is not an absolute path",
        level: Level::Error,
        group: Group::Shell,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    let shell = crate::lint::sh::shebang(cx, script);
    if let Some((program, span)) = shell.filter(|(program, _)| !program.starts_with('/')) {
        cx.report(script.view.index, span, format!("`{program}` is not an absolute path")).done();
    }
}
