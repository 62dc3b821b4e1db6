use super::*;

#[test]
fn limits_mean_what_buildkits_mean() {
    let limits = |reserved, max_used, min_free| PruneLimits { reserved, max_used, min_free };
    for (limits, total, free, expected) in [
        (limits(0, 0, 0), 100, 0, 0),
        (limits(30, 0, 0), 100, 0, 30),
        (limits(0, 60, 0), 100, 0, 60),
        (limits(70, 60, 0), 100, 0, 70),
        // Enough is free.
        (limits(0, 0, 50), 100, 50, 100),
        // Thirty more must be free, whatever may be used.
        (limits(0, 0, 50), 100, 20, 70),
        (limits(0, 90, 50), 100, 20, 70),
        (limits(80, 90, 50), 100, 20, 80),
        (limits(0, 0, 500), 100, 0, 0),
    ] {
        assert_eq!(limits.keep(total, free), expected, "{limits:?}");
    }
}

#[test]
fn a_file_with_several_names_counts_for_the_last_that_goes() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for name in ["a", "b"] {
        std::fs::create_dir(path(name)).unwrap();
    }
    std::fs::write(path("a/file"), vec![1; 100_000]).unwrap();
    let alone = Tree::of(&path("a")).unwrap();
    assert_eq!(alone.bytes(), alone.bytes_of_its_own());
    std::fs::hard_link(path("a/file"), path("b/file")).unwrap();
    std::fs::write(path("b/other"), vec![1; 100_000]).unwrap();
    let (a, b) = (Tree::of(&path("a")).unwrap(), Tree::of(&path("b")).unwrap());
    assert_eq!(a.bytes(), alone.bytes());
    assert!(a.bytes_of_its_own() < 100_000 && b.bytes() > 200_000);
    let mut shares = Shares::default();
    let first = shares.next(&a);
    assert_eq!(first, a.bytes_of_its_own());
    assert_eq!(first + shares.next(&b), Tree::of(directory.path()).unwrap().bytes() - own(directory.path()));
    assert_eq!(Tree::of(&path("nothing")).unwrap().bytes(), 0);
}

fn own(path: &std::path::Path) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(&std::fs::metadata(path).unwrap()) * 512
}
