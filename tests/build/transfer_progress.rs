//! How far transfers are: for people with rates, for programs as JSON, or not at all.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::fault_proxy::{Fault, FaultProxy, Rule};
use crate::support::peers::{Registry, tool};
use crate::support::servers::Web;
use crate::support::{BASE, Finished, TestEnv, noise};

/// A registry with an image of one large layer, behind a proxy that passes blobs on slowly.
fn slow(env: &TestEnv) -> (Registry, FaultProxy) {
    let registry = Registry::start(&env.path(""));
    env.write("noise", noise(1_500_000, 1));
    env.write("Dockerfile", "FROM scratch\nCOPY noise /noise\n");
    env.ok(["build", "-q", "--push", "-t", &format!("{}/app:1", registry.address()), "."]);
    let slow = Fault::Slow(200_000, Duration::from_millis(150));
    let proxy = FaultProxy::start(registry.address(), vec![Rule::always("GET", "/blobs/", slow)]);
    (registry, proxy)
}

/// The statuses among lines of JSON, and that every line is JSON.
fn statuses(text: &str) -> Vec<Value> {
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}")));
    lines.flat_map(|line| line["statuses"].as_array().cloned().unwrap_or_default()).collect()
}

#[test]
fn pulls_say_how_far_and_how_fast() {
    let env = TestEnv::root();
    let (_registry, proxy) = slow(&env);
    let name = format!("{}/app:1", proxy.address());
    let other = || TestEnv::root();
    // Lines: the end of each blob with its size, its time and its rate.
    let plain = other().ok(["pull", "--progress=plain", &name]).stderr;
    let is_end = |line: &&str| line.contains(" sha256:") && line.ends_with("B/s done") && line.contains("MB / 1.");
    assert_eq!(plain.lines().filter(is_end).count(), 1, "{plain}");
    // Nothing at all.
    let quiet = other().ok(["pull", "-q", &name]);
    assert_eq!((quiet.stdout, quiet.stderr), (format!("{name}\n"), String::new()));
    // A line of JSON for each figure, complete at the end, none of them twice.
    let json = other().ok(["pull", "--progress=rawjson", &name]).stderr;
    let statuses = statuses(&json);
    let figures: Vec<u64> = statuses.iter().map(|status| status["current"].as_u64().unwrap()).collect();
    assert!(figures.len() > 3 && figures.len() < 100 && figures.is_sorted(), "{figures:?}");
    let last = statuses.last().unwrap();
    assert!(last["current"] == last["total"] && last["completed"].is_string(), "{last}");
    assert!(last["started"].as_str() < last["timestamp"].as_str(), "{last}");
    // On a terminal there is a bar with the rate beside it.
    let env = other();
    let builder = env.builder();
    let mut words = vec!["stty rows 30 cols 160;".to_owned()];
    for (name, value) in builder.get_envs() {
        words.extend(value.map(|value| format!("{}='{}'", name.to_string_lossy(), value.to_string_lossy())));
    }
    words.push(format!("'{}' pull --progress=tty {name}", builder.get_program().to_string_lossy()));
    let screen = tool("script", &["-q", "-e", "-c", &words.join(" "), "/dev/null"]);
    let has_rate = |line: &str| line.contains("sha256:") && line.contains("B/s") && line.contains("=>");
    assert!(screen.lines().any(has_rate), "{screen}");
}

#[test]
fn archives_say_how_far_and_how_fast() {
    let env = TestEnv::root();
    env.write("noise", noise(3_000_000, 1));
    env.write("Dockerfile", "FROM scratch\nCOPY noise /noise\n");
    env.ok(["build", "-q", "-t", "app", "."]);
    let [saved, exported] = ["saved.tar", "exported.tar"].map(|name| env.path("out").join(name).display().to_string());
    let other = TestEnv::root();
    let commands: [(&TestEnv, &[&str], &str); 4] = [
        (&env, &["save", "app", "-o", &saved], " sha256:"),
        (&env, &["export", "app", "-o", &exported], " root filesystem "),
        (&other, &["load", "-i", &saved], " archive "),
        (&other, &["import", &exported, "flat"], " archive "),
    ];
    for (env, command, item) in commands {
        let with = |more: &str| env.ok(command.iter().chain(&[more]));
        // Nothing where nobody asks and no terminal is there.
        let silent = env.ok(command);
        assert_eq!(silent.stderr, "", "{command:?}");
        let quiet = with("-q");
        // Results are told all the same; the ID of what is imported changes with the time.
        let lines = |text: &str| text.lines().count();
        assert_eq!((&*quiet.stderr, lines(&quiet.stdout)), ("", lines(&silent.stdout)), "{command:?}");
        let plain = with("--progress=plain").stderr;
        let is_end = |line: &&str| line.contains(item) && line.contains("/ 3") && line.ends_with(" done");
        assert!(plain.lines().any(|line| is_end(&line)), "{command:?}: {plain}");
        let statuses = statuses(&with("--progress=rawjson").stderr);
        let most = statuses.iter().filter_map(|status| status["current"].as_u64()).max();
        assert!(most.is_some_and(|most| most >= 3_000_000), "{command:?}: {statuses:?}");
    }
    // The rate is told where there is time to see it.
    let builder = other.builder();
    let slowly = |progress: &str| {
        format!(
            "(head -c 1500000 {saved}; sleep 0.6; tail -c +1500001 {saved}) | BUILDER_ROOT={} {} load --progress={progress}",
            other.store().display(),
            builder.get_program().to_string_lossy()
        )
    };
    let said = Finished::of(Command::new("sh").args(["-c", &slowly("plain")])).success().stderr;
    assert!(said.lines().any(|line| line.contains(" archive 3") && line.ends_with("B/s done")), "{said}");
    // On a terminal it has a line of its own.
    let line = format!("stty rows 30 cols 160; {}", slowly("tty"));
    let screen = tool("script", &["-q", "-e", "-c", &line, "/dev/null"]);
    assert!(screen.lines().any(|line| line.contains("archive") && line.contains("B/s")), "{screen}");
    // Archives go to pipes as they are, whatever is shown.
    let piped = env.builder().args(["save", "app", "--progress=plain"]).output().unwrap();
    assert!(piped.stdout == std::fs::read(&saved).unwrap() && !piped.stderr.is_empty());
}

#[test]
fn every_other_transfer_says_so_as_well() {
    let env = TestEnv::root();
    let (registry, proxy) = slow(&env);
    let host = proxy.address();
    // The base of a build.
    let other = TestEnv::root();
    other.write("Dockerfile", format!("FROM {host}/app:1\nENV A=1\n"));
    let said = other.ok(["build", "--progress=plain", "--lint=off", "."]).stderr;
    assert!(said.lines().any(|line| line.contains(" sha256:") && line.ends_with(" done")), "{said}");
    // A push, and a cache that is written and read.
    let other = TestEnv::root();
    other.write("noise", vec![7; 300_000]);
    other.write("Dockerfile", "FROM base\nCOPY noise /noise\nRUN cat /noise > /copy\n");
    let cache = format!("{host}/cache:1");
    let build = |env: &TestEnv, more: &[&str]| {
        let own = ["build", "--progress=plain", "--lint=off", "--build-context", BASE];
        env.ok(own.iter().chain(more).chain(&["."])).stderr
    };
    let said = build(
        &other,
        &["--push", "-t", &format!("{host}/built:1"), "--cache-to", &format!("type=registry,ref={cache},mode=max")],
    );
    let task_of = |said: &str, name: &str| {
        let line = said.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("no {name}: {said}"));
        let number = line.split(' ').next().unwrap().to_owned() + " sha256:";
        said.lines().filter(|line| line.starts_with(&number) && line.ends_with(" done")).count()
    };
    assert!(task_of(&said, "pushing layers") >= 2, "{said}");
    assert!(task_of(&said, "exporting cache to") >= 1, "{said}");
    let reader = TestEnv::root();
    for file in ["noise", "Dockerfile"] {
        reader.write(file, std::fs::read(other.path("work").join(file)).unwrap());
    }
    let said = build(&reader, &["-t", "app", "--cache-from", &format!("type=registry,ref={cache}")]);
    assert!(task_of(&said, "fetching layers from elsewhere") >= 2, "{said}");
    drop(registry);
    // A file of a web server.
    let web = Web::start(&env.path(""));
    web.write("large", vec![b'x'; 2_000_000]);
    let other = TestEnv::root();
    other.write("Dockerfile", format!("FROM scratch\nADD {} /large\n", web.url("large")));
    let said = other.ok(["build", "--progress=plain", "--lint=off", "."]).stderr;
    assert!(said.lines().any(|line| line.contains("large 2MB / 2MB") && line.ends_with(" done")), "{said}");
}

#[test]
fn a_silent_server_and_the_next_try_are_told_of() {
    let env = TestEnv::root();
    let (registry, _) = slow(&env);
    let busy = Fault::Answer(503, vec![("retry-after", "1".to_owned())], Vec::new());
    let rules = vec![
        Rule::new("GET", "/manifests/", 1, busy),
        Rule::always("GET", "/blobs/", Fault::Slow(1_000_000, Duration::from_millis(6500))),
    ];
    let pull = |form: &str| {
        let proxy = FaultProxy::start(registry.address(), rules.clone());
        let name = format!("{}/app:1", proxy.address());
        (TestEnv::root().ok(["pull", form, &name]).stderr, proxy.address().to_owned())
    };
    std::thread::scope(|scope| {
        let json = scope.spawn(|| pull("--progress=rawjson"));
        let (plain, address) = pull("--progress=plain");
        let retry = format!("{address}: retrying in ");
        assert!(plain.lines().any(|line| line.starts_with(&retry) && line.contains("status 503")), "{plain}");
        assert_eq!(plain.matches(&format!("waiting for {address}: no answer for 5.")).count(), 1, "{plain}");
        let (json, address) = json.join().unwrap();
        let waits: Vec<Value> = json
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .flat_map(|line| line["waits"].as_array().cloned().unwrap_or_default())
            .collect();
        assert!(waits.iter().all(|wait| wait["server"] == address.as_str()), "{waits:?}");
        assert!(waits.iter().any(|wait| wait["retryIn"].as_f64() > Some(0.0)), "{waits:?}");
        assert!(waits.iter().any(|wait| wait["silence"].as_f64() >= Some(5.0)), "{waits:?}");
    });
}

#[test]
fn a_pull_that_was_killed_goes_on() {
    let place = TestEnv::root();
    let registry = Registry::start(&place.path(""));
    place.write("noise", noise(4_000_000, 1));
    place.write("Dockerfile", "FROM scratch\nCOPY noise /noise\n");
    let name = format!("{}/app:1", registry.address());
    place.ok(["build", "-q", "--push", "-t", &name, "."]);
    for signal in ["KILL", "INT"] {
        let slow = Fault::Slow(500_000, Duration::from_millis(300));
        let proxy = FaultProxy::start(registry.address(), vec![Rule::always("GET", "/blobs/", slow)]);
        let env = TestEnv::root();
        let through = name.replace(registry.address(), proxy.address());
        let mut child = env.builder().args(["pull", "-q", &through]).spawn().unwrap();
        let partial = env.store().join("partial");
        let has_come = || {
            let found = std::fs::read_dir(&partial).into_iter().flatten().flatten();
            found.map(|entry| entry.metadata().unwrap().len()).max().unwrap_or_default()
        };
        let begin = std::time::Instant::now();
        while has_come() < 2_000_000 {
            assert!(begin.elapsed() < Duration::from_mins(1), "{}", has_come());
            std::thread::sleep(Duration::from_millis(10));
        }
        tool("kill", &[&format!("-{signal}"), &child.id().to_string()]);
        child.wait().unwrap();
        assert!(has_come() >= 2_000_000);
        let is_layer = |digest: &str| env.store().join("blobs/sha256").join(digest).exists();
        let digest = std::fs::read_dir(&partial).unwrap().flatten().next().unwrap().file_name().into_string().unwrap();
        assert!(!is_layer(&digest));
        // From another server of the same image, too.
        let json = env.ok(["pull", "--progress=rawjson", &name]).stderr;
        let of_layer = |status: &Value| status["id"].as_str().unwrap().ends_with(&digest);
        let first = statuses(&json).into_iter().find(of_layer).unwrap();
        assert!(first["current"].as_u64() >= Some(2_000_000), "{first}");
        assert!(is_layer(&digest) && has_come() == 0);
        env.ok(["export", "-o", env.path("out.tar").to_str().unwrap(), &name]);
    }
}
