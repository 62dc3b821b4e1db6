//! Archives: what is one, and contexts that arrive as one.

use std::io::{self, Read};
use std::path::Path;

use super::ContextError;
use crate::cancel::CancelToken;
use crate::fs::extract::{ExtractLimits, ExtractOptions, Extracted, extract};
use crate::fs::root::RootDir;
use crate::layer::compression::decompress;

/// The size of a tar record.
const RECORD_BYTES: usize = 512;

/// The largest Dockerfile that is taken from a stream.
const MAX_STREAM_DOCKERFILE_BYTES: u64 = 16 * 1024 * 1024;

/// What a stream holds.
pub enum StreamKind<'a> {
    /// A context: the stream of a tar, decompressed, from its start.
    Archive(Box<dyn Read + Send + 'a>),
    /// A Dockerfile, as bytes; the context is empty.
    Dockerfile(Vec<u8>),
}

impl std::fmt::Debug for StreamKind<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Archive(_) => formatter.write_str("Archive"),
            Self::Dockerfile(bytes) => {
                formatter.debug_tuple("Dockerfile").field(&String::from_utf8_lossy(bytes)).finish()
            }
        }
    }
}

/// Finds out whether a stream is a tar, by its content and however it is compressed, or a Dockerfile.
///
/// Spec: dockerfile-semantics 11.1.
///
/// # Errors
/// [`ContextError::Stream`] where it cannot be read or is too large.
pub fn sniff<'a>(stream: impl Read + Send + 'a) -> Result<StreamKind<'a>, ContextError> {
    let mut plain = decompress(stream).map_err(ContextError::Stream)?;
    let head = read_head(&mut plain, RECORD_BYTES).map_err(ContextError::Stream)?;
    let archive = is_tar_header(&head);
    let whole = io::Cursor::new(head).chain(plain);
    if archive {
        return Ok(StreamKind::Archive(Box::new(whole)));
    }
    let mut bytes = Vec::new();
    whole.take(MAX_STREAM_DOCKERFILE_BYTES + 1).read_to_end(&mut bytes).map_err(ContextError::Stream)?;
    if bytes.len() as u64 > MAX_STREAM_DOCKERFILE_BYTES {
        let message = format!("larger than the allowed {MAX_STREAM_DOCKERFILE_BYTES} bytes");
        return Err(ContextError::Stream(io::Error::new(io::ErrorKind::FileTooLarge, message)));
    }
    Ok(StreamKind::Dockerfile(bytes))
}

/// Unpacks a context that arrived as a stream (of [`StreamKind::Archive`]) into an existing directory of
/// the host. Owners are those of the archive.
///
/// # Errors
/// [`ContextError`] where the stream is malformed or too large, or the directory cannot be written.
pub fn unpack(stream: &mut dyn Read, into: &Path, cancel: &CancelToken) -> Result<Extracted, ContextError> {
    let root = RootDir::open(into)?;
    let options = ExtractOptions {
        directory: Path::new(""),
        // As with BuildKit, where such a context is unpacked by the builder.
        owner: None,
        created_mtime: None,
        limits: ExtractLimits::default(),
    };
    Ok(extract(&root, stream, &options, cancel)?)
}

/// Tells whether what a stream holds, once decompressed, begins like a tar. What cannot be decompressed is
/// none.
pub(crate) fn is_archive(stream: impl Read + Send) -> bool {
    decompress(stream).and_then(|mut plain| read_head(&mut plain, RECORD_BYTES)).is_ok_and(|head| is_tar_header(&head))
}

fn read_head(stream: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(length);
    stream.take(length as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// Tells whether a record is a tar header, by its checksum: the one field that every version has.
fn is_tar_header(record: &[u8]) -> bool {
    let Ok(bytes) = <[u8; RECORD_BYTES]>::try_from(record) else { return false };
    // An archive without entries is none: two empty records are also just a file of zeros.
    if bytes.iter().all(|byte| *byte == 0) {
        return false;
    }
    let header = tar::Header::from_byte_slice(&bytes);
    let Ok(wanted) = header.cksum() else { return false };
    let sum: u32 =
        bytes.iter().enumerate().map(|(at, byte)| u32::from(if (148..156).contains(&at) { b' ' } else { *byte })).sum();
    sum == wanted && header.size().is_ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// The same two files through xz, which the decompressor's crate can only read as it is built here.
    const XZ: &str = "fd377a585a000004e6d6b446020021011c00000010cf58cce00bff006d5d00221bc866dc0964e1a65c41c24237450389\
                        6b7e3a10e9b1233ad8ca43e4ac494e987ee618c0535ceceb04d8a82771fa177e64e291de1b30eadf26aba0d37c35d8b0\
                        0774831acaf5980e98246b9d7bcddad032f4cbecbce97d8bc0eb16b7ae6a2a2c43a17af128b67b49fc12160000000000\
                        b275489a9e68f9bd00018901801800008efce638b1c467fb020000000004595a";

    fn tar(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, text) in entries {
            let mut header = tar::Header::new_ustar();
            header.set_size(text.len() as u64);
            header.set_mode(0o640);
            header.set_uid(12);
            header.set_mtime(77);
            builder.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn contexts_are_told_from_dockerfiles_by_content() {
        let plain = tar(&[("Dockerfile", "FROM scratch"), ("d/f", "text")]);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).unwrap();
        let mut bzip = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip.write_all(&plain).unwrap();
        let xz = (0..XZ.len()).step_by(2).map(|at| u8::from_str_radix(&XZ[at..at + 2], 16).unwrap()).collect();
        let zstd = zstd::encode_all(plain.as_slice(), 1).unwrap();
        for bytes in [plain, gzip.finish().unwrap(), bzip.finish().unwrap(), xz, zstd] {
            assert!(is_archive(bytes.as_slice()));
            let StreamKind::Archive(mut stream) = sniff(bytes.as_slice()).unwrap() else { panic!("not an archive") };
            let directory = tempfile::tempdir().unwrap();
            let outcome = unpack(&mut stream, directory.path(), &CancelToken::new()).unwrap();
            assert_eq!((outcome.entries, outcome.bytes), (2, 16));
            assert_eq!(std::fs::read_to_string(directory.path().join("d/f")).unwrap(), "text");
        }
        for text in ["", "FROM scratch\n", "FROM scratch\n".repeat(100).as_str()] {
            let StreamKind::Dockerfile(found) = sniff(text.as_bytes()).unwrap() else { panic!("not text") };
            assert_eq!(found, text.as_bytes());
        }
        assert!(!is_archive([0; 1024].as_slice()));
        assert!(!is_archive(b"PK\x03\x04".as_slice()));
        assert!(matches!(sniff([0xff; 1024].as_slice()), Ok(StreamKind::Dockerfile(_))));
        assert!(sniff([0x1f, 0x8b, 1, 2, 3].as_slice()).is_err());
    }
}
