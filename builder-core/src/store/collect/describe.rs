//! What made a layer, in words: from the parts of the key that are kept beside its record.

use serde::Deserialize;

use super::CacheKind;

/// A shell's way to the command that a person wrote.
const SHELLS: [&str; 3] = ["/bin/sh -c ", "/bin/bash -c ", "sh -c "];
/// The most characters that a description has.
const MAX_DESCRIPTION: usize = 500;

#[derive(Deserialize)]
struct Part {
    name: String,
    value: String,
}

/// Describes a step by the parts of its key as JSON.
pub(super) fn step(parts: &str) -> (CacheKind, String) {
    let parts: Vec<Part> = serde_json::from_str(parts).unwrap_or_default();
    let all = |name: &str| -> Vec<&str> {
        parts.iter().filter(|part| part.name == name).map(|part| part.value.as_str()).collect()
    };
    let one = |name: &str| all(name).first().copied().unwrap_or_default();
    let operation = one("operation");
    let text = match operation {
        "run" => {
            let command = all("argument").join(" ");
            let written = SHELLS.iter().find_map(|shell| command.strip_prefix(shell)).unwrap_or(&command);
            format!("RUN {written}")
        }
        "copy" | "linked copy" => {
            let sources = parts.iter().filter_map(|part| part.name.strip_prefix("source ")).filter(|rest| {
                // Names of other parts of the key.
                !matches!(*rest, "filesystem" | "path" | "date epoch")
            });
            let sources: Vec<&str> = sources.collect();
            let link = if operation == "linked copy" { "--link " } else { "" };
            let sources = if sources.is_empty() { "…".to_owned() } else { sources.join(" ") };
            format!("COPY {link}{sources} {}", one("destination"))
        }
        "workdir" => format!("WORKDIR {}", one("path")),
        "host" => format!("programs of this machine: {}", all("program").join(" ")),
        "git" => format!("git {}", one("commit")),
        "http" => format!("file {} from a web server", one("name")),
        "archive" => format!("archive {}", one("name")),
        other => other.to_owned(),
    };
    let kind = if operation == "git" { CacheKind::GitCheckout } else { CacheKind::Layer };
    (kind, shortened(&text))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_DESCRIPTION) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(parts: &[(&str, &str)]) -> String {
        let parts: Vec<_> =
            parts.iter().map(|(name, value)| serde_json::json!({ "name": name, "value": value })).collect();
        step(&serde_json::to_string(&parts).unwrap()).1
    }

    #[test]
    fn steps_are_told_as_they_were_written() {
        let run = [("operation", "run"), ("argument", "/bin/sh"), ("argument", "-c"), ("argument", "make all")];
        assert_eq!(described(&run), "RUN make all");
        let copy =
            [("operation", "copy"), ("source date epoch", ""), ("destination", "/app/"), ("source a", "blake3:")];
        assert_eq!(described(&copy), "COPY a /app/");
        assert_eq!(step("nonsense"), (CacheKind::Layer, String::new()));
        assert_eq!(step(r#"[{"name":"operation","value":"git"},{"name":"commit","value":"ab"}]"#).1, "git ab");
    }
}
