//! How sessions begin and end.

use serde_json::{Value, json};

use crate::client::{Client, URI, codes};

#[test]
fn a_session_begins_and_ends_as_the_protocol_says() {
    let mut client = Client::spawn();
    let offered = client.initialize(&json!({}));
    assert_eq!(offered["positionEncoding"], "utf-16");
    assert_eq!(offered["textDocumentSync"]["change"], 2);
    assert_eq!(offered["hoverProvider"], true);
    // A client without literals cannot be given actions.
    assert_eq!(offered["codeActionProvider"], Value::Null);
    assert_eq!(client.request("initialize", &json!({ "capabilities": {} })), Err(-32600));
    assert_eq!(client.request("shutdown", &Value::Null), Ok(Value::Null));
    assert_eq!(client.request("textDocument/hover", &json!({})), Err(-32600));
    client.notify("exit", &Value::Null);
    assert_eq!(client.wait().code(), Some(0));
}

#[test]
fn leaving_without_shutdown_is_exit_code_1() {
    let mut client = Client::start();
    client.notify("exit", &Value::Null);
    assert_eq!(client.wait().code(), Some(1));
    assert_eq!(Client::start().wait().code(), Some(1), "the input just ends");
    let mut client = Client::spawn();
    client.notify("exit", &Value::Null);
    assert_eq!(client.wait().code(), Some(1));
}

#[test]
fn nothing_is_answered_before_initialize() {
    let mut client = Client::spawn();
    assert_eq!(client.request("textDocument/hover", &json!({})), Err(-32002));
    assert_eq!(client.request("shutdown", &Value::Null), Err(-32002));
    client.notify("textDocument/didOpen", &json!({}));
    client.initialize(&json!({}));
    assert!(client.stop().success());
}

#[test]
fn diagnostics_follow_the_typing_and_go_with_the_document() {
    let mut client = Client::start();
    assert_eq!(codes(&client.open("FROM debian:latest\n")), ["0:DL3007"]);
    for (at, c) in "MAINTAINER me".chars().enumerate() {
        let place = json!({ "line": 1, "character": at });
        client.change(&json!([{ "range": { "start": place, "end": place }, "text": c.to_string() }]));
    }
    assert_eq!(codes(&client.diagnostics()), ["0:DL3007", "1:DL4000"]);
    let range = json!({ "start": { "line": 0, "character": 11 }, "end": { "line": 1, "character": 99 } });
    client.change(&json!([{ "range": range, "text": ":12\n" }]));
    assert_eq!(codes(&client.diagnostics()), ["0:DL3007"; 0]);
    client.change(&json!([{ "text": "FROM debian\n" }]));
    assert_eq!(codes(&client.diagnostics()), ["0:DL3006"]);
    client.notify("textDocument/didClose", &json!({ "textDocument": { "uri": URI } }));
    let cleared = client.notification();
    assert_eq!(cleared["params"], json!({ "uri": URI, "diagnostics": [] }));
    assert!(client.stop().success());
}

#[test]
fn columns_are_counted_as_agreed() {
    let text = "FROM debian:12\nENV A=\"🦀é\" PASSWORD=1\n";
    for (encodings, chosen, column) in [
        (json!(["utf-16"]), "utf-16", 12),
        (json!(["utf-16", "utf-8"]), "utf-8", 15),
        (json!(["utf-32"]), "utf-16", 12),
    ] {
        let mut client = Client::spawn();
        let offered = client.initialize(&json!({ "general": { "positionEncodings": encodings } }));
        assert_eq!(offered["positionEncoding"], chosen);
        let found = client.open(text);
        let secret = found.iter().find(|found| found["code"] == "DL3064").expect("the secret");
        assert_eq!(secret["range"]["start"], json!({ "line": 1, "character": column }), "{chosen}");
        assert!(client.stop().success());
    }
}

#[test]
fn a_diagnostic_has_all_that_the_client_can_show() {
    let mut client = Client::start();
    let found = client.open("FROM debian:12 AS a\nFROM debian:12 AS a\nMAINTAINER me\n");
    let twice = found.iter().find(|found| found["code"] == "DL3024").expect("the second name");
    assert_eq!(twice["source"], "builder");
    assert_eq!(twice["codeDescription"]["href"], "https://github.com/hadolint/hadolint/wiki/DL3024");
    let first = &twice["relatedInformation"][0]["location"];
    assert_eq!((&first["uri"], &first["range"]["start"]["line"]), (&json!(URI), &json!(0)));
    let old = found.iter().find(|found| found["code"] == "DL4000").expect("the maintainer");
    assert_eq!((&old["severity"], &old["tags"]), (&json!(1), &json!([2])));
    // A client that can do nothing gets nothing more.
    let mut poor = Client::spawn();
    poor.initialize(&json!({}));
    let found = poor.open("FROM debian:12\nMAINTAINER me\n");
    let keys: Vec<_> = found[0].as_object().expect("an object").keys().cloned().collect();
    assert_eq!(keys, ["range", "severity", "code", "source", "message"]);
}
