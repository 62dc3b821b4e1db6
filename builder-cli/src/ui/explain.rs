//! Why steps ran and who made what was cached: words for people, JSON for programs.

use std::fmt::Write as _;

use builder_core::diagnostic::render::visible;
use builder_core::explanation::{
    BuildRecord, Change, ChangedValue, ExplainedStep, Explanation, FileChanges, FileNames, Ran, Reason,
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::format::ago;
use super::log_lines::{exact_line, one_line};

/// Digits of a build's id that people are shown.
const ID_DIGITS: usize = 8;

/// What is said of a step that ran for nothing.
const SAME_RESULT: &str = "left the same files as before, so that nothing after it is disturbed";

/// Whether people are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Explain {
    /// They are.
    Steps,
    /// They are not; programs always are.
    Nothing,
}

/// Returns the lines to show below a step, without indentation.
pub(super) fn lines(explanation: &Explanation) -> Vec<String> {
    match explanation {
        Explanation::Cached { .. } => Vec::new(),
        Explanation::Ran(ran) => {
            let because = ran.lines().into_iter().map(|line| format!("because {}", exact_line(&line)));
            because.chain(ran.same_result.then(|| SAME_RESULT.to_owned())).collect()
        }
    }
}

/// Returns what stands behind `CACHED`: nothing, ` (made by …)`, or ` (from cache …)`.
pub(super) fn maker(explanation: &Explanation, now: Timestamp) -> String {
    match explanation {
        Explanation::Cached { made_by: Some(build), .. } => format!(" (made by {})", shown_build(build, now)),
        Explanation::Cached { from_cache: Some(cache), .. } => format!(" (from cache {})", visible(&one_line(cache))),
        _ => String::new(),
    }
}

/// The beginning of a build's id.
pub(crate) fn short_id(build: &BuildRecord) -> &str {
    build.id.get(..ID_DIGITS).unwrap_or(&build.id)
}

/// `build 3f2a8c1b 2 hours ago: builder build -t app .`
pub(crate) fn shown_build(build: &BuildRecord, now: Timestamp) -> String {
    let id = short_id(build);
    let time = ago(now.as_second().saturating_sub(build.started.0));
    let mut text = format!("build {id} {}", time.to_lowercase());
    if !build.command.is_empty() {
        text.push_str(&format!(": {}", visible(&one_line(&build.command))));
    }
    text
}

/// Returns what is said of all steps at the end of a build; nothing where there is nothing to say.
pub(crate) fn summary<'s>(steps: impl Iterator<Item = &'s ExplainedStep>, now: Timestamp) -> String {
    let mut text = String::new();
    let steps: Vec<&ExplainedStep> = steps.collect();
    let ran = steps.iter().filter(|step| matches!(step.explanation, Explanation::Ran(_))).count();
    if steps.is_empty() {
        return text;
    }
    let cached = steps.len() - ran;
    let (ran_steps, was) = (if ran == 1 { "step" } else { "steps" }, if cached == 1 { "was" } else { "were" });
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(text, "\n{ran} {ran_steps} ran, {cached} {was} in the cache:");
    for step in steps {
        let name = visible(&one_line(&step.name)).into_owned();
        match &step.explanation {
            Explanation::Cached { .. } => {
                let _ = writeln!(text, " => CACHED {name}{}", maker(&step.explanation, now));
            }
            Explanation::Ran(ran) => {
                let _ = writeln!(text, " => {name}");
                for line in lines(&step.explanation) {
                    let _ = writeln!(text, "    {line}");
                }
                if let Some(build) = &ran.compared_with {
                    let _ = writeln!(text, "    compared with {}", shown_build(build, now));
                }
            }
        }
    }
    text
}

/// Describes how a step came to its result: `cached`, then for a hit `madeBy` or `fromCache` (absent where nobody knows),
/// else `reason` (`changed`, `no-record`, `no-cache`, `no-cache-stage`, `not-in-store`, `result-gone`, `never-fetched`, with
/// the cache in `fromCache`), `changes`,
/// `text` (the lines that people are shown), `sameResult` (only `true`) and `comparedWith`.
pub(crate) fn explanation(explanation: &Explanation) -> Value {
    match explanation {
        Explanation::Cached { made_by, from_cache } => {
            let mut value = json!({ "cached": true });
            if let Some(cache) = from_cache {
                value["fromCache"] = json!(cache);
            }
            if let Some(by) = made_by {
                value["madeBy"] = build(by);
            }
            value
        }
        Explanation::Ran(ran) => self::ran(ran),
    }
}

fn ran(ran: &Ran) -> Value {
    let reason = match &ran.reason {
        Reason::NoRecord => "no-record",
        Reason::Changed => "changed",
        Reason::NoCache => "no-cache",
        Reason::NoCacheStage => "no-cache-stage",
        Reason::NotInStore => "not-in-store",
        Reason::ResultGone => "result-gone",
        Reason::NeverFetched(_) => "never-fetched",
    };
    let changes: Vec<Value> = ran.changes.iter().map(change).collect();
    let mut value = json!({ "cached": false, "reason": reason, "changes": changes, "text": ran.lines() });
    if let Reason::NeverFetched(cache) = &ran.reason {
        value["fromCache"] = json!(cache);
    }
    if ran.same_result {
        value["sameResult"] = json!(true);
    }
    if let Some(compared) = &ran.compared_with {
        value["comparedWith"] = build(compared);
    }
    value
}

/// `kind`, `name` where it has one, `old` and `new` where they may be shown, `files` where they are known, `text`.
fn change(change: &Change) -> Value {
    let mut value = json!({ "kind": change.kind.as_str(), "text": change.to_string() });
    if !change.name.is_empty() {
        value["name"] = json!(change.name);
    }
    for (key, side) in [("old", &change.old), ("new", &change.new)] {
        if let Some(shown) = side.as_ref().and_then(ChangedValue::shown) {
            value[key] = json!(shown);
        }
    }
    if let Some(FileChanges { changed, added, removed }) = &change.files {
        let names = |names: &FileNames| json!({ "count": names.count, "first": names.first });
        value["files"] = json!({ "changed": names(changed), "added": names(added), "removed": names(removed) });
    }
    value
}

/// Describes a build: `id`, `time` (RFC 3339), `command`, `context`, `dockerfile`, `target` where one was given.
pub(crate) fn build(build: &BuildRecord) -> Value {
    let mut value = json!({ "id": build.id, "context": build.context, "dockerfile": build.dockerfile });
    let (seconds, nanoseconds) = build.started;
    if let Ok(time) = Timestamp::new(seconds, i32::try_from(nanoseconds).unwrap_or_default()) {
        value["time"] = json!(time.to_string());
    }
    for (key, text) in [("command", &build.command), ("target", &build.target)] {
        if !text.is_empty() {
            value[key] = json!(text);
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_names_its_build() {
        let build = BuildRecord {
            id: "3f2a8c1b00000000".to_owned(),
            started: (1000, 0),
            command: "builder build -t app .".to_owned(),
            ..BuildRecord::default()
        };
        let hit = Explanation::Cached { made_by: Some(build), from_cache: None };
        let now = Timestamp::new(1000 + 7300, 0).unwrap();
        assert_eq!(maker(&hit, now), " (made by build 3f2a8c1b 2 hours ago: builder build -t app .)");
        assert_eq!(maker(&Explanation::Cached { made_by: None, from_cache: None }, now), "");
        let shared = Explanation::Cached { made_by: None, from_cache: Some("host/cache:1".to_owned()) };
        assert_eq!(maker(&shared, now), " (from cache host/cache:1)");
        let steps = [ExplainedStep { name: "[1/2] RUN a".to_owned(), explanation: hit }];
        let summary = summary(steps.iter(), now);
        assert!(
            summary.starts_with("\n0 steps ran, 1 was in the cache:\n => CACHED [1/2] RUN a (made by"),
            "{summary}"
        );
    }
}
