use serde_json::{Value, json};

use super::*;

fn data() -> Value {
    json!({
        "ID": "sha256:abc", "Size": 1234, "Big": 2.5, "Empty": "", "Null": null, "On": true,
        "Tags": ["a:1", "b:2"], "Nothing": [],
        "Config": { "Env": ["A=1", "B=2"], "User": "", "Labels": { "org.x/y": "z", "b": "c" }, "Ports": { "80/tcp": {} } },
    })
}

fn rendered(text: &str) -> Result<String, String> {
    Template::parse(text).and_then(|template| template.render(&data())).map_err(|error| error.reason)
}

/// What Go 1.22 makes of the same template and value.
#[test]
fn templates_are_filled_in_as_go_does() {
    for (text, expected) in [
        ("plain", "plain"),
        ("{{.ID}} {{ .Size }}", "sha256:abc 1234"),
        (
            "{{.Tags}} {{.Config.Labels}} {{.Config.Ports}} {{.Null}}",
            "[a:1 b:2] map[b:c org.x/y:z] map[80/tcp:{}] <nil>",
        ),
        ("{{.Big}} {{.On}}", "2.5 true"),
        ("{{json .Tags}} {{json .Null}}", "[\"a:1\",\"b:2\"] null"),
        ("{{.ID | upper | lower | title}}", "Sha256:Abc"),
        ("{{join .Tags \", \"}}", "a:1, b:2"),
        ("{{index (split .ID \":\") 1}}", "abc"),
        ("{{index .Tags 1}} {{index .Config.Labels \"org.x/y\"}} {{index .Config.Labels \"no\"}}.", "b:2 z ."),
        ("{{.Config.Labels.b}} {{.Config.Labels.no}}", "c <no value>"),
        ("{{range .Tags}}<{{.}}>{{end}}", "<a:1><b:2>"),
        ("{{range $i, $t := .Tags}}{{if $i}}, {{end}}{{$i}}={{$t}}{{end}}", "0=a:1, 1=b:2"),
        ("{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}", "b=c;org.x/y=z;"),
        ("{{range .Nothing}}x{{else}}none{{end}}", "none"),
        ("{{range .Tags}}{{if eq . \"a:1\"}}{{continue}}{{end}}{{.}}{{end}}", "b:2"),
        ("{{range .Tags}}{{.}}{{break}}{{end}}", "a:1"),
        ("{{range $.Tags}}{{$.Size}}{{end}}", "12341234"),
        ("{{if .Empty}}a{{else if .On}}b{{else}}c{{end}}", "b"),
        ("{{with .Config}}{{.Env}}{{end}}{{with .Empty}}x{{else}}y{{end}}", "[A=1 B=2]y"),
        ("{{with $x := .Size}}{{$x}}{{.}}{{end}}", "12341234"),
        ("{{$x := 1}}{{$x = 2}}{{$x}}", "2"),
        ("{{if and .On (not .Empty)}}y{{end}}{{or .Empty .ID}}", "ysha256:abc"),
        (
            "{{eq .Size 1 1234}} {{ne .ID \"x\"}} {{lt 1 2}} {{ge .Size 1235}} {{gt \"b\" \"a\"}} {{le 1 1}}",
            "true true true false true true",
        ),
        ("{{len .Tags}} {{len .ID}} {{len .Config.Labels}}", "2 10 2"),
        (
            "{{printf \"%s|%-5s|%5d|%05d|%q|%v|%.1f|%x%%\" .ID \"a\" .Size 42 \"q\" .Tags .Big 255}}",
            "sha256:abc|a    | 1234|00042|\"q\"|[a:1 b:2]|2.5|ff%",
        ),
        ("{{printf \"%d\" \"x\"}} {{printf \"%s\"}}", "%!d(x) %!s(MISSING)"),
        ("{{print 1 2 \"x\" 3}} {{println 1 \"x\"}}", "1 2x3 1 x\n"),
        ("{{slice .ID 7}} {{slice .ID 0 3}} {{slice .Tags 1 2}}", "abc sha [b:2]"),
        ("{{truncate .ID 3}}|{{pad .ID 1 2}}|", "sha| sha256:abc  |"),
        ("a  {{- \" b \" -}}  c", "a b c"),
        ("a{{/* comment }} */}}b{{- /* other */ -}}  c", "abc"),
        ("{{`raw \\n`}}{{\"\\t\\u0041\"}}", "raw \\n\tA"),
        ("{{(index .Tags 0) | printf \"%s!\"}} {{(.Config).Env}}", "a:1! [A=1 B=2]"),
        ("{{urlquery \"a b/c\"}}", "a+b%2Fc"),
        ("{{range 3}}{{.}}{{end}}", "012"),
    ] {
        assert_eq!(rendered(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn what_go_refuses_is_refused() {
    for (text, reason) in [
        ("{{", "not closed"),
        ("{{.ID", "not closed"),
        ("{{}}", "missing value"),
        ("{{.ID | }}", "missing value"),
        ("{{.Name}}", "can't evaluate field Name; there are Big, Config"),
        ("{{.ID.X}}", "can't evaluate field X"),
        ("{{.Null.X}}", "nil pointer"),
        ("{{nope .ID}}", "function \"nope\" not defined"),
        ("{{if .ID}}", "has no {{end}}"),
        ("{{end}}", "unexpected {{end}}"),
        ("{{else}}", "unexpected {{else}}"),
        ("{{break}}", "outside {{range}}"),
        ("{{range .ID}}{{end}}", "can't iterate"),
        ("{{$x}}", "undefined variable"),
        ("{{.ID .Size}}", "takes no arguments"),
        ("{{1 | .ID}}", "takes no arguments"),
        ("{{index .Tags 7}}", "out of range"),
        ("{{upper 1}}", "no text"),
        ("{{(.ID}}", "unclosed left paren"),
        ("{{.ID)}}", "unexpected right paren"),
        ("{{\"a}}", "not closed"),
        ("{{'ab'}}", "no character"),
        ("{{template \"x\"}}", "not supported"),
        ("{{printf \"%99999d\" 1}}", "too large"),
        ("{{#}}", "unexpected `#`"),
        ("{{range 99999999999}}{{end}}", "range of more than"),
    ] {
        let error = rendered(text).expect_err(text);
        assert!(error.contains(reason), "{text}: {error}");
    }
    let deep = format!("{}{}", "{{if 1}}".repeat(200), "{{end}}".repeat(200));
    assert!(rendered(&deep).is_err());
    assert!(rendered(&format!("{{{{{}1{}}}}}", "(".repeat(5000), ")".repeat(5000))).is_err());
}
