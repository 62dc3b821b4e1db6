//! Root filesystems as chains of layer directories.
