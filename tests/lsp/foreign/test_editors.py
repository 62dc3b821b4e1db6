"""`builder lsp` as real editors use it: their capabilities, and a client that checks every answer against them."""

import os

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

URI = "file:///work/Dockerfile"
DOCUMENT = types.TextDocumentIdentifier(uri=URI)
PUBLISH = "textDocument/publishDiagnostics"
TEXT = """\
ARG V=12
FROM --platform=$TARGETPLATFORM debian:$V AS build
MAINTAINER 🦀
FROM debian:$V
COPY --from=build /a /b
run true  
"""


@pytest_lsp.fixture(
    params=["visual_studio_code", "neovim", "emacs"],
    config=ClientServerConfig(server_command=[os.environ["BUILDER"], "lsp", "--stdio"]),
)
async def client(request, lsp_client: LanguageClient):
    capabilities = client_capabilities(request.param)
    params = types.InitializeParams(capabilities=capabilities, process_id=os.getpid())
    result = await lsp_client.initialize_session(params)
    lsp_client.position_encoding = result.capabilities.position_encoding
    item = types.TextDocumentItem(uri=URI, language_id="dockerfile", version=1, text=TEXT)
    lsp_client.text_document_did_open(types.DidOpenTextDocumentParams(text_document=item))
    await lsp_client.wait_for_notification(PUBLISH)
    yield
    await lsp_client.shutdown_session()
    assert lsp_client._server.returncode == 0


def at(line, character):
    return {"text_document": DOCUMENT, "position": types.Position(line, character)}


def applied(client, text, edits):
    """What an editor makes of edits."""
    lines = text.splitlines(keepends=True) + [""]
    utf8 = client.position_encoding == "utf-8"

    def offset(position):
        line = lines[position.line] if position.line < len(lines) else ""
        encoding = "utf-8" if utf8 else "utf-16-le"
        unit = 1 if utf8 else 2
        column = len(line.encode(encoding)[: position.character * unit].decode(encoding))
        return sum(map(len, lines[: position.line])) + column

    for edit in sorted(edits, key=lambda edit: offset(edit.range.start), reverse=True):
        text = text[: offset(edit.range.start)] + edit.new_text + text[offset(edit.range.end) :]
    return text


def edits_of(edit):
    if edit.document_changes:
        return edit.document_changes[0].edits
    return edit.changes[URI]


@pytest.mark.asyncio
async def test_diagnostics_as_you_type(client: LanguageClient):
    found = {diagnostic.code for diagnostic in client.diagnostics[URI]}
    assert {"DL4000", "DL3065"} <= found
    start = types.Position(2, 0)
    change = types.TextDocumentContentChangePartial(types.Range(start, types.Position(3, 0)), text="")
    version = types.VersionedTextDocumentIdentifier(uri=URI, version=2)
    client.text_document_did_change(types.DidChangeTextDocumentParams(version, [change]))
    await client.wait_for_notification(PUBLISH)
    assert "DL4000" not in {diagnostic.code for diagnostic in client.diagnostics[URI]}


@pytest.mark.asyncio
async def test_quick_fix(client: LanguageClient):
    place = types.Range(types.Position(1, 8), types.Position(1, 8))
    context = types.CodeActionContext(diagnostics=list(client.diagnostics[URI]))
    actions = await client.text_document_code_action_async(types.CodeActionParams(DOCUMENT, place, context))
    fix = next(action for action in actions if action.title == "Leave the flag out")
    assert "FROM debian:$V AS build\n" in applied(client, TEXT, edits_of(fix.edit))
    ignore = next(action for action in actions if action.title.startswith("Ignore"))
    assert "# hadolint ignore=" in applied(client, TEXT, edits_of(ignore.edit))


@pytest.mark.asyncio
async def test_hover(client: LanguageClient):
    keyword = await client.text_document_hover_async(types.HoverParams(**at(1, 1)))
    assert "Begins a stage" in keyword.contents.value
    variable = await client.text_document_hover_async(types.HoverParams(**at(3, 13)))
    assert "`12`" in variable.contents.value


@pytest.mark.asyncio
async def test_completion(client: LanguageClient):
    items = await client.text_document_completion_async(types.CompletionParams(**at(4, 12)))
    assert [item.label for item in items] == ["build"]
    keywords = await client.text_document_completion_async(types.CompletionParams(**at(4, 2)))
    assert "COPY" in [item.label for item in keywords]


@pytest.mark.asyncio
async def test_definition_references_and_rename(client: LanguageClient):
    found = await client.text_document_definition_async(types.DefinitionParams(**at(4, 13)))
    assert (found.uri, found.range.start.line) == (URI, 1)
    context = types.ReferenceContext(include_declaration=True)
    places = await client.text_document_references_async(types.ReferenceParams(context=context, **at(4, 13)))
    assert [place.range.start.line for place in places] == [1, 4]
    edit = await client.text_document_rename_async(types.RenameParams(new_name="base", **at(4, 13)))
    renamed = applied(client, TEXT, edits_of(edit))
    assert "AS base\n" in renamed and "--from=base /a" in renamed


@pytest.mark.asyncio
async def test_formatting_symbols_and_folding(client: LanguageClient):
    options = types.FormattingOptions(tab_size=4, insert_spaces=True)
    edits = await client.text_document_formatting_async(types.DocumentFormattingParams(DOCUMENT, options))
    assert applied(client, TEXT, edits) == TEXT.replace("run true  ", "RUN true")
    symbols = await client.text_document_document_symbol_async(types.DocumentSymbolParams(DOCUMENT))
    assert "build" in symbols[1].name
    folds = await client.text_document_folding_range_async(types.FoldingRangeParams(DOCUMENT))
    assert (1, 2) in [(fold.start_line, fold.end_line) for fold in folds]
