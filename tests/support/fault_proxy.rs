//! A server in front of a real one that passes requests on, and spoils those that a test names.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is done to a request or to its answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The connection ends in the middle of the head of the answer.
    CutHead,
    /// The connection ends after so many bytes of the answer's body.
    CutBody(usize),
    /// Another answer: its status, its headers, its body.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// One byte of the body is another one.
    WrongByte,
    /// The body is shorter, and its length says so.
    Shorter(usize),
    /// The body is longer, and its length says so.
    Longer(usize),
    /// The answer has no length, and its body no end.
    Endless,
    /// A body of this many bytes.
    Huge(usize),
    /// A header of the answer has another value, or is left out.
    Header(&'static str, Option<String>),
    /// Only so many bytes of the request's body are read; then the connection ends.
    CutRequest(usize),
    /// The server gets the request, and nobody its answer.
    LostAnswer,
    /// Nothing is read after the head, and nothing is answered, until the client goes away.
    Stall,
    /// Every byte comes late: so many bytes, then a pause.
    Slow(usize, Duration),
}

/// Which requests are spoiled.
#[derive(Clone, Debug)]
pub struct Rule {
    method: &'static str,
    part: String,
    times: usize,
    fault: Fault,
}

impl Rule {
    /// Spoils requests of a method whose path contains a text, the first `times` of them.
    pub fn new(method: &'static str, part: impl Into<String>, times: usize, fault: Fault) -> Self {
        Self { method, part: part.into(), times, fault }
    }

    /// Spoils them all.
    pub fn always(method: &'static str, part: impl Into<String>, fault: Fault) -> Self {
        Self::new(method, part, usize::MAX, fault)
    }
}

struct State {
    server: String,
    rules: Mutex<Vec<Rule>>,
    asked: Mutex<Vec<String>>,
}

/// The proxy. Its threads end with the process.
pub struct FaultProxy {
    address: String,
    state: Arc<State>,
}

impl FaultProxy {
    /// Starts a proxy in front of a server (`127.0.0.1:PORT`).
    pub fn start(server: &str, rules: Vec<Rule>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
        let address = listener.local_addr().expect("address").to_string();
        let state =
            Arc::new(State { server: server.to_owned(), rules: Mutex::new(rules), asked: Mutex::new(Vec::new()) });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // Either side may hang up whenever it likes.
                std::thread::spawn(move || drop(state.answer(stream)));
            }
        });
        Self { address, state }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The requests so far: `METHOD PATH`.
    pub fn asked(&self) -> Vec<String> {
        self.state.asked.lock().expect("requests").clone()
    }
}

impl State {
    fn fault_for(&self, method: &str, path: &str) -> Option<Fault> {
        let mut rules = self.rules.lock().expect("rules");
        let rule =
            rules.iter_mut().find(|rule| rule.times > 0 && rule.method == method && path.contains(&rule.part))?;
        rule.times = rule.times.saturating_sub(usize::from(rule.times != usize::MAX));
        Some(rule.fault.clone())
    }

    fn answer(&self, mut client: TcpStream) -> std::io::Result<()> {
        let head = read_head(&mut client)?;
        let mut words = head.lines().next().unwrap_or_default().split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        self.asked.lock().expect("requests").push(format!("{method} {path}"));
        let length = header(&head, "content-length").and_then(|text| text.parse().ok()).unwrap_or(0_usize);
        let fault = self.fault_for(method, path);
        match &fault {
            Some(Fault::CutRequest(limit)) => {
                client.read_exact(&mut vec![0; length.min(*limit)])?;
                return client.shutdown(Shutdown::Both);
            }
            Some(Fault::Answer(status, headers, body)) => {
                client.read_exact(&mut vec![0; length])?;
                let headers = lines(headers.iter().map(|(name, value)| format!("{name}: {value}")));
                return respond(&mut client, &format!("HTTP/1.1 {status} Status\r\n{headers}"), body);
            }
            Some(Fault::Endless) => {
                client.read_exact(&mut vec![0; length])?;
                client.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
                let endless = vec![b' '; 1 << 16];
                loop {
                    client.write_all(&endless)?;
                }
            }
            Some(Fault::Stall) => {
                // What the client has sent already is never read: it notices when the buffers are full.
                while !is_gone(&client)? {
                    std::thread::sleep(Duration::from_millis(20));
                }
                return Ok(());
            }
            Some(Fault::Huge(size)) => {
                return respond(&mut client, "HTTP/1.1 200 OK\r\n", &vec![b' '; *size]);
            }
            _ => {}
        }
        let mut server = TcpStream::connect(&self.server)?;
        let kept = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
        let passed = lines(kept.take_while(|line| !line.is_empty()));
        server.write_all(format!("{passed}connection: close\r\n\r\n").as_bytes())?;
        let mut body = vec![0; length];
        client.read_exact(&mut body)?;
        server.write_all(&body)?;
        match fault {
            None => std::io::copy(&mut server, &mut client).map(|_| ()),
            Some(fault) => spoil(&fault, &mut server, &mut client),
        }
    }
}

/// Passes an answer on, otherwise than it is.
fn spoil(fault: &Fault, server: &mut TcpStream, client: &mut TcpStream) -> std::io::Result<()> {
    let mut head = read_head(server)?;
    head.truncate(head.trim_end().len());
    head.push_str("\r\n");
    let mut body = Vec::new();
    server.read_to_end(&mut body)?;
    match fault {
        Fault::CutHead => client.write_all(&head.as_bytes()[..head.len() / 2]),
        Fault::CutBody(limit) => {
            client.write_all(format!("{head}\r\n").as_bytes())?;
            client.write_all(&body[..body.len().min(*limit)])
        }
        Fault::WrongByte => {
            let middle = body.len() / 2;
            body[middle] ^= 1;
            client.write_all(format!("{head}\r\n").as_bytes())?;
            client.write_all(&body)
        }
        Fault::Shorter(by) => {
            body.truncate(body.len().saturating_sub(*by));
            respond(client, &head, &body)
        }
        Fault::Longer(by) => {
            body.resize(body.len() + by, b' ');
            respond(client, &head, &body)
        }
        Fault::Header(name, value) => {
            let mut head = without(&head, name);
            if let Some(value) = value {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            client.write_all(format!("{head}\r\n").as_bytes())?;
            client.write_all(&body)
        }
        Fault::Slow(piece, pause) => {
            client.write_all(format!("{head}\r\n").as_bytes())?;
            for part in body.chunks(*piece) {
                client.write_all(part)?;
                std::thread::sleep(*pause);
            }
            Ok(())
        }
        _ => client.shutdown(Shutdown::Both),
    }
}

/// Sends an answer with the length that its body has.
fn respond(client: &mut TcpStream, head: &str, body: &[u8]) -> std::io::Result<()> {
    let head = without(head, "content-length");
    client.write_all(format!("{head}connection: close\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes())?;
    client.write_all(body)
}

/// Lines with the ends that HTTP wants.
fn lines<T: AsRef<str>>(lines: impl Iterator<Item = T>) -> String {
    lines.fold(String::new(), |text, line| text + line.as_ref() + "\r\n")
}

/// A head without one of its headers.
fn without(head: &str, name: &str) -> String {
    let is = |line: &&str| line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
    lines(head.lines().filter(|line| !is(line)))
}

/// Whether the other side has gone away.
fn is_gone(client: &TcpStream) -> std::io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, poll};
    let mut polled = [PollFd::new(client, PollFlags::RDHUP)];
    let timeout = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut polled, Some(&timeout))?;
    Ok(polled[0].revents().intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR))
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}

fn read_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
