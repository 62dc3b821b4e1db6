//! Runs one process in namespaces of its own.
