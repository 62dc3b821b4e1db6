//! Other people's tools, run for real.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Finished;

/// Runs a tool, which must succeed, and returns its standard output.
#[track_caller]
pub fn tool(program: &str, arguments: &[&str]) -> String {
    Finished::of(Command::new(program).args(arguments)).success().stdout
}

/// Unpacks an image of an OCI layout with `umoci`, runs it with `crun`, and returns what it printed.
///
/// `crun` needs a hand on machines with a hybrid cgroup hierarchy or without `CAP_SYS_RESOURCE`: its cgroup
/// manager is off, `/sys/fs/cgroup` is covered in a mount namespace of its own, and resource limits and the
/// terminal are taken out of the bundle. What runs is the image's own root filesystem, arguments, environment,
/// user and working directory.
#[track_caller]
pub fn run_with_crun(layout: &Path, name: &str, scratch: &Path) -> String {
    let bundle = scratch.join(format!("bundle-{}", name.replace(['/', ':'], "-")));
    let image = format!("{}:{name}", layout.display());
    tool("umoci", &["unpack", "--image", &image, bundle.to_str().expect("utf-8")]);
    let path = bundle.join("config.json");
    let mut config: serde_json::Value =
        serde_json::from_slice(&fs::read(&path).expect("config.json")).expect("bundle config");
    config["process"]["terminal"] = false.into();
    config["process"].as_object_mut().expect("process").remove("rlimits");
    fs::write(&path, config.to_string()).expect("config.json");
    let script = "umount -R /sys/fs/cgroup; mount -t tmpfs none /sys/fs/cgroup; \
                  exec crun --cgroup-manager=disabled run --bundle \"$1\" \"builder-test-$$\"";
    tool("unshare", &["-m", "sh", "-c", script, "sh", bundle.to_str().expect("utf-8")])
}

/// A registry server on loopback: Debian's `docker-registry`.
pub struct Registry {
    child: Child,
    address: String,
}

/// The user that [`Registry::start_guarded`] lets in.
pub const REGISTRY_USER: &str = "joe";
/// The password of that user.
pub const REGISTRY_PASSWORD: &str = "secret-hunter2";
/// The same, as the registry wants it.
const REGISTRY_PASSWORDS: &str = "joe:$2b$04$sGTClvCBzGhXwXEdan0gv.D6AEnsNq0O0nNTTpKTgp4MDYBv1XQAi\n";

impl Registry {
    /// Starts a registry that keeps its data below `directory`.
    pub fn start(directory: &Path) -> Self {
        Self::start_with(directory, "", "", "")
    }

    /// Starts a registry that lets people delete.
    pub fn start_deleting(directory: &Path) -> Self {
        Self::start_with(directory, "  delete:\n    enabled: true\n", "", "")
    }

    /// Starts a registry with encryption that lets in [`REGISTRY_USER`] only. The certificate of its authority is
    /// `ca.crt` in `directory`.
    pub fn start_guarded(directory: &Path) -> Self {
        let file = |name: &str| directory.join(name).display().to_string();
        let subject =
            ["-subj", "/CN=builder-test", "-days", "2", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        let (ca, ca_key, request) = (file("ca.crt"), file("ca.key"), file("server.csr"));
        let (key, certificate, names) = (file("server.key"), file("server.crt"), file("names"));
        let authority = ["req", "-x509", "-nodes", "-keyout", &ca_key, "-out", &ca];
        tool("openssl", &[&authority[..], &subject].concat());
        tool("openssl", &[&["req", "-nodes", "-keyout", &key, "-out", &request][..], &subject].concat());
        fs::write(&names, "subjectAltName=IP:127.0.0.1,DNS:localhost\n").expect("names");
        let signing = ["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial", "-days", "2"];
        tool("openssl", &[&signing[..], &["-extfile", &names, "-out", &certificate]].concat());
        fs::write(directory.join("htpasswd"), REGISTRY_PASSWORDS).expect("passwords");
        let auth = format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", file("htpasswd"));
        Self::start_with(directory, "", &format!("  tls:\n    certificate: {certificate}\n    key: {key}\n"), &auth)
    }

    fn start_with(directory: &Path, of_storage: &str, of_http: &str, more: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").expect("bind").local_addr().expect("address").port();
        let address = format!("127.0.0.1:{port}");
        let data = directory.join("registry");
        let config = directory.join("registry.yml");
        let text = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n{of_storage}http:\n  addr: {address}\n{of_http}{more}",
            data.display()
        );
        fs::write(&config, text).expect("registry config");
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is installed by tests/run");
        let begin = Instant::now();
        while TcpStream::connect(&address).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(30), "docker-registry does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, address }
    }

    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.child.kill().expect("registry can be stopped");
        self.child.wait().expect("registry ends");
    }
}

/// The processes of this machine whose command line or root mentions a text.
pub fn processes_mentioning(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let mut line = Vec::new();
        if let Ok(mut file) = fs::File::open(entry.path().join("cmdline"))
            && file.read_to_end(&mut line).is_ok()
        {
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains(text) {
                found.push(line);
            }
        }
    }
    found
}

/// The lines of `/proc/self/mountinfo` that mention a text.
pub fn mounts_mentioning(text: &str) -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
    table.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
}

/// The path of a program of this machine.
pub fn which(program: &str) -> Option<PathBuf> {
    ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .iter()
        .map(|directory| Path::new(directory).join(program))
        .find(|path| path.exists())
}
