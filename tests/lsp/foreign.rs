//! A client that others wrote: `pygls` by way of `pytest-lsp`, which knows what editors can do and complains about
//! answers that they do not understand. `tests/run` installs it.

use std::path::Path;
use std::process::Command;

/// The python that has it, as `tests/run` sets it.
const PYTHON: &str = "BUILDER_LSP_PYTHON";

#[test]
fn editors_understand_the_server() {
    let Some(python) = std::env::var_os(PYTHON).filter(|python| !python.is_empty()) else {
        let is_required = std::env::var_os("BUILDER_TESTS_REQUIRE").is_some_and(|value| value == "1");
        assert!(!is_required, "cannot run: {PYTHON} is not set; tests/run does it");
        return;
    };
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/lsp/foreign");
    let output = Command::new(python)
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error::pytest_lsp.LspSpecificationWarning"])
        .arg(&directory)
        .env("BUILDER", env!("CARGO_BIN_EXE_builder"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .expect("python");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
