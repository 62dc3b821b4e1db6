//! What the child tells its parent: numbers only, in one record through a pipe.

/// The size of an encoded report; far below `PIPE_BUF`, so that a write is never split.
pub(crate) const REPORT_BYTES: usize = 16;

/// A message of the child.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Report {
    /// An operation of the first process failed.
    SetupFailed { errno: i32, index: u32 },
    /// An operation of the command's process failed before the program was started.
    CommandFailed { errno: i32, index: u32, detail: ExecDetail },
    /// The program ended; the status is as of `wait(2)`.
    Ended { status: i32 },
}

/// What is known about a program that could not be started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ExecDetail {
    /// Nothing more than the error number.
    None,
    /// The file is there, so it is its interpreter or loader that is missing.
    InterpreterMissing,
}

impl Report {
    pub(super) fn encode(self) -> [u8; REPORT_BYTES] {
        let [tag, first, second, third] = match self {
            Self::SetupFailed { errno, index } => [1, errno, index.cast_signed(), 0],
            Self::CommandFailed { errno, index, detail } => {
                [2, errno, index.cast_signed(), i32::from(detail == ExecDetail::InterpreterMissing)]
            }
            Self::Ended { status } => [3, status, 0, 0],
        };
        let [tag, first, second, third] =
            [tag.to_ne_bytes(), first.to_ne_bytes(), second.to_ne_bytes(), third.to_ne_bytes()];
        let mut bytes = [0; REPORT_BYTES];
        for (to, from) in bytes.iter_mut().zip(tag.iter().chain(&first).chain(&second).chain(&third)) {
            *to = *from;
        }
        bytes
    }

    /// Reads a record; anything that the child does not write gives nothing.
    pub(crate) fn decode(bytes: [u8; REPORT_BYTES]) -> Option<Self> {
        let (numbers, _) = bytes.as_chunks::<4>();
        let [tag, first, second, third] = *numbers else { return None };
        let (first, index) = (i32::from_ne_bytes(first), u32::from_ne_bytes(second));
        match i32::from_ne_bytes(tag) {
            1 => Some(Self::SetupFailed { errno: first, index }),
            2 => {
                let interpreter = i32::from_ne_bytes(third) != 0;
                let detail = if interpreter { ExecDetail::InterpreterMissing } else { ExecDetail::None };
                Some(Self::CommandFailed { errno: first, index, detail })
            }
            3 => Some(Self::Ended { status: first }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_survive_the_pipe() {
        for report in [
            Report::SetupFailed { errno: 2, index: 7 },
            Report::CommandFailed { errno: 13, index: u32::MAX, detail: ExecDetail::None },
            Report::CommandFailed { errno: 2, index: 1, detail: ExecDetail::InterpreterMissing },
            Report::Ended { status: 139 },
        ] {
            assert_eq!(Report::decode(report.encode()), Some(report));
        }
        assert_eq!(Report::decode([0; REPORT_BYTES]), None);
    }
}
