//! Tables of ignore files and what they hide.

use super::*;

/// Returns which of the paths an ignore file hides.
fn hidden<'p>(file: &str, paths: &[&'p str]) -> Vec<&'p str> {
    let patterns = parse(file).unwrap();
    paths.iter().copied().filter(|path| patterns.matches(path, false)).collect()
}

#[test]
fn tricky_files_hide_what_moby_hides() {
    for (file, paths, expected) in [
        ("*\n!src", &["src", "src/a", "doc", "doc/a"][..], &["doc", "doc/a"][..]),
        ("**\n!a/b.txt", &["a", "a/b.txt", "a/c", "b.txt"], &["a", "a/c", "b.txt"]),
        (
            "*.md\n!README*.md\nREADME-secret.md",
            &["a.md", "README.md", "README-x.md", "README-secret.md", "sub/a.md"],
            &["a.md", "README-secret.md"],
        ),
        ("node_modules", &["node_modules", "node_modules/x", "a/node_modules"], &["node_modules", "node_modules/x"]),
        (
            "**/node_modules",
            &["node_modules/x", "a/b/node_modules", "my_node_modules"],
            &["node_modules/x", "a/b/node_modules"],
        ),
        ("/foo", &["foo", "a/foo"], &["foo"]),
        ("foo/", &["foo", "foo/x"], &["foo", "foo/x"]),
        ("foo/*", &["foo", "foo/x", "foo/x/y"], &["foo/x", "foo/x/y"]),
        ("foo/**\n!foo/x", &["foo", "foo/x", "foo/y", "foo/x/z"], &["foo/y"]),
        ("!x\nx", &["x"], &["x"]),
        (" #x", &["#x"], &["#x"]),
        ("#x", &["#x"], &[]),
        ("\\#x", &["#x"], &["#x"]),
        ("**/*-a\n!**/*-c", &["x-a", "p/q-a", "x-c", "p-a/q-c"], &["x-a", "p/q-a"]),
        // Nothing excludes `p-c`, so the exception for it is not asked.
        ("**/*-a\n!**/*-c", &["p-c", "p-c/q-a", "p-c/q", "p-a/q-c/r"], &["p-c/q-a"]),
        ("p\n!p/q\np/q/r", &["p/x", "p/q", "p/q/s", "p/q/r"], &["p/x", "p/q/r"]),
        ("./a/\na//b\n. \n/\n\n", &["a", "a/b", "b"], &["a", "a/b"]),
        ("\u{feff}foo\r\nbar baz\r\n", &["foo", "bar baz", "bar"], &["foo", "bar baz"]),
        ("!foo\nfoobar\n", &["foo", "foobar"], &["foobar"]),
        ("! foo\n", &["foo"], &[]),
        ("foo\n! foo/bar\n", &["foo", "foo/bar", "foo/baz"], &["foo", "foo/baz"]),
        ("..", &["a"], &[]),
    ] {
        assert_eq!(hidden(file, paths), expected, "{file:?}");
    }
}

#[test]
fn patterns_match_as_in_moby() {
    for (pattern, path, expected) in [
        ("**", "file", true),
        ("**", "dir/file", true),
        ("**/", "file", true),
        ("**/**", "dir/file", true),
        ("dir/**", "dir/file", true),
        ("dir/**", "dir/dir2/file", true),
        ("dir/**", "dir", false),
        ("**/dir2/*", "dir/dir2/file", true),
        ("**/dir2/*", "dir/dir2/dir2/file", true),
        ("**/dir2/**", "dir/dir2/dir2/file", true),
        ("**file", "file", true),
        ("**file", "dir/file", true),
        ("**/file", "dir/dir/file", true),
        ("**/file", "dir/xfile", false),
        ("**/file*", "dir/dir/file.txt", true),
        ("**/file*txt", "dir/dir/file.txt", true),
        ("**/file*.txt*", "dir/dir/file.txt", true),
        ("**/**/*.txt", "dir/file.txt", true),
        ("**/**/*.txt2", "dir/file.txt", false),
        ("**/*.txt", "file.txt", true),
        ("a**/*.txt", "a/file.txt", true),
        ("a**/*.txt", "a/dir/dir/file.txt", true),
        ("a/*.txt", "a/dir/file.txt", false),
        ("a/*.txt**", "a/file.txt", true),
        ("a[b-d]e", "ae", false),
        ("a[b-d]e", "ace", true),
        ("a[^b-d]e", "aze", true),
        ("a[^b-d]e", "ace", false),
        (".*", ".foo", true),
        (".*", "foo", false),
        ("abc.def", "abcdef", false),
        ("abc.def", "abcZdef", false),
        ("abc?def", "abcZdef", true),
        ("abc?def", "abc/def", false),
        ("a\\\\", "a\\", true),
        ("**/foo/bar", "foo/bar", true),
        ("**/foo/bar", "dir/dir2/foo/bar", true),
        ("abc/**", "abc", false),
        ("abc/**", "abc/def/ghi", true),
        ("**/.foo", ".foo", true),
        ("**/.foo", "bar.foo", false),
        ("a(b)c/def", "a(b)c/def", true),
        ("a(b)c/def", "a(b)c/xyz", false),
        ("a.|)$(}+{bc", "a.|)$(}+{bc", true),
        ("dist/*/base", "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl/base", true),
        ("a/**/b", "a/b", true),
        ("a/**/b", "a/x/y/b", true),
        ("a/**b", "a/b", true),
        ("a/**b", "a/x/b", true),
        ("a/**b", "a/xb", false),
        ("**.go", "x.go", true),
        ("**.go", "a/b/x.go", true),
        ("**.go*", "x.go", false),
        ("**.go*", "a/.gox", true),
        ("foo**", "foobar/x", true),
        ("foo**", "foo", true),
        ("x[^a]y", "x/y", true),
        ("é?", "éà", true),
        ("dir", "directory", false),
        ("**/a", "xa", false),
        ("**/a", "b/a/c", true),
    ] {
        let patterns = Patterns::new([pattern]).unwrap();
        assert_eq!(patterns.matches(path, false), expected, "{pattern} {path}");
    }
}

#[test]
fn escapes_are_those_of_a_regular_expression() {
    for (pattern, path, expected) in [
        ("\\x41b", "Ab", true),
        ("\\x41b", "x41b", false),
        ("\\101*", "Axe", true),
        ("\\0x", "\0x", true),
        ("\\60x", "0x", true),
        ("*\\bfoo", "a foo", true),
        ("*\\bfoo", "afoo", false),
        ("\\bfoo\\b", "foo", true),
        ("\\bfoo\\b", "foo/below", true),
        ("foo\\b*", "foo.txt", true),
        ("foo\\b*", "food", false),
        ("foo\\B*", "food", true),
        ("**/x\\b*", "a/b/x-1", true),
        ("\\Aa\\z", "a", true),
        ("a\\z*", "ab", false),
        ("a\\Ab", "ab", false),
    ] {
        let patterns = Patterns::new([pattern]).unwrap();
        assert_eq!(patterns.matches(path, false), expected, "{pattern} {path}");
    }
    for refused in ["\\x4", "\\xg1", "\\x*", "\\8", "\\1", "\\1a", "\\y", "\\pL", "\\Qa\\E", "\\C"] {
        assert!(Patterns::new([refused]).is_err(), "{refused}");
    }
}

#[test]
fn malformed_patterns_are_reported_with_their_line() {
    for (file, kind, line, span) in [
        ("a\n!\n", IgnoreErrorKind::IllegalExclusion, 2, 2..3),
        ("!  ", IgnoreErrorKind::IllegalExclusion, 1, 0..1),
        ("!/", IgnoreErrorKind::IllegalExclusion, 1, 0..2),
        ("\u{feff}  [", IgnoreErrorKind::BadPattern, 1, 5..6),
        ("a\\", IgnoreErrorKind::BadPattern, 1, 0..2),
        ("[]", IgnoreErrorKind::BadPattern, 1, 0..2),
    ] {
        let error = parse(file).unwrap_err();
        assert_eq!((error.kind, error.line, error.span), (kind, line, Span::from_range(span)), "{file:?}");
    }
}

#[test]
fn a_walk_descends_only_where_something_may_be_included_again() {
    for (file, directory, expected) in [
        ("dir", "dir", false),
        ("dir\n!dir/keep", "dir", true),
        ("dir\n!dir/keep", "dir/other", false),
        ("dir\n!dir/keep", "dirx", false),
        ("*\n!a/b/c", "a", true),
        ("*\n!a/b/c", "a/b", true),
        ("*\n!a/b/c", "a/x", false),
        ("*\n!**/*.rs", "anything/below", true),
        ("*\n!a/*/c", "a/x", true),
        ("*\n!a/*/c", "b", false),
        ("*\n!src/*.rs", "sr", false),
        ("*\n!src**", "src", true),
        ("*\n!src**", "doc", false),
        ("*\n!src", "src", true),
        ("*\n!src", ".", true),
    ] {
        assert_eq!(parse(file).unwrap().may_reinclude_below(directory), expected, "{file:?} {directory}");
    }
}

#[test]
fn hostile_patterns_take_bounded_time() {
    let patterns = Patterns::new([format!("{}b", "**/*a*".repeat(30)).as_str()]).unwrap();
    assert!(!patterns.matches(&"a/".repeat(2_000), false));
    let long = Patterns::new([format!("?{}", "*a".repeat(400)).as_str()]).unwrap();
    assert!(long.matches(&"a".repeat(800), false));
}
