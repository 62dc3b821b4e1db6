//! Reading and decompressing on a thread of its own, beside whoever lays out the files.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

/// Bytes handed over at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// Chunks that wait to be used; with those in work, all the memory that is used.
const WAITING_CHUNKS: usize = 4;

/// Bytes that were read, in a buffer that is used again: memory that is new has to be cleared first.
#[derive(Default)]
struct Chunk {
    buffer: Vec<u8>,
    filled: usize,
}

/// Calls `use_it` with a reader of the same bytes that are read ahead meanwhile.
///
/// # Errors
/// The system has no thread left.
pub(crate) fn read_ahead<T>(
    source: &mut (dyn Read + Send),
    use_it: impl FnOnce(&mut (dyn Read + Send)) -> T,
) -> io::Result<T> {
    ahead(source, |mut ahead| use_it(&mut ahead))
}

/// Calls `use_it` with piece after piece of what is read ahead meanwhile, and ends with its first error. `failed` says
/// what an error of the source is.
pub(crate) fn copy_ahead<E>(
    source: &mut (dyn Read + Send),
    failed: impl Fn(io::Error) -> E,
    mut use_it: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let copied = ahead(source, |mut ahead| {
        while ahead.next().map_err(&failed)? {
            use_it(&ahead.chunk.buffer[..ahead.chunk.filled])?;
        }
        Ok(())
    });
    copied.map_err(&failed)?
}

fn ahead<T>(source: &mut (dyn Read + Send), use_it: impl FnOnce(Ahead) -> T) -> io::Result<T> {
    let (sender, chunks) = sync_channel(WAITING_CHUNKS);
    let (used, empty) = channel();
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("read ahead".to_owned());
        thread.spawn_scoped(scope, move || hand_over(source, &sender, &empty))?;
        // The reader goes with it, so that the thread ends where not everything was wanted.
        Ok(use_it(Ahead { chunks, used, chunk: Chunk::default(), position: 0 }))
    })
}

fn hand_over(source: &mut dyn Read, chunks: &SyncSender<io::Result<Chunk>>, empty: &Receiver<Chunk>) {
    loop {
        let mut chunk = empty.try_recv().unwrap_or_default();
        if chunk.buffer.is_empty() {
            chunk.buffer = vec![0; CHUNK_BYTES];
        }
        let outcome = fill(source, &mut chunk);
        let is_last = chunk.filled == 0 || outcome.is_err();
        let is_wanted = chunks.send(Ok(chunk)).is_ok();
        // What came before the error is good.
        if let Err(error) = outcome {
            let _ = chunks.send(Err(error));
        }
        if is_last || !is_wanted {
            return;
        }
    }
}

fn fill(source: &mut dyn Read, chunk: &mut Chunk) -> io::Result<()> {
    chunk.filled = 0;
    while chunk.filled < CHUNK_BYTES {
        match source.read(&mut chunk.buffer[chunk.filled..]) {
            Ok(0) => return Ok(()),
            Ok(count) => chunk.filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

struct Ahead {
    chunks: Receiver<io::Result<Chunk>>,
    used: Sender<Chunk>,
    chunk: Chunk,
    position: usize,
}

impl Ahead {
    /// Goes on to the next chunk; tells whether there is one.
    fn next(&mut self) -> io::Result<bool> {
        let used = std::mem::take(&mut self.chunk);
        if !used.buffer.is_empty() {
            // At the end nobody needs it.
            let _ = self.used.send(used);
        }
        self.position = 0;
        // An empty one is not the end: an error may follow it.
        let Ok(next) = self.chunks.recv() else { return Ok(false) };
        self.chunk = next?;
        Ok(true)
    }
}

impl Read for Ahead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.position == self.chunk.filled {
            if !self.next()? {
                return Ok(0);
            }
        }
        let rest = &self.chunk.buffer[self.position..self.chunk.filled];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.position += count;
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
            for fails in [false, true] {
                let mut count = 0;
                let copied = copy_ahead(
                    &mut Source { left: size, fails },
                    |error| error.to_string(),
                    |piece| {
                        count += piece.len();
                        Ok(())
                    },
                );
                let expected = if fails { Err("broken".to_owned()) } else { Ok(()) };
                assert_eq!((copied, count), (expected, size));
            }
        }
    }

    #[test]
    fn who_wants_no_more_ends_it() {
        let some = |reader: &mut (dyn Read + Send)| reader.read_exact(&mut [0; 10]);
        read_ahead(&mut Source { left: usize::MAX, fails: false }, some).unwrap().unwrap();
        let full = copy_ahead(&mut Source { left: usize::MAX, fails: false }, |_| "read", |_| Err("full"));
        assert_eq!(full, Err("full"));
    }
}
