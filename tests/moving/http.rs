//! Just enough HTTP to ask a question and get the whole answer.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;

use crate::common::{Netns, PATIENCE, eventually, text};

/// Asks for that path, and returns what the answer holds.
pub(crate) fn get(mut stream: impl Read + Write, path: &str) -> std::io::Result<String> {
    // Of this version, an answer ends with the connection, and comes in one piece.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = text(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    assert!(head.contains(" 200 ") || body.contains("\"error\""), "{path}: {head}");
    Ok(body.to_owned())
}

/// Asks for that path at a port of the namespace's loopback, as soon as there is an answer.
pub(crate) fn get_inside(netns: &Netns, port: u16, path: &str) -> String {
    thread::scope(|scope| {
        let inside = scope.spawn(|| {
            netns.enter();
            eventually("an answer", || {
                let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                get(stream, path).ok().filter(|body| !body.is_empty())
            })
        });
        inside.join().unwrap()
    })
}

/// A text as it stands in the query of a URL.
pub(crate) fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
