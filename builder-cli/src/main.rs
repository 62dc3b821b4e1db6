//! The `builder` command line.
fn main() {}
