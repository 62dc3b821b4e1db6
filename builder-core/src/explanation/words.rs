//! The words of an explanation.

use std::fmt;

use super::{Change, ChangeKind, ChangedValue, FileChanges, FileNames, Ran, Reason};
use crate::diagnostic::render::visible;

/// The longest value that is shown whole, in characters.
const MAX_SHOWN: usize = 80;
/// Digits of a digest that are shown.
const DIGEST_DIGITS: usize = 12;

impl Ran {
    /// Returns why the step ran, a reason a line.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = match &self.reason {
            Reason::NoRecord => vec!["no record of such a step exists".to_owned()],
            Reason::Changed => Vec::new(),
            Reason::NoCache => vec!["--no-cache was given".to_owned()],
            Reason::NoCacheStage => vec!["--no-cache-filter names its stage".to_owned()],
            Reason::NotInStore => vec!["it was not in the store".to_owned()],
            Reason::ResultGone => vec!["nothing changed, but its result is no longer in the store".to_owned()],
            Reason::NeverFetched(cache) => {
                vec![format!("nothing changed, but its layer was never fetched from the cache {}", visible(cache))]
            }
        };
        lines.extend(self.changes.iter().map(ToString::to_string));
        lines
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ChangeKind::Base => return self.base(f),
            ChangeKind::Step { ran } => return self.step(f, ran),
            _ => {}
        }
        let what = self.what();
        if let Some(files) = &self.files {
            return write!(f, "{what}: {files}");
        }
        match (&self.old, &self.new) {
            (Some(ChangedValue::Shown(old)), Some(ChangedValue::Shown(new))) => {
                let (line, old, new) = differing_line(old, new);
                let line = line.map(|line| format!(", line {line}")).unwrap_or_default();
                write!(f, "{what}{line}: {} → {}", shown(old), shown(new))
            }
            (Some(ChangedValue::Hidden), Some(_)) | (Some(_), Some(ChangedValue::Hidden)) => {
                write!(f, "{what} changed; its value is not shown")
            }
            (Some(_), Some(_)) => write!(f, "{what} changed"),
            (Some(ChangedValue::Shown(old)), None) => write!(f, "{what} is gone, it was {}", shown(old)),
            (Some(_), None) => write!(f, "{what} is gone"),
            (None, Some(ChangedValue::Shown(new))) => write!(f, "{what} is new: {}", shown(new)),
            (None, Some(_)) => write!(f, "{what} is new"),
            (None, None) => write!(f, "{what} changed"),
        }
    }
}

impl Change {
    fn what(&self) -> String {
        let name = visible(&self.name);
        match self.kind {
            ChangeKind::Arg => format!("ARG {name}"),
            ChangeKind::Env => format!("ENV {name}"),
            ChangeKind::Command => "the command".to_owned(),
            ChangeKind::Shell => "SHELL".to_owned(),
            ChangeKind::Script => format!("script {name}"),
            ChangeKind::Workdir => "the working directory".to_owned(),
            ChangeKind::User => "the user".to_owned(),
            ChangeKind::Platform => "the platform".to_owned(),
            ChangeKind::Epoch => "SOURCE_DATE_EPOCH".to_owned(),
            _ => name.to_string(),
        }
    }

    fn base(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |value: &Option<ChangedValue>| {
            let value = value.as_ref().and_then(ChangedValue::shown).unwrap_or("nothing");
            visible(&short_digest(value)).to_string()
        };
        let (old, new) = (value(&self.old), value(&self.new));
        if self.name.is_empty() {
            write!(f, "the base is another one: {old} → {new}")
        } else {
            write!(f, "base image {} moved: {old} → {new}", visible(&self.name))
        }
    }

    fn step(&self, f: &mut fmt::Formatter<'_>, ran: bool) -> fmt::Result {
        let value = |value: &Option<ChangedValue>| {
            value.as_ref().and_then(ChangedValue::shown).map(|text| visible(text).to_string())
        };
        let name = visible(&self.name);
        match (value(&self.old), value(&self.new)) {
            (Some(old), Some(_)) => write!(f, "step {name} changed, it was {old}"),
            (Some(old), None) => write!(f, "step {old} is gone"),
            (None, Some(_)) => write!(f, "step {name} is new"),
            (None, None) if ran => write!(f, "step {name} ran and left other files"),
            (None, None) => write!(f, "step {name} has other files than it had then"),
        }
    }
}

/// For texts of several lines, the first line that differs, with its number.
fn differing_line<'t>(old: &'t str, new: &'t str) -> (Option<usize>, &'t str, &'t str) {
    if !old.trim_end().contains('\n') && !new.trim_end().contains('\n') {
        return (None, old, new);
    }
    let (mut old_lines, mut new_lines) = (old.lines(), new.lines());
    for number in 1.. {
        match (old_lines.next(), new_lines.next()) {
            (None, None) => break,
            (old, new) if old == new => {}
            (old, new) => return (Some(number), old.unwrap_or_default(), new.unwrap_or_default()),
        }
    }
    (None, old, new)
}

fn shown(value: &str) -> String {
    let mut characters = value.chars();
    let start: String = characters.by_ref().take(MAX_SHOWN).collect();
    let more = if characters.next().is_some() { "…" } else { "" };
    format!("\"{}\"{more}", visible(&start))
}

fn short_digest(text: &str) -> String {
    match text.split_once(':') {
        Some(("sha256", hex)) if hex.len() > DIGEST_DIGITS => {
            format!("sha256:{}", hex.get(..DIGEST_DIGITS).unwrap_or(hex))
        }
        _ => text.to_owned(),
    }
}

impl fmt::Display for FileChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for (verb, names) in [("changed", &self.changed), ("added", &self.added), ("removed", &self.removed)] {
            if names.count > 0 {
                write!(f, "{between}{verb} {names}")?;
                between = "; ";
            }
        }
        Ok(())
    }
}

impl fmt::Display for FileNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.first.iter().map(|name| visible(name).to_string()).collect();
        f.write_str(&names.join(", "))?;
        match self.count.saturating_sub(self.first.len()) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(kind: ChangeKind, name: &str, old: Option<&str>, new: Option<&str>) -> String {
        let shown = |text: &str| ChangedValue::Shown(text.to_owned());
        Change::new(kind, name, old.map(shown), new.map(shown)).to_string()
    }

    #[test]
    fn values_come_and_go() {
        let arg = ChangeKind::Arg;
        assert_eq!(words(arg, "V", Some("1"), Some("2")), "ARG V: \"1\" → \"2\"");
        assert_eq!(words(arg, "V", None, Some("2")), "ARG V is new: \"2\"");
        assert_eq!(words(arg, "V", Some("1"), None), "ARG V is gone, it was \"1\"");
        let hidden = || Some(ChangedValue::Hidden);
        assert_eq!(
            Change::new(arg, "TOKEN", hidden(), hidden()).to_string(),
            "ARG TOKEN changed; its value is not shown"
        );
        assert_eq!(Change::new(arg, "TOKEN", None, hidden()).to_string(), "ARG TOKEN is new");
    }

    #[test]
    fn long_values_are_cut_and_of_long_texts_a_line_is_shown() {
        let long = "x".repeat(200);
        assert_eq!(
            words(ChangeKind::Env, "A", Some("short"), Some(&long)),
            format!("ENV A: \"short\" → \"{}\"…", "x".repeat(80))
        );
        let (old, new) = (Some("a\nb\nc\n"), Some("a\nB\nc\n"));
        assert_eq!(words(ChangeKind::Command, "", old, new), "the command, line 2: \"b\" → \"B\"");
    }

    #[test]
    fn nothing_that_moves_the_cursor_is_shown() {
        let words = words(ChangeKind::Env, "A\u{1b}[2J", Some("\u{1b}[31m"), Some("x"));
        assert!(!words.contains('\u{1b}'), "{words:?}");
    }

    #[test]
    fn bases_move_and_steps_change() {
        let [old, new] = ["a", "b"].map(|letter| format!("sha256:{}", letter.repeat(64)));
        assert_eq!(
            words(ChangeKind::Base, "debian:12", Some(&old), Some(&new)),
            "base image debian:12 moved: sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb"
        );
        let (old, new) = (Some("debian:11"), Some("debian:12"));
        assert_eq!(words(ChangeKind::Base, "", old, new), "the base is another one: debian:11 → debian:12");
        let step = ChangeKind::Step { ran: true };
        assert_eq!(words(step, "[2/5] RUN make", None, None), "step [2/5] RUN make ran and left other files");
    }

    #[test]
    fn many_files_are_counted() {
        let mut files = FileChanges::default();
        for number in 0..9 {
            files.changed.push(|| format!("f{number}"));
        }
        files.removed.push(|| "gone".to_owned());
        assert_eq!(files.to_string(), "changed f0, f1, f2, f3, f4 and 4 more; removed gone");
    }
}
