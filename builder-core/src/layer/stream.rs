//! An archive on its way out: whoever makes it fills chunks, one thread writes them down, and another one hashes them.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::{Builder, Scope, ScopedJoinHandle};

use crate::digest::{Digest, Digester};

/// Bytes handed over at once.
const CHUNK_BYTES: usize = 256 * 1024;
/// Chunks that wait for a thread; with those in work, all the memory that is used.
const WAITING_CHUNKS: usize = 3;

/// Takes the bytes of an archive in their order.
pub(crate) trait ArchiveStream: Write + Send {
    /// Returns the chunk that is being filled, with room for so many bytes more, of which there may be
    /// [`CHUNK_BYTES`] at most. What is added to it must not need more room than there is.
    fn room_for(&mut self, bytes: usize) -> io::Result<&mut Vec<u8>>;
}

/// Writes an archive to `out`; returns its digest and its length in bytes besides what `fill` does. What fits into one
/// chunk is written and hashed in place; threads are made for more.
///
/// # Errors
/// Those of `fill`, and where `out` fails what `failed` makes of that.
pub(crate) fn stream<T, E>(
    out: &mut (dyn Write + Send),
    failed: impl FnOnce(io::Error) -> E,
    fill: impl FnOnce(&mut dyn ArchiveStream) -> Result<T, E>,
) -> Result<(T, Digest, u64), E> {
    std::thread::scope(|scope| {
        let target = Target::Here { out, digester: Digester::new() };
        let mut stream = Stream { scope, chunk: new_chunk(), size: 0, target };
        match fill(&mut stream) {
            Ok(filled) => match stream.finish() {
                Ok((digest, size)) => Ok((filled, digest, size)),
                Err(error) => Err(failed(error)),
            },
            // The thread knows better why.
            Err(error) => Err(stream.give_up().map_or(error, failed)),
        }
    })
}

fn new_chunk() -> Vec<u8> {
    Vec::with_capacity(CHUNK_BYTES)
}

struct Stream<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    chunk: Vec<u8>,
    /// The bytes of all chunks before.
    size: u64,
    target: Target<'scope>,
}

type Out<'scope> = &'scope mut (dyn Write + Send);

enum Target<'scope> {
    Here {
        out: Out<'scope>,
        digester: Digester,
    },
    Threads(Threads<'scope>),
    /// Only while it becomes another one.
    Nowhere,
}

struct Threads<'scope> {
    chunks: SyncSender<Vec<u8>>,
    used: Receiver<Vec<u8>>,
    writing: ScopedJoinHandle<'scope, io::Result<()>>,
    hashing: ScopedJoinHandle<'scope, Digest>,
}

impl Stream<'_, '_> {
    fn hand_over(&mut self) -> io::Result<()> {
        self.size += self.chunk.len() as u64;
        self.target = match std::mem::replace(&mut self.target, Target::Nowhere) {
            Target::Here { out, digester } => start(self.scope, out, digester),
            other => other,
        };
        match &mut self.target {
            Target::Here { out, digester } => {
                out.write_all(&self.chunk)?;
                digester.update(&self.chunk);
                self.chunk.clear();
            }
            Target::Threads(Threads { chunks, used, .. }) => {
                let next = used.try_recv().unwrap_or_else(|_| new_chunk());
                let full = std::mem::replace(&mut self.chunk, next);
                chunks.send(full).map_err(|_| ended_early())?;
            }
            Target::Nowhere => return Err(ended_early()),
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<(Digest, u64)> {
        let size = self.size + self.chunk.len() as u64;
        let digest = match self.target {
            Target::Here { out, ref mut digester } => {
                out.write_all(&self.chunk)?;
                out.flush()?;
                digester.update(&self.chunk);
                std::mem::take(digester).finish()
            }
            Target::Threads(Threads { chunks, used: _, writing, hashing }) => {
                // It takes everything until the channel ends, or says below why not.
                let _ended = chunks.send(self.chunk);
                drop(chunks);
                writing.join().map_err(|_| ended_early())??;
                hashing.join().map_err(|_| ended_early())?
            }
            Target::Nowhere => return Err(ended_early()),
        };
        Ok((digest, size))
    }

    /// Ends it early; returns what the writing failed with.
    fn give_up(self) -> Option<io::Error> {
        let Target::Threads(Threads { chunks, writing, .. }) = self.target else { return None };
        drop(chunks);
        writing.join().ok()?.err()
    }
}

fn ended_early() -> io::Error {
    io::Error::other("a thread that writes the layer ended early")
}

/// Starts the threads; where there can be none, everything is done here as before.
fn start<'scope>(scope: &'scope Scope<'scope, '_>, out: Out<'scope>, digester: Digester) -> Target<'scope> {
    let (chunks, to_write) = sync_channel::<Vec<u8>>(WAITING_CHUNKS);
    let (written, to_hash) = sync_channel::<Vec<u8>>(WAITING_CHUNKS);
    let (back, used) = channel();
    // They are given what they work with once there are both.
    let (give_digester, digester_given) = channel::<Digester>();
    let (give_out, out_given) = channel::<Out<'scope>>();
    let hash = move || {
        let mut digester = digester_given.recv().unwrap_or_default();
        for mut chunk in to_hash {
            digester.update(&chunk);
            chunk.clear();
            // Nobody wants it any more at the end.
            let _unwanted = back.send(chunk);
        }
        digester.finish()
    };
    let write = move || {
        let Ok(out) = out_given.recv() else { return Ok(()) };
        for chunk in to_write {
            out.write_all(&chunk)?;
            written.send(chunk).map_err(|_| ended_early())?;
        }
        out.flush()
    };
    let hashing = Builder::new().name("layer digest".to_owned()).spawn_scoped(scope, hash);
    let writing = Builder::new().name("layer writer".to_owned()).spawn_scoped(scope, write);
    match (hashing, writing) {
        (Ok(hashing), Ok(writing)) => {
            // Both wait for it.
            let _taken = (give_digester.send(digester), give_out.send(out));
            Target::Threads(Threads { chunks, used, writing, hashing })
        }
        _ => Target::Here { out, digester },
    }
}

impl Write for Stream<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk = self.room_for(1)?;
        let count = bytes.len().min(chunk.capacity() - chunk.len());
        chunk.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    /// Leaves what is in the last chunk where it is: its end writes it.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ArchiveStream for Stream<'_, '_> {
    fn room_for(&mut self, bytes: usize) -> io::Result<&mut Vec<u8>> {
        if self.chunk.capacity() - self.chunk.len() < bytes {
            self.hand_over()?;
        }
        Ok(&mut self.chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::LayerError;

    #[test]
    fn digest_length_and_bytes_are_the_same_for_every_size() {
        for size in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 9 * CHUNK_BYTES + 7] {
            let bytes: Vec<u8> = (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let mut out = Vec::new();
            let (half, digest, length) = stream(&mut out, LayerError::Write, |stream| {
                for (n, part) in bytes.chunks(77_777).enumerate() {
                    if n % 2 == 0 {
                        stream.write_all(part).map_err(LayerError::Write)?;
                    } else {
                        let chunk = stream.room_for(part.len()).map_err(LayerError::Write)?;
                        chunk.extend_from_slice(part);
                    }
                }
                Ok(size / 2)
            })
            .unwrap();
            assert_eq!((half, digest, length), (size / 2, Digest::of(&bytes), size as u64));
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn a_writer_that_fails_is_told() {
        for size in [6, CHUNK_BYTES, 100 * CHUNK_BYTES] {
            let mut full = std::fs::File::options().write(true).open("/dev/full").unwrap();
            let bytes = vec![0; size];
            let told = stream(&mut full, |error| error, |stream| stream.write_all(&bytes)).unwrap_err();
            assert_eq!(told.kind(), io::ErrorKind::StorageFull, "{size}");
        }
    }

    #[test]
    fn who_fills_it_no_further_is_heard() {
        for size in [1, 9 * CHUNK_BYTES] {
            let mut out = Vec::new();
            let failed: Result<((), _, _), _> = stream(&mut out, LayerError::Write, |stream| {
                stream.write_all(&vec![0; size]).map_err(LayerError::Write)?;
                Err(LayerError::Limit { what: "nested directories", limit: 7 })
            });
            assert!(matches!(failed, Err(LayerError::Limit { limit: 7, .. })));
        }
    }
}
