//! Layers: deterministic tar out of a directory, hostile tar into a directory, compression.
