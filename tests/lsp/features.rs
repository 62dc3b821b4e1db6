//! What the server does for an open document.

use serde_json::{Value, json};

use crate::client::{Client, URI, acted, applied, codes};

fn titles(actions: &[Value]) -> Vec<&str> {
    actions.iter().map(|action| action["title"].as_str().expect("a title")).collect()
}

fn labels(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|item| item["label"].as_str().expect("a label")).collect()
}

#[test]
fn quick_fixes_and_comments_give_the_expected_text() {
    let text = "FROM debian:12\n# hadolint ignore=DL3001\nMAINTAINER 🦀 me\n";
    let mut client = Client::start();
    client.open(text);
    let actions = client.actions(2, &Value::Null);
    assert_eq!(titles(&actions), ["Write a label (the image may change)", "Ignore DL4000 here"]);
    assert_eq!(actions[0]["diagnostics"][0]["code"], "DL4000");
    assert_eq!(actions[0]["isPreferred"], Value::Null);
    let fixed = acted(text, &actions[0]);
    assert!(fixed.ends_with("LABEL org.opencontainers.image.authors=\"🦀 me\"\n"), "{fixed}");
    let ignored = acted(text, &actions[1]);
    assert!(ignored.contains("# hadolint ignore=DL3001,DL4000\nMAINTAINER"), "{ignored}");
    assert!(!codes(&client.open(&ignored)).contains(&"2:DL4000".to_owned()));
}

#[test]
fn safe_fixes_are_preferred_and_can_be_applied_at_once() {
    let text = "FROM --platform=$TARGETPLATFORM debian:12 AS é🦀\nFROM --platform=$TARGETPLATFORM debian:12\n";
    let text = text.replace(" AS é🦀", " AS a");
    let mut client = Client::start();
    client.open(&text);
    let actions = client.actions(0, &json!(["quickfix"]));
    assert_eq!(titles(&actions)[0], "Leave the flag out");
    assert_eq!(actions[0]["isPreferred"], true);
    assert!(acted(&text, &actions[0]).starts_with("FROM debian:12 AS a\n"));
    let all = client.actions(0, &json!(["source.fixAll"]));
    assert_eq!(titles(&all), ["Apply all safe fixes"]);
    assert_eq!(all[0]["kind"], "source.fixAll.builder");
    assert_eq!(acted(&text, &all[0]), "FROM debian:12 AS a\nFROM debian:12\n");
    assert_eq!(client.actions(0, &json!(["refactor"])), [Value::Null; 0]);
}

#[test]
fn hover_tells_about_rules_instructions_flags_and_variables() {
    let text = "ARG V=12\nFROM debian:$V\nRUN --network=none true\n# hadolint ignore=DL3007\nENV X=$V\nMAINTAINER me\n";
    let mut client = Client::start();
    client.open(text);
    for (line, character, expected) in [
        (1, 2, "Begins a stage"),
        (1, 13, "Value: `12`"),
        (2, 6, "The network that the command sees"),
        (3, 20, "**DL3007**"),
        (5, 3, "**DL4000**"),
    ] {
        let hover = client.at("textDocument/hover", line, character);
        let value = hover["contents"]["value"].as_str().expect("a text");
        assert!(value.contains(expected), "{line}:{character}: {value}");
        assert_eq!(hover["contents"]["kind"], "markdown");
    }
    assert_eq!(client.at("textDocument/hover", 99, 99), Value::Null);
}

#[test]
fn clients_that_show_no_markdown_get_plain_text() {
    let text = "FROM debian:12\nMAINTAINER me\n";
    let told = |hover: Value| {
        let mut client = Client::spawn();
        client.initialize(&json!({ "textDocument": { "hover": hover } }));
        client.open(text);
        client.at("textDocument/hover", 1, 3)["contents"].clone()
    };
    let plain = told(json!({ "contentFormat": ["plaintext", "markdown"] }));
    assert_eq!(plain["kind"], "plaintext");
    let plain = plain["value"].as_str().expect("a text");
    assert!(plain.contains("\nWhy it matters:\n") && !plain.contains("**") && !plain.contains("```"), "{plain}");
    // Without a word about formats a bare text is Markdown.
    let bare = told(json!({}));
    let bare = bare.as_str().expect("a bare text");
    assert!(bare.contains("**DL4000**") && bare.contains("\n## Why it matters\n"), "{bare}");
}

#[test]
fn completion_knows_the_file() {
    let text = "FROM debian:12 AS build\nARG V=1\nFROM debian:12\nCOPY --from=\nRUN --mount=type=\nRUN echo 🦀 ${\nST";
    let mut client = Client::start();
    client.open(text);
    let mut complete = |line, character| client.at("textDocument/completion", line, character);
    assert_eq!(labels(&complete(3, 12)), ["build"]);
    assert_eq!(labels(&complete(4, 17)), ["bind", "cache", "secret", "ssh", "tmpfs"]);
    assert_eq!(labels(&complete(5, 14)), [""; 0], "V belongs to the other stage");
    let keywords = complete(6, 2);
    let stop = keywords.as_array().unwrap().iter().find(|item| item["label"] == "STOPSIGNAL").expect("STOPSIGNAL");
    assert!(applied(text, &json!([stop["textEdit"]])).ends_with("${\nSTOPSIGNAL"));
}

#[test]
fn names_lead_to_their_places_and_can_be_changed() {
    let text = "FROM debian:12 AS one\nARG V=🦀\nRUN $V\nFROM One AS two\nCOPY --from=one $V /\n";
    let mut client = Client::start();
    client.open(text);
    let place =
        |value: &Value| (value["range"]["start"]["line"].as_u64(), value["range"]["start"]["character"].as_u64());
    assert_eq!(place(&client.at("textDocument/definition", 4, 13)), (Some(0), Some(18)));
    assert_eq!(place(&client.at("textDocument/definition", 3, 6)), (Some(0), Some(18)));
    assert_eq!(place(&client.at("textDocument/definition", 2, 6)), (Some(1), Some(4)));
    let params = |line: u32, character: u32, extra: &str, value: Value| {
        let mut params =
            json!({ "textDocument": { "uri": URI }, "position": { "line": line, "character": character } });
        params[extra] = value;
        params
    };
    let with = params(0, 19, "context", json!({ "includeDeclaration": true }));
    let found = client.request("textDocument/references", &with).expect("references");
    assert_eq!(
        found.as_array().expect("a list").iter().map(place).map(|p| p.0).collect::<Vec<_>>(),
        [Some(0), Some(3), Some(4)]
    );
    assert_eq!(client.at("textDocument/documentHighlight", 1, 4).as_array().map(Vec::len), Some(3));
    let renamed = client.request("textDocument/rename", &params(4, 13, "newName", json!("base"))).expect("edits");
    let renamed = applied(text, &renamed["documentChanges"][0]["edits"]);
    assert_eq!(renamed, text.replace("AS one", "AS base").replace("One", "base").replace("=one", "=base"));
    assert_eq!(client.request("textDocument/rename", &params(4, 13, "newName", json!("a b"))), Err(-32602));
    assert_eq!(client.request("textDocument/rename", &params(4, 13, "newName", json!("two"))), Err(-32803));
    assert_eq!(client.request("textDocument/rename", &params(2, 6, "newName", json!("x"))), Err(-32803));
    assert_eq!(client.at("textDocument/prepareRename", 0, 19)["placeholder"], "one");
    assert_eq!(client.at("textDocument/prepareRename", 0, 1), Value::Null);
}

#[test]
fn formatting_outline_and_folding() {
    let text = "FROM debian:12 as é\r\nrun x \\\r\n  🦀  \r\n\r\n\r\nRUN <<E\r\n a  \r\nE";
    let text = text.replace(" as é", " as a");
    let mut client = Client::start();
    client.open(&text);
    let document = json!({ "textDocument": { "uri": URI }, "options": { "tabSize": 4, "insertSpaces": true } });
    let edits = client.request("textDocument/formatting", &document).expect("edits");
    let expected = "FROM debian:12 AS a\r\nRUN x \\\r\n  🦀\r\n\r\nRUN <<E\r\n a  \r\nE\r\n";
    assert_eq!(applied(&text, &edits), expected);
    client.open(expected);
    assert_eq!(client.request("textDocument/formatting", &document), Ok(json!([])));
    let symbols = client.request("textDocument/documentSymbol", &document).expect("symbols");
    assert_eq!(symbols[0]["name"], "a");
    assert_eq!(symbols[0]["children"].as_array().map(Vec::len), Some(2));
    let folds = client.request("textDocument/foldingRange", &document).expect("ranges");
    let folds: Vec<_> =
        folds.as_array().unwrap().iter().map(|f| (f["startLine"].clone(), f["endLine"].clone())).collect();
    assert_eq!(folds, [(json!(0), json!(6)), (json!(1), json!(2)), (json!(4), json!(6))]);
}
