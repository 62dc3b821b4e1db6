use super::*;

fn read(text: &str) -> GitSource {
    parse_git(text).unwrap().unwrap_or_else(|| panic!("{text}")).source
}

#[test]
fn repositories_are_told_from_files() {
    for text in [
        "https://example.org/a/b.git",
        "http://example.org/b.git?ref=x",
        "https://example.org/b.git#x",
        "git://example.org/b",
        "ssh://git@example.org:22/b",
        "git@example.org:a/b",
        "other_user@example.org:b.git#x:y",
        "GIT://example.org/b",
    ] {
        assert!(matches!(parse_git(text), Ok(Some(address)) if !address.like_a_path), "{text}");
    }
    for text in [
        "https://example.org/a/b.tar.gz",
        "https://example.org/b.git.zip",
        "https://example.org/b#x.git",
        "https://example.org.git",
        "ftp://example.org/b.git",
        "file:///b.git",
        "./b.git",
        "../git@example.org:a",
        "/b.git",
        "b.git",
        "@example.org:x",
        "-x@example.org:x",
        "a@b",
        "a b@example.org:x",
        "",
    ] {
        assert_eq!(parse_git(text), Ok(None), "{text}");
    }
    let address = parse_git("github.com/a/b#v1").unwrap().unwrap();
    assert!(address.like_a_path);
    assert_eq!(address.source.remote, "https://github.com/a/b");
}

#[test]
fn fragments_and_queries_say_what_is_wanted() {
    let source = read("https://example.org/b.git#v1.0:a/b");
    assert_eq!(source.remote, "https://example.org/b.git");
    assert_eq!((source.reference.as_deref(), source.subdir.as_deref()), (Some("v1.0"), Some("a/b")));
    assert_eq!(read("https://example.org/b.git#:a").reference, None);
    assert_eq!(read("https://example.org/b.git#").reference, None);
    let source = read("https://example.org/b.git?tag=v1&subdir=a&keep-git-dir&submodules=false&mtime=commit#:a");
    assert_eq!(source.reference.as_deref(), Some("refs/tags/v1"));
    assert!(source.keep_git_dir && !source.submodules && source.mtime == GitMtime::Commit);
    assert_eq!(read("git@example.org:b?branch=x").reference.as_deref(), Some("refs/heads/x"));
    assert_eq!(read("git@example.org:b?branch=x").remote, "git@example.org:b");
    let commit = "0123456789abcdef0123456789abcdef01234567";
    assert_eq!(read(&format!("git://h/b?commit={commit}")).reference.as_deref(), Some(commit));
    let short = read("git://h/b?checksum=0123#x");
    assert_eq!((short.reference.as_deref(), short.checksum.as_deref()), (Some("x"), Some("0123")));
    assert!(read("git://h/b?fetch-by-commit=1").fetch_by_commit);
    assert_eq!(read("git://h/b#a%2Fb").reference.as_deref(), Some("a/b"));
}

#[test]
fn contradictions_are_refused_in_known_words() {
    for (text, error) in [
        ("git://h/b?ref=a#b", "ref conflicts: \"b\" vs \"a\""),
        ("git://h/b?subdir=a#:b", "subdir conflicts: \"b\" vs \"a\""),
        ("git://h/b?tag=a&branch=b", "branch conflicts with tag"),
        ("git://h/b?tag=a#b", "ref conflicts: \"b\" vs \"refs/tags/a\""),
        ("git://h/b?x=y", "unexpected query \"x\""),
        ("git://h/b?ref", "query \"ref\" has no value"),
        ("git://h/b?ref=a&ref=a", "query \"ref\" has multiple values"),
        ("git://h/b?keep-git-dir=x", "invalid keep-git-dir value: \"x\""),
        ("git://h/b?submodules=x", "invalid submodules value: \"x\""),
        ("git://h/b?fetch-by-commit=x", "invalid fetch-by-commit value: \"x\""),
        ("git://h/b?mtime=x", "invalid mtime value: \"x\" (must be \"checkout\" or \"commit\")"),
        ("git://h/b#--upload-pack=x", "invalid ref \"--upload-pack=x\" of a git repository"),
        ("git://h/b#:../x", "invalid subdir \"../x\" of a git repository"),
        ("git://h/b?checksum=xyz", "invalid checksum \"xyz\" of a git repository"),
    ] {
        assert_eq!(parse_git(text).unwrap_err().to_string(), error, "{text}");
    }
}

#[test]
fn hosts_are_found_in_every_form() {
    for (text, host, ssh) in [
        ("https://u:p@example.org:8/b.git", "example.org:8", false),
        ("git@example.org:b", "example.org", true),
        ("ssh://git@example.org:2222/b", "example.org:2222", true),
    ] {
        let source = read(text);
        assert_eq!((source.host(), source.is_ssh()), (host, ssh), "{text}");
        assert!(!format!("{source:?}").contains(":p@"));
    }
}
