//! Messages off and onto the wire.
//!
//! `lsp-server` has the types; its own reader gives up at the first malformed message, and allocates whatever a
//! header asks for.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use lsp_server::{ErrorCode, Message};
use serde_json::{Value, json};

/// The largest message. A Dockerfile of 1 MiB takes a few of them at most.
const MAX_MESSAGE: u64 = 64 << 20;
/// The longest header line.
const MAX_HEADER: u64 = 4096;

/// What came in.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A message.
    Message(Message),
    /// Something that is none; the answer that it gets.
    Malformed(Rejection),
}

/// The answer to something that is no message.
#[derive(Debug)]
pub(super) struct Rejection {
    /// The id, as far as it could be read.
    pub(super) id: Value,
    /// What is wrong, as the protocol counts.
    pub(super) code: ErrorCode,
    /// What is wrong, in words.
    pub(super) message: String,
}

/// Reads messages on a thread of its own until the input ends.
///
/// # Errors
/// No thread can be started.
pub(super) fn listen(input: impl Read + Send + 'static) -> io::Result<Receiver<Incoming>> {
    let (sender, receiver) = channel();
    thread::Builder::new().name("lsp-input".to_owned()).spawn(move || {
        let mut input = BufReader::new(input);
        while let Ok(Some(incoming)) = read(&mut input) {
            if sender.send(incoming).is_err() {
                break;
            }
        }
    })?;
    Ok(receiver)
}

/// Reads one message; `None` at the end of the input.
fn read(input: &mut impl BufRead) -> io::Result<Option<Incoming>> {
    let Some(length) = header(input)? else { return Ok(None) };
    let length = match length {
        Ok(length) => length,
        Err(message) => return Ok(Some(malformed(Value::Null, ErrorCode::ParseError, message))),
    };
    if length > MAX_MESSAGE {
        io::copy(&mut input.take(length), &mut io::sink())?;
        let message = format!("a message of {length} bytes is larger than {MAX_MESSAGE}");
        return Ok(Some(malformed(Value::Null, ErrorCode::InvalidRequest, message)));
    }
    let mut body = Vec::new();
    if input.take(length).read_to_end(&mut body)? as u64 != length {
        return Ok(None);
    }
    let value: Value = match serde_json::from_slice(&body) {
        Ok(value) => value,
        Err(error) => return Ok(Some(malformed(Value::Null, ErrorCode::ParseError, error.to_string()))),
    };
    let id = value.get("id").filter(|id| id.is_number() || id.is_string()).cloned().unwrap_or(Value::Null);
    Ok(Some(match serde_json::from_value(value) {
        // An id that is neither text nor a number of 32 bits: the request would pass for a notification.
        Ok(Message::Notification(_)) if !id.is_null() => {
            malformed(id, ErrorCode::InvalidRequest, "an id is a text or a number of 32 bits")
        }
        Ok(message) => Incoming::Message(message),
        Err(_) => malformed(id, ErrorCode::InvalidRequest, "neither a request, a notification nor a response"),
    }))
}

fn malformed(id: Value, code: ErrorCode, message: impl Into<String>) -> Incoming {
    Incoming::Malformed(Rejection { id, code, message: message.into() })
}

/// Reads header lines up to the empty one; `None` at the end of the input, an error text where no length is among
/// them.
fn header(input: &mut impl BufRead) -> io::Result<Option<Result<u64, String>>> {
    let mut length = None;
    let mut seen = false;
    loop {
        let mut line = Vec::new();
        if input.take(MAX_HEADER).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        if line.is_empty() {
            match length {
                Some(length) => return Ok(Some(Ok(length))),
                None if seen => return Ok(Some(Err("a header without `Content-Length`".to_owned()))),
                None => continue,
            }
        }
        seen = true;
        if let Some((name, value)) = line.split_once(':')
            && name.trim().eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok();
        }
    }
}

/// Writes messages.
#[derive(Debug)]
pub(super) struct Outgoing<W> {
    out: W,
}

impl<W: Write> Outgoing<W> {
    /// Writes to a stream.
    pub(super) fn new(out: W) -> Self {
        Self { out }
    }

    /// Writes one message.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub(super) fn send(&mut self, message: &Message) -> io::Result<()> {
        message.write(&mut self.out)
    }

    /// Answers something that was no message.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub(super) fn reject(&mut self, rejection: &Rejection) -> io::Result<()> {
        // `lsp-server` has no answers without an id.
        let error = json!({ "code": rejection.code as i32, "message": rejection.message });
        let text = json!({ "jsonrpc": "2.0", "id": rejection.id, "error": error }).to_string();
        write!(self.out, "Content-Length: {}\r\n\r\n{text}", text.len())?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &str) -> Vec<String> {
        let mut input = input.as_bytes();
        let next = || read(&mut input).expect("bytes in memory");
        std::iter::from_fn(next)
            .map(|incoming| match incoming {
                Incoming::Message(Message::Request(request)) => request.method,
                Incoming::Message(Message::Notification(notification)) => notification.method,
                Incoming::Message(Message::Response(response)) => format!("response {}", response.id),
                Incoming::Malformed(rejection) => format!("{} for {}", rejection.code as i32, rejection.id),
            })
            .collect()
    }

    fn framed(text: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{text}", text.len())
    }

    #[test]
    fn what_is_malformed_is_answered_and_the_next_message_is_read() {
        let next = framed(r#"{"jsonrpc":"2.0","id":1,"method":"next"}"#);
        for (input, expected) in [
            (framed("{"), "-32700 for null"),
            (framed("[]"), "-32600 for null"),
            (framed(r#"{"id":7}"#), "-32600 for 7"),
            (framed(r#"{"id":99999999999,"method":"x"}"#), "-32600 for 99999999999"),
            ("Content-Length: x\r\n\r\n".to_owned(), "-32700 for null"),
            ("hello\r\n\r\n".to_owned(), "-32700 for null"),
            (framed("\u{1}\u{2}"), "-32700 for null"),
        ] {
            assert_eq!(all(&format!("{input}{next}")), [expected, "next"], "{input}");
        }
        assert_eq!(all(&format!("\r\n\r\ncontent-length:40\r\nX: y\r\n\r\n{}", &next[22..])), ["next"]);
        assert_eq!(all("Content-Length: 99999999999999999\r\n\r\nx"), ["-32600 for null"]);
        assert_eq!(all("Content-Length: 50\r\n\r\nx"), [""; 0]);
    }
}
