//! `ADD` of files and repositories from elsewhere.

use super::stage::StageBuilder;
use crate::dockerfile::Transfer;
use crate::plan::op::{CopyFrom, CopyPart, CopySource, FilesystemRef, Op};
use crate::remote::{Checksum, GitAddress, HttpSource, RemoteSource, is_http, parse_git};
use crate::text::{Span, Spanned};

/// What an operand of COPY or ADD turned out to be.
pub(super) enum Operand {
    /// A path of the context, or of where `--from` leads.
    Local,
    /// Something from elsewhere.
    Remote(CopyPart),
    /// Something that was reported to be wrong.
    Wrong,
}

impl StageBuilder<'_, '_> {
    /// Tells what an operand is, and plans the fetching of what is elsewhere.
    ///
    /// Spec: dockerfile-semantics 5.6.1, 5.6.9, 5.6.10.
    pub(super) fn operand(&mut self, text: &str, span: Span, transfer: &Transfer, add: bool) -> Operand {
        let git = match parse_git(text) {
            Err(error) => {
                self.error("invalid-git-reference", span, error.to_string());
                return Operand::Wrong;
            }
            Ok(address) => address.filter(|address| !address.like_a_path),
        };
        let (source, path, unpack) = match git {
            Some(_) if !add => {
                self.error("remote-copy", span, "source can't be a git ref for COPY");
                return Operand::Wrong;
            }
            Some(address) => {
                let Some(source) = self.repository(address, transfer) else { return Operand::Wrong };
                (source, "/".to_owned(), false)
            }
            None if !is_http(text) => return Operand::Local,
            None if !add => {
                self.error("remote-copy", span, "source can't be a URL for COPY");
                return Operand::Wrong;
            }
            None => {
                let Some(source) = self.web_file(text, transfer) else { return Operand::Wrong };
                let path = literal(&source.name);
                (RemoteSource::Http(source), path, transfer.unpack.as_ref().is_some_and(|flag| flag.value))
            }
        };
        let name = self.step_name(&source.display());
        let span = self.place(span);
        let vertex = self.planner.vertex(Op::Remote(source), name, span, self.id);
        let from = CopyFrom::Filesystem(FilesystemRef::Vertex(vertex));
        Operand::Remote(CopyPart { from, sources: vec![CopySource::Path { path, span }], unpack })
    }

    fn repository(&mut self, address: GitAddress, transfer: &Transfer) -> Option<RemoteSource> {
        let mut source = address.source;
        if let Some(flag) = &transfer.keep_git_dir {
            if address.keep_git_dir.is_some_and(|keep| keep != flag.value) {
                self.error("invalid-keep-git-dir", flag.span, "inconsistent keep-git-dir configuration");
                return None;
            }
            source.keep_git_dir = flag.value;
        }
        if let Some((checksum, span)) = self.checksum(transfer) {
            if let Some(known) = source.checksum.as_ref().filter(|known| **known != checksum) {
                let message = format!("checksum mismatch {checksum:?} != {known:?}");
                self.error("invalid-checksum", span, message);
                return None;
            }
            if checksum.len() > 64 || !checksum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                let message = format!("invalid checksum {checksum:?}: a commit is 40 digits, or the first of them");
                self.error("invalid-checksum", span, message);
                return None;
            }
            source.checksum = Some(checksum);
        }
        Some(RemoteSource::Git(source))
    }

    fn web_file(&mut self, url: &str, transfer: &Transfer) -> Option<HttpSource> {
        let mut source = HttpSource::new(url);
        if let Some((checksum, span)) = self.checksum(transfer) {
            match checksum.parse::<Checksum>() {
                Ok(digest) => source.checksum = Some(digest),
                Err(error) => {
                    self.error("invalid-checksum", span, format!("invalid checksum {checksum:?}: {error}"));
                    return None;
                }
            }
        }
        Some(source)
    }

    /// `--checksum` after expansion, where there is one.
    fn checksum(&mut self, transfer: &Transfer) -> Option<(String, Span)> {
        let Spanned { value, span } = transfer.checksum.as_ref()?;
        let checksum = self.expand_str(value, *span)?;
        (!checksum.is_empty()).then_some((checksum, *span))
    }
}

/// A file's name where patterns are understood.
fn literal(name: &str) -> String {
    let escaped = name.chars().flat_map(|c| ['\\', c].into_iter().skip(usize::from(!"*?[\\".contains(c))));
    std::iter::once('/').chain(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn names_are_no_patterns() {
        assert_eq!(literal("a b.txt"), "/a b.txt");
        assert_eq!(literal("a[1]*?\\"), "/a\\[1]\\*\\?\\\\");
    }
}
