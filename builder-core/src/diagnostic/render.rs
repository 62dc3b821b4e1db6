//! Renderers: diagnostics to any writer.
