//! Writes images and root filesystems to files, directories and streams.
