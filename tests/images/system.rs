//! `system df -v`, `system prune`.

use crate::shelf::{shelf, timeless};
use crate::support::RunAs;

#[test]
fn the_disk_is_accounted_for_in_detail() {
    let env = shelf(RunAs::Root);
    let said = timeless(&env.ok(["system", "df", "-v"]).stdout);
    let parts: Vec<&str> = said.split("\n\n").collect();
    assert!(parts[0].starts_with("TYPE   TOTAL"), "{said}");
    assert_eq!(parts[1], "Images space usage:", "{said}");
    let images: Vec<&str> = parts[2].lines().collect();
    assert_eq!(images[0], "REPOSITORY   TAG   IMAGE ID   CREATED   SIZE   SHARED SIZE   UNIQUE SIZE", "{said}");
    assert_eq!(images.len(), 6, "{said}");
    assert_eq!(parts[3], "Build cache usage:", "{said}");
    assert!(parts[4].lines().any(|line| line.contains("COPY small /srv/")), "{said}");
}

#[test]
fn prune_takes_images_with_a_name_where_all_is_asked_for() {
    let env = shelf(RunAs::Root);
    let said = env.ok(["system", "prune", "-f"]).stdout;
    assert_eq!(said.matches("Deleted: sha256:").count(), 1, "{said}");
    assert_eq!(env.ok(["images", "-q"]).stdout.lines().count(), 4);
    // What is about the cache alone removes no image.
    env.ok(["system", "prune", "-a", "-f", "--filter", "type=exec.cachemount"]);
    env.ok(["system", "prune", "-a", "-f", "--filter", "until=1700000001"]);
    assert_eq!(
        env.ok(["images", "--format", "{{.Repository}}", "-f", "dangling=false"]).stdout.matches("app").count(),
        3
    );
    let said = env.ok(["system", "prune", "-a", "-f"]).stdout;
    assert!(said.contains("Untagged: app:2\n") && said.contains("Total reclaimed space: "), "{said}");
    assert_eq!(env.ok(["images", "-q"]).stdout, "");
    assert_eq!(env.ok(["cache", "ls", "-q"]).stdout, "");
}
