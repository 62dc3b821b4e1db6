//! What a block is compressed with: gzip or zstd at a level, and the memory that each takes.

use std::io;

use libdeflater::{CompressionLvl, Compressor as Deflater};
use zstd::bulk::Compressor as ZstdCompressor;
use zstd::zstd_safe::{CParameter, compress_bound};

use super::noise::is_noise;

/// Bytes of input that become one gzip member.
const GZIP_BLOCK_BYTES: usize = 512 * 1024;
/// Bytes of input that become one zstd frame: as far as the usual level looks back.
const ZSTD_BLOCK_BYTES: usize = 2 * 1024 * 1024;
/// The same from [`FAR_ZSTD_LEVEL`] on: these levels live from looking back further.
const FAR_ZSTD_BLOCK_BYTES: usize = 4 * 1024 * 1024;
const FAR_ZSTD_LEVEL: i32 = 10;
/// From this level on zstd would take more for its tables than [`FAR_TABLE_LOG`] allows.
const LARGE_TABLES_ZSTD_LEVEL: i32 = 12;
/// The tables of these levels have two to the power of this entries, of four bytes each: twice as many would cost 16 MiB
/// more for one thread, and gain a thousandth.
const FAR_TABLE_LOG: u32 = 22;
/// The level for noise: zstd has no other way to be told to store it.
const HASTY_ZSTD_LEVEL: i32 = -1000;
/// The highest level of `libdeflate`; up to 9 they mean about what they mean to zlib.
pub const MAX_GZIP_LEVEL: i32 = 12;
/// The highest of zlib's levels.
const MAX_ZLIB_LEVEL: i32 = 9;
/// What `libdeflate` needs for the size that zlib has at 6, its default and that of other builders.
const USUAL_GZIP_LEVEL: i32 = 5;
/// zstd's default level.
const USUAL_ZSTD_LEVEL: i32 = 3;
/// Bytes that all threads together may take, their blocks included.
const MOST_BYTES: usize = 96 * 1024 * 1024;
const MIB: usize = 1024 * 1024;

/// What blocks are compressed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codec {
    /// gzip at a level from 0 to [`MAX_GZIP_LEVEL`].
    Gzip(i32),
    /// zstd at a level of its own, below 0 for the fastest.
    Zstd(i32),
}

impl Codec {
    /// gzip at one of zlib's levels, 0 to 9, or the usual one.
    pub fn gzip(level: Option<i32>) -> Self {
        Self::Gzip(level.map_or(USUAL_GZIP_LEVEL, |level| level.clamp(0, MAX_ZLIB_LEVEL)))
    }

    /// zstd at a level up to 22, or the usual one.
    pub fn zstd(level: Option<i32>) -> Self {
        Self::Zstd(level.unwrap_or(USUAL_ZSTD_LEVEL))
    }

    /// Bytes of input that are compressed at once.
    pub(super) fn block_bytes(self) -> usize {
        match self {
            Self::Gzip(_) => GZIP_BLOCK_BYTES,
            Self::Zstd(level) if level >= FAR_ZSTD_LEVEL => FAR_ZSTD_BLOCK_BYTES,
            Self::Zstd(_) => ZSTD_BLOCK_BYTES,
        }
    }

    /// How many threads are worth their memory on a machine of so many cores.
    pub(super) fn threads(self, cores: usize) -> usize {
        let tables = match self {
            Self::Gzip(_) => 2 * MIB,
            Self::Zstd(..=5) => 2 * MIB,
            Self::Zstd(6..FAR_ZSTD_LEVEL) => 13 * MIB,
            Self::Zstd(_) => 34 * MIB,
        };
        cores.clamp(1, MOST_BYTES / (tables + 2 * self.block_bytes()))
    }

    /// Refuses levels that do not exist.
    pub(super) fn check(self) -> io::Result<()> {
        if let Self::Gzip(level) = self { gzip_level(level).map(drop) } else { Ok(()) }
    }

    pub(super) fn worker(self) -> io::Result<Worker> {
        Ok(match self {
            Self::Gzip(level) => {
                Worker::Gzip { deflater: Deflater::new(gzip_level(level)?), storer: Deflater::new(gzip_level(0)?) }
            }
            Self::Zstd(level) => {
                let (mut usual, hasty) = (ZstdCompressor::new(level)?, ZstdCompressor::new(HASTY_ZSTD_LEVEL)?);
                if level >= LARGE_TABLES_ZSTD_LEVEL {
                    usual.set_parameter(CParameter::ChainLog(FAR_TABLE_LOG))?;
                    usual.set_parameter(CParameter::HashLog(FAR_TABLE_LOG))?;
                }
                Worker::Zstd { usual, hasty }
            }
        })
    }
}

fn gzip_level(level: i32) -> io::Result<CompressionLvl> {
    CompressionLvl::new(level).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "gzip has the levels 0 to 12"))
}

/// Bytes of input and the member or frame that they become. It is used again and again: memory that is new has to be
/// cleared by the system first.
#[derive(Debug)]
pub(super) struct Block {
    /// As long as a block can be.
    input: Vec<u8>,
    filled: usize,
    output: Vec<u8>,
    compressed: usize,
}

impl Block {
    pub(super) fn new(codec: Codec) -> Self {
        Self { input: vec![0; codec.block_bytes()], filled: 0, output: Vec::new(), compressed: 0 }
    }

    /// Makes room for other bytes.
    pub(super) fn clear(&mut self) {
        (self.filled, self.compressed) = (0, 0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.filled == self.input.len()
    }

    /// Where the next bytes belong.
    pub(super) fn room(&mut self) -> &mut [u8] {
        &mut self.input[self.filled..]
    }

    /// So many bytes were put where there was room.
    pub(super) fn add(&mut self, count: usize) {
        self.filled += count;
    }

    /// What the input became.
    pub(super) fn member(&self) -> &[u8] {
        &self.output[..self.compressed]
    }
}

/// What compresses one block after another.
pub(super) enum Worker {
    Gzip { deflater: Deflater, storer: Deflater },
    Zstd { usual: ZstdCompressor<'static>, hasty: ZstdCompressor<'static> },
}

impl Worker {
    pub(super) fn compress(&mut self, block: &mut Block) -> io::Result<()> {
        let Block { input, filled, output, compressed } = block;
        let input = &input[..*filled];
        let mut with_room = |bytes: usize| {
            if output.len() < bytes {
                output.resize(bytes, 0);
            }
        };
        *compressed = match self {
            Self::Gzip { deflater, storer } => {
                let deflater = if is_noise(input) { storer } else { deflater };
                with_room(deflater.gzip_compress_bound(input.len()));
                deflater.gzip_compress(input, output).map_err(io::Error::other)?
            }
            Self::Zstd { usual, hasty } => {
                let compressor = if is_noise(input) { hasty } else { usual };
                with_room(compress_bound(input.len()));
                compressor.compress_to_buffer(input, output.as_mut_slice())?
            }
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_take_a_bounded_amount_of_memory() {
        assert_eq!([1, 2, 4, 8].map(|cores| Codec::zstd(None).threads(cores)), [1, 2, 4, 8]);
        assert_eq!([1, 2, 64].map(|cores| Codec::Zstd(22).threads(cores)), [1, 2, 2]);
        assert_eq!([1, 2, 64].map(|cores| Codec::Zstd(9).threads(cores)), [1, 2, 5]);
        assert!((0..=MAX_GZIP_LEVEL).all(|level| Codec::Gzip(level).threads(1000) >= 16));
    }
}
