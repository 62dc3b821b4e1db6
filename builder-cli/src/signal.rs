//! SIGINT, SIGTERM, SIGHUP and SIGQUIT: the first asks the command to stop, a second one that somebody insists with ends
//! the process at once.
//!
//! A hang-up or SIGQUIT that was ignored when the process began, as under `nohup`, stays ignored.

use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use builder_core::cancel::CancelToken;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
use signal_hook::iterator::{Handle, Signals};

use crate::error::ErrorKind;
use crate::ui::progress::restore_terminal;

/// The signal that asked the command to stop first; 0 for none.
static STOPPED_BY: AtomicI32 = AtomicI32::new(0);

/// Returns the exit code of a command that was interrupted.
pub(crate) fn exit_code() -> u8 {
    match STOPPED_BY.load(Ordering::Relaxed) {
        // 128 and the number of the signal, as shells have it.
        SIGHUP => 129,
        SIGQUIT => 131,
        _ => ErrorKind::Interrupted.exit_code(),
    }
}

/// The signals that end a command. It has to be asked before the first of them is handled.
fn ending() -> Vec<i32> {
    let ignored = ignored_signals();
    let is_ignored = |signal: i32| ignored & (1 << (signal - 1)) != 0;
    // A shell without job control ignores SIGINT for what runs in the background: to docker that is no reason.
    [SIGINT, SIGTERM].into_iter().chain([SIGHUP, SIGQUIT].into_iter().filter(|signal| !is_ignored(*signal))).collect()
}

/// The signals that are ignored, one bit each from SIGHUP on; none where the kernel does not say.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Within this time three SIGINT mean that somebody wants it to end now, as to docker's client.
const INSISTENCE: Duration = Duration::from_secs(3);

/// What a signal that is passed on means to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wish {
    /// Nothing: the program does what it wants.
    Nothing,
    /// It is to end, within the time that it has for it.
    End,
    /// It is to end at once.
    EndNow,
}

/// Finds out what signals mean, one after the other.
#[derive(Debug, Default)]
struct Wishes {
    interrupts: Vec<Instant>,
}

impl Wishes {
    /// `hung_up` tells whether the terminal that there was is gone: a SIGHUP that somebody sends may mean anything.
    fn of(&mut self, signal: i32, now: Instant, hung_up: impl FnOnce() -> bool) -> Wish {
        match signal {
            SIGTERM => Wish::End,
            SIGHUP if hung_up() => Wish::End,
            SIGINT => {
                self.interrupts.retain(|before| now.duration_since(*before) < INSISTENCE);
                self.interrupts.push(now);
                if self.interrupts.len() < 3 { Wish::Nothing } else { Wish::EndNow }
            }
            _ => Wish::Nothing,
        }
    }
}

/// Whether this process has a terminal that it belongs to.
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

/// Passes signals on. SIGTERM, and the end of the terminal, ask for an end, which comes within `timeout` by cancelling
/// the token; a third SIGINT in short time ends at once. All others are the program's affair. `resized` is called when
/// the terminal has another size.
///
/// # Errors
/// The handlers cannot be installed.
pub(crate) fn pass_on(
    queue: Sender<i32>,
    timeout: Duration,
    token: CancelToken,
    resized: impl Fn() + Send + 'static,
) -> io::Result<()> {
    let (ending, had_terminal) = (ending(), has_terminal());
    let mut signals = Signals::new(ending.iter().copied().chain([SIGUSR1, SIGUSR2, SIGWINCH]))?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let (mut asked, mut wishes) = (false, Wishes::default());
        for signal in signals.forever() {
            if signal == SIGWINCH {
                resized();
                continue;
            }
            // Nobody listens any more once the process is gone.
            let _ = queue.send(signal);
            match wishes.of(signal, Instant::now(), || had_terminal && !has_terminal()) {
                Wish::EndNow => token.cancel(),
                Wish::End if !asked => {
                    asked = true;
                    let token = token.clone();
                    let later = move || {
                        thread::sleep(timeout);
                        token.cancel();
                    };
                    let _timer = thread::Builder::new().name("stop".to_owned()).spawn(later);
                }
                Wish::End | Wish::Nothing => {}
            }
        }
    })?;
    Ok(())
}

/// How soon after the first a second signal is none of its own.
const SAME_SIGNAL: Duration = Duration::from_millis(300);

/// Watches for signals and cancels the token on the first one.
///
/// # Errors
/// The handlers cannot be installed.
pub(crate) fn cancel_on_signals(token: CancelToken) -> io::Result<()> {
    watch(token).map(drop)
}

/// Watches for signals until it is dropped.
pub(crate) struct Watch(Handle);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Does the same as [`cancel_on_signals`] for as long as what is returned lives.
///
/// # Errors
/// The handlers cannot be installed.
pub(crate) fn cancel_on_signals_for_now(token: CancelToken) -> io::Result<Watch> {
    watch(token).map(Watch)
}

fn watch(token: CancelToken) -> io::Result<Handle> {
    let mut signals = Signals::new(ending())?;
    let handle = signals.handle();
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut first: Option<Instant> = None;
        for signal in signals.forever() {
            // A terminal that goes away says so more than once, and nobody sits before it. And what comes at once is the
            // same signal by another way: from a script that passes on what the terminal sent to both.
            let is_meant = signal != SIGHUP && first.is_some_and(|first| first.elapsed() >= SAME_SIGNAL);
            first.get_or_insert_with(Instant::now);
            if token.is_cancelled() && is_meant {
                restore_terminal();
                // Steps die with this process: they are bound to it by their pid namespace.
                signal_hook::low_level::exit(i32::from(exit_code()));
            }
            let _first = STOPPED_BY.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed);
            token.cancel();
        }
    })?;
    Ok(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_term_a_lost_terminal_and_a_third_interrupt_ask_for_an_end() {
        let (mut wishes, now) = (Wishes::default(), Instant::now());
        for other in [SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2] {
            assert_eq!(wishes.of(other, now, || false), Wish::Nothing, "{other}");
        }
        assert_eq!(wishes.of(SIGTERM, now, || false), Wish::End);
        assert_eq!(wishes.of(SIGHUP, now, || true), Wish::End);
        let after = |seconds| now + Duration::from_secs(seconds);
        let mut pressed = |at| wishes.of(SIGINT, at, || false);
        assert_eq!([pressed(now), pressed(after(2)), pressed(after(4))], [Wish::Nothing; 3]);
        assert_eq!(pressed(after(4)), Wish::EndNow);
    }
}
