//! `login`, `logout`.

use std::io::{BufRead, IsTerminal, Read, Write};

use builder_core::cancel::CancelToken;
use builder_core::reference::{DEFAULT_DOMAIN, Reference, without_password};
use builder_core::registry::{Client, Credential, CredentialSource, Credentials, Password, RegistryError};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::registry::registry_error;
use crate::args::{GlobalArgs, LoginArgs, LogoutArgs};
use crate::error::{CommandError, ErrorKind};
use crate::registry::Stored;
use crate::settings;
use crate::ui::printer::Printer;

/// The longest password that is read, in bytes.
const MAX_PASSWORD: u64 = 64 * 1024;

/// The one that is tried.
struct Given(Credential);

impl CredentialSource for Given {
    fn find(&self, _: &str, _: &str) -> Result<Option<Credential>, String> {
        Ok(Some(self.0.clone()))
    }
}

pub(super) fn login(arguments: &LoginArgs, global: &GlobalArgs, printer: Printer) -> Result<(), CommandError> {
    let domain = domain(arguments.server.as_deref())?;
    let (name, password) = asked(arguments, &domain, printer)?;
    let mut options = settings::registry::registry(global)?;
    let credential = Credential::User { name: name.clone(), password: password.clone() };
    options.credentials = Some(Credentials::new(Given(credential)));
    let verified = Client::of_registry(&domain, &options).and_then(|client| client.ping(&CancelToken::new()));
    verified.map_err(|error| refused(&domain, error))?;
    let stored = settings::registry::logins().store(&domain, &name, &password).map_err(CommandError::environment)?;
    if let Stored::File(path) = stored {
        printer.note(&format!(
            "WARNING! Your credentials are stored unencrypted in '{}'.\nConfigure a credential helper (`credsStore`) \
             to keep them elsewhere.",
            path.display()
        ));
    }
    printer.data("Login Succeeded\n")
}

pub(super) fn logout(arguments: &LogoutArgs, printer: Printer) -> Result<(), CommandError> {
    let domain = domain(arguments.server.as_deref())?;
    if settings::registry::logins().forget(&domain).map_err(CommandError::environment)? {
        printer.data(&format!("Removing login credentials for {domain}\n"))
    } else {
        printer.data(&format!("Not logged in to {domain}\n"))
    }
}

/// Reads what a person calls a registry.
fn domain(server: Option<&str>) -> Result<String, CommandError> {
    let text = server.unwrap_or(DEFAULT_DOMAIN);
    let bare = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
    let bare = bare.trim_end_matches('/');
    let bare = bare.strip_suffix("/v1").or_else(|| bare.strip_suffix("/v2")).unwrap_or(bare);
    if ["docker.io", "index.docker.io", "registry-1.docker.io"].contains(&bare) {
        return Ok(DEFAULT_DOMAIN.to_owned());
    }
    let parsed = format!("{bare}/any").parse::<Reference>().ok();
    match parsed.filter(|reference| reference.domain() == bare) {
        Some(_) => Ok(bare.to_owned()),
        None => Err(CommandError::usage(format!("`{}` is no registry", without_password(text)))
            .hint("name a host: `registry.example`, `registry.example:5000`, `localhost:5000`")),
    }
}

/// Finds out user and password.
fn asked(arguments: &LoginArgs, domain: &str, printer: Printer) -> Result<(String, Password), CommandError> {
    if arguments.password_stdin {
        let name = arguments
            .username
            .clone()
            .ok_or_else(|| CommandError::usage("Must provide --username with --password-stdin"))?;
        let mut text = String::new();
        std::io::stdin().take(MAX_PASSWORD).read_to_string(&mut text).map_err(CommandError::usage)?;
        return Ok((name, filled(text)?));
    }
    let interactive = || {
        if std::io::stdin().is_terminal() {
            return Ok(());
        }
        Err(CommandError::usage("Cannot perform an interactive login from a non TTY device")
            .hint("pass --username NAME --password-stdin, and the password on standard input"))
    };
    let name = if let Some(name) = &arguments.username {
        name.clone()
    } else {
        interactive()?;
        line(&format!("Username for {domain}: "))?
    };
    if name.is_empty() {
        return Err(CommandError::usage("a user name is needed"));
    }
    if let Some(password) = &arguments.password {
        printer.note("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
        return Ok((name, filled(password.clone())?));
    }
    interactive()?;
    Ok((name, filled(hidden_line("Password: ")?)?))
}

fn filled(text: String) -> Result<Password, CommandError> {
    let end = text.trim_end_matches(['\r', '\n']).len();
    let mut text = text;
    text.truncate(end);
    if text.is_empty() {
        return Err(CommandError::usage("a password is needed"));
    }
    Ok(Password::new(text))
}

fn line(prompt: &str) -> Result<String, CommandError> {
    let mut stderr = std::io::stderr().lock();
    stderr.write_all(prompt.as_bytes()).and_then(|()| stderr.flush()).map_err(CommandError::environment)?;
    drop(stderr);
    let mut text = String::new();
    std::io::stdin().lock().take(MAX_PASSWORD).read_line(&mut text).map_err(CommandError::environment)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// Reads a line that the terminal does not show.
fn hidden_line(prompt: &str) -> Result<String, CommandError> {
    let stdin = std::io::stdin();
    let before = tcgetattr(&stdin).map_err(CommandError::environment)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Now, &hidden).map_err(CommandError::environment)?;
    let text = line(prompt);
    tcsetattr(&stdin, OptionalActions::Now, &before).map_err(CommandError::environment)?;
    // The end of the line was not shown either.
    drop(std::io::stderr().write_all(b"\n"));
    text
}

fn refused(domain: &str, error: RegistryError) -> CommandError {
    match error {
        RegistryError::Unauthorized { .. } => {
            CommandError::new(ErrorKind::Registry, format!("`{domain}` does not know this user with this password"))
        }
        error => registry_error(error),
    }
}
