//! A small language client: messages as JSON, and the edits of the server applied as an editor would.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long an answer may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(1);

/// The document of most tests.
pub const URI: &str = "file:///work/Dockerfile";

/// A client with its server.
pub struct Client {
    server: Child,
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    notifications: Vec<Value>,
    next_id: i32,
    version: i32,
}

impl Client {
    /// Starts a server and says nothing.
    pub fn spawn() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_builder"));
        let command = command.args(["lsp", "--stdio"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = command.stderr(Stdio::null()).spawn().expect("server");
        let mut output = BufReader::new(server.stdout.take().expect("stdout"));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut output) {
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let input = server.stdin.take();
        Self { server, input, messages, notifications: Vec::new(), next_id: 1, version: 1 }
    }

    /// Starts a server and initialises it as an able editor would.
    pub fn start() -> Self {
        let mut client = Self::spawn();
        client.initialize(&json!({
            "general": { "positionEncodings": ["utf-16"] },
            "workspace": { "workspaceEdit": { "documentChanges": true } },
            "textDocument": {
                "hover": { "contentFormat": ["markdown"] },
                "publishDiagnostics": {
                    "relatedInformation": true, "codeDescriptionSupport": true, "tagSupport": { "valueSet": [1, 2] },
                },
                "codeAction": {
                    "codeActionLiteralSupport": { "codeActionKind": { "valueSet": ["quickfix"] } },
                    "isPreferredSupport": true,
                },
                "documentSymbol": { "hierarchicalDocumentSymbolSupport": true },
            },
        }));
        client
    }

    /// Initialises the server; returns what it offers.
    pub fn initialize(&mut self, capabilities: &Value) -> Value {
        let params = json!({ "processId": null, "rootUri": null, "capabilities": capabilities });
        let result = self.request("initialize", &params).expect("initialize");
        self.notify("initialized", &json!({}));
        result["capabilities"].clone()
    }

    /// Writes bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("open input");
        input.write_all(bytes).and_then(|()| input.flush()).expect("write to the server");
    }

    /// Writes a message.
    pub fn send(&mut self, message: &Value) {
        let text = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    /// Sends a notification.
    pub fn notify(&mut self, method: &str, params: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Sends a request and waits for the result; an error comes as its code.
    pub fn request(&mut self, method: &str, params: &Value) -> Result<Value, i64> {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let answer = self.answer(&json!(id));
        match answer.get("error") {
            Some(error) => Err(error["code"].as_i64().expect("a code")),
            None => Ok(answer.get("result").expect("a result").clone()),
        }
    }

    /// Waits for the answer with an id; notifications on the way are kept.
    pub fn answer(&mut self, id: &Value) -> Value {
        loop {
            let message = self.messages.recv_timeout(PATIENCE).expect("an answer");
            assert_eq!(message["jsonrpc"], "2.0");
            if message.get("method").is_some() {
                self.notifications.push(message);
            } else {
                assert_eq!(&message["id"], id, "{message}");
                return message;
            }
        }
    }

    /// Opens the document; returns its diagnostics.
    pub fn open(&mut self, text: &str) -> Vec<Value> {
        self.version = 1;
        let document = json!({ "uri": URI, "languageId": "dockerfile", "version": 1, "text": text });
        self.notify("textDocument/didOpen", &json!({ "textDocument": document }));
        self.diagnostics()
    }

    /// Sends changes of the document, without waiting.
    pub fn change(&mut self, changes: &Value) {
        self.version += 1;
        let document = json!({ "uri": URI, "version": self.version });
        self.notify("textDocument/didChange", &json!({ "textDocument": document, "contentChanges": changes }));
    }

    /// Waits for the diagnostics of the version that was sent last.
    pub fn diagnostics(&mut self) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let version = self.version;
            let is_it = |message: &Value| {
                message["method"] == "textDocument/publishDiagnostics" && message["params"]["version"] == version
            };
            if let Some(at) = self.notifications.iter().position(is_it) {
                let message = self.notifications.remove(at);
                return message["params"]["diagnostics"].as_array().expect("a list").clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            self.notifications.push(self.messages.recv_timeout(left).expect("diagnostics"));
        }
    }

    /// Waits for the next notification that was not looked at yet.
    pub fn notification(&mut self) -> Value {
        if self.notifications.is_empty() {
            return self.messages.recv_timeout(PATIENCE).expect("a notification");
        }
        self.notifications.remove(0)
    }

    /// Sends a request about a position of the document.
    pub fn at(&mut self, method: &str, line: u32, character: u32) -> Value {
        let params = json!({ "textDocument": { "uri": URI }, "position": { "line": line, "character": character } });
        self.request(method, &params).expect("a result")
    }

    /// Asks for the actions on a line.
    pub fn actions(&mut self, line: u32, only: &Value) -> Vec<Value> {
        let range = json!({ "start": { "line": line, "character": 0 }, "end": { "line": line, "character": 999 } });
        let mut context = json!({ "diagnostics": [] });
        if !only.is_null() {
            context["only"] = only.clone();
        }
        let params = json!({ "textDocument": { "uri": URI }, "range": range, "context": context });
        self.request("textDocument/codeAction", &params).expect("actions").as_array().expect("a list").clone()
    }

    /// Says goodbye; returns how the server ended.
    pub fn stop(mut self) -> ExitStatus {
        assert_eq!(self.request("shutdown", &Value::Null), Ok(Value::Null));
        self.notify("exit", &Value::Null);
        self.wait()
    }

    /// Closes the server's input and waits for its end.
    pub fn wait(mut self) -> ExitStatus {
        drop(self.input.take());
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.server.try_wait().expect("wait") {
                return status;
            }
            assert!(Instant::now() < deadline, "the server does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // A test that failed leaves no server behind.
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

fn read(output: &mut impl BufRead) -> Option<Value> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some(("Content-Length", value)) => length = value.parse().ok()?,
            _ if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).ok()?;
    Some(serde_json::from_slice(&body).expect("JSON from the server"))
}

/// Applies edits as an editor does; columns are UTF-16.
pub fn applied(text: &str, edits: &Value) -> String {
    let offset = |position: &Value| {
        let line = usize::try_from(position["line"].as_u64().unwrap()).unwrap();
        let mut units = usize::try_from(position["character"].as_u64().unwrap()).unwrap();
        let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
        for (at, c) in text[start..].char_indices() {
            if units == 0 || c == '\n' {
                return start + at;
            }
            units -= c.len_utf16();
        }
        text.len()
    };
    let edits = edits.as_array().expect("edits").iter();
    let mut edits: Vec<_> = edits
        .map(|edit| {
            let range = offset(&edit["range"]["start"])..offset(&edit["range"]["end"]);
            (range, edit["newText"].as_str().expect("a text").to_owned())
        })
        .collect();
    edits.sort_by_key(|(range, _)| range.start);
    assert!(edits.windows(2).all(|pair| pair[0].0.end <= pair[1].0.start), "edits overlap");
    let mut out = text.to_owned();
    for (range, new) in edits.into_iter().rev() {
        out.replace_range(range, &new);
    }
    out
}

/// Applies an action's edit of the document.
pub fn acted(text: &str, action: &Value) -> String {
    applied(text, &action["edit"]["documentChanges"][0]["edits"])
}

/// Returns `line:code` of diagnostics.
pub fn codes(diagnostics: &[Value]) -> Vec<String> {
    let code = |diagnostic: &Value| {
        format!("{}:{}", diagnostic["range"]["start"]["line"], diagnostic["code"].as_str().expect("a code"))
    };
    diagnostics.iter().map(code).collect()
}
