//! What rules ask: words, invocations, and where things stand.

use crate::shell::*;

fn parsed(text: &str) -> Script {
    parse(text).unwrap()
}

/// Returns the words of a command.
fn words(text: &str) -> Vec<Word> {
    let script = parsed(text);
    let index = Index::new(&script);
    let (command, _) = index.simple().next().unwrap();
    command.words.clone()
}

#[test]
fn a_word_has_a_value_where_nothing_is_expanded() {
    for (text, literal, unquoted) in [
        ("abc", Some("abc"), "abc"),
        ("a\\ b'c'\"d\\\"\"", Some("a bcd\""), "a bcd\""),
        ("$'\\x41\\t\\u00e9\\101\\q'", Some("A\té\u{41}\\q"), "A\té\u{41}\\q"),
        ("\"\"", Some(""), ""),
        ("\"a$b\"c", None, "a$bc"),
        ("'a'*", None, "a*"),
        ("~/\"x y\"", None, "~/x y"),
        ("{a,'b'}", None, "{a,'b'}"),
        ("a\\\nb", Some("ab"), "ab"),
    ] {
        let word = &words(text)[0];
        assert_eq!(word.literal().as_deref(), literal, "{text}");
        assert_eq!(word.unquoted(text), unquoted, "{text}");
        assert_eq!(word.text(text), text);
    }
}

#[test]
fn a_word_knows_its_quotes_and_parts() {
    let found: Vec<_> = words("'a'\"b\" a\"b\" \"$c\" $(d) *\"x$y\"")
        .iter()
        .map(|word| (word.is_quoted(), word.has_expansion(), word.has_glob(), word.only_part().is_some()))
        .collect();
    assert_eq!(
        found,
        [
            (true, false, false, false),
            (false, false, false, false),
            (true, true, false, true),
            (false, true, false, true),
            (false, true, true, false),
        ]
    );
}

#[test]
fn arguments_can_be_read_as_assignments() {
    let text = "export a=1 b+=\"$x\" c[0]=y d[$i]+=z e= f=(1 2) g -h=1";
    let found: Vec<_> = words(text)
        .iter()
        .skip(1)
        .map(|word| {
            word.as_assignment().map(|assignment| {
                let name = &text[assignment.name.span.range()];
                assert_eq!(name, assignment.name.value);
                let index = assignment.index.as_ref().map(|index| index.text(text));
                (name, index, assignment.append, assignment.value.text(text))
            })
        })
        .collect();
    assert_eq!(
        found,
        [
            Some(("a", None, false, "1")),
            Some(("b", None, true, "\"$x\"")),
            Some(("c", Some("0"), false, "y")),
            Some(("d", Some("$i"), true, "z")),
            Some(("e", None, false, "")),
            Some(("f", None, false, "(1 2)")),
            None,
            None,
        ]
    );
    assert_eq!(words("`export a=\\$b`")[0].as_assignment(), None);
}

#[test]
fn invocations_have_flags_and_arguments() {
    let text = "apt-get -yq --option=a=b -o Dpkg::x=\"$y\" install --no-install-recommends 'curl' -t sid -";
    let script = parsed(text);
    let index = Index::new(&script);
    let invocation = index.simple().find_map(|(command, _)| Invocation::new(command, text)).unwrap();
    assert_eq!(invocation.name, "apt-get");
    let flags: Vec<_> = invocation.flags().map(|flag| (flag.name, flag.value)).collect();
    assert_eq!(
        flags,
        [("y", None), ("q", None), ("option", Some("a=b")), ("o", None), ("no-install-recommends", None), ("t", None),]
    );
    assert!(invocation.has_any_flag(&["x", "y"]) && !invocation.has_flag("yq"));
    assert_eq!(invocation.count_flag("q"), 1);
    assert_eq!(invocation.flag_value("option"), Some("a=b"));
    assert_eq!(invocation.flag_value("t"), Some("sid"));
    assert_eq!(invocation.flag_value("x"), None);
    let args = |invocation: &Invocation<'_>| -> Vec<_> {
        invocation.args_without_flags().map(|arg| (arg.text.clone().into_owned(), arg.literal)).collect()
    };
    assert_eq!(args(&invocation.without_flags(&["o", "t"])), [("install".to_owned(), true), ("curl".to_owned(), true)]);
    assert_eq!(args(&invocation)[0], ("Dpkg::x=$y".to_owned(), false));
    assert!(invocation.has_arg("curl"));
}

#[test]
fn the_effective_command_is_behind_its_prefixes() {
    for (text, expected) in [
        ("apt-get update", Some("apt-get update")),
        ("sudo -u root -E A=b /usr/bin/apt-get -y", Some("apt-get -y")),
        ("env -i -u X A=b c d", Some("c d")),
        ("A=b exec nice -n 5 timeout -k 1 5 nohup c -d", Some("c -d")),
        ("command -v curl", Some("command -v curl")),
        ("command -p curl", Some("curl")),
        ("/bin/busybox wget x", Some("wget x")),
        ("gosu user sh -c x", Some("sh -c x")),
        ("sudo", Some("sudo")),
        ("env A=b", Some("env A=b")),
        ("A=b", None),
        ("$x y", Some("$x y")),
    ] {
        let script = parsed(text);
        let index = Index::new(&script);
        let (command, _) = index.simple().next().unwrap();
        let found = Invocation::effective(command, text).map(|invocation| {
            let mut whole = invocation.name.clone().into_owned();
            for arg in &invocation.args {
                whole = format!("{whole} {}", arg.text);
            }
            whole
        });
        assert_eq!(found.as_deref(), expected, "{text}");
    }
}

#[test]
fn every_simple_command_is_found_in_order_with_its_place() {
    let text = "a $(b `c`) && d <(e) | f; if g; ! h; then (i) & fi\n\
        while j; do { k; }; done; for x in $(l); do m; done\n\
        case $(n) in $(o)) p || q;; esac; r() { s; }; t <<E\n$(u)\nE\n[[ -n $(v) ]]; ((w = $(y)));";
    let script = parsed(text);
    let index = Index::new(&script);
    let mut found = String::new();
    for (command, site) in index.simple() {
        let name = command.words[0].literal().unwrap();
        let scopes: Vec<_> = index.ancestors(site.scope).map(|scope| format!("{:?}", scope.construct)).collect();
        let checked = if site.checked { " checked" } else { "" };
        let pipe = if site.reads_from_pipe() {
            " <pipe"
        } else if site.writes_to_pipe() {
            " >pipe"
        } else {
            ""
        };
        let background = if site.in_background() { " background" } else { "" };
        found.push_str(&format!("{name}{checked}{pipe}{background} {}\n", scopes[..scopes.len() - 1].join(" ")));
    }
    assert_eq!(
        found,
        "a checked \n\
         b checked CommandSubstitution\n\
         c checked Backticks CommandSubstitution\n\
         d >pipe \n\
         e ProcessSubstitution\n\
         f <pipe \n\
         g IfCondition\n\
         h checked IfCondition\n\
         i Subshell IfBody\n\
         j checked LoopCondition\n\
         k Group LoopBody\n\
         l CommandSubstitution\n\
         m LoopBody\n\
         n CommandSubstitution\n\
         o CommandSubstitution\n\
         p checked CaseArm\n\
         q CaseArm\n\
         s Group Function\n\
         t \n\
         u CommandSubstitution\n\
         v CommandSubstitution\n\
         y CommandSubstitution\n"
    );
    assert_eq!(index.items().count(), index.commands.iter().filter(|s| s.position == 0 && s.after.is_none()).count());
    assert!(index.pipelines().any(|(pipeline, _)| pipeline.commands.len() == 2));
    let (_, site) = index.simple().find(|(command, _)| command.words[0].text(text) == "k").unwrap();
    assert!(index.is_inside(site.scope, Construct::LoopBody) && !index.is_inside(site.scope, Construct::IfBody));
    assert!(!index.ancestors(site.scope).any(|scope| scope.construct.is_subshell()));
}

#[test]
fn every_parameter_is_found_with_its_place() {
    let text = "$a \"$b\" c=$d export e=$f ${g:-$h} \"${i:-$j}\" $((k + $l)) ${m[$n]} >$o <<<$p {$q,r} ${s%$t}; export u=$u; \
        for x in $v; do [[ $w = $x ]]; done; case $y in $z) ;; esac; A=(\"$B\" $C); (($D)); cat <<E\n$F\nE\n";
    let script = parsed(text);
    let index = Index::new(&script);
    let splitting: String = index
        .parameters()
        .filter(|(_, site)| site.place.splits())
        .map(|(parameter, _)| parameter.name.as_str())
        .collect();
    assert_eq!(splitting, "adfghmoqsvC");
    let all: String = index.parameters().map(|(parameter, _)| parameter.name.as_str()).collect();
    assert_eq!(all, "abdfghijlmnopqstuvwxyzBCDF");
    let role = |name: &str| index.parameters().find(|(p, _)| p.name == name).map(|(_, site)| site.place.role);
    assert_eq!(role("a"), Some(WordRole::CommandName));
    assert_eq!(role("b"), Some(WordRole::Argument(0)));
    assert_eq!(role("p"), Some(WordRole::HereString));
    assert_eq!(role("u"), Some(WordRole::Declaration(0)));
    assert_eq!(role("w"), Some(WordRole::Test));
    assert_eq!(role("z"), Some(WordRole::CasePattern));
    assert_eq!(role("C"), Some(WordRole::ArrayElement));
    assert_eq!(role("D"), Some(WordRole::Arithmetic));
    assert_eq!(role("F"), Some(WordRole::HereDocument));
    let site = index.parameters().find(|(p, _)| p.name == "C").map(|(_, site)| site).unwrap();
    assert_eq!(site.word.map(|word| word.text(text)), Some("$C"));
    assert!(index.words.iter().any(|site| site.role == WordRole::CommandName && site.word.text(text) == "cat"));
}
