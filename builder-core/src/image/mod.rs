//! Assembles config, history and manifest.
