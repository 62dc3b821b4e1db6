//! `COPY` and `ADD`.

use super::Source;
use super::run::LANGUAGE_ISSUE;
use super::stage::StageBuilder;
use crate::dockerfile::expand::expand_heredoc;
use crate::dockerfile::{Instruction, Transfer, TransferSource};
use crate::plan::NamedContext;
use crate::plan::op::{CopyFrom, CopyOp, CopySource, FilesystemRef, Op};
use crate::text::{Span, Spanned};

impl StageBuilder<'_, '_> {
    pub(super) fn transfer(&mut self, instruction: &Instruction, transfer: &Transfer, add: bool) {
        let keyword = if add { "ADD" } else { "COPY" };
        let before = self.planner.diagnostics.len();
        self.refuse_what_is_missing(transfer, keyword);
        let mut sources = Vec::new();
        let mut inline = Vec::new();
        let mut shown = Vec::new();
        for source in &transfer.sources {
            match source {
                TransferSource::Path(word) => {
                    let Some(path) = self.expand(word) else { continue };
                    self.refuse_remote(&path, word.span(), keyword, transfer);
                    shown.push(path.clone());
                    sources.push(CopySource::Path { path, span: self.place(word.span()) });
                }
                TransferSource::Heredoc(index) => {
                    let Some(heredoc) = instruction.heredocs.get(*index) else { continue };
                    let mut content = heredoc.content();
                    if heredoc.expand {
                        let variables = &self.state.variables;
                        match expand_heredoc(&content, &|name| variables.get(name)) {
                            Ok(expansion) => content = expansion.text,
                            Err(error) => self.error("invalid-expansion", heredoc.marker, error.to_string()),
                        }
                    }
                    inline.push(CopySource::Inline { name: heredoc.name.clone(), content });
                }
            }
        }
        shown.extend(inline.iter().map(|source| match source {
            CopySource::Inline { name, .. } => format!("<<{name}"),
            CopySource::Path { path, .. } => path.clone(),
        }));
        sources.extend(inline);
        let destination = self.expand(&transfer.destination);
        let owner = self.flag(transfer.chown.as_ref());
        let mode_text = self.flag(transfer.chmod.as_ref());
        let mode = self.mode(mode_text.as_deref(), transfer);
        let from = self.copied_from(transfer);
        let (Some(destination), Some(mut from)) = (destination, from) else { return };
        if from == CopyFrom::Context(String::new()) {
            let first = sources.iter().find_map(|source| match source {
                CopySource::Path { path, span } => Some((path.clone(), *span)),
                CopySource::Inline { .. } => None,
            });
            match first {
                // Files that the Dockerfile itself holds need no context.
                None => from = CopyFrom::Filesystem(FilesystemRef::Scratch),
                Some((path, span)) if !self.planner.options.has_main_context => {
                    let message = format!("\"/{}\": not found", path.trim_start_matches('/'));
                    self.error("no-context", span, format!("{message}: there is no build context"));
                }
                Some(_) => {}
            }
        }
        if self.planner.diagnostics.len() > before {
            return;
        }
        let mut created_by = format!("{keyword} ");
        for (flag, value) in [("chown", &owner), ("chmod", &mode_text)] {
            if let Some(value) = value {
                created_by.push_str(&format!("--{flag}={value} "));
            }
        }
        created_by.push_str(&format!("{} {destination} # buildkit", shown.join(" ")));
        let op = Op::Copy(CopyOp {
            parent: self.state.filesystem,
            from,
            sources,
            destination: absolute(self.state.cwd(), &destination),
            owner,
            mode,
            unpack: add,
            platform: self.state.platform.clone(),
        });
        let name = self.step_name(&self.shown(instruction, true));
        self.step(op, name, instruction.head, created_by);
    }

    fn flag(&mut self, value: Option<&Spanned<String>>) -> Option<String> {
        let value = value?;
        self.expand_str(&value.value, value.span)
    }

    fn refuse_what_is_missing(&mut self, transfer: &Transfer, keyword: &str) {
        let on = |flag: &Option<Spanned<bool>>| flag.as_ref().filter(|flag| flag.value).map(|flag| flag.span);
        let text = |flag: &Option<Spanned<String>>| flag.as_ref().map(|flag| flag.span);
        for (flag, span) in [
            ("link", on(&transfer.link)),
            ("parents", on(&transfer.parents)),
            ("exclude", transfer.exclude.first().map(|flag| flag.span)),
            ("checksum", text(&transfer.checksum)),
            ("keep-git-dir", on(&transfer.keep_git_dir)),
            ("unpack", transfer.unpack.as_ref().map(|flag| flag.span)),
        ] {
            if let Some(span) = span {
                self.unsupported(span, &format!("`{keyword} --{flag}`"), LANGUAGE_ISSUE);
            }
        }
    }

    fn refuse_remote(&mut self, path: &str, span: Span, keyword: &str, transfer: &Transfer) {
        let lower = path.to_ascii_lowercase();
        let http = lower.starts_with("http://") || lower.starts_with("https://");
        let bare = lower.split(['#', '?']).next().unwrap_or(&lower);
        let git = ["git://", "ssh://", "git@"].iter().any(|prefix| lower.starts_with(prefix))
            || (http && bare.strip_suffix(".git").is_some());
        if transfer.from.is_some() || !(http || git) {
            return;
        }
        match (keyword, git) {
            ("COPY", true) => self.error("remote-copy", span, "source can't be a git ref for COPY"),
            ("COPY", false) => self.error("remote-copy", span, "source can't be a URL for COPY"),
            (_, true) => self.unsupported(span, "`ADD` of a git repository", LANGUAGE_ISSUE),
            (_, false) => self.unsupported(span, "`ADD` of a URL", LANGUAGE_ISSUE),
        }
    }

    fn mode(&mut self, text: Option<&str>, transfer: &Transfer) -> Option<u32> {
        let text = text?;
        let span = transfer.chmod.as_ref().map(|flag| flag.span).unwrap_or_default();
        match u32::from_str_radix(text, 8) {
            Ok(mode) if mode <= 0o7777 => return Some(mode),
            Err(_) if text.contains(['+', '-', '=']) => {
                self.unsupported(span, &format!("the symbolic mode `--chmod={text}`"), LANGUAGE_ISSUE);
            }
            _ => {
                let message =
                    format!("invalid chmod parameter: '{text}'. it should be octal string and between 0 and 07777");
                self.error("invalid-chmod", span, message);
            }
        }
        None
    }

    fn copied_from(&mut self, transfer: &Transfer) -> Option<CopyFrom> {
        let Some(name) = &transfer.from else { return Some(CopyFrom::Context(String::new())) };
        self.taken_from(name)
    }

    /// What a name in `from` means.
    pub(super) fn taken_from(&mut self, name: &Spanned<String>) -> Option<CopyFrom> {
        let span = self.place(name.span);
        let source = self.planner.copy_source(self.id, &name.value, span)?;
        let platform = self.state.platform.clone();
        Some(match source {
            Source::Scratch => CopyFrom::Filesystem(FilesystemRef::Scratch),
            Source::Stage(id) => CopyFrom::Filesystem(self.states.get(&id)?.as_ref()?.filesystem),
            Source::Context(name, NamedContext::Local) => CopyFrom::Context(name),
            Source::Context(name, context) => {
                CopyFrom::Filesystem(self.planner.context_filesystem(&name, &context, &platform, self.id, span)?)
            }
            Source::Image(name) => {
                let (key, image) = self.planner.image(&name, &platform, span)?;
                CopyFrom::Filesystem(self.planner.image_vertex(key, &image, "", span, self.id))
            }
        })
    }
}

/// A destination seen from the working directory: a trailing slash, `.` and nothing mean a directory.
fn absolute(cwd: &str, destination: &str) -> String {
    let directory =
        destination.is_empty() || destination.ends_with('/') || destination == "." || destination.ends_with("/.");
    let mut path = clean(&join(cwd, destination));
    if directory && !path.ends_with('/') {
        path.push('/');
    }
    path
}

/// Joins a path to a directory, where it is relative.
pub(super) fn join(cwd: &str, path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("{cwd}/{path}") }
}

/// Removes `.`, `..` and repeated slashes from an absolute path, as text.
pub(super) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_seen_from_the_working_directory() {
        for (destination, expected) in [
            ("x", "/w/x"),
            ("x/", "/w/x/"),
            (".", "/w/"),
            ("./", "/w/"),
            ("", "/w/"),
            ("/", "/"),
            ("../../../a//b/.", "/a/b/"),
            ("/a/../b", "/b"),
        ] {
            assert_eq!(absolute("/w", destination), expected, "{destination}");
        }
    }
}
