//! Which function answers which method.

use lsp_server::{ErrorCode, Request};
use lsp_types::request::{
    CodeActionRequest, Completion, DocumentHighlightRequest, DocumentSymbolRequest, FoldingRangeRequest, Formatting,
    GotoDefinition, HoverRequest, PrepareRenameRequest, References, Rename, Request as _,
};
use lsp_types::{TextDocumentPositionParams, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::capabilities::Client;
use super::documents::{Document, Documents};
use super::server::Failure;
use super::{actions, completion, definition, folding, formatting, hover, rename, symbols};

/// Reads the parameters of a method.
///
/// # Errors
/// They are not what the method takes.
pub(super) fn params<P: DeserializeOwned>(params: Value) -> Result<P, Failure> {
    serde_json::from_value(params).map_err(|error| Failure::new(ErrorCode::InvalidParams, error.to_string()))
}

/// Writes a result.
///
/// # Errors
/// It cannot be JSON, which is a defect.
pub(super) fn result(value: impl Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::new(ErrorCode::InternalError, error.to_string()))
}

/// Answers a request of a running session.
///
/// # Errors
/// An unknown method, parameters that make no sense, or a document that is not open.
pub(super) fn answer(request: Request, client: Client, documents: &Documents) -> Result<Value, Failure> {
    let wanted = request.params;
    match request.method.as_str() {
        HoverRequest::METHOD => {
            let (document, offset) = place(documents, wanted)?;
            result(hover::hover(document, offset, client))
        }
        Completion::METHOD => {
            let (document, offset) = place(documents, wanted)?;
            result(completion::completion(document, offset, client))
        }
        GotoDefinition::METHOD => {
            let (document, offset) = place(documents, wanted)?;
            result(definition::definition(document, offset))
        }
        References::METHOD => {
            let with = wanted.pointer("/context/includeDeclaration").and_then(Value::as_bool).unwrap_or(false);
            let (document, offset) = place(documents, wanted)?;
            result(definition::references(document, offset, with))
        }
        DocumentHighlightRequest::METHOD => {
            let (document, offset) = place(documents, wanted)?;
            result(definition::highlights(document, offset))
        }
        PrepareRenameRequest::METHOD => {
            let (document, offset) = place(documents, wanted)?;
            result(rename::prepare(document, offset))
        }
        Rename::METHOD => {
            let new_name = wanted.get("newName").and_then(Value::as_str).unwrap_or_default().to_owned();
            let (document, offset) = place(documents, wanted)?;
            result(rename::rename(document, offset, &new_name, client)?)
        }
        CodeActionRequest::METHOD => {
            let params: lsp_types::CodeActionParams = params(wanted)?;
            let document = open(documents, &params.text_document.uri)?;
            result(actions::actions(document, &params, client))
        }
        DocumentSymbolRequest::METHOD => {
            let params: lsp_types::DocumentSymbolParams = params(wanted)?;
            result(symbols::symbols(open(documents, &params.text_document.uri)?, client))
        }
        FoldingRangeRequest::METHOD => {
            let params: lsp_types::FoldingRangeParams = params(wanted)?;
            result(folding::ranges(open(documents, &params.text_document.uri)?))
        }
        Formatting::METHOD => {
            let params: lsp_types::DocumentFormattingParams = params(wanted)?;
            result(formatting::format(open(documents, &params.text_document.uri)?))
        }
        method => Err(Failure::new(ErrorCode::MethodNotFound, format!("no method is called `{method}`"))),
    }
}

/// Finds the document and the offset that a request is about.
fn place(documents: &Documents, wanted: Value) -> Result<(&Document, usize), Failure> {
    let TextDocumentPositionParams { text_document, position } = params(wanted)?;
    let document = open(documents, &text_document.uri)?;
    Ok((document, document.offset(position)))
}

fn open<'d>(documents: &'d Documents, uri: &Uri) -> Result<&'d Document, Failure> {
    let closed = || Failure::new(ErrorCode::InvalidParams, format!("`{}` is not open", uri.as_str()));
    documents.get(uri).ok_or_else(closed)
}
