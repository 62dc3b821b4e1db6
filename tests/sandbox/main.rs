//! Real sandboxes: what a process sees, how it ends, and what is left behind. They need Linux, root and a static
//! busybox; a test that cannot run says why and is skipped, or fails if `BUILDER_TESTS_REQUIRE=1`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::exit,
    reason = "helpers beside the tests; what is printed is for whoever runs them"
)]

mod exits;
mod lifetime;
mod reexec;
mod rootless;
mod support;
mod view;

/// A file in this folder that nobody declares would never be compiled.
#[test]
fn every_file_of_this_folder_is_part_of_the_binary() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/sandbox");
    let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.strip_suffix(".rs").unwrap();
        assert!(module == "main" || main.contains(&format!("\nmod {module};\n")), "{name} is not declared");
    }
}
