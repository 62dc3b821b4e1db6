//! What nearly every rule needs.

pub(in crate::lint) use super::context::Context;
pub(in crate::lint) use super::fix::{Edit, Fix};
pub(in crate::lint) use super::model::{Argument, CommandView, InstructionView, ScriptView, StageView};
pub(in crate::lint) use super::rule::{Activation, Check, Fixable, Group, Level, Status, rule};
pub(in crate::lint) use crate::dockerfile::{Instruction, InstructionKind};
pub(in crate::lint) use crate::text::Span;

/// The release that has the first rules.
pub(in crate::lint) const FIRST: Status = Status::Stable("0.1.0");
