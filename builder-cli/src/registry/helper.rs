//! Credential helpers: programs `docker-credential-NAME` that keep passwords.
//!
//! Spec: docker-credential-helpers, "Development".

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use builder_core::registry::{Credential, Password};
use serde::Deserialize;
use serde_json::json;

/// How long a helper may take: it may ask a person.
const PATIENCE: Duration = Duration::from_mins(2);
/// How often a running helper is looked at.
const TICK: Duration = Duration::from_millis(10);
/// The most bytes of an answer.
const MAX_ANSWER: u64 = 64 * 1024;
/// The user whose password is an identity token.
const TOKEN_USER: &str = "<token>";
/// What helpers say of what they do not have.
const NOT_FOUND: &str = "credentials not found in native keychain";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

/// Asks a helper for the credential of a server.
pub(super) fn get(name: &str, server: &str) -> Result<Option<Credential>, String> {
    let Some(answer) = run(name, "get", server.as_bytes())? else { return Ok(None) };
    let answer: Answer =
        serde_json::from_slice(&answer).map_err(|_| format!("{} answered with no credential", program(name)))?;
    let secret = Password::new(answer.secret);
    Ok(match (answer.username.as_str(), secret.expose().is_empty()) {
        (_, true) => None,
        (TOKEN_USER, false) => Some(Credential::Identity(secret)),
        _ => Some(Credential::User { name: answer.username, password: secret }),
    })
}

/// Has a helper keep a credential.
pub(super) fn store(name: &str, server: &str, user: &str, password: &Password) -> Result<(), String> {
    let input = json!({"ServerURL": server, "Username": user, "Secret": password.expose()});
    run(name, "store", input.to_string().as_bytes()).map(|_| ())
}

/// Has a helper forget a credential; tells whether it had one.
pub(super) fn erase(name: &str, server: &str) -> Result<bool, String> {
    Ok(run(name, "erase", server.as_bytes())?.is_some())
}

fn program(name: &str) -> String {
    format!("docker-credential-{name}")
}

/// Runs a helper; `None` where it has no such credential.
fn run(name: &str, action: &str, input: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let program = program(name);
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Err(format!("`{}` is no name of a credential helper", name.escape_debug()));
    }
    let mut command = Command::new(&program);
    command.arg(action).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child =
        command.spawn().map_err(|error| format!("cannot run the credential helper `{program}`: {error}"))?;
    let failed = |what: &str| format!("the credential helper `{program}` {what}");
    // A helper that does not read has what it needs.
    drop(child.stdin.take().map(|mut stdin| stdin.write_all(input)));
    let (code, answer) = finished(&mut child).ok_or_else(|| failed("does not end"))?;
    if code == Some(0) {
        return Ok(Some(answer));
    }
    // Nothing else of it is shown: who knows what stands there.
    let is_missing = String::from_utf8_lossy(&answer).contains(NOT_FOUND);
    if is_missing { Ok(None) } else { Err(failed(&format!("failed to {action} the credentials"))) }
}

/// Waits for a program and what it writes; one that goes on for too long is ended.
fn finished(child: &mut Child) -> Option<(Option<i32>, Vec<u8>)> {
    let begin = Instant::now();
    let output = child.stdout.take();
    let reader = std::thread::spawn(move || {
        let mut answer = Vec::new();
        let read = output.map(|output| output.take(MAX_ANSWER).read_to_end(&mut answer));
        read.and_then(Result::ok).map(|_| answer).unwrap_or_default()
    });
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some((status.code(), reader.join().unwrap_or_default())),
            Ok(None) if begin.elapsed() < PATIENCE => std::thread::sleep(TICK),
            Ok(None) | Err(_) => {
                // It may have ended just now.
                let _ended = child.kill().and_then(|()| child.wait());
                return None;
            }
        }
    }
}
