//! Which stages are built.

use super::finding::Finding;
use super::model::{Model, StageView};
use super::options::LintOptions;
use crate::dockerfile::Dockerfile;
use crate::semantic::reachability::from_operands;

/// Tells for each stage whether the target needs it; without a target BuildKit's checks look at all of them.
pub(super) fn reached(dockerfile: &Dockerfile, model: &Model<'_>, target: Option<&str>) -> Vec<bool> {
    let Some(target) = target else { return vec![true; model.stages.len()] };
    let find = |name: &str, before: usize| {
        let is_named = |stage: &StageView| stage.name.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(name));
        let by_name = model.stages[..before].iter().rposition(is_named);
        by_name.or_else(|| name.parse().ok().filter(|index| *index < before))
    };
    let mut reached = vec![false; model.stages.len()];
    let mut open: Vec<usize> = find(target, model.stages.len()).into_iter().collect();
    while let Some(index) = open.pop() {
        if std::mem::replace(&mut reached[index], true) {
            continue;
        }
        let stage = &model.stages[index];
        open.extend(stage.parent);
        let body = dockerfile.instructions.get(stage.body.clone()).unwrap_or_default();
        open.extend(body.iter().flat_map(from_operands).filter_map(|(_, name)| find(&name.value, index)));
    }
    reached
}

/// BuildKit's names of checks that are made when the file is read; the others are made when a stage is built.
const WHEN_READ: [&str; 12] = [
    "ConsistentInstructionCasing",
    "DuplicateStageName",
    "FromAsCasing",
    "FromPlatformFlagConstDisallowed",
    "InvalidDefaultArgInFrom",
    "InvalidDefinitionDescription",
    "MaintainerDeprecated",
    "NoEmptyContinuation",
    "RedundantTargetPlatform",
    "ReservedStageName",
    "StageNameCasing",
    "UndefinedArgInFrom",
];

/// Takes findings out that BuildKit does not have, as it never comes to their stage.
pub(super) fn as_buildkit(
    dockerfile: &Dockerfile,
    model: &Model<'_>,
    options: &LintOptions,
    findings: &mut Vec<Finding>,
) {
    let reached = reached(dockerfile, model, options.facts.target.as_deref());
    findings.retain(|finding| {
        let is_early = finding.rule.buildkit_name().is_none_or(|name| WHEN_READ.contains(&name));
        let stage = finding
            .instruction
            .and_then(|index| model.stages.partition_point(|stage| stage.from <= index).checked_sub(1));
        is_early || stage.is_none_or(|stage| reached[stage])
    });
}
