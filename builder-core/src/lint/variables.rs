//! The variables that each instruction sees, as far as the file and the facts tell.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use imbl::{OrdMap, OrdSet};

use super::context::Context;
use super::model::InstructionView;
use crate::dockerfile::expand::{ExpandError, Expansion, expand, expand_heredoc};
use crate::dockerfile::{From, Heredoc, Instruction, InstructionKind, SourceText, Transfer, TransferSource};
use crate::platform::Platform;
use crate::semantic::scope::{GlobalScope, ScopeInput};
use crate::text::{Span, Spanned};

/// Evaluates what stands before the first `FROM`, with the build arguments that are given or with defaults only.
pub(super) fn global_scope(cx: &Context<'_>, with_build_args: bool) -> GlobalScope {
    let none = BTreeMap::new();
    let facts = &cx.options.facts;
    let unknown = Platform::new("linux", "amd64", None);
    let input = ScopeInput {
        build_args: if with_build_args { &facts.build_args } else { &none },
        target_platform: facts.target_platform.as_ref().unwrap_or(&unknown),
        build_platform: facts.build_platform.as_ref().unwrap_or(&unknown),
        target: facts.target.as_deref(),
    };
    GlobalScope::evaluate(cx.dockerfile, &input).0
}

/// The variables at one place.
#[derive(Clone, Debug, Default)]
pub(super) struct Environment {
    /// Values by name; copies share what they have in common.
    values: OrdMap<Rc<str>, Rc<str>>,
    /// The names that `ARG` declared without giving them a value.
    declared: OrdSet<Rc<str>>,
    /// Whether every variable of the base image is known.
    pub(super) is_complete: bool,
}

impl Environment {
    /// Tells whether a variable has a value, or was declared.
    pub(super) fn is_defined(&self, name: &str) -> bool {
        self.values.contains_key(name) || self.declared.contains(name)
    }

    /// Returns the names that have a value.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(AsRef::as_ref)
    }

    /// Expands the text of a place.
    pub(super) fn expand(&self, cx: &Context<'_>, place: &Place<'_>) -> Result<Expansion, ExpandError> {
        let lookup = |name: &str| self.values.get(name).map(AsRef::as_ref);
        match place {
            Place::Body(_) => expand_heredoc(&place.text(), &lookup),
            Place::Text(_) | Place::Flag(_) => expand(&place.text(), cx.dockerfile.escape, &lookup),
        }
    }

    /// Expands a text, where all its variables are known.
    pub(super) fn resolve(&self, cx: &Context<'_>, text: &SourceText) -> Option<String> {
        let expansion = self.expand(cx, &Place::Text(text)).ok()?;
        expansion.references.iter().all(|reference| reference.set || self.is_complete).then_some(expansion.text)
    }

    fn begin(cx: &Context<'_>, parent: Option<&Self>, from: &From, globals: &GlobalScope) -> Self {
        if let Some(parent) = parent {
            return parent.clone();
        }
        let image = globals.expand(&from.image).map(|expansion| expansion.text).unwrap_or_default();
        let base = cx.options.facts.bases.get(&image);
        let env = base.iter().flat_map(|base| &base.env);
        let mut values: OrdMap<Rc<str>, Rc<str>> =
            env.map(|(name, value)| (Rc::from(name.as_str()), Rc::from(value.as_str()))).collect();
        values.entry("PATH".into()).or_insert("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into());
        Self { values, declared: OrdSet::new(), is_complete: base.is_some() || image == "scratch" }
    }

    fn apply(&mut self, cx: &Context<'_>, kind: &InstructionKind, globals: &GlobalScope) {
        match kind {
            InstructionKind::Arg(declarations) => {
                for arg in declarations {
                    let name = arg.name.value.as_str();
                    let given = cx.options.facts.build_args.get(name).cloned();
                    let default = || match &arg.default {
                        Some(default) => self.expand(cx, &Place::Text(default)).ok().map(|expansion| expansion.text),
                        None => globals.get(name).map(str::to_owned),
                    };
                    let value = given.or_else(default);
                    match value {
                        Some(value) => self.values.insert(name.into(), value.into()).is_some(),
                        None => self.declared.insert(name.into()).is_some(),
                    };
                }
            }
            InstructionKind::Env(env) => {
                // All of them are expanded before any of them is set.
                let text = |text| self.expand(cx, &Place::Text(text)).map(|expansion| expansion.text);
                let pairs = env.pairs.iter().map(|pair| (text(&pair.key), text(&pair.value)));
                for (key, value) in pairs.collect::<Vec<_>>() {
                    self.values.insert(key.unwrap_or_default().into(), value.unwrap_or_default().into());
                }
            }
            _ => {}
        }
    }
}

/// Goes through the instructions of all stages in order, each with the variables that it sees. Triggers of `ONBUILD`
/// see none yet.
pub(super) fn walk<'m>(cx: &Context<'m>, mut visit: impl FnMut(&'m InstructionView<'m>, &Environment)) {
    let globals = global_scope(cx, true);
    let mut ends: Vec<Environment> = Vec::new();
    let mut current = Environment::default();
    for view in cx.model.instructions.iter().filter(|view| !view.is_trigger()) {
        let Some(stage) = view.stage else { continue };
        if let InstructionKind::From(from) = view.kind() {
            if stage > 0 {
                ends.push(std::mem::take(&mut current));
            }
            let parent = cx.model.stages.get(stage).and_then(|stage| stage.parent);
            let parent = parent.or_else(|| named_by_variables(cx, from, &globals, ends.len()));
            current = Environment::begin(cx, parent.and_then(|parent| ends.get(parent)), from, &globals);
        } else {
            visit(view, &current);
            current.apply(cx, view.kind(), &globals);
        }
    }
}

/// The stage, of the first ones, that `FROM` names when its variables have their values.
fn named_by_variables(cx: &Context<'_>, from: &From, globals: &GlobalScope, before: usize) -> Option<usize> {
    let image = globals.expand(&from.image).ok()?.text;
    let is_named = |name: Option<&str>| name.is_some_and(|name| name.eq_ignore_ascii_case(&image));
    cx.model.stages.iter().take(before).rposition(|stage| is_named(stage.name.as_deref()))
}

/// A text that the builder expands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    /// An operand.
    Text(&'a SourceText),
    /// The value of a flag.
    Flag(&'a Spanned<String>),
    /// A heredoc that becomes a file.
    Body(&'a Heredoc),
}

impl<'a> Place<'a> {
    /// Returns the text.
    pub(super) fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text.as_str()),
            Self::Flag(flag) => Cow::Borrowed(flag.value.as_str()),
            Self::Body(heredoc) => Cow::Owned(heredoc.content()),
        }
    }

    /// Returns the place of a part of the text.
    pub(super) fn span_of(self, range: Range<usize>) -> Span {
        let (whole, length) = match self {
            Self::Text(text) => return text.span_of(range),
            Self::Flag(flag) => (flag.span, flag.value.len()),
            Self::Body(heredoc) => (heredoc.body.span, heredoc.content().len()),
        };
        // Quotes, escapes or tabs that went away shift everything behind them.
        if whole.len() as usize != length {
            return whole;
        }
        let start = whole.start as usize;
        Span::from_range(start + range.start..start + range.end)
    }
}

/// Returns the texts of an instruction that the builder expands.
pub(super) fn places(instruction: &Instruction) -> Vec<Place<'_>> {
    match &instruction.kind {
        InstructionKind::Arg(declarations) => {
            declarations.iter().filter_map(|arg| arg.default.as_ref()).map(Place::Text).collect()
        }
        InstructionKind::Env(pairs) | InstructionKind::Label(pairs) => {
            pairs.pairs.iter().flat_map(|pair| [Place::Text(&pair.key), Place::Text(&pair.value)]).collect()
        }
        InstructionKind::Add(transfer) | InstructionKind::Copy(transfer) => transfer_places(instruction, transfer),
        InstructionKind::Run(run) => run.mounts.iter().map(Place::Flag).collect(),
        InstructionKind::Workdir(text) | InstructionKind::User(text) | InstructionKind::StopSignal(text) => {
            vec![Place::Text(text)]
        }
        InstructionKind::Volume(words) | InstructionKind::Expose(words) => words.iter().map(Place::Text).collect(),
        _ => Vec::new(),
    }
}

fn transfer_places<'a>(instruction: &'a Instruction, transfer: &'a Transfer) -> Vec<Place<'a>> {
    let paths = transfer.sources.iter().filter_map(|source| match source {
        TransferSource::Path(path) => Some(Place::Text(path)),
        TransferSource::Heredoc(_) => None,
    });
    let flags = [&transfer.chown, &transfer.chmod, &transfer.checksum];
    let flags = flags.into_iter().filter_map(Option::as_ref).map(Place::Flag);
    let bodies = instruction.heredocs.iter().filter(|heredoc| heredoc.expand).map(Place::Body);
    paths.chain([Place::Text(&transfer.destination)]).chain(flags).chain(bodies).collect()
}

/// Tells whether a variable in a text says itself what happens without it: `${name:-other}` and the like.
pub(super) fn has_fallback(text: &str, reference: &Range<usize>) -> bool {
    let is_braced = text.get(reference.clone()).is_some_and(|name| name.starts_with("${"));
    let rest = text.get(reference.end..).unwrap_or_default();
    is_braced && rest.trim_start_matches(':').starts_with(['-', '+', '?'])
}
