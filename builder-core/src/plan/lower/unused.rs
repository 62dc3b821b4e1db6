//! Build args that nothing asks for.

use std::collections::{BTreeMap, BTreeSet};

use super::run::PROXY_NAMES;
use crate::diagnostic::{Diagnostic, Severity};
use crate::dockerfile::{Dockerfile, Instruction, InstructionKind, parse_trigger};
use crate::plan::op::ImageKey;
use crate::plan::{PlanOptions, ResolvedImage};
use crate::semantic::nearest;
use crate::semantic::scope::is_predefined;

/// Build args that mean something without an `ARG`: to the frontend, or to the times of the image.
const KNOWN_PREFIX: &str = "BUILDKIT_";

/// Says which build args no `ARG` declares, neither in the file nor in triggers of the base images. Those of stages
/// that the target does not need count: scripts give the same to every target.
///
/// Spec: dockerfile-semantics 3.2, "Unused build args".
pub fn unused_build_args(
    dockerfile: &Dockerfile,
    options: &PlanOptions,
    images: &BTreeMap<ImageKey, ResolvedImage>,
) -> Option<Diagnostic> {
    let triggers = images.values().flat_map(|image| &image.config.config.on_build);
    let triggers: Vec<Instruction> = triggers.filter_map(|text| parse_trigger(text).ok()).collect();
    let declared: BTreeSet<&str> = dockerfile.instructions.iter().chain(&triggers).flat_map(declared).collect();
    let is_known = |name: &str| {
        declared.contains(name)
            || name == super::EPOCH
            || name.starts_with(KNOWN_PREFIX)
            || is_predefined(name)
            || PROXY_NAMES.contains(&name.to_ascii_uppercase().as_str())
    };
    let unused: Vec<&str> = options.build_args.keys().map(String::as_str).filter(|name| !is_known(name)).collect();
    let first = unused.first()?;
    let message = format!("One or more build-args [{}] were not consumed", unused.join(" "));
    let help = match nearest(first, declared.iter().copied()) {
        Some(similar) => format!("did you mean `{similar}`?"),
        None => format!("declare it where it is used: `ARG {first}`"),
    };
    Some(Diagnostic::new(Severity::Warning, "unused-build-arg", message).help(help))
}

fn declared(instruction: &Instruction) -> impl Iterator<Item = &str> {
    let declarations = match &instruction.kind {
        InstructionKind::Arg(declarations) => declarations.as_slice(),
        _ => &[],
    };
    declarations.iter().map(|declaration| declaration.name.value.as_str())
}
