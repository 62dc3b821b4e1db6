//! gzip and zstd by blocks, on as many threads as the machine has cores; the bytes are the same on any number of them.
//!
//! The input is cut at fixed lengths; each block becomes a gzip member or a zstd frame of its own. A file of several
//! is an ordinary file (RFC 1952, 2.2; RFC 8878, 3), and every reader of layers takes it. A member for every half
//! mebibyte costs 0.1 % of the size beside one stream, and `libdeflate` gives more than that back.
//!
//! Blocks that gzip could make no smaller, by the look of their bytes, are stored: to find out by trying costs ten
//! times what compressing text does, and much of what is in layers came compressed.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};

use super::codec::Block;
pub use super::codec::{Codec, MAX_GZIP_LEVEL};
use super::workers::{Owed, Workers};
use crate::cancel::{CancelToken, Cancelled};
use crate::digest::{Digest, Digester};

/// Bytes read at once: they are still in the processor's cache when their digest is computed.
const PIECE_BYTES: usize = 256 * 1024;

/// Compresses what is written to it.
pub struct BlockWriter<W: Write> {
    out: W,
    codec: Codec,
    block: Block,
    workers: Option<Workers>,
    /// Blocks that are not written yet, in order.
    owed: VecDeque<Owed>,
}

impl<W: Write> std::fmt::Debug for BlockWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockWriter").field("codec", &self.codec).finish_non_exhaustive()
    }
}

impl<W: Write> BlockWriter<W> {
    /// Begins a stream.
    ///
    /// # Errors
    /// For a level that does not exist.
    pub fn new(out: W, codec: Codec) -> io::Result<Self> {
        codec.check()?;
        Ok(Self { out, codec, block: Block::new(codec), workers: None, owed: VecDeque::new() })
    }

    /// Ends the stream and returns the writer.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        if let Some(workers) = self.workers.take() {
            if !self.block.is_empty() {
                self.owed.push_back(workers.submit(self.block)?);
            }
            for owed in self.owed.drain(..) {
                self.out.write_all(owed.wait()?.member())?;
            }
        } else {
            // What fits into one block is not worth a thread; an empty input is one empty member.
            self.codec.worker()?.compress(&mut self.block)?;
            self.out.write_all(self.block.member())?;
        }
        Ok(self.out)
    }

    fn full_block(&mut self) -> io::Result<()> {
        let workers = match &mut self.workers {
            Some(workers) => workers,
            none => none.insert(Workers::start(self.codec)?),
        };
        // This one and the one that comes are blocks, too.
        let next = if self.owed.len() + 2 > workers.blocks()
            && let Some(owed) = self.owed.pop_front()
        {
            let mut block = owed.wait()?;
            self.out.write_all(block.member())?;
            block.clear();
            block
        } else {
            Block::new(self.codec)
        };
        self.owed.push_back(workers.submit(std::mem::replace(&mut self.block, next))?);
        Ok(())
    }
}

impl<W: Write> Write for BlockWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.block.room();
        let count = bytes.len().min(room.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.block.add(count);
        if self.block.is_full() {
            self.full_block()?;
        }
        Ok(count)
    }

    /// Blocks have a fixed size: what fills none waits for more.
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// What can go wrong when a stream is compressed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompressError {
    /// The stream could not be read or compressed.
    #[error(transparent)]
    Read(io::Error),
    /// What it became could not be written.
    #[error(transparent)]
    Write(io::Error),
    /// It was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Compresses all that a reader has to the bytes that [`BlockWriter`] makes of it, and returns their digest and number.
/// It is read on a thread of its own, straight into the blocks.
pub(crate) fn compress_stream(
    source: &mut (dyn Read + Send),
    codec: Codec,
    out: &mut dyn Write,
    cancel: &CancelToken,
) -> Result<(Digest, u64), CompressError> {
    codec.check().map_err(CompressError::Read)?;
    let mut first = Block::new(codec);
    fill(&mut first, source).map_err(CompressError::Read)?;
    let mut members = Members { out, digester: Digester::new() };
    if first.is_full() {
        in_parallel(source, first, codec, &mut members, cancel)?;
    } else {
        // What fits into one block is not worth a thread.
        codec.worker().and_then(|mut worker| worker.compress(&mut first)).map_err(CompressError::Read)?;
        members.write(&first)?;
    }
    let length = members.digester.length();
    Ok((members.digester.finish(), length))
}

/// Where members go.
struct Members<'o> {
    out: &'o mut dyn Write,
    digester: Digester,
}

impl Members<'_> {
    fn write(&mut self, block: &Block) -> Result<(), CompressError> {
        self.digester.update(block.member());
        self.out.write_all(block.member()).map_err(CompressError::Write)
    }
}

fn in_parallel(
    source: &mut (dyn Read + Send),
    first: Block,
    codec: Codec,
    members: &mut Members<'_>,
    cancel: &CancelToken,
) -> Result<(), CompressError> {
    let workers = Workers::start(codec).map_err(CompressError::Read)?;
    let (in_order, owed) = sync_channel(workers.blocks());
    let (free, empty) = channel();
    for _ in 1..workers.blocks() {
        let _ = free.send(Block::new(codec));
    }
    // What the closure owns ends with it: then the reader does, too.
    std::thread::scope(move |scope| {
        let reader = std::thread::Builder::new().name("read".to_owned());
        let read = move || {
            // Nobody waits for it any more once something could not be written.
            if let Err(error) = read_blocks(source, first, &workers, &in_order, &empty) {
                let _ = in_order.send(Err(error));
            }
        };
        reader.spawn_scoped(scope, read).map_err(CompressError::Read)?;
        for block in owed {
            cancel.check()?;
            let mut block = block.and_then(Owed::wait).map_err(CompressError::Read)?;
            members.write(&block)?;
            block.clear();
            // At the end nobody needs it.
            let _ = free.send(block);
        }
        Ok(())
    })
}

/// Reads block after block and gives them to those who compress; ends with the stream, or when nobody wants any more.
fn read_blocks(
    source: &mut dyn Read,
    first: Block,
    workers: &Workers,
    in_order: &SyncSender<io::Result<Owed>>,
    empty: &Receiver<Block>,
) -> io::Result<()> {
    let mut block = first;
    loop {
        let is_last = !block.is_full();
        let is_wanted = block.is_empty() || in_order.send(Ok(workers.submit(block)?)).is_ok();
        if is_last || !is_wanted {
            return Ok(());
        }
        let Ok(next) = empty.recv() else { return Ok(()) };
        block = next;
        fill(&mut block, source)?;
    }
}

/// Reads until a block is full or the stream ends.
fn fill(block: &mut Block, source: &mut dyn Read) -> io::Result<()> {
    while !block.is_full() {
        let room = block.room();
        let piece = room.len().min(PIECE_BYTES);
        match source.read(&mut room[..piece]) {
            Ok(0) => return Ok(()),
            Ok(count) => block.add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
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
                let mut out = Vec::new();
                let made = compress_stream(&mut &input[..], codec, &mut out, &CancelToken::new()).unwrap();
                assert_eq!(made, (Digest::of(&whole), whole.len() as u64), "{codec:?} {length}");
                assert!(out == whole, "{codec:?} {length}");
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
        let noise: Vec<u8> = std::iter::repeat_with(next).take(Codec::Gzip(5).block_bytes()).collect();
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
        let block = vec![7; Codec::Gzip(1).block_bytes()];
        let error = (0..1000).find_map(|_| writer.write_all(&block).err());
        assert_eq!(error.map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
    }

    /// Gives so many bytes, then an error.
    struct Broken(usize);

    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.min(buffer.len());
            self.0 -= count;
            if count == 0 { Err(io::Error::other("broken")) } else { Ok(count) }
        }
    }

    #[test]
    fn what_cannot_be_read_or_written_or_is_cancelled_ends_a_stream() {
        let codec = Codec::Gzip(1);
        let go = CancelToken::new();
        for blocks in [0, 1, 20] {
            let read = compress_stream(&mut Broken(blocks * codec.block_bytes()), codec, &mut io::sink(), &go);
            assert!(matches!(read, Err(CompressError::Read(error)) if error.to_string() == "broken"));
        }
        let mut full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        for bytes in [10, 100 * codec.block_bytes() as u64] {
            let written = compress_stream(&mut io::repeat(7).take(bytes), codec, &mut full, &go);
            assert!(matches!(written, Err(CompressError::Write(error)) if error.kind() == io::ErrorKind::StorageFull));
        }
        let stop = CancelToken::new();
        stop.cancel();
        let cancelled = compress_stream(&mut io::repeat(7), codec, &mut io::sink(), &stop);
        assert!(matches!(cancelled, Err(CompressError::Cancelled(_))));
    }

    #[test]
    fn high_levels_come_back_and_make_less() {
        let text: Vec<u8> = (0..50_000_u64)
            .flat_map(|n| format!("{} word ", n * n * 2_654_435_761 % 4_294_967_291 % 9000).into_bytes())
            .collect();
        let usual = compressed(&text, Codec::zstd(None), usize::MAX).len();
        for level in [10, 12, 22] {
            let made = compressed(&text, Codec::Zstd(level), usize::MAX);
            let mut read = Vec::new();
            decompress(made.as_slice()).unwrap().read_to_end(&mut read).unwrap();
            assert!(read == text && made.len() < usual, "{level} {} {usual}", made.len());
        }
    }
}
