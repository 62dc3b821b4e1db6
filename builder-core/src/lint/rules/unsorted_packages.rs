//! Packages in no order.

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds lists of three or more packages of `apt-get`, `apk`, `dnf` and `yum` that are not sorted.
    ///
    /// ## Why it matters
    /// In a sorted list packages are found and doubled ones noticed, and changes of it are easy to read.
    ///
    /// ## Example
    /// ```dockerfile
    /// RUN apt-get install -y \
    ///     wget \
    ///     curl \
    ///     git
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// RUN apt-get install -y \
    ///     curl \
    ///     git \
    ///     wget
    /// ```
    ///
    /// ## Fix safety
    /// Unsafe: the image is the same, but the step is another one for the cache.
    RULE {
        id: "unsorted-packages",
        codes: &[],
        summary: "packages in no order",
        level: Level::Style,
        group: Group::Maintenance,
        activation: Activation::Opinion,
        fixable: Fixable::Always,
        status: FIRST,
        check: Check::Command(check),
    }
}

fn check(cx: &Context<'_>, command: &CommandView<'_>) {
    if !matches!(command.name(), "apt" | "apt-get" | "apk" | "dnf" | "microdnf" | "yum") || command.script.is_exec {
        return;
    }
    let mut words = command.words_without(&["o", "option", "t", "virtual", "X", "repository", "c", "target-release"]);
    let Some(verb) = words.next().filter(|verb| matches!(verb.text.as_str(), "install" | "add")) else { return };
    let packages: Vec<&Argument> = words.filter(|word| word.span.start > verb.span.start).collect();
    let mut sorted = packages.clone();
    sorted.sort_by(|a, b| key(a).cmp(&key(b)));
    let is_plain = packages.iter().all(|package| package.is_literal);
    let first = packages.iter().zip(&sorted).find(|(is, should)| is.text != should.text);
    let Some((out_of_order, should)) = first.filter(|_| is_plain && packages.len() > 2) else { return };
    let pairs = packages.iter().zip(&sorted).filter(|(is, should)| is.text != should.text);
    let edits = pairs.map(|(is, should)| Edit::replace(is.span, cx.text(should.span))).collect();
    let message = format!("the packages are not sorted: `{}` comes before `{}`", should.text, out_of_order.text);
    cx.report(command.instruction(), out_of_order.span, message).fix(Fix::risky("sort the packages", edits)).done();
}

fn key(argument: &Argument) -> (String, &str) {
    (argument.text.to_lowercase(), argument.text.as_str())
}
