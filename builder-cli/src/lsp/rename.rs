//! Another name for a stage, wherever it stands. Variables are not renamed: programs in the image read them.

use lsp_server::ErrorCode;
use lsp_types::{PrepareRenameResponse, WorkspaceEdit};

use super::actions::workspace_edit;
use super::capabilities::Client;
use super::documents::Document;
use super::server::Failure;

/// Returns what would be renamed.
pub(super) fn prepare(document: &Document, offset: usize) -> Option<PrepareRenameResponse> {
    let (stage, span) = document.names().stage_at(offset)?;
    let name = document.names().stages.get(stage)?.name.as_ref()?;
    let text = document.source().slice(span);
    // A number stays one.
    let is_name = text.eq_ignore_ascii_case(&name.value);
    is_name.then(|| PrepareRenameResponse::RangeWithPlaceholder {
        range: document.range(span),
        placeholder: text.to_owned(),
    })
}

/// Renames the stage at an offset.
///
/// # Errors
/// No stage is named there, or the name cannot be one.
pub(super) fn rename(
    document: &Document,
    offset: usize,
    new_name: &str,
    client: Client,
) -> Result<WorkspaceEdit, Failure> {
    let failed = |message: String| Failure::new(ErrorCode::RequestFailed, message);
    let names = document.names();
    if prepare(document, offset).is_none() {
        return Err(failed("only the names of stages can be changed".to_owned()));
    }
    let number = names.stage_at(offset).map_or(0, |(number, _)| number);
    if !is_stage_name(new_name) {
        let message = format!("`{new_name}` cannot name a stage: a letter, then letters, digits, `-`, `_` and `.`");
        return Err(Failure::new(ErrorCode::InvalidParams, message));
    }
    let mut stages = names.stages.iter().enumerate().filter(|(at, _)| *at != number);
    if stages.any(|(_, stage)| stage.name.as_ref().is_some_and(|name| name.value.eq_ignore_ascii_case(new_name))) {
        return Err(failed(format!("another stage is called `{new_name}`")));
    }
    let made = names.stages.get(number).and_then(|stage| stage.name.as_ref()).map(|name| name.span);
    let uses = names.stage_uses.iter().filter(|used| used.stage == number && used.by_name).map(|used| used.span);
    let edits = made.into_iter().chain(uses).map(|span| document.edit(span, new_name)).collect();
    Ok(workspace_edit(document, edits, client))
}

fn is_stage_name(name: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(is_inner) && name != "scratch"
}
