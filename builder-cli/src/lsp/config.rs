//! The linter's options for a document.

use std::path::PathBuf;

use builder_core::lint::LintOptions;
use builder_core::lint::options::ContextFacts;
use lsp_types::Uri;

use crate::lint::contexts::Contexts;
use crate::settings::lint::usual;

/// Returns what the linter looks for in a document; asked for when it is opened and when a configuration changed.
/// A broken configuration is as good as none here: `builder lint` says what is wrong with it.
pub(super) fn options_for(document: &Uri) -> LintOptions {
    path_of(document.as_str()).and_then(|path| usual(&path).ok()).unwrap_or_default()
}

/// Returns what is known of the build context of a document, as it is now.
pub(super) fn context_of(document: &Uri) -> Option<ContextFacts> {
    let path = path_of(document.as_str())?;
    path.is_absolute().then(|| Contexts::new(None).of(&path))
}

/// Reads the path of a file's address.
fn path_of(uri: &str) -> Option<PathBuf> {
    let path = uri.strip_prefix("file://")?;
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_files_have_paths() {
        assert_eq!(path_of("file:///a/b%20c/Dockerfile"), Some(PathBuf::from("/a/b c/Dockerfile")));
        for other in ["untitled:1", "file:///a%2", "file:///a%zz", "https://a/b"] {
            assert_eq!(path_of(other), None, "{other}");
        }
    }
}
