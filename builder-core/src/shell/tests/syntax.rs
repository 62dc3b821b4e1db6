//! The tree of each construct, as [`dump`] writes it, and what is no script.

use super::places::check;
use crate::shell::dump::dump;
use crate::shell::parse;

fn tree(text: &str) -> String {
    match parse(text) {
        Ok(script) => {
            check(&script, text);
            dump(&script)
        }
        Err(error) => panic!("{text:?}: {error} at {:?}", text.get(error.span.range())),
    }
}

fn trees(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(&tree(text), expected, "of {text:?}");
    }
}

fn error(text: &str) -> String {
    match parse(text) {
        Ok(script) => panic!("{text:?} is {}", dump(&script)),
        Err(error) => format!("{} at {:?}", error.message, &text[error.span.range()]),
    }
}

#[test]
fn lists_and_pipelines() {
    trees(&[
        ("", ""),
        (" \n # nothing\n", ""),
        ("a", "[a]"),
        ("a b;c", "[a b]; [c]"),
        ("a & b;\nc\n\nd", "[a]& [b]; [c]⏎ [d]"),
        ("a && b || c", "[a] AND [b] OR [c]"),
        ("a &&\n # why\n b", "[a] AND [b]"),
        ("a | b |& c |\n d", "[a] | [b] | [c] | [d]"),
        ("! a | b", "NOT [a] | [b]"),
        ("time a; time -p a | b; time", "TIME [a]; TIME [a] | [b]; [time]"),
        ("time -v a", "[time -v a]"),
        ("! time a && time ! b", "TIME NOT [a] AND TIME NOT [b]"),
        ("!a", "[!a]"),
        ("a # b; c\nd#e 'f'#g", "[a]⏎ [d#e 'f'#g]"),
        ("(a;#b\n)", "SUBSHELL([a];)"),
    ]);
}

#[test]
fn simple_commands() {
    trees(&[
        ("A=1 B= c D=2", "[A:=1 B:= c D=2]"),
        ("A+=x", "[A:+=x]"),
        ("a[1]=x a[i+1]+=y a[\"k e\"]=z", "[a[1]:=x a[i+1]:+=y a[\"k e\"]:=z]"),
        ("a[$(b; c)]=x", "[a[$([b]; [c])]:=x]"),
        ("a=(b \"c d\"\n # e\n [2]=f $g)", "[a:=ARRAY( b \"c d\" ⟨[2]⟩=f $g)]"),
        ("a=() b+=(c)", "[a:=ARRAY() b:+=ARRAY( c)]"),
        ("export a=1 b c=$d e=(f g)", "[export a=1 b c=$d e=ARRAY( f g)]"),
        ("declare -A m=([x]=1) n[2]=3", "[declare -A m=ARRAY( ⟨[x]⟩=1) n[2]=3]"),
        ("local x=~/a:~b y=* z={a,b}", "[local x=⟨~⟩/a:⟨~b⟩ y=* z={a,b}]"),
        ("1a=b =c -d=e", "[1a=b =c -d=e]"),
        ("if=1 then=2 echo if then", "[if:=1 then:=2 echo if then]"),
        ("fish; fi\\\nsh; dot", "[fish]; [fish]; [dot]"),
        ("a\\\nb \\\n c", "[ab c]"),
        ("a &\\\n& b |\\\n| c", "[a] AND [b] OR [c]"),
        ("$x\\\ny ${\\\nx}", "[$xy ${x}]"),
    ]);
}

#[test]
fn redirections() {
    trees(&[
        ("a >b 2>&1 <c", "[a] {Write b} {2DuplicateOutput 1} {Read c}"),
        (">b a <&- >>d c", "[a c] {Write b} {DuplicateInput -} {Append d}"),
        ("a >|b <>c &>d &>>e >&f", "[a] {Clobber b} {ReadWrite c} {WriteBoth d} {AppendBoth e} {DuplicateOutput f}"),
        ("exec {fd}>x 10<y", "[exec] {{fd}Write x} {10Read y}"),
        ("a {b}c 2 >d e2>f", "[a {b}c 2 e2] {Write d} {Write f}"),
        ("a <<<b", "[a] {HereString b}"),
        ("{ a; } >b 2>c", "GROUP([a];) {Write b} {2Write c}"),
        ("while a; do b; done <c | d", "WHILE([a];)DO([b];) {Read c} | [d]"),
        ("> \"$x\"", "[] {Write \"$x\"}"),
    ]);
}

#[test]
fn here_documents() {
    trees(&[
        ("a <<E\nb $c\nE\nd", "[a] {HereDocument E EXPANDED b $c⏎}⏎ [d]"),
        ("a <<'E'\nb $c\nE", "[a] {HereDocument 'E' b $c⏎}⏎"),
        ("a <<\\E b\n$c\nE", "[a b] {HereDocument \\E $c⏎}⏎"),
        ("a <<-E\n\tb\n\tE\nc", "[a] {HereDocumentTabs E EXPANDED \tb⏎}⏎ [c]"),
        ("a <<E | b <<F\n1\nE\n2\nF\nc", "[a] {HereDocument E EXPANDED 1⏎} | [b] {HereDocument F EXPANDED 2⏎}⏎ [c]"),
        ("a <<E \"x\ny\"\nb\nE", "[a \"x⏎y\"] {HereDocument E EXPANDED b⏎}⏎"),
        ("a <<E $(b\nc)\nd\nE", "[a $([b]⏎ [c])] {HereDocument E EXPANDED d⏎}⏎"),
        ("$(a <<E\nb)\nE\n)", "[$([a] {HereDocument E EXPANDED b)⏎}⏎)]"),
        (
            "a <<E\n\"b\" \\$c $(d) ${e:-\"f\"}\nE",
            "[a] {HereDocument E EXPANDED \"b\" \\$c $([d]) ${e Default { colon: true } \"f\"}⏎}⏎",
        ),
        ("a <<E", "[a] {HereDocument E EXPANDED }"),
        ("a <<E\nb", "[a] {HereDocument E EXPANDED b}⏎"),
        ("a <<E\nb\\\nE\nE\n", "[a] {HereDocument E EXPANDED bE⏎}⏎"),
        ("a <<E\nit's `broken\nE\nb", "[a] {HereDocument E EXPANDED it's `broken⏎}⏎ [b]"),
        ("if a <<E; then\nb\nE\nc; fi", "IF([a] {HereDocument E EXPANDED b⏎};)THEN([c];)"),
    ]);
}

#[test]
fn compound_commands() {
    trees(&[
        ("if a; then b; fi", "IF([a];)THEN([b];)"),
        ("if a\nthen b\nelif c; then d; else e; fi >f", "IF([a]⏎)THEN([b]⏎)IF([c];)THEN([d];)ELSE([e];) {Write f}"),
        ("while a; b; do c; done", "WHILE([a]; [b];)DO([c];)"),
        ("until a; do b; done", "UNTIL([a];)DO([b];)"),
        ("for i in a \"$b\" *; do c; done", "FOR i IN a \"$b\" ⟨*⟩ DO([c];)"),
        ("for i\ndo a; done", "FOR i DO([a];)"),
        ("for i; do a; done", "FOR i DO([a];)"),
        ("for i in; do a; done", "FOR i IN DO([a];)"),
        ("for i\nin a\ndo b; done", "FOR i IN a DO([b];)"),
        ("for i in a; { b; }", "FOR i IN a DO([b];)"),
        ("select i in a; do b; done", "SELECT i IN a DO([b];)"),
        ("for ((i=0; i<$n; i++)); do a; done", "FOR((i=0; i<$n; i++))DO([a];)"),
        ("for ((;;)) { a; }", "FOR((;;))DO([a];)"),
        ("case $x in a|b) c;; (\"d\"*) ;; *) e; esac", "CASE $x OF a b DO([c]) OF \"d\"⟨*⟩ DO() OF ⟨*⟩ DO([e];)"),
        ("case x in\n# c\na) b ;& c) d ;;& esac", "CASE x OF a DO([b]) OF c DO([d])"),
        ("case x in esac", "CASE x"),
        ("case x in\na)\n # c\n\nesac", "CASE x OF a DO()"),
        ("case x in if) a;; esac", "CASE x OF if DO([a])"),
        ("(a; b) | { c; }", "SUBSHELL([a]; [b]) | GROUP([c];)"),
        ("{ a; }; { b\n}", "GROUP([a];); GROUP([b]⏎)"),
        ("((a + (b) * 2)) && ((c > 1))", "ARITHMETIC(a + (b) * 2) AND ARITHMETIC(c > 1)"),
        ("((a); (b))", "SUBSHELL(SUBSHELL([a]); SUBSHELL([b]))"),
        ("((a) | b)", "SUBSHELL(SUBSHELL([a]) | [b])"),
        ("coproc a b; coproc n { c; }; coproc (d)", "COPROC ([a b]); COPROC n(GROUP([c];)); COPROC (SUBSHELL([d]))"),
    ]);
}

#[test]
fn functions() {
    trees(&[
        ("f() { a; }", "DEFINE f (GROUP([a];))"),
        ("f ( )\n(a) >b", "DEFINE f (SUBSHELL([a]) {Write b})"),
        ("function f { a; }; b", "FUNCTION f (GROUP([a];)); [b]"),
        ("function a-b.c () { a; }", "FUNCTION a-b.c (GROUP([a];))"),
        ("f() if a; then b; fi", "DEFINE f (IF([a];)THEN([b];))"),
        ("f() g() { a; }", "DEFINE f (DEFINE g (GROUP([a];)))"),
    ]);
}

#[test]
fn tests_of_bash() {
    trees(&[
        ("[[ -f $x && ! a == b* ]]", "TEST -f $x && ! a == b⟨*⟩"),
        ("[[ ( a < b ) || c -lt d ]]", "TEST ( a < b ) || c -lt d"),
        ("[[ $x =~ ^(a|b c)+$ ]] && d", "TEST $x =~ ^(a|b c)+$ AND [d]"),
        ("[[ a =~ \"b\" && c ]]", "TEST a =~ \"b\" && c"),
        ("[[ a\n&& b ]]", "TEST a && b"),
        ("[[ x == @(a|b$c) ]]", "TEST x == ⟨@a|b$c⟩"),
        ("[ a = b ] && [[ c ]]", "[[ a = b ]] AND TEST c"),
        ("[[ -z ]]", "TEST -z"),
        ("[[a", "[[[a]"),
    ]);
}

#[test]
fn quoting() {
    trees(&[
        (r"a\ b 'c d'e", r"[a\ b 'c d'e]"),
        (r#""a \"\$\\ \n 'b' $c""#, r#"["a \"\$\\ \n 'b' $c"]"#),
        (r#"$'a\'b' $"c" "$'d'" "$""#, r#"[$'a\'b' $"c" "$'d'" "$"]"#),
        ("'a\nb'", "['a\nb']"),
        ("\"a\\\nb\"", "[\"ab\"]"),
        ("\"\" ''", "[\"\" '']"),
        (r#"a"$(b "c $(d "e")")""#, r#"[a"$([b "c $([d "e"])"])"]"#),
        ("é'ü'\\ö", "[é'ü'\\ö]"),
        ("\\", "[\\]"),
    ]);
}

#[test]
fn parameters() {
    trees(&[
        ("$a$1$10$@ $* $# $? $- $$ $!", "[$a$1$10$@ $* $# $? $- $$ $!]"),
        (
            "${a} ${10} ${#} ${#a} ${#a[@]} ${##} ${#?}",
            "[${a} ${10} ${#} ${LENGTH a} ${LENGTH a[@]} ${LENGTH #} ${LENGTH ?}]",
        ),
        ("${a-b}", "[${a Default { colon: false } b}]"),
        ("${a:=b c}", "[${a Assign { colon: true } b c}]"),
        ("${a:?\"b\" 'c'}", "[${a Require { colon: true } \"b\" 'c'}]"),
        ("\"${a:+\"b\" 'c'}\"", "[\"${a Alternative { colon: true } \"b\" 'c'}\"]"),
        ("${a%.*} ${a##*/}", "[${a RemoveSuffix { longest: false } .⟨*⟩} ${a RemovePrefix { longest: true } ⟨*⟩/}]"),
        (
            "\"${a%%\\'*}\" \"${a#'}'}\"",
            "[\"${a RemoveSuffix { longest: true } \\'⟨*⟩}\" \"${a RemovePrefix { longest: false } '}'}\"]",
        ),
        ("${a//b/$c} ${a/#d}", "[${a Replace { mode: Some('/') } b/$c} ${a Replace { mode: Some('#') } d}]"),
        ("${a:1:$b} ${a: -1}", "[${a Substring 1:$b} ${a Substring  -1}]"),
        (
            "${a^^} ${a,[b-c]} ${a@Q}",
            "[${a Case { operator: '^', all: true } } ${a Case { operator: ',', all: false } ⟨[b-c]⟩} ${a Transform Q}]",
        ),
        (
            "${!a} ${!a@} ${!a[@]} ${!1} ${!}",
            "[${INDIRECT a} ${INDIRECT a Names { separate: true } } ${INDIRECT a[@]} ${INDIRECT 1} ${!}]",
        ),
        ("${a[$i + 1]} ${a[${b[c]}]:-d}", "[${a[$i + 1]} ${a[${b[c]}] Default { colon: true } d}]"),
        ("${a:-${b:-$(c)}}", "[${a Default { colon: true } ${b Default { colon: true } $([c])}}]"),
        ("${a.b} ${} ${{c}}", "[${a Unknown .b} ${} ${ Unknown {c}}]"),
        ("$ $/ a$", "[$ $/ a$]"),
    ]);
}

#[test]
fn substitutions() {
    trees(&[
        ("$(a; b) $() \"$(c)\"", "[$([a]; [b]) $() \"$([c])\"]"),
        ("$(case x in a) b;; esac)", "[$(CASE x OF a DO([b]))]"),
        ("$(# )\na)", "[$([a])]"),
        ("`a b` \"`c`\"", "[BACKTICKS([a b]) \"BACKTICKS([c])\"]"),
        (r"`a \`b \\\`c\\\`\` \$d \\$e '\\'`", "[BACKTICKS([a BACKTICKS([b BACKTICKS([c])]) $d \\$e '\\'])]"),
        (r#""`a \"b\"`""#, r#"["BACKTICKS([a "b"])"]"#),
        ("`a # b`", "[BACKTICKS([a])]"),
        ("$((1 + $a * (2))) $((b)) $[c[1] + 2]", "[$((1 + $a * (2))) $((b)) $[c[1] + 2]]"),
        ("$((a); (b)) $((a) )", "[$(SUBSHELL([a]); SUBSHELL([b])) $(SUBSHELL([a]))]"),
        ("$(( $(a) + `b` ))", "[$(( $([a]) + BACKTICKS([b]) ))]"),
        ("$((a 'b)' ) | c)", "[$(SUBSHELL([a 'b)']) | [c])]"),
        ("a <(b) >(c; d) --e=<(f)", "[a <([b]) >([c]; [d]) --e=<([f])]"),
        ("a < <(b)", "[a] {Read <([b])}"),
    ]);
}

#[test]
fn patterns_braces_and_tildes() {
    trees(&[
        ("*.c a? [a-z]x [!]b] [[:alpha:]_] [", "[⟨*⟩.c a⟨?⟩ ⟨[a-z]⟩x ⟨[!]b]⟩ ⟨[[:alpha:]_]⟩ []"),
        ("[\"a\"] a[ b]", "[⟨[⟩\"a\"] a[ b]]"),
        ("@(a|*.b) !(c)", "[⟨@a|⟨*⟩.b⟩ ⟨!c⟩]"),
        ("{a,b} x{1..3}y {a..z..2} {} {a} a{b,{c,$d}}", "[⟦a,b⟧ x⟦1..3⟧y ⟦a..z..2⟧ {} {a} a⟦b,⟦c,$d⟧⟧]"),
        ("{a,b {\"c\",'d'} a} x,y {1..b}", "[{a,b ⟦\"c\",'d'⟧ a} x,y {1..b}]"),
        ("~ ~/a ~u/b a~ ~\"c\" --d=~", "[⟨~⟩ ⟨~⟩/a ⟨~u⟩/b a~ ~\"c\" --d=~]"),
        ("A=~/b:~/c:d~", "[A:=⟨~⟩/b:⟨~⟩/c:d~]"),
        ("A={a,b} B=*", "[A:={a,b} B:=*]"),
    ]);
}

#[test]
fn what_is_no_script() {
    for (text, expected) in [
        ("a (b)", "expected a word or the end of the command, found `(` at \"(\""),
        ("a; ; b", "expected a command, found `;` at \";\""),
        ("a && ", "expected a command, found the end at \"\""),
        ("| a", "expected a command, found `|` at \"|\""),
        ("a )", "`)` has nothing to end here at \")\""),
        ("a; fi", "`fi` has nothing to end here at \"fi\""),
        ("}", "`}` has nothing to end here at \"}\""),
        ("if a; then b", "`fi` is missing: the text ends before at \"if\""),
        ("if a; b; fi", "expected `then`, found `fi` at \"fi\""),
        ("if a; then; fi", "expected a command, found `;` at \";\""),
        ("if a; then fi", "expected a command before `fi`, found `fi` at \"fi\""),
        ("while a; do b; fi", "expected `done`, found `fi` at \"fi\""),
        ("for i in a do b; done", "expected `do`, found `done` at \"done\""),
        ("case a in b; esac", "expected `)` after the pattern, found `;` at \";\""),
        ("( )", "expected a command before `)`, found `)` at \")\""),
        ("{ a }", "`}` is missing: the text ends before at \"{\""),
        ("(a", "`)` is missing: the text ends before at \"(\""),
        ("a 'b", "this single quote has no partner at \"'\""),
        ("a \"b", "this double quote has no partner at \"\\\"\""),
        ("a `b", "this backtick has no partner at \"`\""),
        ("a `b | `", "expected a command, found the end at \"\""),
        ("$(a", "`)` is missing: the text ends before at \"$(\""),
        ("${a", "this `${` is never closed by `}` at \"${\""),
        ("a >", "a word after the redirection is missing: the text ends before at \">\""),
        ("a > ; b", "expected a word after the redirection, found `;` at \";\""),
        ("f( a", "expected a word or the end of the command, found `(` at \"(\""),
        ("[[ a b ]]", "expected `]]`, found `b` at \"b\""),
        ("[[ a", "`]]` is missing: the text ends before at \"[[\""),
        ("a=(b", "`)` is missing: the text ends before at \"(\""),
        ("echo a=(b)", "expected a word or the end of the command, found `(` at \"(\""),
    ] {
        assert_eq!(error(text), expected, "of {text:?}");
    }
}
