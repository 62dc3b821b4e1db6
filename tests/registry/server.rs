//! A registry on loopback that says, byte for byte, what a test tells it to: nothing of it is our client's.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Path and query.
    pub(crate) target: String,
    /// How many such requests for the same target came before it.
    pub(crate) before: usize,
    /// `127.0.0.1:PORT` of the server that was asked.
    pub(crate) server: String,
    /// What came after the head.
    pub(crate) body: Vec<u8>,
    head: String,
}

impl Asked {
    /// The values of a header.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
    }

    /// The method.
    pub(crate) fn method(&self) -> &str {
        self.head.split(' ').next().unwrap_or_default()
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).first().copied()
    }
}

/// What follows the bytes of a reply.
#[derive(Clone, Copy)]
enum Then {
    Close,
    Stall,
    Endless,
}

/// What the server sends.
#[derive(Clone)]
pub(crate) struct Reply {
    head: String,
    body: Vec<u8>,
    then: Then,
}

impl Reply {
    /// A reply with a body, its length in the head.
    pub(crate) fn new(status: u16, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref().to_vec();
        let head = format!("HTTP/1.1 {status} Status\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        Self { head, body, then: Then::Close }
    }

    /// Nothing at all, on a connection that stays open.
    pub(crate) fn silence() -> Self {
        Self { head: String::new(), body: Vec::new(), then: Then::Stall }
    }

    /// Bytes that are no HTTP.
    pub(crate) fn raw(text: &str) -> Self {
        Self { head: String::new(), body: text.as_bytes().to_vec(), then: Then::Close }
    }

    /// A head without a length and a body without an end.
    pub(crate) fn endless(status: u16) -> Self {
        let head = format!("HTTP/1.1 {status} Status\r\nconnection: close\r\n");
        Self { head, body: vec![b' '; 1 << 16], then: Then::Endless }
    }

    /// Another header.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// Only the first bytes of the body; the head promises them all.
    pub(crate) fn cut(mut self, length: usize) -> Self {
        self.body.truncate(length);
        self
    }

    /// The connection stays open after the bytes.
    pub(crate) fn then_silence(mut self) -> Self {
        self.then = Then::Stall;
        self
    }

    fn send(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        if !self.head.is_empty() {
            stream.write_all(format!("{}\r\n", self.head).as_bytes())?;
        }
        stream.write_all(&self.body)?;
        match self.then {
            Then::Close => Ok(()),
            // Until the client goes away.
            Then::Stall => stream.read(&mut [0]).map(|_| ()),
            Then::Endless => loop {
                stream.write_all(&self.body)?;
            },
        }
    }
}

/// The server. Its threads end with the process.
pub(crate) struct FaultServer {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl FaultServer {
    /// Starts a server that answers every request with what `answer` returns.
    pub(crate) fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_reading(|_| usize::MAX, answer)
    }

    /// Does the same, and reads no more of a body than `take` says before it answers.
    pub(crate) fn start_reading(
        take: impl Fn(&Asked) -> usize + Send + Sync + 'static,
        answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address").to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (take, answer) = (Arc::new(take), Arc::new(answer));
        let (server, log, counts) = (address.clone(), Arc::clone(&asked), Arc::new(Mutex::new(HashMap::new())));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (server, log, counts) = (server.clone(), Arc::clone(&log), Arc::clone(&counts));
                let (take, answer) = (Arc::clone(&take), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let Some(head) = read_head(&mut stream) else { return };
                    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    let before = {
                        let mut counts = counts.lock().expect("counts");
                        let method = head.split(' ').next().unwrap_or_default();
                        let count: &mut usize = counts.entry(format!("{method} {target}")).or_default();
                        *count += 1;
                        *count - 1
                    };
                    let mut request = Asked { target, before, server, body: Vec::new(), head };
                    let length = request.header("content-length").and_then(|length| length.parse().ok());
                    let limit = take(&request).min(length.unwrap_or_default());
                    let limit = u64::try_from(limit).expect("length");
                    // The client may hang up in the middle.
                    let _read = (&stream).take(limit).read_to_end(&mut request.body);
                    log.lock().expect("log").push(request.clone());
                    // The client may hang up whenever it likes.
                    let _sent = answer(&request).send(&mut stream);
                });
            }
        });
        Self { address, asked }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("log").clone()
    }
}

fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}
