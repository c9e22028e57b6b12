//! Just enough HTTP to scrape an exporter, over one connection that is kept, as Prometheus does.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

use crate::namespace::Namespace;
use crate::plan::Plan;

/// Connects to a port on the loopback of a network namespace; none if nothing listens there.
pub(crate) fn connect(namespace: &Namespace, port: u16) -> io::Result<Option<TcpStream>> {
    let stream =
        namespace.inside(move || match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(None),
            result => result.map(Some),
        })?;
    if let Some(stream) = &stream {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Plan::PATIENCE))?;
    }
    Ok(stream)
}

/// Asks for the metrics, uncompressed, and fills the buffer with the whole answer.
pub(crate) fn scrape(stream: &mut TcpStream, answer: &mut Vec<u8>) -> io::Result<()> {
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    answer.clear();
    let mut part = vec![0; 256 * 1024];
    while !is_whole(answer) {
        match stream.read(&mut part) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err(io::Error::other(format!("no answer within {:?}", Plan::PATIENCE)));
            }
            Err(error) => return Err(error),
            Ok(count) => answer.extend_from_slice(&part[..count]),
        }
    }
    if answer.starts_with(b"HTTP/1.1 200 ") {
        return Ok(());
    }
    Err(io::Error::other("the answer is not 200"))
}

/// What an answer says, without its head and the marks between its chunks.
pub(crate) fn body(answer: &[u8]) -> Vec<u8> {
    let Some((head, mut rest)) = split(answer, b"\r\n\r\n") else { return Vec::new() };
    if length(head).is_some() {
        return rest.to_owned();
    }
    let mut body = Vec::new();
    while let Some((mark, chunk)) = split(rest, b"\r\n") {
        let bytes = usize::from_str_radix(&String::from_utf8_lossy(mark), 16).unwrap_or_default();
        let Some((content, after)) = chunk.split_at_checked(bytes) else { break };
        body.extend_from_slice(content);
        rest = after.strip_prefix(b"\r\n").unwrap_or_default();
    }
    body
}

/// Whether everything has come, by the length that the answer states or by its last, empty chunk.
fn is_whole(answer: &[u8]) -> bool {
    let Some((head, body)) = split(answer, b"\r\n\r\n") else { return false };
    match length(head) {
        Some(length) => body.len() >= length,
        None => answer.ends_with(b"\r\n0\r\n\r\n"),
    }
}

/// The length of the body, if the head states one; else it comes in chunks.
fn length(head: &[u8]) -> Option<usize> {
    String::from_utf8_lossy(head).lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        let is_length = name.eq_ignore_ascii_case("Content-Length");
        is_length.then(|| value.trim().parse().ok())?
    })
}

/// What stands before the separator and after it.
fn split<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let before = text.windows(separator.len()).position(|part| part == separator)?;
    Some((&text[..before], &text[before + separator.len()..]))
}
