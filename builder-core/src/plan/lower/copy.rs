//! `COPY` and `ADD`.

use super::Source;
use super::remote::Operand;
use super::stage::StageBuilder;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::expand::expand_heredoc;
use crate::dockerfile::{Instruction, SourceText, Transfer, TransferSource};
use crate::dockerignore::Patterns;
use crate::plan::NamedContext;
use crate::plan::mode::ModeChange;
use crate::plan::op::{CopyFrom, CopyOp, CopyPart, CopySource, FilesystemRef, Op};
use crate::remote::{is_http, parse_git};
use crate::text::{Span, Spanned};

/// What the sources of an instruction came to.
#[derive(Default)]
struct Sources {
    /// Files of the Dockerfile come last, wherever they are written.
    parts: Vec<CopyPart>,
    /// As history shows them, in the same order.
    shown: Vec<String>,
}

impl Sources {
    /// Adds a source to those before it, where they are taken from the same place.
    fn push(&mut self, from: &CopyFrom, source: CopySource, unpack: bool) {
        match self.parts.last_mut() {
            Some(last) if last.from == *from && last.unpack == unpack => last.sources.push(source),
            _ => self.parts.push(CopyPart { from: from.clone(), sources: vec![source], unpack }),
        }
    }
}

impl StageBuilder<'_, '_> {
    pub(super) fn transfer(&mut self, instruction: &Instruction, transfer: &Transfer, add: bool) {
        let keyword = if add { "ADD" } else { "COPY" };
        let before = self.planner.diagnostics.len();
        let mode_text = self.flag(transfer.chmod.as_ref());
        let mode = self.mode(mode_text.as_deref(), transfer);
        self.check_checksum(transfer);
        let sources = self.sources(instruction, transfer, add);
        let destination = self.expand(&transfer.destination);
        let owner = self.flag(transfer.chown.as_ref()).filter(|owner| !owner.is_empty());
        let exclude = self.excluded(transfer);
        let Some(destination) = destination else { return };
        if self.planner.diagnostics.len() > before {
            return;
        }
        let parents = on(transfer.parents.as_ref());
        let mut created_by = format!("{keyword} {}", if parents { "--parents " } else { "" });
        for (flag, value) in [("chown", &owner), ("chmod", &mode_text)] {
            if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
                created_by.push_str(&format!("--{flag}={value} "));
            }
        }
        created_by.push_str(&format!("{} {destination} # buildkit", sources.shown.join(" ")));
        let destination = absolute(self.state.cwd(), &destination);
        let platform = self.state.platform.clone();
        let op = Op::Copy(CopyOp {
            owner,
            // As BuildKit has it, a mode makes `--link` an ordinary copy.
            link: on(transfer.link.as_ref()) && mode.is_none(),
            mode,
            exclude,
            ..CopyOp::new(self.state.filesystem, sources.parts, destination, platform)
        });
        let name = self.step_name(&self.shown(instruction, true));
        self.step(op, name, instruction.head, created_by);
    }

    fn sources(&mut self, instruction: &Instruction, transfer: &Transfer, add: bool) -> Sources {
        let mut sources = Sources::default();
        let mut inline: Vec<(String, String, Span)> = Vec::new();
        let from = self.copied_from(transfer);
        let unpack = transfer.unpack.as_ref().map_or(add, |flag| flag.value);
        for source in &transfer.sources {
            match source {
                TransferSource::Path(word) => {
                    let Some(path) = self.expand(word) else { continue };
                    sources.shown.push(path.clone());
                    match self.operand(&path, word.span(), transfer, add) {
                        Operand::Wrong => {}
                        Operand::Remote(part) => sources.parts.push(part),
                        Operand::Local => {
                            let source = local_source(path, self.place(word.span()), on(transfer.parents.as_ref()));
                            if let Some(from) = self.context_if_there(from.as_ref(), &source) {
                                sources.push(from, source, unpack);
                            }
                        }
                    }
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
                    // As BuildKit has it, documents of one name are all what the last of them is.
                    inline.iter_mut().filter(|(name, ..)| *name == heredoc.name).for_each(|(_, earlier, _)| {
                        earlier.clone_from(&content);
                    });
                    inline.push((heredoc.name.clone(), content, heredoc.marker));
                }
            }
        }
        sources.shown.extend(inline.iter().map(|(name, ..)| format!("<<{name}")));
        // Files that the Dockerfile itself holds need no context.
        let own = CopyFrom::Filesystem(FilesystemRef::Scratch);
        for (name, content, marker) in inline {
            let Some(name) = self.inline_name(&name, marker) else { continue };
            sources.push(&own, CopySource::Inline { name, content }, unpack);
        }
        sources
    }

    /// The name of an inline file: its path is seen from a root that holds nothing else, so `..` leads nowhere.
    pub(super) fn inline_name(&mut self, name: &str, marker: Span) -> Option<String> {
        let path = clean(&join("/", name));
        let name = path.trim_start_matches('/');
        if name.is_empty() || name.contains('/') {
            self.invalid_file_name(&path, marker);
            return None;
        }
        Some(name.to_owned())
    }

    pub(super) fn invalid_file_name(&mut self, path: &str, marker: Span) {
        let message = format!("open {path}: no such file or directory");
        let diagnostic = Diagnostic::error("invalid-file-name", self.place(marker), message);
        let help = "give the file a name without directories; of `COPY` and `ADD` those go into the destination";
        self.planner.diagnostics.push(diagnostic.help(help));
    }

    fn flag(&mut self, value: Option<&Spanned<String>>) -> Option<String> {
        let value = value?;
        self.expand_str(&value.value, value.span)
    }

    /// `--checksum` is for one source that comes from elsewhere.
    fn check_checksum(&mut self, transfer: &Transfer) {
        let Some(checksum) = self.flag(transfer.checksum.as_ref()) else { return };
        let span = transfer.checksum.as_ref().map(|flag| flag.span).unwrap_or_default();
        if checksum.is_empty() {
            return;
        }
        let paths: Vec<&SourceText> = transfer.sources.iter().filter_map(path_operand).collect();
        let [only] = paths.as_slice() else {
            self.error("invalid-checksum", span, "checksum can't be specified for multiple sources");
            return;
        };
        let Some(path) = self.expand(only) else { return };
        let is_git = parse_git(&path).is_ok_and(|address| address.is_some_and(|address| !address.like_a_path));
        if !is_git && !is_http(&path) {
            self.error("invalid-checksum", span, "checksum requires HTTP(S) or Git sources");
        }
    }

    fn mode(&mut self, text: Option<&str>, transfer: &Transfer) -> Option<ModeChange> {
        let text = text.filter(|text| !text.is_empty())?;
        let span = transfer.chmod.as_ref().map(|flag| flag.span).unwrap_or_default();
        ModeChange::parse(text).map_err(|error| self.error("invalid-chmod", span, error.to_string())).ok()
    }

    fn excluded(&mut self, transfer: &Transfer) -> Vec<String> {
        for flag in &transfer.exclude {
            if let Err(error) = Patterns::new([flag.value.as_str()]) {
                let message = format!("invalid excludepatterns: [{}]: {error}", flag.value);
                self.error("invalid-exclude", flag.span, message);
            }
        }
        transfer.exclude.iter().map(|flag| flag.value.clone()).collect()
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

    /// Reports where something is taken from a main context that is not there.
    fn context_if_there<'f>(&mut self, from: Option<&'f CopyFrom>, source: &CopySource) -> Option<&'f CopyFrom> {
        let (path, span) = match source {
            CopySource::Path { path, span } => (path, *span),
            CopySource::Parents { pattern, span, .. } => (pattern, *span),
            CopySource::Inline { .. } => return from,
        };
        let is_main = from.is_some_and(|from| *from == CopyFrom::Context(String::new()));
        if is_main && !self.planner.options.has_main_context {
            let message = format!("\"/{}\": not found", path.trim_start_matches('/'));
            self.error("no-context", span, format!("{message}: there is no build context"));
            return None;
        }
        from
    }
}

fn on(flag: Option<&Spanned<bool>>) -> bool {
    flag.is_some_and(|flag| flag.value)
}

fn path_operand(source: &TransferSource) -> Option<&SourceText> {
    match source {
        TransferSource::Path(word) => Some(word),
        TransferSource::Heredoc(_) => None,
    }
}

/// What an operand means that names local files. With `--parents`, the first `/./` divides the part that is
/// not repeated at the destination from the part that is.
fn local_source(path: String, span: Span, parents: bool) -> CopySource {
    if !parents {
        return CopySource::Path { path, span };
    }
    let (base, pattern) = path.split_once("/./").unwrap_or(("/", &path));
    let pattern = clean(&join("/", pattern));
    let pattern = pattern.trim_start_matches('/').to_owned();
    CopySource::Parents { base: base.to_owned(), pattern, span }
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

    #[test]
    fn a_pivot_divides_what_is_repeated_from_what_is_not() {
        for (path, base, pattern) in [
            ("x/a.txt", "/", "x/a.txt"),
            ("./x/a.txt", "/", "x/a.txt"),
            ("./x/./y/a.txt", "./x", "y/a.txt"),
            ("/a/./b/./c", "/a", "b/c"),
            ("/a/b*/./c/**/e", "/a/b*", "c/**/e"),
            ("/a/.", "/", "a"),
            ("../../x", "/", "x"),
            (".", "/", ""),
        ] {
            let span = Span::from_range(0..0);
            let expected = CopySource::Parents { base: base.to_owned(), pattern: pattern.to_owned(), span };
            assert_eq!(local_source(path.to_owned(), span, true), expected, "{path}");
        }
    }
}
