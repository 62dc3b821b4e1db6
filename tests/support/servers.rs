//! Web and git servers on loopback: real programs in processes of their own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::{Finished, repository};

/// A program that is killed with its test, and with it what it started.
struct Server(Child);

impl Server {
    /// Starts a program in a process group of its own; it dies with the thread of the test, however that ends.
    fn start(program: &str, configure: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", program]).process_group(0).stdin(Stdio::null());
        configure(&mut command);
        Self(command.spawn().unwrap_or_else(|error| panic!("{program}: {error}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        kill_process_group(Pid::from_child(&self.0), Signal::KILL).expect("kill");
        self.0.wait().expect("wait");
    }
}

/// The web server of `web_server.py`.
pub struct Web {
    _server: Server,
    folder: PathBuf,
    log: PathBuf,
    port: u16,
}

/// A request that it got.
#[derive(Clone, Debug)]
pub struct Request {
    /// The path.
    pub path: String,
    headers: serde_json::Value,
}

impl Request {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers[name].as_str()
    }
}

impl Web {
    /// Starts a server for a folder that it makes below `directory`.
    pub fn start(directory: &Path) -> Self {
        let (folder, log) = (directory.join("web"), directory.join("web.log"));
        fs::create_dir_all(&folder).expect("folder");
        fs::write(&log, "").expect("log");
        let script = repository().join("tests/support/web_server.py");
        let mut server = Server::start("python3", |command| {
            command.arg(script).arg(&folder).arg(&log).stdout(Stdio::piped());
        });
        let mut line = String::new();
        BufReader::new(server.0.stdout.take().expect("output")).read_line(&mut line).expect("port");
        let port = line.trim().parse().expect("port");
        Self { _server: server, folder, log, port }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// The host and port.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Writes a file that it serves, with the time 2020-01-02 03:04:05.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.join(name);
        fs::write(&path, content).expect("file");
        let status = Command::new("touch").args(["-d", "2020-01-02T03:04:05Z"]).arg(&path).status().expect("touch");
        assert!(status.success());
    }

    /// The folder that it serves.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The requests since the last call.
    pub fn asked(&self) -> Vec<Request> {
        let text = fs::read_to_string(&self.log).expect("log");
        fs::write(&self.log, "").expect("log");
        let request = |line: &str| {
            let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
            Request { path: value["path"].as_str().expect("path").to_owned(), headers: value["headers"].clone() }
        };
        text.lines().map(request).collect()
    }
}

/// A git repository to commit to, and its commits by name.
pub struct Repository {
    directory: PathBuf,
}

impl Repository {
    /// Makes a repository whose default branch is `main`.
    pub fn new(directory: PathBuf) -> Self {
        fs::create_dir_all(&directory).expect("directory");
        let repository = Self { directory };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    /// Runs git in it, at a fixed time, and returns what it said.
    pub fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command
            .args(["-c", "protocol.file.allow=always", "-c", "user.name=Test", "-c", "user.email=test@example.org"])
            .args(arguments)
            .current_dir(&self.directory)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_DATE", "2021-02-03T04:05:06Z")
            .env("GIT_COMMITTER_DATE", "2021-02-03T04:05:06Z");
        Finished::of(&mut command).success().stdout.trim().to_owned()
    }

    /// Commits files and returns the commit.
    pub fn commit(&self, files: &[(&str, &str)]) -> String {
        for (name, content) in files {
            let path = self.directory.join(name);
            fs::create_dir_all(path.parent().expect("parent")).expect("directory");
            fs::write(path, content).expect("file");
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message=test"]);
        self.git(&["rev-parse", "HEAD"])
    }
}

/// `git daemon` for the repositories below a folder.
pub struct GitDaemon {
    _server: Server,
    port: u16,
}

impl GitDaemon {
    /// Starts it.
    pub fn start(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").expect("bind").local_addr().expect("address").port();
        // `git daemon` is a program that git starts, and that would outlive it: it is started itself.
        let programs = Command::new("git").arg("--exec-path").output().expect("git").stdout;
        let daemon = format!("{}/git-daemon", String::from_utf8_lossy(&programs).trim());
        let server = Server::start(&daemon, |command| {
            command.args(["--export-all", "--reuseaddr", "--listen=127.0.0.1", &format!("--port={port}")]);
            command.arg(format!("--base-path={}", folder.display())).stdout(Stdio::null()).stderr(Stdio::null());
            command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "safe.directory");
            command.env("GIT_CONFIG_VALUE_0", "*");
        });
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Self { _server: server, port };
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("git daemon does not answer");
    }

    /// The address of a repository.
    pub fn url(&self, path: &str) -> String {
        format!("git://127.0.0.1:{}/{path}", self.port)
    }
}
