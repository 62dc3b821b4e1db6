//! Comments that silence rules: hadolint's and BuildKit's.
//!
//! | comment | what it silences |
//! |---|---|
//! | `# hadolint ignore=A,B` | the instruction below it |
//! | `# hadolint stage ignore=A` above a `FROM` | the stage |
//! | `# hadolint global ignore=A` | the file |
//! | `# check=skip=A,B` at the top | the file |
//! | `# check=skip=A` above an instruction | the instruction |
//!
//! `builder` may stand in the place of `hadolint`. In hadolint's dialect the comment must be on the line directly
//! above the instruction, as with hadolint itself; otherwise it may be anywhere in the comment block above it, and a
//! comment between the lines of a continued instruction silences the line below it.

use std::collections::HashMap;
use std::ops::Range;

use super::finding::Finding;
use super::model::{Model, StageView};
use super::options::{Dialect, LintOptions};
use super::rules::{ignore_pragma, unused_suppression};
use crate::dockerfile::{Comment, Dockerfile, Instruction, InstructionKind};
use crate::text::{SourceFile, Span, Spanned};

/// What a comment silences.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Scope {
    File,
    /// Instructions, by their places.
    Instructions(Range<usize>),
    /// One line of the file.
    Line(u32),
}

/// One code of a comment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Suppression {
    /// The code, and where it stands.
    pub(super) code: Spanned<String>,
    /// The comment.
    pub(super) comment: Span,
    /// Whether it is a plain `# hadolint ignore=`.
    pub(super) is_inline: bool,
    scope: Scope,
    pub(super) used: bool,
}

/// Takes silenced findings out, and reports what silenced nothing.
pub(super) fn apply(
    source: &SourceFile,
    dockerfile: &Dockerfile,
    model: &Model<'_>,
    options: &LintOptions,
    findings: &mut Vec<Finding>,
) {
    if !options.pragmas {
        return;
    }
    let mut suppressions = collect(source, dockerfile, model, options.dialect);
    let places = Places::new(&suppressions);
    findings.retain(|finding| {
        let mut silenced = false;
        for at in places.candidates(source, finding) {
            if let Some(suppression) = suppressions.get_mut(at).filter(|suppression| suppression.names(finding)) {
                suppression.used = true;
                silenced = true;
            }
        }
        !silenced
    });
    ignore_pragma::report(options, &suppressions, findings);
    unused_suppression::report(options, &suppressions, findings);
    unused_suppression::report_malformed(options, malformed(source, dockerfile), findings);
}

/// Finds comments that were meant to silence something and do not, and says what is wrong with them.
fn malformed(source: &SourceFile, dockerfile: &Dockerfile) -> Vec<(Span, String)> {
    let mut found = Vec::new();
    for directive in dockerfile.directives.iter().filter(|directive| directive.name.value == "check") {
        found.extend(unknown_setting(&directive.value.value).map(|message| (directive.span, message)));
    }
    for comment in &dockerfile.comments {
        let text = source.slice(comment.span).trim_start_matches('#').trim();
        if let Some(settings) = text.strip_prefix("check").and_then(|rest| rest.trim_start().strip_prefix('=')) {
            found.extend(unknown_setting(settings).map(|message| (comment.span, message)));
            continue;
        }
        let Some(rest) = text.strip_prefix("hadolint ").or_else(|| text.strip_prefix("builder ")) else { continue };
        let rest = rest.trim_start();
        let scope = ["global ", "stage "].iter().find_map(|scope| rest.strip_prefix(scope));
        let rest = scope.unwrap_or(rest).trim_start();
        if !rest.starts_with("ignor") || read(source, comment, Dialect::Builder).is_some() {
            continue;
        }
        let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        let message = match behind.trim_start().chars().next() {
            Some('=') if word == "ignore" => {
                "this silences nothing: behind the codes may stand only another `#` and a reason".to_owned()
            }
            Some('=') => format!("this silences nothing: `{word}` is no setting, write `ignore=`"),
            Some(':') => format!("this silences nothing: write `=` behind `{word}`, not `:`"),
            // Prose.
            _ => continue,
        };
        found.push((comment.span, message));
    }
    found
}

/// Says which setting of `# check=` there is not.
fn unknown_setting(settings: &str) -> Option<String> {
    let names = settings.split(';').filter_map(|part| Some(part.split_once('=')?.0.trim()));
    let mut unknown = names.filter(|name| !["skip", "error", "experimental"].contains(name));
    let name = unknown.next()?;
    Some(format!("`{name}` is no setting of `check`: there are `skip`, `error` and `experimental`"))
}

impl Suppression {
    /// `ALL` is BuildKit's, and means its checks.
    fn names(&self, finding: &Finding) -> bool {
        match self.code.value.as_str() {
            "ALL" => finding.rule.buildkit_name().is_some(),
            name => finding.rule.is_named(name),
        }
    }
}

/// What covers a place, so that not every finding has to ask every comment.
#[derive(Default)]
struct Places {
    file: Vec<usize>,
    instructions: HashMap<usize, Vec<usize>>,
    lines: HashMap<u32, Vec<usize>>,
}

impl Places {
    fn new(suppressions: &[Suppression]) -> Self {
        let mut places = Self::default();
        for (at, suppression) in suppressions.iter().enumerate() {
            match &suppression.scope {
                Scope::File => places.file.push(at),
                Scope::Instructions(range) => {
                    for index in range.clone() {
                        places.instructions.entry(index).or_default().push(at);
                    }
                }
                Scope::Line(line) => places.lines.entry(*line).or_default().push(at),
            }
        }
        places
    }

    fn candidates(&self, source: &SourceFile, finding: &Finding) -> impl Iterator<Item = usize> {
        let instruction = finding.instruction.and_then(|index| self.instructions.get(&index));
        let anchor = source.line_of(Span::at(finding.anchor.start));
        let own = source.line_of(finding.span());
        let lines = [Some(anchor), Some(own).filter(|own| *own != anchor)].into_iter().flatten();
        let lines = lines.filter_map(|line| self.lines.get(&line)).flatten();
        self.file.iter().chain(instruction.into_iter().flatten()).chain(lines).copied()
    }
}

fn collect(source: &SourceFile, dockerfile: &Dockerfile, model: &Model<'_>, dialect: Dialect) -> Vec<Suppression> {
    let mut found = Vec::new();
    for directive in dockerfile.directives.iter().filter(|directive| directive.name.value == "check") {
        let codes = check_codes(&directive.value.value, directive.value.span.start);
        add(&mut found, codes, directive.span, false, &Scope::File);
    }
    let comments = |(index, known): (usize, &Instruction)| {
        known.comments.iter().map(move |own| (own.span, index)).collect::<Vec<_>>()
    };
    let owners: HashMap<Span, usize> = dockerfile.instructions.iter().enumerate().flat_map(comments).collect();
    for comment in &dockerfile.comments {
        let Some((kind, codes)) = read(source, comment, dialect) else { continue };
        let before = dockerfile.instructions.partition_point(|known| known.head.start < comment.span.start);
        let around = before.checked_sub(1).and_then(|at| dockerfile.instructions.get(at));
        if dialect == Dialect::Hadolint && around.is_some_and(|known| comment.span.start < known.head.end) {
            continue;
        }
        let line = source.line_of(comment.span);
        // The instruction whose comment block this is in.
        let below = owners.get(&comment.span).copied();
        let next_line = Scope::Line(line + 1);
        let scope = match (kind, below) {
            (Kind::Global, _) => Scope::File,
            // hadolint wants it directly above.
            (Kind::Stage, Some(index))
                if dialect == Dialect::Hadolint && source.line_of(dockerfile.instructions[index].span) != line + 1 =>
            {
                continue;
            }
            (Kind::Stage, Some(index)) => match stage_at(model, index) {
                // hadolint leaves the `FROM` itself out.
                Some(stage) => {
                    let first = stage.from + usize::from(dialect == Dialect::Hadolint);
                    Scope::Instructions(first..stage.body.end)
                }
                None => continue,
            },
            (Kind::Stage, None) => continue,
            (Kind::Next | Kind::Check, _) if dialect == Dialect::Hadolint => next_line,
            (Kind::Check, Some(index)) if matches!(dockerfile.instructions[index].kind, InstructionKind::From(_)) => {
                match stage_at(model, index) {
                    Some(stage) => Scope::Instructions(stage.from..stage.body.end),
                    None => next_line,
                }
            }
            (Kind::Next | Kind::Check, Some(index)) => Scope::Instructions(index..index + 1),
            (Kind::Next | Kind::Check, None) => next_line,
        };
        add(&mut found, codes, comment.span, kind == Kind::Next, &scope);
    }
    found
}

/// Returns the stage that a `FROM` begins.
fn stage_at<'m>(model: &'m Model<'_>, from: usize) -> Option<&'m StageView> {
    let at = model.stages.binary_search_by_key(&from, |stage| stage.from).ok()?;
    model.stages.get(at)
}

fn add(found: &mut Vec<Suppression>, codes: Vec<Spanned<String>>, comment: Span, is_inline: bool, scope: &Scope) {
    found.extend(codes.into_iter().map(|code| Suppression {
        code,
        comment,
        is_inline,
        scope: scope.clone(),
        used: false,
    }));
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Next,
    Stage,
    Global,
    Check,
}

/// Reads a comment as one that silences something.
fn read(source: &SourceFile, comment: &Comment, dialect: Dialect) -> Option<(Kind, Vec<Spanned<String>>)> {
    let raw = source.slice(comment.span);
    let mut rest = Scan { text: raw, at: 0 };
    rest.token("#")?;
    if rest.token("check").is_some() {
        rest.token("=")?;
        let start = comment.span.start + u32::try_from(rest.at).ok()?;
        let codes = check_codes(&raw[rest.at..], start);
        return (!codes.is_empty()).then_some((Kind::Check, codes));
    }
    rest.token("hadolint").or_else(|| rest.token("builder"))?;
    let kind = if rest.token("global ").is_some() {
        Kind::Global
    } else if rest.token("stage ").is_some() {
        Kind::Stage
    } else {
        Kind::Next
    };
    rest.token("ignore")?;
    rest.token("=")?;
    let mut codes = Vec::new();
    let mut is_list_open = false;
    loop {
        rest.blanks();
        let word = rest.word();
        if word.value.is_empty() {
            break;
        }
        if dialect == Dialect::Hadolint && !word.value.chars().all(|c| "DLSC".contains(c) || c.is_ascii_digit()) {
            return None;
        }
        is_list_open = false;
        codes.push(Spanned::new(
            word.value,
            Span::new(comment.span.start + word.span.start, comment.span.start + word.span.end),
        ));
        if rest.token(",").is_none() {
            break;
        }
        is_list_open = true;
    }
    // A reason may follow, after another `#`.
    rest.blanks();
    let is_whole = rest.text[rest.at..].is_empty() || rest.text[rest.at..].starts_with('#');
    (is_whole && !codes.is_empty() && !(is_list_open && dialect == Dialect::Hadolint)).then_some((kind, codes))
}

/// Reads the codes of `skip=A,B;error=true`.
fn check_codes(value: &str, start: u32) -> Vec<Spanned<String>> {
    let mut codes = Vec::new();
    let mut at = 0;
    for part in value.split(';') {
        if let Some(list) = part.trim().strip_prefix("skip=") {
            let mut inner = at + part.find("skip=").unwrap_or(0) + "skip=".len();
            for code in list.split(',') {
                let name = code.trim();
                if !name.is_empty() {
                    let from = inner + code.len() - code.trim_start().len();
                    let span = Span::from_range(start as usize + from..start as usize + from + name.len());
                    let name = if name.eq_ignore_ascii_case("all") { "ALL" } else { name };
                    codes.push(Spanned::new(name.to_owned(), span));
                }
                inner += code.len() + 1;
            }
        }
        at += part.len() + 1;
    }
    codes
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
}

impl Scan<'_> {
    fn blanks(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn token(&mut self, token: &str) -> Option<()> {
        self.blanks();
        let rest = self.text[self.at..].strip_prefix(token)?;
        self.at = self.text.len() - rest.len();
        Some(())
    }

    fn word(&mut self) -> Spanned<String> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').unwrap_or(rest.len());
        let span = Span::from_range(self.at..self.at + end);
        self.at += end;
        Spanned::new(rest[..end].to_owned(), span)
    }
}
