//! Streams that tell how many bytes went through them.

use std::io::{self, Read, Write};

/// Bytes between two times of telling: often enough for a bar, seldom enough to cost nothing.
const STEP: u64 = 1 << 20;

/// A stream that tells how many bytes went through it so far: every mebibyte, and at its end.
pub struct Counted<'c, T> {
    inner: T,
    count: u64,
    told: u64,
    tell: &'c (dyn Fn(u64) + Sync),
}

impl<T> std::fmt::Debug for Counted<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counted").field("count", &self.count).finish_non_exhaustive()
    }
}

impl<'c, T> Counted<'c, T> {
    /// Counts what goes through a stream.
    pub fn new(inner: T, tell: &'c (dyn Fn(u64) + Sync)) -> Self {
        Self { inner, count: 0, told: 0, tell }
    }

    fn passed(&mut self, count: usize) {
        self.count += count as u64;
        if self.count - self.told >= STEP {
            self.say();
        }
    }

    fn say(&mut self) {
        if self.count > self.told {
            self.told = self.count;
            (self.tell)(self.count);
        }
    }
}

impl<T: Read> Read for Counted<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if count == 0 && !buffer.is_empty() {
            self.say();
        }
        self.passed(count);
        Ok(count)
    }
}

impl<T: Write> Write for Counted<'_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.passed(count);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.say();
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn every_mebibyte_and_the_end_are_told() {
        let told = Mutex::new(Vec::new());
        let tell = |count| told.lock().unwrap().push(count);
        let bytes = vec![0_u8; 2_500_000];
        io::copy(&mut Counted::new(&bytes[..], &tell), &mut io::sink()).unwrap();
        let read = std::mem::take(&mut *told.lock().unwrap());
        assert!(read.len() == 3 && read.is_sorted() && read[2] == 2_500_000, "{read:?}");
        let mut out = Counted::new(io::sink(), &tell);
        out.write_all(b"few").unwrap();
        assert!(told.lock().unwrap().is_empty());
        out.flush().unwrap();
        assert_eq!(*told.lock().unwrap(), [3]);
    }
}
