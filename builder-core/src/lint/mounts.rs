//! The options of `RUN --mount`, as rules look at them.

use crate::dockerfile::{InstructionKind, flag_fields};
use crate::text::{Span, Spanned};

/// One `--mount` of a `RUN`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct MountView<'a> {
    /// The value as written.
    pub(super) value: &'a Spanned<String>,
    fields: Vec<Spanned<String>>,
}

impl<'a> MountView<'a> {
    /// Returns the mounts of a `RUN`; those that are no list of fields are left out.
    pub(super) fn of(kind: &'a InstructionKind) -> impl Iterator<Item = Self> {
        let mounts = match kind {
            InstructionKind::Run(run) => run.mounts.as_slice(),
            _ => &[],
        };
        mounts.iter().filter_map(|value| Some(Self { value, fields: flag_fields(value).ok()? }))
    }

    /// Returns the value of an option by any of its names, the last one where there are several. An option without a
    /// value is `true`.
    pub(super) fn get(&self, names: &[&str]) -> Option<&str> {
        self.found(names).map(|(value, _)| value)
    }

    /// Returns where an option stands.
    pub(super) fn span_of(&self, names: &[&str]) -> Option<Span> {
        self.found(names).map(|(_, span)| span)
    }

    /// Tells what is mounted.
    pub(super) fn kind(&self) -> &str {
        self.get(&["type"]).unwrap_or("bind")
    }

    fn found(&self, names: &[&str]) -> Option<(&str, Span)> {
        self.fields.iter().rev().find_map(|field| {
            let (key, value) = field.value.split_once('=').unwrap_or((&field.value, "true"));
            names.iter().any(|name| key.trim().eq_ignore_ascii_case(name)).then_some((value, field.span))
        })
    }
}
