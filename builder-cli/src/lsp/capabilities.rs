//! What the client can do, and what we offer.

use lsp_types::{
    ClientCapabilities, CodeActionKind, CodeActionOptions, CodeActionProviderCapability, CompletionOptions,
    FoldingRangeProviderCapability, HoverProviderCapability, InitializeParams, OneOf, RenameOptions, SaveOptions,
    ServerCapabilities, TextDocumentClientCapabilities, TextDocumentSyncCapability, TextDocumentSyncKind,
    TextDocumentSyncOptions, TextDocumentSyncSaveOptions, WorkDoneProgressOptions,
};

use super::markup::Shown;
use super::position::Encoding;

/// The kind of the action that applies all safe fixes.
pub(super) const FIX_ALL: CodeActionKind = CodeActionKind::new("source.fixAll.builder");

/// What the client can do, as far as it changes what we send.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "abilities that do not depend on each other")]
pub(super) struct Client {
    /// What columns count.
    pub(super) encoding: Encoding,
    /// What texts below the pointer may be.
    pub(super) hover: Shown,
    /// What texts beside completions may be.
    pub(super) completion: Shown,
    /// Whether diagnostics may have other places.
    pub(super) related_information: bool,
    /// Whether diagnostics may have tags.
    pub(super) diagnostic_tags: bool,
    /// Whether a diagnostic's code may have a link.
    pub(super) code_description: bool,
    /// Whether edits may name the version that they are for.
    pub(super) document_changes: bool,
    /// Whether symbols may have children.
    pub(super) nested_symbols: bool,
    /// Whether actions may be more than commands.
    pub(super) action_literals: bool,
    /// Whether one action may be the best.
    pub(super) preferred_actions: bool,
}

impl Client {
    /// Reads what a client says of itself.
    pub(super) fn new(capabilities: &ClientCapabilities) -> Self {
        let general = capabilities.general.as_ref();
        let encodings = general.and_then(|general| general.position_encodings.as_deref()).unwrap_or_default();
        let edits = capabilities.workspace.as_ref().and_then(|workspace| workspace.workspace_edit.as_ref());
        let none = TextDocumentClientCapabilities::default();
        let text = capabilities.text_document.as_ref().unwrap_or(&none);
        let hover = text.hover.as_ref().and_then(|hover| hover.content_format.as_deref());
        let completion = text.completion.as_ref().and_then(|completion| completion.completion_item.as_ref());
        let completion = completion.and_then(|item| item.documentation_format.as_deref());
        let diagnostics = text.publish_diagnostics.as_ref();
        let symbols = text.document_symbol.as_ref();
        let actions = text.code_action.as_ref();
        Self {
            encoding: Encoding::negotiate(encodings),
            hover: Shown::of(hover),
            completion: Shown::of(completion),
            diagnostic_tags: diagnostics.is_some_and(|d| d.tag_support.is_some()),
            related_information: diagnostics.and_then(|d| d.related_information).unwrap_or(false),
            code_description: diagnostics.and_then(|d| d.code_description_support).unwrap_or(false),
            document_changes: edits.and_then(|edits| edits.document_changes).unwrap_or(false),
            nested_symbols: symbols.and_then(|s| s.hierarchical_document_symbol_support).unwrap_or(false),
            action_literals: actions.is_some_and(|actions| actions.code_action_literal_support.is_some()),
            preferred_actions: actions.and_then(|actions| actions.is_preferred_support).unwrap_or(false),
        }
    }
}

impl From<&InitializeParams> for Client {
    fn from(params: &InitializeParams) -> Self {
        Self::new(&params.capabilities)
    }
}

/// Returns what we offer.
pub(super) fn server(client: Client) -> ServerCapabilities {
    let triggers = [" ", "$", "{", "-", "=", ",", "#"].map(str::to_owned).to_vec();
    ServerCapabilities {
        position_encoding: Some(client.encoding.kind()),
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::INCREMENTAL),
            save: Some(TextDocumentSyncSaveOptions::SaveOptions(SaveOptions { include_text: Some(false) })),
            ..TextDocumentSyncOptions::default()
        })),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some(triggers),
            ..CompletionOptions::default()
        }),
        definition_provider: Some(OneOf::Left(true)),
        references_provider: Some(OneOf::Left(true)),
        document_highlight_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        document_formatting_provider: Some(OneOf::Left(true)),
        folding_range_provider: Some(FoldingRangeProviderCapability::Simple(true)),
        rename_provider: Some(OneOf::Right(RenameOptions {
            prepare_provider: Some(true),
            work_done_progress_options: WorkDoneProgressOptions::default(),
        })),
        code_action_provider: client.action_literals.then(|| {
            CodeActionProviderCapability::Options(CodeActionOptions {
                code_action_kinds: Some(vec![CodeActionKind::QUICKFIX, FIX_ALL]),
                ..CodeActionOptions::default()
            })
        }),
        ..ServerCapabilities::default()
    }
}
