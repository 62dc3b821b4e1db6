//! Filters of system calls as programs for the kernel (`seccomp(2)`, classic BPF).
//!
//! The number of a call is found by halving, and neighbours with the same answer are one range: a filter of hundreds
//! of calls is a good hundred instructions. The kernel translates and compiles a filter anew for every process that
//! installs one; of a plain list, one comparison after the other, that took longer than all else that starts a step.

use std::collections::BTreeMap;

use super::SandboxError;

/// What a filter answers to a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// The call is carried out.
    Allow,
    /// The call fails with this error number.
    Fail(i32),
    /// The call is carried out unless its first argument has one of these bits; then it fails with `EPERM`.
    UnlessAnyBit(u32),
    /// The call is carried out unless its first argument is this; then it fails with `EPERM`.
    Unless(u32),
    /// The call is carried out where its first argument is one of these; else it fails with `EPERM`.
    OnlyFor(&'static [u32]),
}

/// `struct seccomp_data`: the number of the call, the architecture, and the lower half of the first argument, for
/// which the byte order counts.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const FIRST_ARGUMENT: u32 = if cfg!(target_endian = "little") { 16 } else { 20 };

/// `BPF_LD | BPF_W | BPF_ABS`, `BPF_JMP | … | BPF_K`, `BPF_RET | BPF_K`.
const LOAD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_NOT_LESS: u16 = 0x35;
const JUMP_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

/// Compiles a filter: what stands in `answers` by number, and `otherwise` for all else. A call by the numbers of
/// another architecture ends the process, since nothing is known of it.
pub(super) fn compile(
    architecture: u32,
    answers: &BTreeMap<u32, Answer>,
    otherwise: Answer,
) -> Result<Vec<libc::sock_filter>, SandboxError> {
    let mut program = vec![
        instruction(LOAD, ARCHITECTURE),
        libc::sock_filter { jt: 1, ..instruction(JUMP_EQUAL, architecture) },
        instruction(RETURN, libc::SECCOMP_RET_KILL_PROCESS),
        instruction(LOAD, NUMBER),
    ];
    program.extend(search(&ranges(answers, otherwise))?);
    if program.len() > MAX_INSTRUCTIONS { Err(SandboxError::FilterTooLong) } else { Ok(program) }
}

/// `BPF_MAXINSNS`.
const MAX_INSTRUCTIONS: usize = 4096;

fn instruction(code: u16, k: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt: 0, jf: 0, k }
}

/// The first number of each range and its answer; the first range begins with 0.
fn ranges(answers: &BTreeMap<u32, Answer>, otherwise: Answer) -> Vec<(u32, Answer)> {
    let mut ranges = vec![(0, otherwise)];
    let mut put = |first: u32, answer: Answer| match ranges.last_mut() {
        Some(last) if last.0 == first => last.1 = answer,
        Some(last) if last.1 == answer => {}
        _ => ranges.push((first, answer)),
    };
    for (number, answer) in answers {
        put(*number, *answer);
        // The next number begins another range, unless it is in the list too.
        if let Some(next) = number.checked_add(1) {
            put(next, otherwise);
        }
    }
    // A range that was replaced may now be like the one before it.
    ranges.dedup_by(|later, earlier| later.1 == earlier.1);
    ranges
}

fn search(ranges: &[(u32, Answer)]) -> Result<Vec<libc::sock_filter>, SandboxError> {
    let [(_, answer)] = ranges else {
        let (lower, upper) = ranges.split_at(ranges.len() / 2);
        let Some((first, _)) = upper.first() else { return Ok(Vec::new()) };
        let (first, lower, upper) = (*first, search(lower)?, search(upper)?);
        let over = u8::try_from(lower.len()).map_err(|_| SandboxError::FilterTooLong)?;
        let mut program = vec![libc::sock_filter { jt: over, ..instruction(JUMP_NOT_LESS, first) }];
        program.extend(lower);
        program.extend(upper);
        return Ok(program);
    };
    Ok(answer.program())
}

impl Answer {
    fn program(self) -> Vec<libc::sock_filter> {
        let refuse = instruction(RETURN, failure(libc::EPERM));
        let allow = instruction(RETURN, libc::SECCOMP_RET_ALLOW);
        let load = instruction(LOAD, FIRST_ARGUMENT);
        match self {
            Self::Allow => vec![allow],
            Self::Fail(errno) => vec![instruction(RETURN, failure(errno))],
            Self::UnlessAnyBit(bits) => {
                vec![load, libc::sock_filter { jt: 1, ..instruction(JUMP_ANY_BIT, bits) }, allow, refuse]
            }
            Self::Unless(value) => {
                vec![load, libc::sock_filter { jt: 1, ..instruction(JUMP_EQUAL, value) }, allow, refuse]
            }
            Self::OnlyFor(values) => {
                let tests = values.iter().flat_map(|value| {
                    // The next instruction where it is the value, else the one after that.
                    [libc::sock_filter { jf: 1, ..instruction(JUMP_EQUAL, *value) }, allow]
                });
                std::iter::once(load).chain(tests).chain([refuse]).collect()
            }
        }
    }
}

fn failure(errno: i32) -> u32 {
    libc::SECCOMP_RET_ERRNO | (errno.cast_unsigned() & libc::SECCOMP_RET_DATA)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Runs a program as the kernel would; returns the action.
    pub(crate) fn interpret(
        program: &[libc::sock_filter],
        architecture: u32,
        number: u32,
        argument: u32,
    ) -> Option<u32> {
        let (mut accumulator, mut place) = (0, 0);
        loop {
            let libc::sock_filter { code, jt, jf, k } = *program.get(place)?;
            place += 1;
            let jump = match code {
                LOAD => {
                    accumulator = match k {
                        NUMBER => number,
                        ARCHITECTURE => architecture,
                        FIRST_ARGUMENT => argument,
                        _ => return None,
                    };
                    continue;
                }
                RETURN => return Some(k),
                JUMP_EQUAL => accumulator == k,
                JUMP_NOT_LESS => accumulator >= k,
                JUMP_ANY_BIT => accumulator & k != 0,
                _ => return None,
            };
            place += usize::from(if jump { jt } else { jf });
        }
    }

    #[test]
    fn every_number_gets_its_answer() {
        const ONLY: &[u32] = &[1, 7];
        let answers = BTreeMap::from([
            (0, Answer::Allow),
            (1, Answer::Allow),
            (3, Answer::Fail(libc::ENOSYS)),
            (4, Answer::UnlessAnyBit(0x6)),
            (5, Answer::Unless(40)),
            (6, Answer::OnlyFor(ONLY)),
            (u32::MAX, Answer::Allow),
        ]);
        let program = compile(9, &answers, Answer::Fail(libc::EPERM)).unwrap();
        let run = |number, argument| interpret(&program, 9, number, argument).unwrap();
        let (allow, refuse) = (libc::SECCOMP_RET_ALLOW, failure(libc::EPERM));
        assert_eq!(
            [0, 1, 2, 7, 400, u32::MAX - 1].map(|number| run(number, 0)),
            [allow, allow, refuse, refuse, refuse, refuse]
        );
        assert_eq!(run(u32::MAX, 0), allow);
        assert_eq!(run(3, 0), failure(libc::ENOSYS));
        assert_eq!([1, 2, 4, 9].map(|argument| run(4, argument)), [allow, refuse, refuse, allow]);
        assert_eq!([39, 40].map(|argument| run(5, argument)), [allow, refuse]);
        assert_eq!([0, 1, 7, 8].map(|argument| run(6, argument)), [refuse, allow, allow, refuse]);
        assert_eq!(interpret(&program, 8, 0, 0), Some(libc::SECCOMP_RET_KILL_PROCESS));
    }
}
