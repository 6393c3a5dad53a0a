//! `hccr serve`: the page to draw on, for this machine alone.

use anyhow::{Context, Result, ensure};
use clap::Args;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::thread;
use std::time::Duration;

/// The bytes that a request may have.
const MAX_REQUEST: u64 = 8192;
/// A browser that is silent for longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Before the next connection is looked for where this one failed.
const PAUSE: Duration = Duration::from_millis(50);

/// Serve the page to draw on, to the browsers of this machine
///
/// The page reads what is drawn and what is dropped on it in the browser itself. It listens on 127.0.0.1 until Ctrl-C.
#[derive(Args, Debug)]
#[command(after_help = "Example, in a clone of the project:\n  cargo xtask web && hccr serve")]
pub struct ServeArgs {
    /// The folder of the page, as `cargo xtask web` writes it
    #[arg(default_value = "target/web/page")]
    folder: PathBuf,
    /// The port; 0 takes any that is free
    #[arg(long, default_value = "8080")]
    port: u16,
}

impl ServeArgs {
    pub(crate) fn run(&self) -> Result<()> {
        let is_page = self.folder.join("index.html").is_file();
        ensure!(is_page, "there is no page in {}: `cargo xtask web` writes it", self.folder.display());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))
            .with_context(|| format!("cannot listen on port {}; --port takes another", self.port))?;
        anstream::println!("http://{}/ (Ctrl-C ends)", listener.local_addr()?);
        for stream in listener.incoming() {
            let folder = self.folder.clone();
            let Ok(stream) = stream else {
                // Where there are too many connections, some of them end soon.
                thread::sleep(PAUSE);
                continue;
            };
            // A browser that goes away, or talks nonsense, concerns nobody else; nor does one for which there is no thread left.
            let _ = thread::Builder::new().spawn(move || answer(&stream, &folder));
        }
        Ok(())
    }
}

/// Answers the one request of a connection.
fn answer(mut stream: &TcpStream, folder: &Path) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut request = BufReader::new(stream.take(MAX_REQUEST));
    let mut line = String::new();
    request.read_line(&mut line)?;
    // The rest of the request changes nothing, but a connection that is closed before it is read is an error to the browser.
    while request.read_line(&mut String::new())? > 2 {}
    let (status, kind, body) = match file(&line, folder) {
        Some(path) => match fs::read(&path) {
            Ok(body) => ("200 OK", kind(&path), body),
            Err(_) => ("404 Not Found", "text/plain", b"There is no such file.\n".to_vec()),
        },
        None => ("400 Bad Request", "text/plain", b"Only files of the page can be had.\n".to_vec()),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nCache-Control: no-cache\r\n"
    )?;
    write!(stream, "Connection: close\r\n\r\n")?;
    if line.starts_with("GET") { stream.write_all(&body) } else { Ok(()) }
}

/// The file that the first line of a request asks for; none outside of `folder`, and none for another method.
fn file(line: &str, folder: &Path) -> Option<PathBuf> {
    let mut words = line.split_ascii_whitespace();
    let (Some("GET" | "HEAD"), Some(target)) = (words.next(), words.next()) else { return None };
    let path = target.split(['?', '#']).next()?.strip_prefix('/')?;
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let path = Path::new(path);
    if !path.components().all(is_plain) {
        return None;
    }
    let path = folder.join(path);
    Some(if path.is_dir() { path.join("index.html") } else { path })
}

/// The media type of a file.
fn kind(path: &Path) -> &'static str {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("json" | "webmanifest") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_page_are_found() {
        let found = |line| file(line, Path::new("page"));
        assert_eq!(found("GET /a/b.js?v=1 HTTP/1.1\r\n"), Some("page/a/b.js".into()));
        assert_eq!(found("HEAD /x HTTP/1.1\r\n"), Some("page/x".into()));
        for line in [
            "GET /../x HTTP/1.1",
            "GET /a/../../x HTTP/1.1",
            "GET //etc/passwd HTTP/1.1",
            "POST / HTTP/1.1",
            "GET x",
            "",
        ] {
            assert_eq!(found(line), None, "{line}");
        }
    }
}
