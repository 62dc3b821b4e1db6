//! Input that makes no sense: the server answers with an error and goes on.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::client::{Client, URI};

const METHODS: [&str; 11] = [
    "textDocument/hover",
    "textDocument/completion",
    "textDocument/definition",
    "textDocument/references",
    "textDocument/documentHighlight",
    "textDocument/prepareRename",
    "textDocument/rename",
    "textDocument/codeAction",
    "textDocument/documentSymbol",
    "textDocument/foldingRange",
    "textDocument/formatting",
];

/// Parameters that have what each of the methods wants.
fn anything(uri: &str, line: u32, character: u32) -> Value {
    let position = json!({ "line": line, "character": character });
    json!({
        "textDocument": { "uri": uri }, "position": position, "newName": "x",
        "range": { "start": position, "end": position }, "context": { "diagnostics": [], "includeDeclaration": true },
        "options": { "tabSize": 4, "insertSpaces": true },
    })
}

#[test]
fn malformed_messages_are_answered_and_the_session_goes_on() {
    let mut client = Client::start();
    for (bytes, id, code) in [
        ("Content-Length: 1\r\n\r\n{", json!(null), -32700),
        ("Content-Length: 2\r\n\r\n[]", json!(null), -32600),
        ("Content-Length: 8\r\n\r\n{\"id\":5}", json!(5), -32600),
        ("nonsense\r\n\r\n", json!(null), -32700),
        ("Content-Length: -5\r\n\r\n", json!(null), -32700),
        ("Content-Length: 3\r\n\r\n\u{7f}\u{0}\u{1}", json!(null), -32700),
    ] {
        client.raw(bytes.as_bytes());
        assert_eq!(client.answer(&id)["error"]["code"], code, "{bytes}");
    }
    client.raw(b"Content-Length: 2\r\n\r\n\xff\xfe");
    assert_eq!(client.answer(&Value::Null)["error"]["code"], -32700);
    assert_eq!(client.request("textDocument/hovercraft", &json!({})), Err(-32601));
    assert_eq!(client.request("$/unknown", &Value::Null), Err(-32601));
    client.notify("$/cancelRequest", &json!({ "id": 1 }));
    client.notify("no/such/thing", &json!([1, 2]));
    client.send(&json!({ "jsonrpc": "2.0", "id": "ours?", "result": null }));
    for method in METHODS {
        assert_eq!(client.request(method, &json!({ "textDocument": 7 })), Err(-32602), "{method}");
        assert_eq!(client.request(method, &Value::Null), Err(-32602), "{method}");
        assert_eq!(client.request(method, &anything("file:///not/open", 0, 0)), Err(-32602), "{method}");
    }
    for method in ["textDocument/didOpen", "textDocument/didChange", "textDocument/didClose"] {
        client.notify(method, &json!({ "textDocument": { "uri": "not open" } }));
        client.notify(method, &Value::Null);
    }
    client.change(&json!([{ "text": "FROM a" }]));
    client.notify("textDocument/didClose", &json!({ "textDocument": { "uri": URI } }));
    assert!(client.stop().success());
}

/// Half-written and odd files; a few positions of each line, and some beyond.
#[test]
fn no_document_and_no_position_ends_the_server() {
    let files = [
        "",
        "\u{feff}",
        "\r",
        "FROM",
        "FROM ",
        "from scratch AS",
        "FROM a AS 🦀\r\nCOPY --from=\r\nRUN --mount=\r\nRUN --mount=type=bind,from=,\r\nENV\r\nENV A=$\r\nENV A=${\r\n",
        "FROM a\nRUN <<E\n",
        "FROM a\nRUN <<",
        "FROM a\nRUN <<'E",
        "FROM a\nRUN x \\\n# c\n\n",
        "FROM a\rRUN b\rCMD c",
        "# escape=`\nFROM a\nRUN x `\n  y$\n",
        "# hadolint ignore=\n# hadolint ignore=🦀,\n# check=\n#\nFROM a\n# hadolint ignore",
        "ONBUILD\nONBUILD ONBUILD\nONBUILD RUN <<E\nx\n",
        "ARG A=$A B=$A\nFROM $A AS $A\nFROM a:${B:-$A}\n--from=x\n$\n🦀🦀🦀\n\t\t\n\u{0}\u{1}\n",
        "FROM a\nCMD [\"é\nSHELL [\nHEALTHCHECK --interval=\nEXPOSE $\nLABEL a\nVOLUME\n",
    ];
    let mut client = Client::start();
    for text in files {
        client.open(text);
        let lines = u32::try_from(text.lines().count()).unwrap() + 1;
        for line in (0..lines).chain([u32::MAX]) {
            for character in [0, 1, 3, 5, 7, 12, 40, u32::MAX] {
                for method in METHODS {
                    let answer = client.request(method, &anything(URI, line, character));
                    assert!(matches!(answer, Ok(_) | Err(-32803)), "{text:?} {line}:{character} {method}: {answer:?}");
                }
            }
        }
    }
    assert!(client.stop().success());
}

#[test]
fn edits_in_strange_places_are_applied_somewhere() {
    let mut client = Client::start();
    client.open("FROM a🦀\n");
    let range = |a: u32, b: u32, c: u32, d: u32| json!({ "start": { "line": a, "character": b }, "end": { "line": c, "character": d } });
    client.change(&json!([
        { "range": range(9, 9, 9, 9), "text": "RUN x\n" },
        { "range": range(1, 5, 1, 1), "text": "" },
        { "range": range(0, 7, 0, 7), "text": "b" },
        { "range": range(0, u32::MAX, u32::MAX, 0), "text": "é" },
    ]));
    client.diagnostics();
    assert!(client.stop().success());
}

/// Two thousand lines, and a MiB: the second is nothing that anybody writes.
#[test]
fn large_files_are_answered() {
    let mut text = String::from("FROM debian:12 AS s0\n");
    for number in 0..500 {
        writeln!(
            text,
            "ENV V{number}=$V{}\nRUN apt-get install -y p{number} \\\n  && echo \"${{V{number}}}\"",
            number / 2
        )
        .unwrap();
        writeln!(text, "COPY f{number} /").unwrap();
    }
    let mut client = Client::start();
    let mut answered = |text: &str| {
        client.open(text);
        for method in METHODS {
            let answer = client.request(method, &anything(URI, 1000, 6));
            assert!(matches!(answer, Ok(_) | Err(-32803)), "{method}: {answer:?}");
        }
    };
    answered(&text);
    answered(&format!("FROM a\nRUN {}\n", "x \\\n".repeat(1 << 18)));
    answered(&format!("ARG {}\nFROM a\n", "a=$a \\\n".repeat(1 << 17)));
    answered(&"🦀".repeat(1 << 18));
    assert!(client.stop().success());
}
