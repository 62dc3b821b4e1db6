"""A web server for tests: files of a folder with validators, ranges and faults, and git repositories.

    web_server.py FOLDER LOG      prints the port; each request is a line of JSON in LOG

    /NAME               a file, with ETag and Last-Modified, If-None-Match and Range
    /plain/NAME         the same without validators
    /cut/NAME           the first answer ends in the middle of the body
    /redirect/CODE/URL  a redirection, to a path of this server or to another server
    /loop               a redirection to itself
    /busy/NAME          the first answer has status 503
    /secret/NAME        401 without "Authorization: Bearer sesame" or "Authorization: custom sesame"
    /endless            a body without end
    /git/REPOSITORY     git http-backend; repositories whose name begins with "private" want
                        x-access-token:sesame
"""

import base64
import email.utils
import hashlib
import http.server
import json
import os
import subprocess
import sys
import urllib.parse

folder, log = sys.argv[1:]
seen = {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        self.do_GET()

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(url.path)
        count = seen[path] = seen.get(path, 0) + 1
        with open(log, "a") as lines:
            wanted = ("Authorization", "If-None-Match", "If-Modified-Since", "Range", "If-Range", "Git-Protocol")
            headers = {name: self.headers[name] for name in wanted if self.headers[name]}
            lines.write(json.dumps({"method": self.command, "path": path, "headers": headers}) + "\n")
        first, _, rest = path.lstrip("/").partition("/")
        if first == "redirect":
            code, _, to = rest.partition("/")
            to = to if "://" in to else "/" + to
            return self.answer(int(code), b"", {"Location": to + ("?" + url.query if url.query else "")})
        if first == "loop":
            return self.answer(302, b"", {"Location": "/loop"})
        if first == "busy":
            return self.answer(503, b"") if count == 1 else self.file(rest)
        if first == "cut":
            return self.file(rest, cut=count == 1)
        if first == "plain":
            return self.file(rest, validators=False)
        if first == "secret":
            if self.headers["Authorization"] not in ("Bearer sesame", "custom sesame"):
                return self.answer(401, b"")
            return self.file(rest)
        if first == "endless":
            return self.endless()
        if first == "git":
            return self.git(rest, url.query)
        return self.file(path.lstrip("/"))

    def answer(self, code, body, headers={}, cut=None):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        if code != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
        self.wfile.flush()
        self.close_connection = cut is not None

    def file(self, name, cut=False, validators=True):
        place = os.path.join(folder, name)
        if not os.path.isfile(place):
            return self.answer(404, b"not here")
        with open(place, "rb") as file:
            body = file.read()
        etag = '"' + hashlib.sha256(body).hexdigest()[:16] + '"'
        headers = {}
        if validators:
            modified = email.utils.formatdate(int(os.stat(place).st_mtime), usegmt=True)
            headers = {"ETag": etag, "Last-Modified": modified}
            if self.headers["If-None-Match"] == etag:
                return self.answer(304, b"", headers)
        wanted = self.headers["Range"]
        if wanted and validators and self.headers["If-Range"] in (None, etag):
            begin = int(wanted.removeprefix("bytes=").rstrip("-"))
            headers["Content-Range"] = f"bytes {begin}-{len(body) - 1}/{len(body)}"
            return self.answer(206, body[begin:], headers)
        self.answer(200, body, headers, cut=len(body) // 2 if cut else None)

    def endless(self):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            while True:
                self.wfile.write(b"x" * 65536)
        except OSError:
            pass

    def git(self, path, query):
        if path.startswith("private"):
            expected = "basic " + base64.b64encode(b"x-access-token:sesame").decode()
            if (self.headers["Authorization"] or "").lower() != expected.lower():
                return self.answer(401, b"", {"WWW-Authenticate": "Basic realm=git"})
        length = int(self.headers["Content-Length"] or 0)
        body = self.rfile.read(length)
        if self.headers["Transfer-Encoding"] == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        backend = subprocess.run(["git", "--exec-path"], capture_output=True, text=True).stdout.strip()
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": os.path.join(folder, "git"),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "PATH_INFO": "/" + path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers["Content-Type"] or "",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers["Content-Encoding"] or "",
            "GIT_PROTOCOL": self.headers["Git-Protocol"] or "",
        }
        done = subprocess.run([backend + "/git-http-backend"], input=body, capture_output=True, env=environment)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
        self.answer(int(headers.pop("Status", "200").split()[0]), content, headers)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
