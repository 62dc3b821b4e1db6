//! Lends the caller's SSH agent to a step: its keys can be listed and used, and nothing else.
//!
//! Spec: draft-ietf-sshm-ssh-agent, sections 3 and 5 (the numbers of messages); dockerfile-semantics 7.6.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use super::ssh_keys::KeyRing;

/// The longest message; OpenSSH's own limit.
const MAX_MESSAGE_BYTES: usize = 256 * 1024;
/// Connections at the same time; more are closed at once.
const MAX_CONNECTIONS: usize = 64;
/// `SSH_AGENTC_REQUEST_IDENTITIES` and `SSH_AGENTC_SIGN_REQUEST`.
const ALLOWED: [u8; 2] = [11, 13];
/// `SSH_AGENT_FAILURE` as a whole message.
const FAILURE: [u8; 5] = [0, 0, 0, 1, 5];

/// Whose keys are lent.
#[derive(Debug)]
pub enum Agent {
    /// Those of the agent at this socket.
    Socket(PathBuf),
    /// These.
    Keys(KeyRing),
}

/// An agent that is lent; it is taken back when this is dropped.
#[derive(Debug)]
pub struct AgentProxy {
    /// Its closing is the sign to stop.
    stop: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl AgentProxy {
    /// Serves who connects to the listener with what the agent answers.
    ///
    /// # Errors
    /// What the system answers; an agent that cannot be reached is the failure of each connection.
    pub fn start(listener: UnixListener, agent: Agent) -> io::Result<Self> {
        let (stopped, stop) = pipe_with(PipeFlags::CLOEXEC)?;
        listener.set_nonblocking(true)?;
        let serve = move || serve(&listener, &agent, stopped.as_fd());
        let thread = std::thread::Builder::new().name("ssh-agent".to_owned()).spawn(serve)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for AgentProxy {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A panic of it has been printed, and the step has seen its end.
            let _ = thread.join();
        }
    }
}

fn serve(listener: &UnixListener, agent: &Agent, stopped: BorrowedFd<'_>) {
    let connections = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        while wait(listener.as_fd(), stopped) {
            let Ok((client, _)) = listener.accept() else { continue };
            if connections.load(Ordering::SeqCst) >= MAX_CONNECTIONS {
                continue;
            }
            connections.fetch_add(1, Ordering::SeqCst);
            let connections = &connections;
            scope.spawn(move || {
                // A connection that breaks is the client's affair: it sees the end.
                let _ = converse(client, agent, stopped);
                connections.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
}

/// Waits until something can be read; `false` when all is over.
fn wait(readable: BorrowedFd<'_>, stopped: BorrowedFd<'_>) -> bool {
    loop {
        let mut fds =
            [PollFd::from_borrowed_fd(readable, PollFlags::IN), PollFd::from_borrowed_fd(stopped, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(_) => return false,
        }
        let [readable, stopped] = &fds;
        if !stopped.revents().is_empty() {
            return false;
        }
        if !readable.revents().is_empty() {
            return true;
        }
    }
}

fn converse(mut client: UnixStream, agent: &Agent, stopped: BorrowedFd<'_>) -> io::Result<()> {
    client.set_nonblocking(false)?;
    let mut upstream = None;
    while let Some(request) = message(&mut client, stopped)? {
        if !request.get(4).is_some_and(|kind| ALLOWED.contains(kind)) {
            client.write_all(&FAILURE)?;
            continue;
        }
        let answer = match agent {
            Agent::Keys(keys) => match keys.answer(request.get(4..).unwrap_or_default()) {
                Some(answer) => [&u32::try_from(answer.len()).unwrap_or_default().to_be_bytes()[..], &answer].concat(),
                None => FAILURE.to_vec(),
            },
            Agent::Socket(path) => {
                let agent = match &mut upstream {
                    Some(agent) => agent,
                    None => upstream.insert(UnixStream::connect(path)?),
                };
                agent.write_all(&request)?;
                let Some(answer) = message(agent, stopped)? else { return Ok(()) };
                answer
            }
        };
        client.write_all(&answer)?;
    }
    Ok(())
}

/// Reads one message, its length included; nothing at the end of the connection.
fn message(stream: &mut UnixStream, stopped: BorrowedFd<'_>) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    if !fill(stream, &mut length, stopped)? {
        return Ok(None);
    }
    let size = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if size == 0 || size > MAX_MESSAGE_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = length.to_vec();
    message.resize(4 + size, 0);
    let body = message.get_mut(4..).unwrap_or_default();
    Ok(fill(stream, body, stopped)?.then_some(message))
}

/// Fills the buffer; `false` when the connection or everything is over.
fn fill(stream: &mut UnixStream, buffer: &mut [u8], stopped: BorrowedFd<'_>) -> io::Result<bool> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        if !wait(stream.as_fd(), stopped) {
            return Ok(false);
        }
        match stream.read(rest) {
            Ok(0) => return Ok(false),
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(stream: &mut UnixStream, request: &[u8]) -> Vec<u8> {
        let length = u32::try_from(request.len()).unwrap().to_be_bytes();
        stream.write_all(&[&length[..], request].concat()).unwrap();
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut answer).unwrap();
        answer
    }

    #[test]
    fn only_listing_and_signing_reach_the_agent() {
        let dir = tempfile::tempdir().unwrap();
        let (agent, lent) = (dir.path().join("agent"), dir.path().join("lent"));
        let upstream = UnixListener::bind(&agent).unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = upstream.accept().unwrap();
            let mut request = [0; 5];
            while stream.read_exact(&mut request).is_ok() {
                stream.write_all(&[0, 0, 0, 2, 100, request[4]]).unwrap();
            }
        });
        let proxy = AgentProxy::start(UnixListener::bind(&lent).unwrap(), Agent::Socket(agent)).unwrap();
        let mut client = UnixStream::connect(&lent).unwrap();
        assert_eq!(exchange(&mut client, &[11]), [100, 11]);
        assert_eq!(exchange(&mut client, &[13]), [100, 13]);
        // Adding, removing, locking, extensions.
        for kind in [17, 18, 19, 22, 25, 27] {
            assert_eq!(exchange(&mut client, &[kind]), [5], "{kind}");
        }
        drop(proxy);
        assert_eq!(client.read(&mut [0; 1]).unwrap_or(0), 0);
    }

    #[test]
    fn a_message_that_is_too_long_ends_the_connection() {
        let dir = tempfile::tempdir().unwrap();
        let lent = dir.path().join("lent");
        let agent = Agent::Socket(PathBuf::from("/nonexistent"));
        let _proxy = AgentProxy::start(UnixListener::bind(&lent).unwrap(), agent).unwrap();
        let mut client = UnixStream::connect(&lent).unwrap();
        client.write_all(&[0xff; 8]).unwrap();
        assert_eq!(client.read(&mut [0; 1]).unwrap_or(0), 0);
    }
}
