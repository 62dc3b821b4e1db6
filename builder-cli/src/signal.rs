//! SIGINT and SIGTERM: the first asks the command to stop, the second ends the process at once.

use std::io;
use std::thread;

use builder_core::cancel::CancelToken;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::error::ErrorKind;
use crate::ui::progress::restore_terminal;

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
