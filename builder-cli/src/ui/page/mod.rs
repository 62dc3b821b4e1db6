//! The page of `builder layers --html`: one file that loads nothing. Its parts are `page.html`, `page.css` and
//! `page.js`; here they are put together with the figures.
//!
//! Names of files come from anywhere. They are in a block of JSON in which no `<` is left, and the script makes text
//! of them and never markup. A policy in the page's head lets this script and this style run and nothing else.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use builder_core::digest::Digest;
use builder_core::report::{Analysis, ImageReport, SizeKind, SizeTree};
use builder_core::store::{TimedStep, Timeline};
use serde_json::{Value, json};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The most bytes of the block of figures: a page is to stay below 3 MB.
const MAX_DATA: usize = 2_500_000;
/// How many files and directories the map has at the most; fewer where their names are long.
const MAX_NODES: usize = 20_000;

/// How many characters of an instruction it has.
const MAX_INSTRUCTION: usize = 1000;

/// What a page shows.
#[derive(Debug)]
pub(crate) struct Page<'p> {
    /// What the image is called.
    pub(crate) name: &'p str,
    /// The figures, with as many files and paths as shall be listed.
    pub(crate) report: &'p ImageReport,
    /// Where the sizes of the map come from.
    pub(crate) analysis: &'p Analysis,
    /// How long the build took, where it was built here.
    pub(crate) timeline: Option<&'p Timeline>,
}

impl Page<'_> {
    /// Returns the page.
    pub(crate) fn html(&self) -> String {
        let mut nodes = MAX_NODES;
        let mut data = self.data(nodes);
        while data.len() > MAX_DATA && nodes > 0 {
            nodes /= 2;
            data = self.data(nodes);
        }
        let policy = format!(
            "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'",
            source(SCRIPT),
            source(STYLE)
        );
        let title = format!("{} · where the bytes are", self.name);
        let parts = [
            ("{{POLICY}}", policy),
            ("{{TITLE}}", escaped(&title)),
            ("{{STYLE}}", STYLE.to_owned()),
            ("{{DATA}}", data),
            ("{{SCRIPT}}", SCRIPT.to_owned()),
        ];
        // What is filled in is not looked through for more places.
        let (mut html, mut rest) = (String::new(), PAGE);
        for (place, text) in parts {
            if let Some((before, after)) = rest.split_once(place) {
                html.push_str(before);
                html.push_str(&text);
                rest = after;
            }
        }
        html + rest
    }

    fn data(&self, nodes: usize) -> String {
        let report = self.report;
        let layers: Vec<Value> = report
            .layers
            .iter()
            .map(|layer| {
                json!({
                    "number": layer.number, "instruction": beginning(&short_instruction(&layer.created_by)),
                    "bytes": layer.bytes, "kept": layer.kept, "wasted": layer.wasted,
                    "added": layer.added, "changed": layer.changed, "hidden": layer.hidden,
                })
            })
            .collect();
        let data = json!({
            "name": self.name, "digest": report.digest, "platform": report.platform,
            "stored": report.stored, "bytes": report.bytes, "kept": report.kept, "wasted": report.wasted,
            "efficiency": report.efficiency, "layers": layers, "waste": report.waste, "biggest": report.biggest,
            "nodes": rows(&self.analysis.sizes(nodes)),
            "timeline": self.timeline.map(|timeline| self.times(timeline)),
            "maker": format!("Made by builder {}", env!("CARGO_PKG_VERSION")),
        });
        inert(&data.to_string())
    }

    /// The steps of the build, with the numbers of their layers.
    fn times(&self, timeline: &Timeline) -> Value {
        let layer = |diff_id: Digest| self.report.layers.iter().find(|layer| layer.diff_id == diff_id);
        let step = |step: &TimedStep| {
            let layer = step.layer.and_then(layer).map(|layer| layer.number);
            json!({ "name": step.name, "begin": step.begin, "elapsed": step.elapsed, "kind": step.kind, "layer": layer })
        };
        let steps: Vec<Value> = timeline.steps.iter().map(step).collect();
        json!({ "command": timeline.command, "started": timeline.started, "elapsed": timeline.elapsed, "steps": steps })
    }
}

/// The parts of the map as short rows: parent (-1 for none), layer, kind, name, bytes, wasted, files, hidden by.
fn rows(tree: &SizeTree) -> Vec<Value> {
    let row = |node: &builder_core::report::SizeNode| {
        let kind = match node.kind {
            SizeKind::Layer => 0,
            SizeKind::Directory => 1,
            SizeKind::File => 2,
            SizeKind::Rest => 3,
        };
        let parent = node.parent.and_then(|parent| i64::try_from(parent).ok()).unwrap_or(-1);
        json!([parent, node.layer, kind, node.name, node.bytes, node.wasted, node.files, node.hidden_by.unwrap_or(0)])
    };
    tree.nodes.iter().map(row).collect()
}

/// Returns an instruction as it was written, as far as the history tells, in one line.
pub(crate) fn short_instruction(created_by: &str) -> String {
    let text = created_by.trim();
    let text = ["# buildkit", "# builder"].iter().find_map(|end| text.strip_suffix(end)).unwrap_or(text);
    let text = match text.strip_prefix("/bin/sh -c ") {
        Some(rest) => match rest.strip_prefix("#(nop) ") {
            Some(instruction) => instruction.to_owned(),
            None => format!("RUN {rest}"),
        },
        None => text.replacen("RUN /bin/sh -c ", "RUN ", 1),
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() { "(not said)".to_owned() } else { text }
}

/// The beginning of a text that may be of any length.
fn beginning(text: &str) -> String {
    let mut characters = text.chars();
    let mut shown: String = characters.by_ref().take(MAX_INSTRUCTION).collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// JSON that ends no element and begins none.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// Text between tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What a policy calls a script or a style: by its digest.
fn source(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Digest::of(text.as_bytes()).as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use builder_core::report::{Entry, EntryKind};

    fn report(layers: usize) -> ImageReport {
        let digest = Digest::of(b"");
        let layer = |number| builder_core::report::LayerFigures {
            number,
            digest,
            diff_id: digest,
            created_by: "RUN </script><script>alert(1)</script> {{DATA}}".to_owned(),
            created: String::new(),
            stored: 0,
            bytes: 1,
            kept: 1,
            wasted: 0,
            entries: 0,
            directories: 0,
            added: 0,
            changed: 0,
            hidden: 0,
            hidden_bytes: 0,
            whiteouts: 0,
            opaque: 0,
            biggest: Vec::new(),
        };
        ImageReport {
            digest,
            platform: "linux/amd64".to_owned(),
            stored: 0,
            bytes: 0,
            kept: 0,
            wasted: 0,
            efficiency: 1.0,
            layers: (1..=layers).map(layer).collect(),
            waste: Vec::new(),
            biggest: Vec::new(),
        }
    }

    fn page(analysis: &Analysis) -> String {
        Page { name: "</title><script>{{SCRIPT}}", report: &report(1), analysis, timeline: None }.html()
    }

    #[test]
    fn hostile_names_end_no_element() {
        let mut analysis = Analysis::new();
        analysis.begin_layer().unwrap();
        let path = b"etc/</script><img src=x onerror=alert(1)>\xff&lt;";
        analysis.entry(&Entry { kind: EntryKind::File, path, link: b"", size: 9 }).unwrap();
        let html = page(&analysis);
        assert_eq!(html.matches("</script>").count(), 2);
        assert_eq!(html.matches("<script").count(), 2);
        assert_eq!(html.matches("</title>").count(), 1);
        assert!(!html.contains("<img"));
        assert!(!html.contains("{{POLICY}}") && html.contains("'sha256-"));
        let data = html.split_once(r#"id="data">"#).unwrap().1.split_once("</script>").unwrap().0;
        let data: Value = serde_json::from_str(data).unwrap();
        assert!(data["nodes"].to_string().contains("onerror"), "{data}");
        assert!(html.ends_with("</html>\n"));
    }

    #[test]
    fn a_page_has_a_limit_whatever_the_names() {
        let mut analysis = Analysis::new();
        analysis.begin_layer().unwrap();
        for n in 0..50_000_u64 {
            let mut path = format!("{}/{n}", n % 100).into_bytes();
            path.resize(200, 1);
            analysis.entry(&Entry { kind: EntryKind::File, path: &path, link: b"", size: n }).unwrap();
        }
        let html = page(&analysis);
        assert!(html.len() < 2_800_000 && html.len() > 500_000, "{}", html.len());
    }

    #[test]
    fn instructions_are_shown_as_they_were_written() {
        for (created_by, shown) in [
            ("RUN /bin/sh -c make  all # buildkit", "RUN make all"),
            ("/bin/sh -c #(nop) COPY a b", "COPY a b"),
            ("/bin/sh -c make\n  all", "RUN make all"),
            ("COPY a b # buildkit", "COPY a b"),
            ("FROM host:sh # builder", "FROM host:sh"),
            (" ", "(not said)"),
        ] {
            assert_eq!(short_instruction(created_by), shown);
        }
    }
}
