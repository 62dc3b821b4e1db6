//! `builder run`.

use std::io::{IsTerminal, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use builder_core::builder::{PullPlatforms, Trial, TrialError, Unpack};
use builder_core::event::LogStream;
use builder_core::image;
use builder_core::platform::Platform;
use builder_core::reference::Reference;
use builder_core::sandbox::{Exit, SandboxError, SignalQueue, Stdio, Terminal, TerminalControl};
use builder_core::store::ImageRecord;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::Session;
use super::build::command_error;
use super::registry::shown;
use crate::args::{GlobalArgs, TrialArgs, TrialPull};
use crate::error::{CommandError, ErrorKind};
use crate::settings;
use crate::signal::{cancel_on_signals_for_now, pass_on};
use crate::ui::printer::Printer;

/// What docker ends with where it could not run anything.
pub(crate) const FAILED: u8 = 125;
/// The program is there and cannot be executed.
const NOT_EXECUTABLE: u8 = 126;
/// The program is not there.
const NOT_FOUND: u8 = 127;
/// A signal ended the program: this and its number.
const SIGNAL_BASE: i32 = 128;
const SIGKILL: i32 = 9;
/// The digits of an ID that people are shown.
const SHORT_ID: usize = 12;

/// Runs an image; returns the exit code of its program.
pub(super) fn run(arguments: &TrialArgs, global: &GlobalArgs, printer: Printer) -> Result<u8, CommandError> {
    let outcome = Session::open_quietly(global, printer, super::perhaps_registries(global))
        .and_then(|session| attempt(arguments, &session));
    outcome.or_else(|error| {
        if error.kind == ErrorKind::Interrupted {
            return Err(error);
        }
        printer.error(&error);
        Ok(FAILED)
    })
}

fn attempt(arguments: &TrialArgs, session: &Session) -> Result<u8, CommandError> {
    let image = image_of(arguments, session)?;
    let mut trial = settings::trial::trial(arguments, image)?;
    let platform = trial.platform.clone().unwrap_or_else(Platform::host);
    session.builder.complete_for(&trial.image, &platform, &session.cancel).map_err(command_error)?;
    if trial.platform.is_none() {
        tell_of_platform(&trial, session)?;
    }
    let (sender, receiver) = channel();
    trial.signals = Some(SignalQueue::new(receiver));
    let timeout = Duration::from_secs(arguments.stop_timeout);
    let mut raw = None;
    if arguments.tty {
        if arguments.interactive && !std::io::stdin().is_terminal() {
            return Err(CommandError::usage("the input device is not a TTY").hint("leave out -t, or -i"));
        }
        let terminal = Terminal::open().map_err(CommandError::environment)?;
        let control = Arc::new(terminal.control().map_err(CommandError::environment)?);
        fit(&control);
        let resized = Arc::clone(&control);
        pass_on(sender, timeout, session.cancel.clone(), move || fit(&resized)).map_err(CommandError::environment)?;
        if arguments.interactive {
            raw = Raw::enter();
            std::thread::Builder::new()
                .name("terminal".to_owned())
                .spawn(move || type_in(&control))
                .map_err(CommandError::environment)?;
        }
        trial.stdio = Stdio::Terminal(terminal);
    } else {
        pass_on(sender, timeout, session.cancel.clone(), || {}).map_err(CommandError::environment)?;
        trial.stdio = inherited(arguments.interactive).map_err(CommandError::environment)?;
    }
    let output = |_: LogStream, bytes: &[u8]| {
        let mut out = std::io::stdout().lock();
        // Who closed it does not want to know.
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    };
    let outcome = session.builder.try_image(trial, &output, &session.cancel);
    // Messages are for the terminal as it was.
    drop(raw);
    match outcome {
        Ok(exit) => Ok(code(exit)),
        Err(TrialError::Sandbox(SandboxError::Cancelled(_))) => Ok(byte(SIGNAL_BASE + SIGKILL)),
        Err(error) => {
            let code = match &error {
                TrialError::Sandbox(
                    SandboxError::ProgramNotFound { .. } | SandboxError::InterpreterNotFound { .. },
                ) => NOT_FOUND,
                TrialError::Sandbox(error) if error.is_about_program() => NOT_EXECUTABLE,
                _ => FAILED,
            };
            let hint = if let TrialError::Source(source) = &error { source.hint() } else { None };
            let shown = CommandError::new(ErrorKind::Failed, error);
            session.printer.error(&hint.into_iter().fold(shown, CommandError::hint));
            Ok(code)
        }
    }
}

/// Finds the image, or pulls it, as docker does.
fn image_of(arguments: &TrialArgs, session: &Session) -> Result<ImageRecord, CommandError> {
    let text = arguments.words.first().map_or("", String::as_str);
    let is_missing = session.builder.find_image(text).is_err_and(|error| error.is_not_found());
    let wanted = match arguments.pull {
        TrialPull::Always => true,
        TrialPull::Missing => is_missing,
        TrialPull::Never => false,
    };
    if let (true, false, Ok(reference)) = (wanted, is_id(text), text.parse::<Reference>()) {
        if is_missing {
            session.printer.note(&format!("Unable to find image '{}' locally", reference.familiar()));
        }
        pull(&reference, arguments, session)?;
    }
    session.find(text)
}

/// Whether a text is the beginning of an ID, and nobody's name.
fn is_id(text: &str) -> bool {
    text.starts_with("sha256:") || text.len() >= SHORT_ID && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn pull(reference: &Reference, arguments: &TrialArgs, session: &Session) -> Result<(), CommandError> {
    let platforms = settings::asked_platforms(&arguments.platform.iter().cloned().collect::<Vec<_>>())?;
    let platforms = if platforms.is_empty() { PullPlatforms::Usual } else { PullPlatforms::Some(platforms) };
    let _watch = cancel_on_signals_for_now(session.cancel.clone()).map_err(CommandError::environment)?;
    let pulled = shown(arguments.quiet, None, session, |events| {
        session.builder.pull(reference, &platforms, Unpack::Now, events, &session.cancel)
    });
    pulled?.map(drop).map_err(command_error)
}

/// An image for another machine is tried, and that said. The words are docker's.
fn tell_of_platform(trial: &Trial, session: &Session) -> Result<(), CommandError> {
    let host = Platform::host();
    let view = image::read(session.builder.store(), &trial.image, &host).map_err(CommandError::environment)?;
    let found = view.config.platform();
    if host.rank(&found).is_none() {
        session.printer.note(&format!(
            "The requested image's platform ({found}) does not match the detected host platform ({host}) and no \
             specific platform was requested"
        ));
    }
    Ok(())
}

fn code(exit: Exit) -> u8 {
    match exit {
        Exit::Code(code) => byte(code),
        Exit::Signal(signal) => byte(SIGNAL_BASE + signal),
        Exit::OutOfMemory => byte(SIGNAL_BASE + SIGKILL),
    }
}

fn byte(code: i32) -> u8 {
    u8::try_from(code & 0xff).unwrap_or(FAILED)
}

/// The standard streams of this process, without input unless it is asked for.
fn inherited(interactive: bool) -> std::io::Result<Stdio> {
    let stdin: OwnedFd = if interactive {
        std::io::stdin().as_fd().try_clone_to_owned()?
    } else {
        std::fs::File::open("/dev/null")?.into()
    };
    let stdout = std::io::stdout().as_fd().try_clone_to_owned()?;
    let stderr = std::io::stderr().as_fd().try_clone_to_owned()?;
    Ok(Stdio::Given { stdin, stdout, stderr })
}

/// Gives the terminal the size of the one that this process has.
fn fit(control: &TerminalControl) {
    let own = [tcgetwinsize(std::io::stdin()), tcgetwinsize(std::io::stdout())];
    if let Some(size) = own.into_iter().flatten().next() {
        // A terminal of another size is a terminal still.
        let _ = control.resize(size.ws_row, size.ws_col);
    }
}

/// Passes on what is typed until nobody listens or nothing more comes.
fn type_in(control: &TerminalControl) {
    let mut buffer = [0; 4096];
    let mut stdin = std::io::stdin().lock();
    while let Ok(count) = stdin.read(&mut buffer) {
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() || control.write(bytes).is_err() {
            return;
        }
    }
}

/// The terminal of this process passes everything on as it is typed; as before when dropped.
struct Raw {
    before: Termios,
}

impl Raw {
    fn enter() -> Option<Self> {
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(std::io::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // There is nobody to tell.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before);
    }
}
