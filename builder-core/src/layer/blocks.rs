//! gzip and zstd by blocks, on as many threads as the machine has cores; the bytes are the same on any number of them.
//!
//! The input is cut at fixed lengths; each block becomes a gzip member or a zstd frame of its own. A file of several
//! is an ordinary file (RFC 1952, 2.2; RFC 8878, 3), and every reader of layers takes it. A member for every half
//! mebibyte costs 0.1 % of the size beside one stream, and `libdeflate` gives more than that back.
//!
//! Blocks that gzip could make no smaller, by the look of their bytes, are stored: to find out by trying costs ten
//! times what compressing text does, and much of what is in layers came compressed.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use libdeflater::{CompressionLvl, Compressor as Deflater};

use super::noise::is_noise;

/// Bytes of input that become one gzip member.
const GZIP_BLOCK_BYTES: usize = 512 * 1024;
/// Bytes of input that become one zstd frame: as far as the usual level looks back.
const ZSTD_BLOCK_BYTES: usize = 2 * 1024 * 1024;
/// The same from [`FAR_ZSTD_LEVEL`] on: these levels live from looking back further.
const FAR_ZSTD_BLOCK_BYTES: usize = 8 * 1024 * 1024;
const FAR_ZSTD_LEVEL: i32 = 10;
/// The level for noise: zstd has no other way to be told to store it.
const HASTY_ZSTD_LEVEL: i32 = -1000;
/// The highest level of `libdeflate`; up to 9 they mean about what they mean to zlib.
pub const MAX_GZIP_LEVEL: i32 = 12;

/// What blocks are compressed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codec {
    /// gzip at a level from 0 to [`MAX_GZIP_LEVEL`].
    Gzip(i32),
    /// zstd at a level of its own, below 0 for the fastest.
    Zstd(i32),
}

impl Codec {
    fn block_bytes(self) -> usize {
        match self {
            Self::Gzip(_) => GZIP_BLOCK_BYTES,
            Self::Zstd(level) if level >= FAR_ZSTD_LEVEL => FAR_ZSTD_BLOCK_BYTES,
            Self::Zstd(_) => ZSTD_BLOCK_BYTES,
        }
    }

    fn worker(self) -> io::Result<Worker> {
        Ok(match self {
            Self::Gzip(level) => {
                Worker::Gzip { deflater: Deflater::new(gzip_level(level)?), storer: Deflater::new(gzip_level(0)?) }
            }
            Self::Zstd(level) => {
                let (usual, hasty) =
                    (zstd::bulk::Compressor::new(level)?, zstd::bulk::Compressor::new(HASTY_ZSTD_LEVEL)?);
                Worker::Zstd { usual, hasty }
            }
        })
    }
}

fn gzip_level(level: i32) -> io::Result<CompressionLvl> {
    CompressionLvl::new(level).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "gzip has the levels 0 to 12"))
}

/// What compresses one block after another.
enum Worker {
    Gzip { deflater: Deflater, storer: Deflater },
    Zstd { usual: zstd::bulk::Compressor<'static>, hasty: zstd::bulk::Compressor<'static> },
}

impl Worker {
    fn compress(&mut self, block: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip { deflater, storer } => {
                let deflater = if is_noise(block) { storer } else { deflater };
                let mut member = vec![0; deflater.gzip_compress_bound(block.len())];
                let length = deflater.gzip_compress(block, &mut member).map_err(io::Error::other)?;
                member.truncate(length);
                Ok(member)
            }
            Self::Zstd { usual, hasty } => if is_noise(block) { hasty } else { usual }.compress(block),
        }
    }
}

/// Compresses what is written to it.
pub struct BlockWriter<W: Write> {
    out: W,
    codec: Codec,
    block: Vec<u8>,
    workers: Option<Workers>,
    /// Whether anything was written out: an empty input is one empty member.
    any: bool,
}

impl<W: Write> std::fmt::Debug for BlockWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockWriter").field("codec", &self.codec).finish_non_exhaustive()
    }
}

/// A block on its way: its bytes, and where the member goes.
type Task = (Vec<u8>, SyncSender<io::Result<Compressed>>);

/// A member, and the buffer of its block to be used again.
struct Compressed {
    member: Vec<u8>,
    buffer: Vec<u8>,
}

/// Threads that compress, and the members that they owe, in order.
struct Workers {
    tasks: Option<Sender<Task>>,
    owed: VecDeque<Receiver<io::Result<Compressed>>>,
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
    fn start(codec: Codec) -> io::Result<Self> {
        let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let (tasks, queue) = channel::<Task>();
        let queue = Arc::new(Mutex::new(queue));
        let threads = (0..count).map(|_| {
            let queue = Arc::clone(&queue);
            let worker = codec.worker()?;
            std::thread::Builder::new().name("compress".to_owned()).spawn(move || work(&queue, worker))
        });
        let threads = threads.collect::<io::Result<Vec<_>>>()?;
        Ok(Self { tasks: Some(tasks), owed: VecDeque::new(), most_owed: count + 2, threads })
    }

    fn submit(&mut self, block: Vec<u8>) -> io::Result<()> {
        let (member, owed) = sync_channel(1);
        let tasks = self.tasks.as_ref().ok_or_else(gone)?;
        tasks.send((block, member)).map_err(|_| gone())?;
        self.owed.push_back(owed);
        Ok(())
    }

    fn next(&mut self) -> io::Result<Option<Compressed>> {
        self.owed.pop_front().map(|owed| owed.recv().map_err(|_| gone())?).transpose()
    }
}

fn gone() -> io::Error {
    io::Error::other("a thread that compresses has ended")
}

fn work(queue: &Mutex<Receiver<Task>>, mut worker: Worker) {
    loop {
        let task = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((mut buffer, member)) = task else { return };
        let compressed = worker.compress(&buffer).map(|member| {
            buffer.clear();
            Compressed { member, buffer }
        });
        // Nobody waits any more when the writer was dropped: nothing to tell then.
        let _ = member.send(compressed);
    }
}

impl<W: Write> BlockWriter<W> {
    /// Begins a stream.
    ///
    /// # Errors
    /// For a level that does not exist.
    pub fn new(out: W, codec: Codec) -> io::Result<Self> {
        if let Codec::Gzip(level) = codec {
            gzip_level(level)?;
        }
        Ok(Self { out, codec, block: Vec::new(), workers: None, any: false })
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
            while let Some(compressed) = workers.next()? {
                self.out.write_all(&compressed.member)?;
            }
        } else if !self.block.is_empty() || !self.any {
            // What fits into one block is not worth a thread.
            self.out.write_all(&self.codec.worker()?.compress(&self.block)?)?;
        }
        Ok(self.out)
    }

    fn full_block(&mut self) -> io::Result<()> {
        let workers = match &mut self.workers {
            Some(workers) => workers,
            none => none.insert(Workers::start(self.codec)?),
        };
        self.any = true;
        let mut next = Vec::new();
        if workers.owed.len() >= workers.most_owed
            && let Some(compressed) = workers.next()?
        {
            self.out.write_all(&compressed.member)?;
            next = compressed.buffer;
        }
        workers.submit(std::mem::replace(&mut self.block, next))
    }
}

impl<W: Write> Write for BlockWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.codec.block_bytes();
        let room = length - self.block.len();
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.block.extend_from_slice(taken);
        if self.block.len() == length {
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
    use super::*;
    use crate::layer::compression::decompress;

    fn compressed(input: &[u8], codec: Codec, piece: usize) -> Vec<u8> {
        let mut writer = BlockWriter::new(Vec::new(), codec).unwrap();
        for piece in input.chunks(piece) {
            writer.write_all(piece).unwrap();
        }
        writer.finish().unwrap()
    }

    #[test]
    fn every_length_comes_back_and_the_pieces_do_not_matter() {
        for codec in [Codec::Gzip(6), Codec::Zstd(3), Codec::Zstd(-1)] {
            let block = codec.block_bytes();
            let text: Vec<u8> = (0..block * 5 + 7).map(|n| (n * n / 31).to_le_bytes()[0]).collect();
            for length in [0, 1, block - 1, block, block + 1, text.len()] {
                let input = &text[..length];
                let whole = compressed(input, codec, usize::MAX);
                let mut read = Vec::new();
                decompress(whole.as_slice()).unwrap().read_to_end(&mut read).unwrap();
                assert!(read == input, "{codec:?} {length}");
                assert_eq!(whole, compressed(input, codec, 10_007), "{codec:?} {length}");
            }
        }
    }

    #[test]
    fn noise_is_stored_and_text_is_not() {
        let text = b"all the same again ".repeat(1000);
        let mut state = 1_u64;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        let noise: Vec<u8> = std::iter::repeat_with(next).take(GZIP_BLOCK_BYTES).collect();
        // The header says the level too.
        let same = |input: &[u8]| compressed(input, Codec::Gzip(5), 1000) == compressed(input, Codec::Gzip(0), 1000);
        assert_eq!((same(&noise), same(&text)), (true, false));
    }

    #[test]
    fn levels_that_do_not_exist_are_refused() {
        assert!(BlockWriter::new(Vec::new(), Codec::Gzip(MAX_GZIP_LEVEL + 1)).is_err());
        assert!(BlockWriter::new(Vec::new(), Codec::Gzip(-1)).is_err());
    }

    #[test]
    fn a_writer_that_fails_ends_the_stream_and_its_threads() {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut writer = BlockWriter::new(full, Codec::Gzip(1)).unwrap();
        let block = vec![7; GZIP_BLOCK_BYTES];
        let error = (0..1000).find_map(|_| writer.write_all(&block).err());
        assert_eq!(error.map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
    }
}
