//! gzip by blocks, on as many threads as the machine has cores; the bytes are the same on any number of them.
//!
//! The input is cut every half mebibyte; each block becomes a gzip member of its own. A file of several members
//! is an ordinary gzip file (RFC 1952, 2.2), and every reader of layers takes it. A member for each costs
//! 0.1 % of the size beside one stream, and `libdeflate` gives more than that back.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use libdeflater::{CompressionLvl, Compressor as Deflater};

/// Bytes of input that become one member.
const BLOCK_BYTES: usize = 512 * 1024;
/// The highest level of `libdeflate`; up to 9 they mean about what they mean to zlib.
pub const MAX_LEVEL: i32 = 12;

/// Compresses what is written to it.
pub struct GzipWriter<W: Write> {
    out: W,
    level: CompressionLvl,
    block: Vec<u8>,
    workers: Option<Workers>,
    /// Whether anything was written out: an empty input is one empty member.
    any: bool,
}

impl<W: Write> std::fmt::Debug for GzipWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GzipWriter").field("level", &self.level).finish_non_exhaustive()
    }
}

/// A block on its way: its bytes, and where the member goes.
type Task = (Vec<u8>, SyncSender<io::Result<Vec<u8>>>);

/// Threads that compress, and the members that they owe, in order.
struct Workers {
    tasks: Option<Sender<Task>>,
    owed: VecDeque<Receiver<io::Result<Vec<u8>>>>,
    most_owed: usize,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Without a sender the threads come to an end once they have done what is queued.
        self.tasks = None;
        self.owed.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Workers {
    fn start(level: CompressionLvl) -> io::Result<Self> {
        let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (tasks, queue) = channel::<Task>();
        let queue = Arc::new(Mutex::new(queue));
        let threads = (0..count).map(|_| {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new().name("gzip".to_owned()).spawn(move || work(&queue, level))
        });
        let threads = threads.collect::<io::Result<Vec<_>>>()?;
        Ok(Self { tasks: Some(tasks), owed: VecDeque::new(), most_owed: 2 * count, threads })
    }

    fn submit(&mut self, block: Vec<u8>) -> io::Result<()> {
        let (member, owed) = sync_channel(1);
        let tasks = self.tasks.as_ref().ok_or_else(gone)?;
        tasks.send((block, member)).map_err(|_| gone())?;
        self.owed.push_back(owed);
        Ok(())
    }

    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.owed.pop_front().map(|owed| owed.recv().map_err(|_| gone())?).transpose()
    }
}

fn gone() -> io::Error {
    io::Error::other("a thread that compresses has ended")
}

fn work(queue: &Mutex<Receiver<Task>>, level: CompressionLvl) {
    let mut deflater = Deflater::new(level);
    loop {
        let task = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((block, member)) = task else { return };
        // Nobody waits any more when the writer was dropped: nothing to tell then.
        let _ = member.send(compress(&mut deflater, &block));
    }
}

fn compress(deflater: &mut Deflater, block: &[u8]) -> io::Result<Vec<u8>> {
    let mut member = vec![0; deflater.gzip_compress_bound(block.len())];
    let length = deflater.gzip_compress(block, &mut member).map_err(io::Error::other)?;
    member.truncate(length);
    Ok(member)
}

impl<W: Write> GzipWriter<W> {
    /// Begins a stream at a level from 0 to [`MAX_LEVEL`].
    ///
    /// # Errors
    /// For a level that does not exist.
    pub fn new(out: W, level: i32) -> io::Result<Self> {
        let level = CompressionLvl::new(level)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "gzip has the levels 0 to 12"))?;
        Ok(Self { out, level, block: Vec::new(), workers: None, any: false })
    }

    /// Ends the stream and returns the writer.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        if let Some(mut workers) = self.workers.take() {
            if !self.block.is_empty() {
                workers.submit(std::mem::take(&mut self.block))?;
            }
            while let Some(member) = workers.next()? {
                self.out.write_all(&member)?;
            }
        } else if !self.block.is_empty() || !self.any {
            // What fits into one block is not worth a thread.
            self.out.write_all(&compress(&mut Deflater::new(self.level), &self.block)?)?;
        }
        Ok(self.out)
    }

    fn full_block(&mut self) -> io::Result<()> {
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK_BYTES));
        let workers = match &mut self.workers {
            Some(workers) => workers,
            none => none.insert(Workers::start(self.level)?),
        };
        workers.submit(block)?;
        self.any = true;
        if workers.owed.len() >= workers.most_owed
            && let Some(member) = workers.next()?
        {
            self.out.write_all(&member)?;
        }
        Ok(())
    }
}

impl<W: Write> Write for GzipWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = BLOCK_BYTES - self.block.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.block.extend_from_slice(taken);
        if self.block.len() == BLOCK_BYTES {
            self.full_block()?;
        }
        Ok(taken.len())
    }

    /// Blocks have a fixed size: what fills none waits for more.
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn gzip(input: &[u8], level: i32, piece: usize) -> Vec<u8> {
        let mut writer = GzipWriter::new(Vec::new(), level).unwrap();
        for piece in input.chunks(piece) {
            writer.write_all(piece).unwrap();
        }
        writer.finish().unwrap()
    }

    fn gunzip(bytes: &[u8]) -> Vec<u8> {
        let mut read = Vec::new();
        flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut read).unwrap();
        read
    }

    #[test]
    fn every_length_comes_back_and_the_pieces_do_not_matter() {
        let text: Vec<u8> = (0..BLOCK_BYTES * 5 + 7).map(|n| (n * n / 31).to_le_bytes()[0]).collect();
        for length in [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, text.len()] {
            let input = &text[..length];
            let whole = gzip(input, 6, usize::MAX);
            assert!(gunzip(&whole) == input, "{length}");
            assert_eq!(whole, gzip(input, 6, 10_007), "{length}");
        }
    }

    #[test]
    fn levels_that_do_not_exist_are_refused() {
        assert!(GzipWriter::new(Vec::new(), MAX_LEVEL + 1).is_err());
        assert!(GzipWriter::new(Vec::new(), -1).is_err());
    }

    #[test]
    fn a_writer_that_fails_ends_the_stream_and_its_threads() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut writer = GzipWriter::new(Full, 1).unwrap();
        let block = vec![7; BLOCK_BYTES];
        let error = (0..1000).find_map(|_| writer.write_all(&block).err());
        assert_eq!(error.map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
    }
}
