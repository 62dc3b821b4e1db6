//! Any bytes as an ignore file, the last line as a path: no panic, and nothing lost in what a walk skips.

#![no_main]

use builder_core::dockerignore;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let (file, path) = text.rsplit_once('\n').unwrap_or(("", &text));
    if let Ok(patterns) = dockerignore::parse(file)
        && patterns.matches(path, true)
        && !patterns.may_reinclude_below(path)
    {
        assert!(patterns.matches(&format!("{path}/below"), false));
    }
});
