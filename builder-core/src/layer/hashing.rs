//! SHA-256 of an archive on a thread of its own, beside whoever reads files and writes the archive.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use crate::digest::{Digest, Digester};

/// Bytes handed over at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// Chunks that wait for the other thread; with those in work, all the memory that is used.
const WAITING_CHUNKS: usize = 4;

/// Writes bytes on and computes their digest and length. What fits into one chunk is hashed in place; a thread is
/// made for more.
pub(crate) struct HashingWriter<'a> {
    out: &'a mut (dyn Write + Send),
    chunk: Vec<u8>,
    size: u64,
    hasher: Hasher,
}

enum Hasher {
    Here(Digester),
    Thread { chunks: SyncSender<Vec<u8>>, used: Receiver<Vec<u8>>, thread: JoinHandle<Digest> },
}

impl<'a> HashingWriter<'a> {
    pub(crate) fn new(out: &'a mut (dyn Write + Send)) -> Self {
        Self { out, chunk: Vec::with_capacity(CHUNK_BYTES), size: 0, hasher: Hasher::Here(Digester::new()) }
    }

    /// Ends the stream and returns its digest and length in bytes.
    pub(crate) fn finish(self) -> io::Result<(Digest, u64)> {
        let size = self.size + self.chunk.len() as u64;
        self.out.write_all(&self.chunk)?;
        self.out.flush()?;
        let digest = match self.hasher {
            Hasher::Here(mut digester) => {
                digester.update(&self.chunk);
                digester.finish()
            }
            Hasher::Thread { chunks, thread, used: _ } => {
                // It takes everything until the channel ends; that it is gone is told by `join`.
                let _gone = chunks.send(self.chunk);
                drop(chunks);
                thread.join().map_err(|_| io::Error::other("the hashing thread ended early"))?
            }
        };
        Ok((digest, size))
    }

    fn hand_over(&mut self) -> io::Result<()> {
        self.out.write_all(&self.chunk)?;
        self.size += self.chunk.len() as u64;
        if let Hasher::Here(digester) = &mut self.hasher
            && let Some(thread) = start(std::mem::take(digester))
        {
            self.hasher = thread;
        }
        match &mut self.hasher {
            Hasher::Here(digester) => {
                digester.update(&self.chunk);
                self.chunk.clear();
            }
            Hasher::Thread { chunks, used, .. } => {
                let next = used.try_recv().unwrap_or_else(|_| Vec::with_capacity(CHUNK_BYTES));
                let full = std::mem::replace(&mut self.chunk, next);
                chunks.send(full).map_err(|_| io::Error::other("the hashing thread ended early"))?;
            }
        }
        Ok(())
    }
}

/// Starts a thread that goes on where a digester is; nothing where there can be no thread, and nothing was hashed yet.
fn start(mut digester: Digester) -> Option<Hasher> {
    let (chunks, to_hash) = sync_channel::<Vec<u8>>(WAITING_CHUNKS);
    let (back, used) = channel();
    let work = move || {
        for mut chunk in to_hash {
            digester.update(&chunk);
            chunk.clear();
            // Nobody wants it any more at the end.
            let _unwanted = back.send(chunk);
        }
        digester.finish()
    };
    let thread = std::thread::Builder::new().name("layer digest".to_owned()).spawn(work).ok()?;
    Some(Hasher::Thread { chunks, used, thread })
}

impl Write for HashingWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(CHUNK_BYTES - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..count]);
        if self.chunk.len() == CHUNK_BYTES {
            self.hand_over()?;
        }
        Ok(count)
    }

    /// Leaves what does not fill a chunk where it is: [`HashingWriter::finish`] writes it.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_length_and_bytes_are_the_same_for_every_size() {
        for size in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 9 * CHUNK_BYTES + 7] {
            let bytes: Vec<u8> = (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let mut out = Vec::new();
            let mut writer = HashingWriter::new(&mut out);
            for part in bytes.chunks(77_777) {
                writer.write_all(part).unwrap();
            }
            let (digest, length) = writer.finish().unwrap();
            assert_eq!((digest, length), (Digest::of(&bytes), size as u64));
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn a_writer_that_fails_is_told() {
        let mut full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut writer = HashingWriter::new(&mut full);
        writer.write_all(b"little").unwrap();
        assert_eq!(writer.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
        let mut writer = HashingWriter::new(&mut full);
        assert_eq!(writer.write_all(&vec![0; CHUNK_BYTES]).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
