//! Reading and decompressing on a thread of its own, beside whoever lays out the files.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes handed over at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// Chunks that wait to be used; with those in work, all the memory that is used.
const WAITING_CHUNKS: usize = 4;

/// Calls `use_it` with a reader of the same bytes that are read ahead meanwhile.
///
/// # Errors
/// The system has no thread left.
pub(crate) fn read_ahead<T>(
    source: &mut (dyn Read + Send),
    use_it: impl FnOnce(&mut (dyn Read + Send)) -> T,
) -> io::Result<T> {
    let (sender, receiver) = sync_channel(WAITING_CHUNKS);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("read ahead".to_owned());
        thread.spawn_scoped(scope, move || hand_over(source, &sender))?;
        let mut ahead = Ahead { chunks: receiver, chunk: Vec::new(), used: 0 };
        // The reader goes with it, so that the thread ends where not everything was wanted.
        Ok(use_it(&mut ahead))
    })
}

fn hand_over(source: &mut dyn Read, chunks: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let outcome = source.take(CHUNK_BYTES as u64).read_to_end(&mut chunk);
        let is_last = chunk.is_empty();
        let handed = match outcome {
            Ok(_) => chunks.send(Ok(chunk)),
            // What came before the error is good.
            Err(error) => chunks.send(Ok(chunk)).and_then(|()| chunks.send(Err(error))),
        };
        if handed.is_err() || is_last {
            return;
        }
    }
}

struct Ahead {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    used: usize,
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.used == self.chunk.len() {
            let Ok(next) = self.chunks.recv() else { return Ok(0) };
            (self.chunk, self.used) = (next?, 0);
        }
        let count = (self.chunk.len() - self.used).min(buffer.len());
        buffer[..count].copy_from_slice(&self.chunk[self.used..self.used + count]);
        self.used += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives so many bytes, then an error where one is asked for.
    struct Source {
        left: usize,
        fails: bool,
    }

    impl Read for Source {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.left == 0 && self.fails {
                return Err(io::Error::other("broken"));
            }
            let count = self.left.min(buffer.len()).min(100_000);
            buffer[..count].fill(7);
            self.left -= count;
            Ok(count)
        }
    }

    #[test]
    fn all_bytes_come_and_so_does_an_error_after_them() {
        for size in [0, 1, CHUNK_BYTES, 3_000_001] {
            let mut bytes = Vec::new();
            let whole = |reader: &mut (dyn Read + Send)| reader.read_to_end(&mut bytes);
            assert_eq!(read_ahead(&mut Source { left: size, fails: false }, whole).unwrap().unwrap(), size);
            assert!(bytes.len() == size && bytes.iter().all(|byte| *byte == 7));
            let mut bytes = Vec::new();
            let broken = |reader: &mut (dyn Read + Send)| reader.read_to_end(&mut bytes);
            let error = read_ahead(&mut Source { left: size, fails: true }, broken).unwrap().unwrap_err();
            assert_eq!((error.to_string().as_str(), bytes.len()), ("broken", size));
        }
    }

    #[test]
    fn who_wants_no_more_ends_it() {
        let some = |reader: &mut (dyn Read + Send)| reader.read_exact(&mut [0; 10]);
        read_ahead(&mut Source { left: usize::MAX, fails: false }, some).unwrap().unwrap();
    }
}
