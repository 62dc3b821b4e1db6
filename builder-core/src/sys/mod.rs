//! System calls: all unsafe code of the crate.
