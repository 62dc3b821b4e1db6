//! Whatever the text: no panic, and places that fit.

use proptest::prelude::*;

use super::places::check;
use crate::shell::{Index, Invocation, MAX_DEPTH, parse};

/// Parses, checks the places, and asks everything that rules ask.
fn exercise(text: &str) {
    match parse(text) {
        Ok(script) => {
            check(&script, text);
            let index = Index::new(&script);
            for (command, site) in index.simple() {
                assert!(index.ancestors(site.scope).count() > 0);
                let invocations = [Invocation::new(command, text), Invocation::effective(command, text)];
                for invocation in invocations.into_iter().flatten() {
                    let names: Vec<_> = invocation.flags().map(|flag| flag.name).collect();
                    let without = invocation.without_flags(&names);
                    assert!(without.args.len() <= invocation.args.len());
                    for name in names {
                        invocation.flag_value(name);
                    }
                }
            }
            for site in &index.words {
                assert_eq!(
                    site.word.literal().is_some(),
                    site.word.literal().is_some_and(|l| l == site.word.unquoted(text))
                );
            }
        }
        Err(error) => {
            assert!(text.get(error.span.range()).is_some(), "{error:?} in {text:?}");
            assert!(!error.message.is_empty());
        }
    }
}

/// The pieces that scripts are made of, with `·` between them.
const PIECES: &str = "a·b=1·x+=·a[1]=·a=(·é·$·$x·${·${x:-·${x//·${#·${!x·}·{·{a,b}·,·..·$(·$((·))·)·(·((·`·\\`·\\·\\\n·\\\\·\"·\
    '·$'·$\"· · · ·\n·\t·;·;;·;&·&·&&·||·|·|&·<·>·>>·<<E·<<-'E'·<<<·\nE\n·2>&1·{fd}>·&>·<(·>(·*·?·[·]·[a-z]·\
    [!·@(·!(·~·~u/·:·#·# c\n·!·if ·then ·elif ·else ·fi·while ·until ·for i in ·for ((·do ·done·case x in ·\
    esac·a) ·select ·function f ·f() ·[[ · ]]· =~ · -n · == ·time ·coproc ·$[·export ·local ·in ·=·+·-·@·/·%·\
    ^·$*·$@·$#·$?";

fn soup() -> impl Strategy<Value = String> {
    let pieces: Vec<_> = PIECES.split('·').collect();
    prop::collection::vec(prop::sample::select(pieces), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_script_or_an_error(text in any::<String>()) {
        exercise(&text);
    }

    #[test]
    fn any_soup_is_a_script_or_an_error(text in soup()) {
        exercise(&text);
    }

    #[test]
    fn soup_in_constructs_is_a_script_or_an_error(text in soup()) {
        for (before, after) in [("`", "`"), ("\"", "\""), ("$(", ")"), ("cat <<E\n", "\nE\n"), ("${x:-", "}"), ("((", "))"), ("[[ a =~ ", " ]]")] {
            exercise(&format!("{before}{text}{after}"));
        }
    }
}

#[test]
fn nesting_has_a_limit_and_no_stack_overflows() {
    let openers = [
        "(",
        "((",
        "( (",
        "{ ",
        "$(",
        "$((",
        "$[",
        "${x:-",
        "${x[",
        "\"$(",
        "\"${x:-",
        "`",
        "if ",
        "while ",
        "for ((",
        "f() ",
        "case x in a) ",
        "<(",
        "@(",
        "a=(",
        "{a,",
        "a[$(",
        "[[ ( ",
        "! ",
        "time ",
        "coproc ",
        "function f ",
        "cat <<E\n$(",
        "x=",
        "export a=(",
        "until ",
        "elif ",
        "else ",
        "select x in a; do ",
        "[",
        "[[",
        "a[",
        "a[ ",
        "\\",
        "'",
        "\"",
        "<",
        "<<",
        "1",
        "[!",
        "[[:",
    ];
    for opener in openers {
        for count in [MAX_DEPTH - 2, MAX_DEPTH + 1, 20_000] {
            let text = opener.repeat(count);
            exercise(&text);
            exercise(&format!("a {text}"));
        }
    }
}

#[test]
fn what_is_nested_to_the_limit_parses() {
    for (opener, inner, closer) in [
        ("(", "a", ")"),
        ("$(", "a", ")"),
        ("${x:-", "a", "}"),
        ("if a; then ", "b", "; fi"),
        ("{a,", "b", "}"),
        ("case x in x) ", "a", ";; esac"),
    ] {
        let nested = |count: usize| format!("{}{inner}{}", opener.repeat(count), closer.repeat(count));
        assert!(parse(&nested(MAX_DEPTH / 2 - 1)).is_ok(), "{opener}");
        exercise(&nested(MAX_DEPTH - 1));
        exercise(&nested(MAX_DEPTH + 1));
    }
    assert_eq!(
        parse(&"(".repeat(1000)).map_err(|e| e.message),
        Err("more than 100 constructs are nested here".to_owned())
    );
}

#[test]
fn escapes_of_nested_backticks_do_not_multiply_the_work() {
    let mut text = "a".to_owned();
    for _ in 0..10 {
        text = format!("`echo {}`", text.replace('\\', "\\\\").replace('`', "\\`"));
    }
    exercise(&text);
    assert!(parse(&text).is_ok());
}
