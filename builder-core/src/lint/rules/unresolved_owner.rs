//! An owner by a name that nobody knows yet.

use std::collections::{HashMap, HashSet};

use crate::lint::prelude::*;

rule! {
    /// ## What it does
    /// Finds a `--chown` with a name that cannot be known where it stands: the user or group is made by a later step, or
    /// there are no files to look it up in.
    ///
    /// ## Why it matters
    /// A name that the image does not have is no error: the files belong to root, and nothing is said. With `--link`, and
    /// as the first step of an empty image, the build fails.
    ///
    /// ## Example
    /// ```dockerfile
    /// FROM debian:12
    /// COPY --chown=app . /srv
    /// RUN useradd --system app
    /// ```
    ///
    /// ## Use instead
    /// ```dockerfile
    /// FROM debian:12
    /// RUN useradd --system app
    /// COPY --chown=app . /srv
    /// ```
    RULE {
        id: "unresolved-owner",
        codes: &[],
        summary: "`--chown` with a name that is not known yet",
        level: Level::Warning,
        group: Group::Correctness,
        activation: Activation::Default,
        fixable: Fixable::Never,
        status: FIRST,
        check: Check::Stage(check),
    }
}

const USERS: [&str; 2] = ["useradd", "adduser"];
const GROUPS: [&str; 2] = ["groupadd", "addgroup"];
/// Their flags with values, which are no names.
const WITH_VALUES: &[&str] = &[
    "u", "g", "G", "d", "s", "c", "k", "e", "f", "p", "K", "b", "h", "uid", "gid", "groups", "home", "home-dir",
    "shell", "comment", "gecos", "ingroup", "base-dir", "password",
];
/// Commands that a step asks whether there is such a user: then there may be.
const QUESTIONS: [&str; 3] = ["id", "getent", "grep"];

/// For each name, the first step that makes it.
type Makers<'m> = HashMap<&'m str, usize>;

fn check(cx: &Context<'_>, stage: &StageView) {
    let mut known: Option<Names<'_>> = None;
    for view in cx.model.body(stage.index) {
        let (InstructionKind::Copy(transfer) | InstructionKind::Add(transfer)) = view.kind() else { continue };
        let Some(owner) = transfer.chown.as_ref().filter(|owner| !owner.value.contains('$')) else { continue };
        let (user, group) = owner.value.split_once(':').unwrap_or((&owner.value, ""));
        let Some(name) = [user, group].into_iter().find(|name| is_name(name)) else { continue };
        let is_linked = transfer.link.as_ref().is_some_and(|link| link.value)
            && transfer.chmod.as_ref().is_none_or(|mode| mode.value.is_empty());
        if is_linked || is_first_of_nothing(cx, stage, view) {
            let why = if is_linked { "a linked copy sees no other files" } else { "the image is empty here" };
            cx.report(view.index, owner.span, format!("`{name}` cannot be looked up: {why}"))
                .help("write the numbers of user and group")
                .done();
            continue;
        }
        let names = known.get_or_insert_with(|| Names::new(cx, stage));
        let missing = [("user", user, names.users.get(user)), ("group", group, names.group(group))];
        let later = missing.into_iter().find_map(|(kind, name, maker)| {
            let maker = maker.copied().filter(|maker| *maker > view.index)?;
            (is_name(name) && !names.below.contains(name)).then_some((kind, name, maker))
        });
        if let Some((kind, name, maker)) = later {
            let maker = cx.instruction(maker).map_or(owner.span, |instruction| instruction.keyword.span);
            cx.report(
                view.index,
                owner.span,
                format!("there is no {kind} `{name}` yet, and no error: root's takes its place"),
            )
            .also(maker, "it is made here")
            .help("move the copy below that step")
            .done();
        }
    }
}

/// The users and groups that a stage makes, and those that the stages below it make.
struct Names<'m> {
    users: Makers<'m>,
    groups: Makers<'m>,
    below: HashSet<&'m str>,
}

impl<'m> Names<'m> {
    fn new(cx: &Context<'m>, stage: &StageView) -> Self {
        let below = cx.model.ancestry(stage.index).skip(1);
        let below = below.flat_map(|stage| [&USERS, &GROUPS].map(|programs| made(cx, stage.index, programs)));
        Self {
            users: made(cx, stage.index, &USERS),
            groups: made(cx, stage.index, &GROUPS),
            below: below.flat_map(HashMap::into_keys).collect(),
        }
    }

    /// Whoever makes a user makes a group of that name.
    fn group(&self, name: &str) -> Option<&usize> {
        [&self.groups, &self.users].into_iter().filter_map(|makers| makers.get(name)).min()
    }
}

/// Tells whether the builder looks for a name: what is no number that fits is one.
fn is_name(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    !matches!(text, "" | "root" | "-1") && digits.parse::<u32>().is_err()
}

/// Tells whether an instruction is the first one of an image that begins from nothing.
fn is_first_of_nothing(cx: &Context<'_>, stage: &StageView, view: &InstructionView<'_>) -> bool {
    let fills = |view: &InstructionView<'_>| {
        use InstructionKind as Kind;
        matches!(view.kind(), Kind::Copy(_) | Kind::Add(_) | Kind::Run(_) | Kind::Workdir(_))
    };
    cx.model.root(stage.index).is_some_and(|root| root.image == "scratch")
        && cx.model.body(stage.index).find(|first| fills(first)).is_some_and(|first| first.index == view.index)
        && !cx.model.ancestry(stage.index).skip(1).any(|stage| cx.model.body(stage.index).any(fills))
}

/// The names that commands of a stage are given, with the first step that gives them.
fn made<'m>(cx: &Context<'m>, stage: usize, programs: &[&str]) -> Makers<'m> {
    let mut made = Makers::new();
    for script in cx.model.runs(stage) {
        if script.commands().any(|command| QUESTIONS.contains(&command.name())) {
            continue;
        }
        for command in script.commands().filter(|command| programs.contains(&command.name())) {
            let mut words = command.words_without(WITH_VALUES);
            // Two of them put a user into a group.
            if let (Some(name), None) = (words.next(), words.next()) {
                made.entry(name.text.as_str()).or_insert(script.view.index);
            }
        }
    }
    made
}
