//! `hccr serve`.

use crate::hccr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

/// Ends the server, also where the test fails.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_page_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page");
    fs::create_dir(&page).unwrap();
    let run = hccr(folder.path(), &["serve", "page"]);
    assert!(run.code == Some(1) && run.stderr.contains("cargo xtask web"), "{run:?}");

    fs::write(page.join("index.html"), "<p>page").unwrap();
    fs::write(page.join("a.wasm"), [0, 97]).unwrap();
    fs::write(folder.path().join("secret"), "secret").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hccr"));
    command.args(["serve", "page", "--port", "0"]).current_dir(folder.path());
    let mut server = Server(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.strip_prefix("http://").unwrap().split('/').next().unwrap();

    let ask = |request: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = ask("GET /?a");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\n<p>page"), "{answer}");
    assert!(ask("GET /a.wasm").contains("Content-Type: application/wasm\r\nContent-Length: 2\r\n"));
    assert!(ask("HEAD /").ends_with("\r\n\r\n"));
    assert!(ask("GET /b").starts_with("HTTP/1.1 404"));
    for request in ["GET /../secret", "POST /", "nonsense"] {
        assert!(ask(request).starts_with("HTTP/1.1 400"), "{request}");
    }
}
