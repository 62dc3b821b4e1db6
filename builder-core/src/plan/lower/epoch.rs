//! `SOURCE_DATE_EPOCH`: a number, or what to take the time of.

use std::collections::BTreeMap;

use super::{EPOCH, Planner};
use crate::diagnostic::{Diagnostic, Severity};
use crate::dockerfile::InstructionKind;
use crate::ids::StageId;
use crate::plan::op::{CopyFrom, FilesystemRef, Op};
use crate::plan::{EpochSource, NamedContext};
use crate::semantic::stage_table::{Base, StageLookup};

const NOT_ONE_ADD: &str = "SOURCE_DATE_EPOCH stage must contain exactly one remote ADD";

/// What `SOURCE_DATE_EPOCH` says.
pub(super) enum Epoch {
    /// Seconds since 1970, or nothing.
    Known(Option<i64>),
    /// The time of something that has to be looked at.
    Of(EpochSource),
}

impl Planner<'_> {
    /// Reads `SOURCE_DATE_EPOCH`: the build arg, else the global argument.
    ///
    /// Spec: dockerfile-semantics 8.5.
    pub(super) fn epoch(&mut self) -> Epoch {
        let globals = self.globals;
        let given = self.options.build_args.get(EPOCH).map(String::as_str).or_else(|| globals.get(EPOCH));
        let Some(given) = given.filter(|given| !given.is_empty()).map(str::to_owned) else {
            return Epoch::Known(None);
        };
        if let Ok(epoch) = given.parse() {
            return Epoch::Known(Some(epoch));
        }
        if given == "context" {
            return Epoch::Of(EpochSource::MainContext);
        }
        let platform = self.options.platform.clone();
        let stage = match self.context(&given, &platform) {
            Some((_, NamedContext::Remote(source))) => return Epoch::Of(EpochSource::Remote(source)),
            Some((_, NamedContext::Local)) => return Epoch::Of(EpochSource::Nothing),
            Some((_, NamedContext::Stage(name))) => self.table.target(Some(&name)).ok(),
            Some(_) => None,
            None => {
                let behind_all = StageId(u32::try_from(self.table.stages().len()).unwrap_or(u32::MAX));
                match self.table.lookup(behind_all, &given) {
                    StageLookup::Earlier(stage) if given.parse::<i64>().is_err() => Some(stage),
                    _ => None,
                }
            }
        };
        let outcome = match stage {
            Some(stage) => self.source_only(stage),
            None => Err(format!("invalid SOURCE_DATE_EPOCH: {given}")),
        };
        outcome.map_or_else(
            |message| {
                let diagnostic = Diagnostic::new(Severity::Error, "invalid-source-date-epoch", message);
                self.diagnostics.push(diagnostic.help(
                "give whole seconds since 1970, `context`, the name of a context from elsewhere, or a stage that is \
                 nothing but `FROM scratch` and one ADD from elsewhere",
            ));
                Epoch::Known(None)
            },
            Epoch::Of,
        )
    }

    /// What a stage fetches that does nothing else.
    fn source_only(&mut self, stage: StageId) -> Result<EpochSource, String> {
        if !matches!(self.table.get(stage).map(|stage| &stage.base), Some(Ok(Base::Scratch))) {
            return Err("SOURCE_DATE_EPOCH stage must use FROM scratch".to_owned());
        }
        let mut adds = 0;
        for instruction in self.table.body(self.dockerfile, stage) {
            match &instruction.kind {
                InstructionKind::Add(transfer) => adds += transfer.sources.len(),
                InstructionKind::Arg(_) => {}
                _ => {
                    let keyword = instruction.keyword.value.to_ascii_uppercase();
                    return Err(format!(
                        "SOURCE_DATE_EPOCH stage does not meet source-only requirements: unsupported {keyword} \
                         instruction"
                    ));
                }
            }
        }
        // Planned for its own sake: with the time known, the plan is made anew.
        let planned = self.stage(stage, &BTreeMap::new());
        let vertex = |filesystem: FilesystemRef| match filesystem {
            FilesystemRef::Scratch => None,
            FilesystemRef::Vertex(id) => self.vertexes.get(id.index()),
        };
        let sources: Vec<_> = match planned.and_then(|state| vertex(state.filesystem)).map(|vertex| &vertex.op) {
            Some(Op::Copy(copy)) => copy.parts.iter().map(|part| &part.from).collect(),
            _ => Vec::new(),
        };
        match sources.as_slice() {
            [CopyFrom::Filesystem(only)] if adds == 1 => match vertex(*only).map(|vertex| &vertex.op) {
                Some(Op::Remote(source)) => Ok(EpochSource::Remote(source.clone())),
                _ => Err(NOT_ONE_ADD.to_owned()),
            },
            _ => Err(NOT_ONE_ADD.to_owned()),
        }
    }
}
