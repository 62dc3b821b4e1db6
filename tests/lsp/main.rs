//! Tests of `builder lsp`: a client of our own and a foreign one, both talking to the real binary over pipes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop")]
#![allow(unreachable_pub, reason = "modules of one test binary")]
#![allow(missing_docs, reason = "the names of the tests say what they show")]

mod client;

mod features;
mod foreign;
mod hostile;
mod session;

/// A test file that nobody lists would never run.
#[test]
fn every_file_of_this_folder_is_a_module() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/lsp");
    let main = std::fs::read_to_string(directory.join("main.rs")).expect("main.rs");
    for entry in std::fs::read_dir(directory).expect("directory").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") {
            assert!(main.contains(&format!("mod {module};")), "{name} is not listed in main.rs");
        }
    }
}
