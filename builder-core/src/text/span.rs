//! Byte ranges into one source file.

use std::ops::Range;

/// A half-open range of bytes into one [`SourceFile`](super::SourceFile), 0-based.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last one.
    pub end: u32,
}

impl Span {
    /// Makes a span from two byte offsets; `end` is never before `start`.
    pub fn new(start: u32, end: u32) -> Self {
        Self { start, end: end.max(start) }
    }

    /// Makes a span from a range of `usize` offsets; offsets beyond 4 GiB saturate.
    pub fn from_range(range: Range<usize>) -> Self {
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self::new(narrow(range.start), narrow(range.end))
    }

    /// Makes an empty span at one offset.
    pub fn at(offset: u32) -> Self {
        Self { start: offset, end: offset }
    }

    /// Returns the number of bytes covered.
    pub fn len(self) -> u32 {
        self.end - self.start
    }

    /// Tells whether the span covers no byte.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Returns the smallest span that covers both.
    #[must_use]
    pub fn cover(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// Returns the span as a range for slicing.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A value and the source text that it came from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Joins a value to its place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}
