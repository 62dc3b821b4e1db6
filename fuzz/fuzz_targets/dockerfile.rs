//! Any bytes as a Dockerfile: no panic, and no place outside of the text.
//!
//! `cargo +nightly fuzz run dockerfile fixtures/dockerfiles/valid fixtures/dockerfiles/invalid`

#![no_main]

use builder_core::diagnostic::render::{self, Style};
use builder_core::dockerfile::{dump, parse, parse_trigger};
use builder_core::text::SourceFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let source = SourceFile::from_bytes("Dockerfile", bytes);
    let text = source.text();
    let parsed = parse(&source);
    let mut out = dump(&source, &parsed.dockerfile);
    for diagnostic in &parsed.diagnostics {
        if let Some(span) = diagnostic.span() {
            assert!(text.get(span.range()).is_some());
        }
        let _ = render::full(&mut out, &source, diagnostic, &Style::default());
    }
    for instruction in &parsed.dockerfile.instructions {
        assert!(text.get(instruction.span.range()).is_some());
    }
    let _ = parse_trigger(text);
});
