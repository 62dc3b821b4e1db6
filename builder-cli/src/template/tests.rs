use serde_json::{Value, json};

use super::*;

fn data() -> Value {
    let mut data = json!({
        "ID": "sha256:abc", "Size": 1234, "Big": 2.5, "Empty": "", "Null": null, "On": true,
        "Tags": ["a:1", "b:2"], "Nothing": [],
        "Config": { "Env": ["A=1", "B=2"], "User": "", "Labels": { "org.x/y": "z", "b": "c" }, "Ports": { "80/tcp": {} } },
        "Million": 1e6, "Html": "<a href='x'>\"&\n=+é</a>",
        "Descriptor": { "mediaType": "m" },
    });
    mark(&mut data, "", &[]);
    let fields =
        [("MediaType", "mediaType", json!("")), ("Size", "size", json!(0)), ("Platform", "platform", Value::Null)];
    mark(&mut data["Descriptor"], "v1.Descriptor", &fields);
    data
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
        ("{{printf \"%d\" \"x\"}} {{printf \"%s\"}}", "%!d(string=x) %!s(MISSING)"),
        ("{{print 1 2 \"x\" 3}} {{println 1 \"x\"}}", "1 2x3 1 x\n"),
        ("{{slice .ID 7}} {{slice .ID 0 3}} {{slice .Tags 1 2}}", "abc sha [b:2]"),
        ("{{truncate .ID 3}}|{{pad .ID 1 2}}|", "sha| sha256:abc  |"),
        ("a  {{- \" b \" -}}  c", "a b c"),
        ("a{{/* comment }} */}}b{{- /* other */ -}}  c", "abc"),
        ("{{`raw \\n`}}{{\"\\t\\u0041\"}}", "raw \\n\tA"),
        ("{{(index .Tags 0) | printf \"%s!\"}} {{(.Config).Env}}", "a:1! [A=1 B=2]"),
        ("{{urlquery \"a b/c\"}}", "a+b%2Fc"),
        ("{{range 3}}{{.}}{{end}}", "012"),
        ("{{printf \"%T %T %T %T %T %T\" .ID .Big .On .Tags .Null 1}}", "string float64 bool []string <nil> int"),
        ("{{printf \"%v %v %v\" .Big .Million 0.00001}} {{.Million}}", "2.5 1e+06 1e-05 1e+06"),
        (
            "{{printf \"%+d|% d|%x|%X|%#x|%o|%#o|%b|%c|%U|%q\" 5 5 255 255 255 8 8 5 65 65 65}}",
            "+5| 5|ff|FF|0xff|10|010|101|A|U+0041|'A'",
        ),
        (
            "{{printf \"%e|%E|%.2e|%g|%G|%.3g|%f|%8.2f|%-8.2f|%+.1f|%08.2f\" .Big .Big .Big .Big .Million 1234.5678 .Big .Big .Big .Big .Big}}",
            "2.500000e+00|2.500000E+00|2.50e+00|2.5|1E+06|1.23e+03|2.500000|    2.50|2.50    |+2.5|00002.50",
        ),
        (
            "{{printf \"%5s|%-5s|%.2s|%5.1s|%q|%x|%X|% x|%#q\" \"abc\" \"abc\" \"abc\" \"abc\" \"a\\\"b\\n\" \"hi\" \"hi\" \"hi\" \"raw\"}}",
            "  abc|abc  |ab|    a|\"a\\\"b\\n\"|6869|6869|68 69|`raw`",
        ),
        ("{{printf \"%d %s %t %d\" \"x\" 5 \"y\" .Null}}", "%!d(string=x) %!s(int=5) %!t(string=y) %!d(<nil>)"),
        (
            "{{printf \"%s\" \"a\" 1 \"b\"}} {{printf \"%z\" 1}} {{printf \"%\"}}",
            "a%!(EXTRA int=1, string=b) %!z(int=1) %!(NOVERB)",
        ),
        (
            "{{printf \"%v %s %q %d\" .Tags .Tags .Tags .Tags}}",
            "[a:1 b:2] [a:1 b:2] [\"a:1\" \"b:2\"] [%!d(string=a:1) %!d(string=b:2)]",
        ),
        ("{{printf \"%*d|%-*d|%.*f|%[2]d %[1]d\" 5 1 5 2 2 .Big}}", "    1|2    |2.50|1 5"),
        ("{{printf \"%6.3d|%06d|%-06d|%+06d|%03d\" 7 7 7 7 -5}}", "   007|000007|7     |+00007|-05"),
        ("{{printf \"%t|%5t|%v\" .On .On .On}}", "true| true|true"),
        ("{{printf \"%#v %#v %#v %#v\" .ID .Size .On .Tags}}", "\"sha256:abc\" 1234 true []string{\"a:1\", \"b:2\"}"),
        ("{{printf \"%+v %+q %q\" .ID \"é\" \"é\\t\\x00\\u200b\"}}", "sha256:abc \"\\u00e9\" \"é\\t\\x00\\u200b\""),
        (
            "{{printf \"%5d|%5v|%-5v|%x|%3c\" .Size .Tags .ID .Tags 65}}",
            " 1234|[  a:1   b:2]|sha256:abc|[613a31 623a32]|  A",
        ),
        ("{{html .Html}}{{html}}", "&lt;a href=&#39;x&#39;&gt;&#34;&amp;\n=+é&lt;/a&gt;"),
        ("{{js .Html}}", "\\u003Ca href\\u003D\\'x\\'\\u003E\\\"\\u0026\\u000A\\u003D+é\\u003C/a\\u003E"),
        ("{{html .Size .On}} {{.Html | html | len}}", "1234 true 51"),
        ("{{define \"x\"}}[{{.}}]{{end}}{{template \"x\" .ID}}{{template \"x\"}}", "[sha256:abc][<no value>]"),
        ("{{block \"y\" .Size}}<{{.}}>{{end}}", "<1234>"),
        ("{{range .Tags}}{{template \"t\" .}}{{end}}{{define \"t\"}}({{.}}{{$}}){{end}}", "(a:1a:1)(b:2b:2)"),
        (
            "{{define \"r\"}}{{if .}}{{template \"r\" (slice . 1)}}{{.}}{{end}}{{end}}{{template \"r\" \"abc\"}}",
            "cbcabc",
        ),
        ("{{slice .Tags 0 1 2}} {{slice .ID 1 2}}", "[a:1] h"),
        ("{{eq .Null nil}} {{eq .On true}} {{eq .ID \"x\" \"sha256:abc\"}}", "true true true"),
        ("{{0x1F}} {{0b11}} {{0o17}} {{1_000}} {{1e3}} {{'a'}} {{-5}} {{.5}}", "31 3 15 1000 1000 97 -5 0.5"),
        ("{{\"\\a\\b\\f\\v\\101\\x41\"}}", "\x07\x08\x0c\x0bAA"),
        ("{{and 1 0 2}} {{or 0 \"\" \"x\"}} {{print \"a\" 1 2 \"b\" 3 4.5 true nil}}", "0 x a1 2b3 4.5 true <nil>"),
        (
            "{{.Descriptor.MediaType}} {{.Descriptor.mediaType}} {{.Descriptor.Size}} {{.Descriptor.Platform}}",
            "m m 0 <nil>",
        ),
        ("{{json .Descriptor}} {{if .Descriptor}}y{{end}} {{.Descriptor}}", "{\"mediaType\":\"m\"} y map[mediaType:m]"),
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
        ("{{template \"x\"}}", "template \"x\" not defined"),
        ("{{define \"x\"}}a{{end}}{{define \"x\"}}b{{end}}", "multiple definition of template \"x\""),
        ("{{if true}}{{define \"x\"}}{{end}}{{end}}", "unexpected {{define}}"),
        ("{{define x}}{{end}}", "without a name in quotes"),
        ("{{block \"x\"}}{{end}}", "missing value"),
        ("{{range .Tags}}{{block \"x\" .}}{{break}}{{end}}{{end}}", "outside {{range}}"),
        ("{{define \"a\"}}no end", "{{define}} has no {{end}}"),
        ("{{define \"x\"}}{{template \"x\"}}{{end}}{{template \"x\"}}", "templates in each other"),
        ("{{slice .ID 0 1 2}}", "cannot 3-index slice a string"),
        ("{{eq 1 1.0}}", "incompatible types for comparison"),
        ("{{eq .Size \"1234\"}}", "incompatible types for comparison"),
        ("{{lt 1 2.5}}", "incompatible types for comparison"),
        ("{{lt .On .On}}", "invalid type for comparison"),
        ("{{eq .Tags .Tags}}", "non-comparable type [a:1 b:2]: []string"),
        ("{{nil}}", "nil is not a command"),
        ("{{len 3}}", "len of type int"),
        ("{{call .ID}}", "non-function of type string"),
        (
            "{{.Descriptor.Nope}}",
            "can't evaluate field Nope in type v1.Descriptor; there are MediaType, Platform, Size",
        ),
        ("{{.Descriptor.Platform.OS}}", "nil pointer"),
        ("{{range .Descriptor}}{{end}}", "can't iterate"),
        ("{{len .Descriptor}}", "len of type"),
        ("{{index .Descriptor \"mediaType\"}}", "can't index"),
        ("{{printf \"%99999d\" 1}}", "too large"),
        ("{{#}}", "unexpected `#`"),
        ("{{range 99999999999}}{{end}}", "range of more than"),
    ] {
        let error = rendered(text).expect_err(text);
        assert!(error.contains(reason), "{text}: {error}");
    }
    let ring = format!(
        "{{{{define \"x\"}}}}{}{{{{template \"x\"}}}}{}{{{{end}}}}{{{{template \"x\"}}}}",
        "{{if 1}}".repeat(90),
        "{{end}}".repeat(90)
    );
    assert!(rendered(&ring).unwrap_err().contains("templates in each other"));
    let deep = format!("{}{}", "{{if 1}}".repeat(200), "{{end}}".repeat(200));
    assert!(rendered(&deep).is_err());
    assert!(rendered(&format!("{{{{{}1{}}}}}", "(".repeat(5000), ")".repeat(5000))).is_err());
}
