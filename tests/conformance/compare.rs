//! All cases, in two threads: against what they expect, or against a peer.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;

use similar::TextDiff;

use crate::base::{self, Known};
use crate::build::{self, Peer, first_arguments, prepare};
use crate::case::{self, Case};
use crate::outcome::Outcome;
use crate::support::{Finished, ORDINARY_USER, RunAs, TestEnv};

const THREADS: usize = 2;

/// What a run of the tests is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Every case gives what its `expected.txt` has.
    Expected,
    /// `BUILDER_CONFORMANCE_WRITE`: every `expected.txt` is written anew.
    Write,
    /// `BUILDER_CONFORMANCE_PEER`: every case is built with that program too.
    Peer(PathBuf),
}

impl Mode {
    pub fn of_environment() -> Self {
        match env::var_os("BUILDER_CONFORMANCE_PEER") {
            Some(program) => Self::Peer(program.into()),
            None if env::var_os("BUILDER_CONFORMANCE_WRITE").is_some() => Self::Write,
            None => Self::Expected,
        }
    }
}

/// How a case ended.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Verdict {
    Agrees,
    Pending,
    Differs(String),
    Fails(String),
}

/// One thread's store, with the base in it.
struct Worker {
    env: TestEnv,
    base: Known,
}

impl Worker {
    fn new(run_as: RunAs) -> Self {
        let env = TestEnv::new(run_as);
        base::import(&env);
        let directory = env.path("work/base-alone");
        let base = base::known(&directory, |directory| {
            build::own_layout(&env, "base-alone", directory, &[], &Case::default())
        });
        Self { env, base }
    }

    /// A copy of the case, ready to be built, and the arguments.
    fn prepare(&self, case: &Case, run_as: RunAs) -> (PathBuf, Vec<String>) {
        let work = self.env.path("work").join(&case.name);
        fs::create_dir_all(&work).expect("directory");
        let arguments = prepare(case, &work, |work| {
            if run_as == RunAs::Ordinary {
                Finished::of(std::process::Command::new("chown").arg("-Rh").arg(ORDINARY_USER).arg(work)).success();
            }
        });
        (work, arguments)
    }

    fn own(&self, case: &Case, work: &Path, arguments: &[String]) -> Outcome {
        let first = first_arguments(case, work);
        let first = first.map(|first| build::own_layout(&self.env, "first", work, &first, case));
        let outcome = match first {
            Some(Err(message)) => Outcome::Failed(message),
            _ => build::own(&self.env, &case.name.to_lowercase(), work, arguments, &self.base, case),
        };
        if first_arguments(case, work).is_some() {
            self.env.run(["rmi", "first"]);
        }
        outcome
    }
}

fn judge(case: &Case, outcome: &Outcome, expected: &str, who: &str) -> Verdict {
    match (&case.error, outcome) {
        (Some(error), Outcome::Failed(message)) if message.contains(error.as_str()) => Verdict::Agrees,
        (Some(error), Outcome::Failed(message)) => Verdict::Fails(format!("{who} does not say {error:?}:\n{message}")),
        (Some(error), Outcome::Images(_)) => Verdict::Fails(format!("{who} does not fail with {error:?}")),
        (None, Outcome::Failed(message)) => Verdict::Fails(format!("{who} fails:\n{message}")),
        (None, Outcome::Images(_)) => {
            let text = outcome.text(&case.compare);
            if text == expected { Verdict::Agrees } else { Verdict::Fails(difference(expected, &text)) }
        }
    }
}

fn difference(expected: &str, found: &str) -> String {
    TextDiff::from_lines(expected, found).unified_diff().context_radius(1).header("expected", "found").to_string()
}

/// Runs `each` for every case, in threads with a worker each; returns the verdicts by case.
fn run(run_as: RunAs, each: impl Fn(&Worker, &Case) -> Verdict + Sync) -> Vec<(String, Verdict)> {
    let cases: Vec<Case> =
        case::all().into_iter().filter(|case| run_as == RunAs::Root || case.root_only.is_none()).collect();
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let (sender, next, cases, each) = (sender.clone(), &next, &cases, &each);
            scope.spawn(move || {
                let worker = Worker::new(run_as);
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = catch_unwind(AssertUnwindSafe(|| each(&worker, case)))
                        .unwrap_or_else(|_| Verdict::Fails("the comparison itself stopped".to_owned()));
                    sender.send((case.name.clone(), verdict)).expect("receiver");
                    let work = worker.env.path("work").join(&case.name);
                    if work.exists() {
                        fs::remove_dir_all(&work).unwrap_or_else(|error| panic!("{}: {error}", work.display()));
                    }
                }
            });
        }
        drop(sender);
    });
    let mut verdicts: Vec<(String, Verdict)> = receiver.iter().collect();
    verdicts.sort();
    verdicts
}

fn report(verdicts: &[(String, Verdict)], what: &str) {
    let mut text = String::new();
    let (mut agreeing, mut pending, mut differing, mut failing) = (0, 0, 0, 0);
    for (name, verdict) in verdicts {
        match verdict {
            Verdict::Agrees => agreeing += 1,
            Verdict::Pending => pending += 1,
            Verdict::Differs(reason) => {
                differing += 1;
                let _ = writeln!(text, "differs: {name}: {reason}");
            }
            Verdict::Fails(message) => {
                failing += 1;
                let _ = writeln!(text, "\n==== {name}\n{message}");
            }
        }
    }
    let total = verdicts.len();
    let sum = format!(
        "{what}: {total} cases, {agreeing} agree, {differing} differ with a reason, {pending} pending, {failing} fail"
    );
    // The figures are what a run with the peer is for.
    let _closed = writeln!(std::io::stdout(), "{text}\n{sum}");
    assert!(failing == 0, "{text}\n{sum}");
}

/// Every case against its `expected.txt`, or the other way around.
pub fn with_expected(run_as: RunAs, mode: &Mode) {
    let verdicts = run(run_as, |worker, case| {
        if case.pending.is_some() {
            return Verdict::Pending;
        }
        let (work, arguments) = worker.prepare(case, run_as);
        let outcome = worker.own(case, &work, &arguments);
        if *mode == Mode::Write && case.error.is_none() && matches!(outcome, Outcome::Images(_)) {
            fs::write(case.expected(), outcome.text(&case.compare)).expect("expected.txt");
        }
        let expected = fs::read_to_string(case.expected()).unwrap_or_default();
        judge(case, &outcome, &expected, "the builder")
    });
    report(&verdicts, &format!("{run_as:?}"));
}

/// Every case with this builder and with a peer; pending ones take their expectation from the peer when
/// `BUILDER_CONFORMANCE_WRITE` is set.
pub fn with_peer(program: &Path) {
    let peer = Peer::new(program);
    let env = TestEnv::root();
    peer.import(&base::archive(&env));
    let base = base::known(&env.path("work/base-alone"), |directory| {
        peer.build("base-alone", directory, &[directory.display().to_string()], &Case::default())
    });
    let firsts = Mutex::new(());
    let verdicts = run(RunAs::Root, |worker, case| {
        let (work, arguments) = worker.prepare(case, RunAs::Root);
        let theirs = {
            // There is one peer, and one name `first` in it.
            let _one = case.first.as_ref().map(|_| firsts.lock());
            match first_arguments(case, &work).map(|first| peer.build("first", &work, &first, case)) {
                Some(Err(message)) => Outcome::Failed(message),
                _ => peer
                    .build(&case.name.to_lowercase(), &work, &arguments, case)
                    .map_or_else(Outcome::Failed, |layout| layout.outcome(&base)),
            }
        };
        let theirs_text = theirs.text(&case.compare);
        if case.pending.is_some() {
            if env::var_os("BUILDER_CONFORMANCE_WRITE").is_some() && case.error.is_none() && case.differs.is_none() {
                fs::write(case.expected(), &theirs_text).expect("expected.txt");
            }
            return Verdict::Pending;
        }
        let ours = worker.own(case, &work, &arguments);
        let verdict = match (&ours, &theirs) {
            (Outcome::Failed(ours), Outcome::Failed(theirs)) if case.error.is_none() => {
                Verdict::Fails(format!("both fail; the builder:\n{ours}\nthe peer:\n{theirs}"))
            }
            _ if case.error.is_some() => {
                judge(case, &ours, "", "the builder").max(judge(case, &theirs, "", "the peer"))
            }
            (_, Outcome::Failed(message)) => Verdict::Fails(format!("the peer fails:\n{message}")),
            _ => judge(case, &ours, &theirs_text, "the builder"),
        };
        match (&case.differs, verdict) {
            (Some(reason), Verdict::Fails(_)) => Verdict::Differs(reason.clone()),
            (Some(_), Verdict::Agrees) => Verdict::Fails("agrees, though the case says that it differs".to_owned()),
            (_, verdict) => verdict,
        }
    });
    report(&verdicts, "with the peer");
}
