//! `DL4006`.

use crate::dockerfile::Command;
use crate::lint::model::{Shell, ShellKind};
use crate::lint::prelude::*;
use crate::shell::{CommandKind, Index, Invocation, Pipeline, parse};

rule! {
    /// ## What it does
    /// Finds pipes in a `RUN` whose shell does not run with `-o pipefail`.
    ///
    /// Outside of hadolint's habits `set -o pipefail` in the script counts, and so does the `SHELL` of the stage that this one
    /// begins from; pipes into which only `echo`, `printf`, `true` and `yes` write are left alone.
    ///
    /// ## Why it matters
    /// The shell looks at the last command of a pipe only: where the download fails, the build goes on with what little it has.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN curl -fsSL https://example.com/x.tar.gz | tar -xz
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// SHELL ["/bin/bash", "-o", "pipefail", "-c"]
    /// RUN curl -fsSL https://example.com/x.tar.gz | tar -xz
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: another shell runs this instruction and those after it, which the base image has to have; on Alpine that is ash.
    /// It becomes the shell of `CMD` and `ENTRYPOINT` in shell form too, and failures that were lost stop the build.
    RULE {
        id: "pipe-without-pipefail",
        codes: &["DL4006"],
        summary: "a pipe whose failures are lost",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Sometimes,
        status: FIRST,
        check: Check::Script(check),
    }
}

fn check(cx: &Context<'_>, script: &ScriptView<'_>) {
    if !script.is_run() || script.view.is_trigger() && cx.is_hadolint() {
        return;
    }
    let Some(tree) = script.readable() else { return };
    let index = Index::new(tree);
    let mut pipes = index.pipelines().map(|(pipeline, _)| pipeline).filter(|pipeline| !pipeline.pipes.is_empty());
    if cx.is_hadolint() {
        let end = script.end_for_hadolint();
        let first = pipes.find(|pipeline| pipeline.pipes.first().is_some_and(|pipe| script.place(*pipe).start < end));
        if let Some(pipeline) = first.filter(|_| !has_hadolints_shell(cx, script)) {
            report(cx, script, &[pipeline]);
        }
        return;
    }
    let bad = lossy(script, &index);
    if !bad.is_empty() {
        report(cx, script, &bad);
    }
}

/// Finds the pipes whose failures are lost, and nobody said that they may be.
fn lossy<'a>(script: &ScriptView<'_>, index: &Index<'a>) -> Vec<&'a Pipeline> {
    if is_covered(script) {
        return Vec::new();
    }
    let setting = first_setting(script, index).unwrap_or(u32::MAX);
    let pipes = index.pipelines().map(|(pipeline, _)| pipeline).filter(|pipeline| !pipeline.pipes.is_empty());
    pipes.filter(|pipeline| pipeline.span.start < setting && can_fail(script, pipeline)).collect()
}

fn report(cx: &Context<'_>, script: &ScriptView<'_>, pipelines: &[&Pipeline]) {
    let pipes = pipelines.iter().filter_map(|pipeline| pipeline.pipes.first());
    let mut spans = pipes.map(|pipe| script.place(*pipe));
    let Some(first) = spans.next() else { return };
    let mut report = cx
        .report(script.view.index, first, "a failure on the left of this pipe is lost")
        .help("run the instruction with `-o pipefail`")
        .maybe_fix(with_pipefail(cx, script));
    for span in spans {
        report = report.also(span, "and of this one");
    }
    report.done();
}

/// Tells whether the last `SHELL` of the stage is one of those that hadolint takes for one with `pipefail`, or that it
/// does not judge.
fn has_hadolints_shell(cx: &Context<'_>, script: &ScriptView<'_>) -> bool {
    const NAMES: [&str; 6] = ["/bin/bash", "bash", "/bin/zsh", "zsh", "/bin/ash", "ash"];
    let is_shell = |view: &InstructionView<'_>| {
        let is_invalid = matches!(view.kind(), InstructionKind::Invalid);
        let is_named = is_invalid && view.instruction.keyword.value.eq_ignore_ascii_case("SHELL");
        !view.is_trigger() && (is_named || matches!(view.kind(), InstructionKind::Shell(_)))
    };
    let text = cx.model.last_before(&script.view, "SHELL", is_shell).and_then(|view| match view.kind() {
        InstructionKind::Shell(words) => {
            Some(words.iter().map(|word| word.value.as_str()).collect::<Vec<_>>().join(" "))
        }
        // hadolint takes one that is no JSON as it stands.
        _ => view.instruction.line.as_str().trim_start().get("SHELL".len()..).map(|rest| rest.trim().to_owned()),
    });
    let Some(text) = text else { return false };
    if ["pwsh", "powershell", "cmd"].iter().any(|name| text.starts_with(name)) {
        return true;
    }
    let Ok(tree) = parse(&text) else { return false };
    Index::new(&tree)
        .simple()
        .filter_map(|(simple, _)| Invocation::new(simple, &text))
        .any(|command| NAMES.contains(&command.name.as_ref()) && command.has_flag("o") && command.has_arg("pipefail"))
}

/// Tells whether the shell of a script runs with the option, or is none that has it.
fn is_covered(script: &ScriptView<'_>) -> bool {
    match script.run().map(|run| &run.command) {
        Some(Command::Exec(words)) => {
            let shell = Shell::new(words.iter().map(|word| word.value.clone()).collect());
            let runs_text = words.iter().any(|word| word.value.starts_with('-') && word.value.ends_with('c'));
            !shell.is_bourne() || !runs_text || shell.has_option("pipefail")
        }
        _ => !script.shell.is_bourne() || script.shell.has_option("pipefail"),
    }
}

/// Where the script itself switches the option on or off, which is a decision either way.
fn first_setting(script: &ScriptView<'_>, index: &Index<'_>) -> Option<u32> {
    let text = script.text.as_str();
    index.simple().find_map(|(simple, _)| {
        let command = Invocation::effective(simple, text).filter(|command| command.name == "set")?;
        let mut pairs = command.args.windows(2);
        let is_setting = pairs.any(|pair| pair[1].text == "pipefail" && pair[0].text.ends_with('o'));
        is_setting.then_some(command.name_span.start)
    })
}

/// Tells whether what stands left of the last pipe may fail.
fn can_fail(script: &ScriptView<'_>, pipeline: &Pipeline) -> bool {
    let Some((_, writers)) = pipeline.commands.split_last() else { return false };
    !writers.iter().all(|command| match &command.kind {
        CommandKind::Simple(simple) => Invocation::new(simple, script.text.as_str())
            .is_none_or(|command| matches!(command.name.as_ref(), "echo" | "printf" | "yes" | "true" | ":")),
        _ => false,
    })
}

/// Puts a `SHELL` before the instruction.
fn with_pipefail(cx: &Context<'_>, script: &ScriptView<'_>) -> Option<Fix> {
    let view = &script.view;
    if script.is_exec || view.is_trigger() || script.shell != script.outer_shell || !script.shell.is_bourne() {
        return None;
    }
    // The first one of a stage mends the others.
    let is_lossy = |other: &ScriptView<'_>| {
        let is_same = other.shell == script.shell && !other.is_exec;
        is_same && other.tree().is_some_and(|tree| !lossy(other, &Index::new(tree)).is_empty())
    };
    let what = format!("loses failures in {}", script.shell.words.join(" "));
    let mut stages = cx.model.ancestry(view.stage.unwrap_or(0));
    if stages.any(|stage| {
        let first = cx.model.first_run(stage.index, &what, is_lossy);
        first.is_some_and(|first| first < view.index)
    }) {
        return None;
    }
    let words: Vec<String> = if script.shell.kind == ShellKind::Posix {
        let program = if cx.model.is_busybox(view.stage?) { "/bin/ash" } else { "/bin/bash" };
        [program, "-o", "pipefail", "-c"].map(str::to_owned).to_vec()
    } else {
        let mut words = script.shell.words.clone();
        let at = words.iter().position(|word| word == "-c")?;
        words.splice(at..at, ["-o".to_owned(), "pipefail".to_owned()]);
        words
    };
    let words: Vec<String> = words.iter().map(|word| serde_json::Value::from(word.as_str()).to_string()).collect();
    let line = format!("SHELL [{}]", words.join(", "));
    // Above the comments of the instruction, which may be meant for the linter.
    let start = view.outer.comments.first().map_or(view.outer.span.start, |comment| comment.span.start);
    Some(Fix::risky(format!("put `{line}` before it"), vec![Edit::insert(start, format!("{line}\n"))]))
}
