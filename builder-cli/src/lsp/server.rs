//! The life of a session: `initialize`, requests and notifications, `shutdown`, `exit`.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Instant;

use lsp_server::{ErrorCode, Message, Notification, Request, Response};
use lsp_types::notification::{
    DidChangeConfiguration, DidChangeTextDocument, DidChangeWatchedFiles, DidCloseTextDocument, DidOpenTextDocument,
    Exit, Notification as _, PublishDiagnostics,
};
use lsp_types::request::{Initialize, Request as _, Shutdown};
use lsp_types::{
    DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams, InitializeParams,
    InitializeResult, PublishDiagnosticsParams, ServerInfo,
};
use serde_json::Value;

use super::capabilities::{self, Client};
use super::documents::{Document, Documents};
use super::transport::{Incoming, Outgoing};
use super::{diagnostics, requests};

/// Why a request fails.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: ErrorCode,
    pub(super) message: String,
}

impl Failure {
    /// Makes a failure.
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// How a session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// With `shutdown`, then `exit` or the end of the input.
    Asked,
    /// Without `shutdown`.
    Abandoned,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    New,
    Running,
    ShutDown,
}

/// A session with one client.
#[derive(Debug)]
pub(super) struct Server<W> {
    out: Outgoing<W>,
    phase: Phase,
    client: Client,
    documents: Documents,
}

impl<W: Write> Server<W> {
    /// Begins a session.
    pub(super) fn new(out: Outgoing<W>) -> Self {
        Self { out, phase: Phase::New, client: Client::default(), documents: Documents::default() }
    }

    /// Serves until the client leaves.
    ///
    /// # Errors
    /// Nobody reads the answers any more.
    pub(super) fn run(mut self, incoming: &Receiver<Incoming>) -> io::Result<End> {
        loop {
            self.publish_due()?;
            let next = match self.documents.due() {
                None => incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => incoming.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            match next {
                Ok(Incoming::Malformed(rejection)) => self.out.reject(&rejection)?,
                Ok(Incoming::Message(Message::Request(request))) => self.request(request)?,
                Ok(Incoming::Message(Message::Notification(notification))) if notification.method == Exit::METHOD => {
                    return Ok(self.end());
                }
                Ok(Incoming::Message(Message::Notification(notification))) => self.notification(notification)?,
                // We ask the client nothing.
                Ok(Incoming::Message(Message::Response(_))) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(self.end()),
            }
        }
    }

    fn end(&self) -> End {
        if self.phase == Phase::ShutDown { End::Asked } else { End::Abandoned }
    }

    fn request(&mut self, request: Request) -> io::Result<()> {
        let id = request.id.clone();
        // A defect in a rule costs the user one answer, not the session.
        let answer = catch_unwind(AssertUnwindSafe(|| self.answer(request)))
            .unwrap_or_else(|_| Err(Failure::new(ErrorCode::InternalError, "a defect of builder; its log says more")));
        let response = match answer {
            Ok(result) => Response { id, response_result: Ok(result) },
            Err(failure) => Response::new_err(id, failure.code as i32, failure.message),
        };
        self.out.send(&Message::Response(response))
    }

    fn answer(&mut self, request: Request) -> Result<Value, Failure> {
        match (self.phase, request.method.as_str()) {
            (Phase::New, Initialize::METHOD) => self.initialize(request.params),
            (Phase::New, _) => Err(Failure::new(ErrorCode::ServerNotInitialized, "`initialize` comes first")),
            (Phase::ShutDown, _) => Err(Failure::new(ErrorCode::InvalidRequest, "the server is shut down")),
            (Phase::Running, Initialize::METHOD) => {
                Err(Failure::new(ErrorCode::InvalidRequest, "the server is initialized already"))
            }
            (Phase::Running, Shutdown::METHOD) => {
                self.phase = Phase::ShutDown;
                Ok(Value::Null)
            }
            (Phase::Running, _) => requests::answer(request, self.client, &self.documents),
        }
    }

    fn initialize(&mut self, params: Value) -> Result<Value, Failure> {
        let params: InitializeParams = requests::params(params)?;
        self.client = Client::from(&params);
        self.phase = Phase::Running;
        let version = Some(env!("CARGO_PKG_VERSION").to_owned());
        requests::result(InitializeResult {
            capabilities: capabilities::server(self.client),
            server_info: Some(ServerInfo { name: "builder".to_owned(), version }),
        })
    }

    fn notification(&mut self, notification: Notification) -> io::Result<()> {
        if self.phase != Phase::Running {
            return Ok(());
        }
        let now = Instant::now();
        let params = notification.params;
        match notification.method.as_str() {
            DidOpenTextDocument::METHOD => {
                if let Ok(params) = requests::params::<DidOpenTextDocumentParams>(params) {
                    self.documents.open(Document::new(params.text_document, self.client.encoding, now));
                }
            }
            DidChangeTextDocument::METHOD => {
                if let Ok(params) = requests::params::<DidChangeTextDocumentParams>(params)
                    && let Some(document) = self.documents.get_mut(&params.text_document.uri)
                {
                    document.change(params.text_document.version, params.content_changes, now);
                }
            }
            DidCloseTextDocument::METHOD => {
                if let Ok(params) = requests::params::<DidCloseTextDocumentParams>(params)
                    && self.documents.close(&params.text_document.uri)
                {
                    let uri = params.text_document.uri;
                    self.publish(PublishDiagnosticsParams { uri, diagnostics: Vec::new(), version: None })?;
                }
            }
            DidChangeConfiguration::METHOD | DidChangeWatchedFiles::METHOD => {
                self.documents.iter_mut().for_each(|document| document.reconfigure(now));
            }
            // The others need no answer, known or not.
            _ => {}
        }
        Ok(())
    }

    /// Sends the diagnostics whose time has come.
    fn publish_due(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let client = self.client;
        let mut ready = Vec::new();
        for document in self.documents.iter_mut().filter(|document| document.due().is_some_and(|due| due <= now)) {
            document.sent();
            // A panic was told on standard error, which editors keep as the server's log.
            if let Ok(found) = catch_unwind(AssertUnwindSafe(|| diagnostics::diagnostics(document, client))) {
                let version = Some(document.version);
                ready.push(PublishDiagnosticsParams { uri: document.uri.clone(), diagnostics: found, version });
            }
        }
        ready.into_iter().try_for_each(|params| self.publish(params))
    }

    fn publish(&mut self, params: PublishDiagnosticsParams) -> io::Result<()> {
        let params = serde_json::to_value(params)?;
        self.out.send(&Message::Notification(Notification { method: PublishDiagnostics::METHOD.to_owned(), params }))
    }
}
