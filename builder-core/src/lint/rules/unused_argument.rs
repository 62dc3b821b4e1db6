//! An argument that nothing uses.

use std::collections::HashMap;

use super::trailing_comment::meant;
use crate::dockerfile::ArgDeclaration;
use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds an `ARG` before the first `FROM` that neither a `FROM` nor a stage uses, and an `ARG` in a stage below
    /// which nothing names it and no command runs that might read it.
    ///
    /// ## Why it matters
    /// Whoever sets it changes nothing, and is not told.
    ///
    /// ## Example
    /// ```dockerfile
    /// ARG VERSION=1.2
    /// FROM debian:12
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// ARG VERSION=12
    /// FROM debian:${VERSION}
    /// ```
    RULE {
        id: "unused-argument",
        codes: &[],
        summary: "an argument that nothing uses",
        level: Level::Warning,
        group: Group::Maintenance,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::File(check),
    }
}

fn check(cx: &Context<'_>) {
    let is_argument =
        |view: &&InstructionView<'_>| !view.is_trigger() && matches!(view.kind(), InstructionKind::Arg(_));
    let mut uses = None;
    for view in cx.model.instructions.iter().filter(is_argument) {
        let InstructionKind::Arg(declarations) = view.kind() else { continue };
        for arg in meant(cx, declarations).iter().filter(|arg| !is_for_the_builder(&arg.name.value)) {
            let uses: &Uses<'_> = uses.get_or_insert_with(|| Uses::new(cx));
            let is_unused = match view.stage {
                None => !uses.is_named_behind(arg),
                Some(stage) => uses.is_unused_in(view, stage, arg),
            };
            if is_unused {
                let name = &arg.name.value;
                let report = cx.report(view.index, arg.name.span, format!("nothing uses the argument `{name}`"));
                match view.stage {
                    None => report.help(format!("a stage that needs it has to declare it: `ARG {name}`")).done(),
                    Some(_) => report.done(),
                }
            }
        }
    }
}

/// Names that mean something to BuildKit, or to every command that downloads.
fn is_for_the_builder(name: &str) -> bool {
    name.starts_with("BUILDKIT_")
        || name.starts_with("TARGET")
        || name.to_lowercase().ends_with("_proxy")
        || name == "SOURCE_DATE_EPOCH"
}

/// Where the words of a file are, looked for once.
struct Uses<'a> {
    /// Where each word begins for the last time, comments left out.
    last: HashMap<&'a str, usize>,
    /// The stages whose instructions name each word.
    named: HashMap<&'a str, Vec<(usize, usize)>>,
    /// The last instruction of each stage, or of those that begin from it, that may use anything.
    last_that_runs: Vec<Option<usize>>,
    /// The stages that each stage goes back to, itself first, as far as they are looked at.
    ancestors: Vec<Vec<usize>>,
}

impl<'a> Uses<'a> {
    fn new(cx: &Context<'a>) -> Self {
        let text = cx.source.text();
        let mut last = HashMap::new();
        for line in text.split_inclusive('\n').filter(|line| !line.trim_start().starts_with('#')) {
            let start = line.as_ptr() as usize - text.as_ptr() as usize;
            last.extend(words(line).map(|(at, word)| (word, start + at)));
        }
        let stages = &cx.model.stages;
        let ancestors: Vec<Vec<usize>> =
            stages.iter().map(|stage| cx.model.ancestry(stage.index).map(|stage| stage.index).collect()).collect();
        // A stage that is named by a variable may begin from any.
        let is_open = stages.iter().any(|stage| stage.image.starts_with('$'));
        let mut last_that_runs = vec![is_open.then_some(usize::MAX); stages.len()];
        let mut named: HashMap<&str, Vec<(usize, usize)>> = HashMap::new();
        for view in cx.model.instructions.iter().filter(|view| !view.is_trigger()) {
            let Some(stage) = view.stage else { continue };
            match view.kind() {
                InstructionKind::From(_) => {}
                InstructionKind::Run(_) | InstructionKind::OnBuild(_) | InstructionKind::Invalid => {
                    for ancestor in ancestors.get(stage).into_iter().flatten() {
                        let known = &mut last_that_runs[*ancestor];
                        *known = (*known).max(Some(view.index));
                    }
                }
                InstructionKind::Arg(arguments) => {
                    for (_, word) in arguments
                        .iter()
                        .filter_map(|arg| arg.default.as_ref())
                        .flat_map(|default| words(default.as_str()))
                    {
                        named.entry(word).or_default().push((view.index, stage));
                    }
                }
                _ => {
                    for (_, word) in words(cx.text(view.outer.span)) {
                        named.entry(word).or_default().push((view.index, stage));
                    }
                }
            }
        }
        Self { last, named, last_that_runs, ancestors }
    }

    /// Before the first `FROM` only `FROM`, other arguments there and declarations in stages see it. A stage that uses
    /// it without a declaration is another rule's matter.
    fn is_named_behind(&self, arg: &ArgDeclaration) -> bool {
        let name = arg.name.value.as_str();
        !is_word(name) || self.last.get(name).is_some_and(|at| *at >= arg.span.end as usize)
    }

    fn is_unused_in(&self, view: &InstructionView<'_>, stage: usize, arg: &ArgDeclaration) -> bool {
        let name = arg.name.value.as_str();
        let is_below = |other: &usize| self.ancestors.get(*other).is_some_and(|known| known.contains(&stage));
        let runs = self.last_that_runs.get(stage).copied().flatten().is_some_and(|last| last >= view.index);
        if runs || !is_word(name) {
            return false;
        }
        let named = self.named.get(name).map_or(&[][..], Vec::as_slice);
        let behind = named.partition_point(|(at, _)| *at < view.index);
        !named[behind..].iter().any(|(_, stage)| is_below(stage))
    }
}

/// Returns the words of a text, each with where it begins.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let words = text.split(move |c| !is_part(c)).filter(|word| !word.is_empty());
    words.map(move |word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
}

fn is_word(name: &str) -> bool {
    words(name).any(|(_, word)| word.len() == name.len())
}
