//! SIGINT and SIGTERM: the first asks the command to stop, the second ends the process at once.

use std::io;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use builder_core::cancel::CancelToken;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::Signals;

use crate::error::ErrorKind;
use crate::ui::progress::restore_terminal;

/// Passes signals on. One that asks for an end gets it within `timeout`, by cancelling the token; `resized` is
/// called when the terminal has another size.
///
/// # Errors
/// The handlers cannot be installed.
pub(crate) fn pass_on(
    queue: Sender<i32>,
    timeout: Duration,
    token: CancelToken,
    resized: impl Fn() + Send + 'static,
) -> io::Result<()> {
    let ending = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];
    let mut signals = Signals::new(ending.into_iter().chain([SIGUSR1, SIGUSR2, SIGWINCH]))?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut asked = false;
        for signal in signals.forever() {
            if signal == SIGWINCH {
                resized();
                continue;
            }
            // Nobody listens any more once the process is gone.
            let _ = queue.send(signal);
            if ending.contains(&signal) && !asked {
                asked = true;
                let token = token.clone();
                let later = move || {
                    thread::sleep(timeout);
                    token.cancel();
                };
                let _timer = thread::Builder::new().name("stop".to_owned()).spawn(later);
            }
        }
    })?;
    Ok(())
}

/// Watches for signals and cancels the token on the first one.
///
/// # Errors
/// The handlers cannot be installed.
pub(crate) fn cancel_on_signals(token: CancelToken) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for _signal in signals.forever() {
            if token.is_cancelled() {
                restore_terminal();
                // Steps die with this process: they are bound to it by their pid namespace.
                signal_hook::low_level::exit(i32::from(ErrorKind::Interrupted.exit_code()));
            }
            token.cancel();
        }
    })?;
    Ok(())
}
