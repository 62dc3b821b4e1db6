use proptest::prelude::*;

use super::*;

const ENV: &[(&str, &str)] = &[
    ("H", "/root"),
    ("E", ""),
    ("S", "one  two"),
    ("F", "a.tar.gz"),
    ("P", "/a/b"),
    ("D", "x$1-y"),
    ("U", "日本"),
    ("STAR", "a*b?c"),
];

fn lookup(name: &str) -> Option<&'static str> {
    ENV.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
}

fn text(word: &str) -> Result<String, String> {
    expand(word, EscapeCharacter::Backslash, &lookup).map(|e| e.text).map_err(|e| e.kind.to_string())
}

#[test]
fn words_expand_as_the_vectors_say() {
    for (word, expected) in [
        ("x$H/y", "x/root/y"),
        (r"x\$H", "x$H"),
        (r"x\\$H", r"x\/root"),
        ("'$H'", "$H"),
        (r#""$H""#, "/root"),
        (r#""a\tb""#, r"a\tb"),
        (r"a\tb", "atb"),
        (r"'a\'", r"a\"),
        (r"'it'\''s'", "it's"),
        (r#""a\"b\$H\\""#, r#"a"b$H\"#),
        (r"end\", "end"),
        ("$.", "$."),
        ("a$", "a$"),
        ("$12x", "x"),
        ("$@|$*|$?|$-|$$|$!", "|||||"),
        ("${H}x", "/rootx"),
        ("${N}", ""),
        ("${N:-d}", "d"),
        ("${E:-d}", "d"),
        ("${E-d}", ""),
        ("${N-d}", "d"),
        ("${H-d}", "/root"),
        ("${N:+d}", ""),
        ("${E:+d}", ""),
        ("${E+d}", "d"),
        ("${N+d}", ""),
        ("${H:+d}", "d"),
        ("${E?}", ""),
        ("${H:?x}", "/root"),
        ("${N:-${E:-$H}}", "/root"),
        ("${N:-a}}", "a}"),
        (r"${N:-\${H}z}", "${Hz}"),
        (r#"${N:-"a } b"}"#, "a } b"),
        ("${F%.*}", "a.tar"),
        ("${F%%.*}", "a"),
        ("${F#*.}", "tar.gz"),
        ("${F##*.}", "gz"),
        ("${F/a/b}", "b.tar.gz"),
        ("${F//a/b}", "b.tbr.gz"),
        ("${F/./-}", "a-tar.gz"),
        ("${F//./}", "atargz"),
        (r"${H/\//-}", "-root"),
        (r"${P//\//\/}", r"\/a\/b"),
        ("${H#*}", "/root"),
        ("${H##*}", ""),
        ("${H%*}", "/root"),
        ("${H%%*}", ""),
        ("${H#nope}", "/root"),
        ("${F/*/x}", "x"),
        ("${F/t?r/T}", "a.T.gz"),
        ("${F/.*z/!}", "a!"),
        ("${U#?}", "本"),
        ("${U%?}", "日"),
        (r"${STAR#a\*}", "b?c"),
        (r"${STAR%\?c}", "a*b"),
        ("${F/z/$D}", "a.tar.gx$1-y"),
        ("${F//z/$D}", "a.tar.gx-y"),
        ("${E///x}", "x"),
        ("${U///x}", "x日x本x"),
        ("$S", "one  two"),
        ("é$H", "é/root"),
    ] {
        assert_eq!(text(word).as_deref(), Ok(expected), "{word}");
    }
}

#[test]
fn wildcards_match_no_line_feed() {
    for (word, value, expected) in [
        ("${V#*b}", "a\nb", "a\nb"),
        ("${V#a?b}", "a\nb", "a\nb"),
        ("${V%%b*}", "a\nbc", "a\n"),
        ("${V%a*}", "a\nbc", "a\nbc"),
        ("${V/a*c/x}", "a\nb a1c", "a\nb x"),
        ("${V//a*c/x}", "ac a\na2c", "x a\nx"),
        ("${V/*c/x}", "a\nb\nc", "a\nb\nx"),
    ] {
        let lookup = |name: &str| (name == "V").then_some(value);
        let expanded = expand(word, EscapeCharacter::Backslash, &lookup).unwrap();
        assert_eq!(expanded.text, expected, "{word} of {value:?}");
    }
}

#[test]
fn what_cannot_be_expanded_is_told_in_the_known_words() {
    for (word, message) in [
        (r#""open"#, "unexpected end of statement while looking for matching double-quote"),
        ("'open", "unexpected end of statement while looking for matching single-quote"),
        (r"'a\'b'", "unexpected end of statement while looking for matching single-quote"),
        ("${N?}", "N: is not allowed to be unset"),
        ("${N:?}", "N: is not allowed to be unset"),
        ("${E:?}", "E: is not allowed to be empty"),
        ("${E:?no}", "E: no"),
        ("${N?give $H}", "N: give /root"),
        ("${}", "syntax error: bad substitution"),
        ("${{", "syntax error: bad substitution"),
        ("${:", "syntax error: bad substitution"),
        ("${", "syntax error: missing '}'"),
        ("${H", "syntax error: missing '}'"),
        ("${H:", "syntax error: missing '}'"),
        ("${H:-x", "syntax error: missing '}'"),
        ("${H:-'x}", "syntax error: missing '}'"),
        ("${H/x}", "syntax error: missing '/' in ${}"),
        ("${H/x/y", "syntax error: missing '}'"),
        ("${H:=x}", "unsupported modifier (:=) in substitution"),
        ("${H=x}", "unsupported modifier (=) in substitution"),
        ("${H:0:1}", "unsupported modifier (:0) in substitution"),
        ("${H:#x}", "unsupported modifier (:#) in substitution"),
        ("${H:%x}", "unsupported modifier (:%) in substitution"),
        ("${#H}", "unsupported modifier (H) in substitution"),
        ("${H^^}", "unsupported modifier (^) in substitution"),
        (r"${H#\a}", r"invalid pattern (\a) in substitution: invalid escape '\a'"),
    ] {
        assert_eq!(text(word), Err(message.to_owned()), "{word}");
    }
    let error = expand("a${H:=x}b", EscapeCharacter::Backslash, &lookup).expect_err("unsupported");
    assert_eq!(error.to_string(), r#"failed to process "a${H:=x}b": unsupported modifier (:=) in substitution"#);
    assert_eq!(error.range, 1..8);
}

#[test]
fn the_escape_character_is_the_one_in_force() {
    let expanded = expand(r"C:\x`$H\$H", EscapeCharacter::Backtick, &lookup).expect("expands");
    assert_eq!(expanded.text, r"C:\x$H\/root");
}

#[test]
fn only_blanks_outside_quotes_split_words() {
    let words = |word| expand_words(word, EscapeCharacter::Backslash, &lookup).expect(word);
    assert_eq!(words("$S"), ["one", "two"]);
    assert_eq!(words(r#""$S" x"#), ["one  two", "x"]);
    assert_eq!(words(r"a\ b c"), ["a b", "c"]);
    assert_eq!(words("$E"), Vec::<String>::new());
    assert_eq!(words("8$S"), ["8one", "two"]);
}

#[test]
fn heredoc_bodies_keep_quotes() {
    let body = |text| expand_heredoc(text, &lookup).expect(text).text;
    assert_eq!(body("a='$H' \"$H\"\n"), "a='/root' \"/root\"\n");
    assert_eq!(body("\\$H \\\\ \\n \\\nx it's"), "$H \\ n \nx it's");
}

#[test]
fn references_are_reported_with_place_and_state() {
    let found = expand("a$H-${N:-$E}", EscapeCharacter::Backslash, &lookup).expect("expands").references;
    let found: Vec<_> = found.iter().map(|r| (r.name.as_str(), r.range.clone(), r.set)).collect();
    assert_eq!(found, [("H", 1..3, true), ("N", 4..7, false), ("E", 9..11, true)]);
}

#[test]
fn deep_nesting_and_huge_results_are_refused() {
    let deep = "${N:-".repeat(50_000);
    assert_eq!(text(&deep), Err(ExpandErrorKind::TooDeep.to_string()));
    let large = "x".repeat(MAX_ADDED / 2 + 1);
    let value: &str = &large;
    let doubled = expand("$A$A", EscapeCharacter::Backslash, &|_| Some(value)).expect_err("too large");
    assert_eq!(doubled.kind, ExpandErrorKind::TooLarge);
    let replaced = expand("${A//x/$A}", EscapeCharacter::Backslash, &|_| Some(value)).expect_err("too large");
    assert_eq!(replaced.kind, ExpandErrorKind::TooLarge);
}

#[test]
fn a_pattern_costs_linear_time() {
    let large = "a".repeat(200_000);
    let value: &str = &large;
    let unchanged = expand("${A/a*b/x}", EscapeCharacter::Backslash, &|_| Some(value)).expect("expands");
    assert_eq!(unchanged.text.len(), large.len());
}

proptest! {
    #[test]
    fn no_word_makes_it_panic(word in any::<String>(), backtick in any::<bool>()) {
        let escape = if backtick { EscapeCharacter::Backtick } else { EscapeCharacter::Backslash };
        let _ = expand(&word, escape, &lookup);
        let _ = expand_heredoc(&word, &lookup);
    }

    #[test]
    fn no_likely_word_makes_it_panic(word in r#"([$\\{}/:+?#%*'"`-]|[HENSFPDU]|[a日 ]|\$\{){0,40}"#) {
        match expand(&word, EscapeCharacter::Backslash, &lookup) {
            Ok(expansion) => {
                for reference in expansion.references {
                    prop_assert!(word[reference.range].contains(&reference.name));
                }
            }
            Err(error) => prop_assert!(word.get(error.range.clone()).is_some(), "{error:?}"),
        }
    }

    #[test]
    fn what_has_nothing_special_stays_as_it_is(word in "[a-z0-9/._ é-]{0,30}") {
        prop_assert_eq!(text(&word), Ok(word));
    }
}
