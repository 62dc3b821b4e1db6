//! Compression of layer blobs, and its detection by content.

use std::io::{self, BufReader, Read, Write};

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;

use super::blocks::{BlockWriter, Codec};

/// Bytes looked at to recognise a compression.
const MAGIC_LENGTH: usize = 6;
/// The memory that reading an xz stream may take, in KiB: `xz -9` asks for 65 MiB, a hostile header for 4 GiB.
const XZ_MEMORY_LIMIT_KIB: u32 = 512 * 1024;

/// A compression that a stream may come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Not compressed.
    Plain,
    /// gzip, RFC 1952.
    Gzip,
    /// zstd, RFC 8878.
    Zstd,
    /// xz.
    Xz,
    /// bzip2.
    Bzip2,
}

/// How layer blobs of an export are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Compression {
    /// Not at all.
    Uncompressed,
    /// gzip.
    #[default]
    Gzip,
    /// zstd.
    Zstd,
}

/// Recognises a compression by the first bytes of a stream.
pub fn detect(start: &[u8]) -> Format {
    match start {
        [0x1f, 0x8b, ..] => Format::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Format::Zstd,
        // A skippable frame may come first.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Format::Zstd,
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Format::Xz,
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Format::Bzip2,
        _ => Format::Plain,
    }
}

/// Reads a stream in whatever compression it comes, several members after each other included.
///
/// # Errors
/// Those of the first read of `reader`; bad data shows when it is read.
pub fn decompress<'r>(mut reader: impl Read + Send + 'r) -> io::Result<Box<dyn Read + Send + 'r>> {
    let mut start = Vec::with_capacity(MAGIC_LENGTH);
    (&mut reader).take(MAGIC_LENGTH as u64).read_to_end(&mut start)?;
    let format = detect(&start);
    let whole = BufReader::with_capacity(128 * 1024, io::Cursor::new(start).chain(reader));
    Ok(match format {
        Format::Plain => Box::new(whole),
        Format::Gzip => Box::new(MultiGzDecoder::new(whole)),
        Format::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(whole)?),
        Format::Xz => Box::new(XzReader::new_mem_limit(whole, true, XZ_MEMORY_LIMIT_KIB)),
        Format::Bzip2 => Box::new(MultiBzDecoder::new(whole)),
    })
}

/// Compresses what is written to it; the same input gives the same bytes.
#[derive(Debug)]
pub enum Compressor<W: Write> {
    /// Passes everything on.
    Plain(W),
    /// gzip with neither name nor time in its header, or zstd.
    Blocks(Box<BlockWriter<W>>),
}

impl<W: Write> Compressor<W> {
    /// Begins a stream in a compression, or one that passes everything on.
    ///
    /// # Errors
    /// For a level that does not exist.
    pub fn new(out: W, codec: Option<Codec>) -> io::Result<Self> {
        Ok(match codec {
            Some(codec) => Self::Blocks(Box::new(BlockWriter::new(out, codec)?)),
            None => Self::Plain(out),
        })
    }

    /// Ends the stream and returns the writer.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(out) => Ok(out),
            Self::Blocks(writer) => writer.finish(),
        }
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(out) => out.write(bytes),
            Self::Blocks(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.flush(),
            Self::Blocks(writer) => writer.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compressed_is_recognised_and_read_back() {
        let text = b"layer ".repeat(10_000);
        let mut gzip = Compressor::new(Vec::new(), Some(Codec::gzip(None))).unwrap();
        gzip.write_all(&text).unwrap();
        let mut zstd = Compressor::new(Vec::new(), Some(Codec::zstd(None))).unwrap();
        zstd.write_all(&text).unwrap();
        for (bytes, format) in [
            (gzip.finish().unwrap(), Format::Gzip),
            (zstd.finish().unwrap(), Format::Zstd),
            (text.clone(), Format::Plain),
        ] {
            assert_eq!(detect(&bytes), format);
            let mut read = Vec::new();
            decompress(bytes.as_slice()).unwrap().read_to_end(&mut read).unwrap();
            assert!(read == text, "{format:?}");
        }
    }
}
