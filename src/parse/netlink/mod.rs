//! Netlink messages: their common form (`netlink(7)`, `rtnetlink(7)`,
//! `Documentation/userspace-api/netlink/intro.rst`), and one module per kind that is read here.
//!
//! ```text
//! datagram:  message message ...
//! message:   length u32, kind u16, flags u16, sequence u32, port u32 | body
//! body:      a fixed struct of the kind | attribute attribute ...
//! attribute: length u16, kind u16 | value, itself attributes where it is nested
//! ```
//!
//! Numbers are in the machine's byte order; messages and attributes start at multiples of four
//! bytes. What is unknown is passed over.

pub mod ethtool;
pub mod inet6_link;
pub mod rtnl_link;
pub mod rtnl_nsid;
pub mod rtnl_stats;

use super::bytes_at;

const MESSAGE_HEADER: usize = 16;
const ATTRIBUTE_HEADER: usize = 4;
const ALIGNMENT: usize = 4;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 0x001;
const NLM_F_DUMP_INTR: u16 = 0x010;
const NLM_F_DUMP: u16 = 0x300;

/// One message of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is: `RTM_NEWLINK` and the like, or the number of a generic netlink family.
    pub kind: u16,
    /// The number of the request that it answers; zero in most events.
    pub sequence: u32,
    /// `NLM_F_DUMP_INTR`: what is dumped changed meanwhile, so that the dump may lack entries or
    /// hold some twice.
    pub is_interrupted: bool,
    body: &'a [u8],
}

/// The datagram does not consist of whole messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// How the answer to a request goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The message is a part of the answer.
    Part,
    /// The answer is over. With an error number of the kernel, positive as in `errno(3)`, it was
    /// refused, or a dump got no further.
    End(Option<u16>),
}

impl Message<'_> {
    /// Whether the message is a part of an answer or its end.
    #[must_use]
    pub fn step(&self) -> Step {
        match self.kind {
            NLMSG_ERROR | NLMSG_DONE => {
                let code = i32::from_ne_bytes(bytes_at(self.body, 0).unwrap_or_default());
                Step::End(u16::try_from(code.unsigned_abs()).ok().filter(|&number| number != 0))
            }
            _ => Step::Part,
        }
    }
}

/// The messages of a datagram. One that is cut, or shorter than its header, ends them.
pub fn messages(datagram: &[u8]) -> impl Iterator<Item = Result<Message<'_>, Malformed>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let message = first_message(rest);
        rest = match &message {
            Ok((_, length)) => rest.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default(),
            Err(Malformed) => &[],
        };
        Some(message.map(|(message, _)| message))
    })
}

fn first_message(datagram: &[u8]) -> Result<(Message<'_>, usize), Malformed> {
    let (header, _) = datagram.split_first_chunk::<MESSAGE_HEADER>().ok_or(Malformed)?;
    let [l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, ..] = *header;
    let length = usize::try_from(u32::from_ne_bytes([l0, l1, l2, l3])).map_err(|_| Malformed)?;
    let message = Message {
        kind: u16::from_ne_bytes([k0, k1]),
        sequence: u32::from_ne_bytes([s0, s1, s2, s3]),
        is_interrupted: u16::from_ne_bytes([f0, f1]) & NLM_F_DUMP_INTR != 0,
        body: datagram.get(MESSAGE_HEADER..length).ok_or(Malformed)?,
    };
    Ok((message, length))
}

/// The attributes behind a message's fixed struct, or those nested in an attribute: kind and value.
/// One that is cut ends them.
fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    // Without NLA_F_NESTED and NLA_F_NET_BYTEORDER.
    const KIND: u16 = 0x3fff;
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::from(u16_of(rest)?);
        let kind = u16::from_ne_bytes(bytes_at(rest, 2)?) & KIND;
        let value = rest.get(ATTRIBUTE_HEADER..length)?;
        rest = rest.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn u16_of(value: &[u8]) -> Option<u16> {
    bytes_at(value, 0).map(u16::from_ne_bytes)
}

fn u32_of(value: &[u8]) -> Option<u32> {
    bytes_at(value, 0).map(u32::from_ne_bytes)
}

/// A text as the kernel sends it, up to its NUL.
fn text_of(value: &[u8]) -> &[u8] {
    value.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// A request that is written into a buffer, which is used again for the next one.
#[derive(Debug)]
struct Request<'a>(&'a mut Vec<u8>);

impl<'a> Request<'a> {
    /// For one thing.
    fn get(buffer: &'a mut Vec<u8>, kind: u16, sequence: u32) -> Self {
        Self::new(buffer, kind, NLM_F_REQUEST, sequence)
    }

    /// For all there are.
    fn dump(buffer: &'a mut Vec<u8>, kind: u16, sequence: u32) -> Self {
        Self::new(buffer, kind, NLM_F_REQUEST | NLM_F_DUMP, sequence)
    }

    fn new(buffer: &'a mut Vec<u8>, kind: u16, flags: u16, sequence: u32) -> Self {
        buffer.clear();
        // The length comes at the end, and the kernel needs no port.
        buffer.extend_from_slice(&[0; 4]);
        buffer.extend_from_slice(&kind.to_ne_bytes());
        buffer.extend_from_slice(&flags.to_ne_bytes());
        buffer.extend_from_slice(&sequence.to_ne_bytes());
        buffer.extend_from_slice(&[0; 4]);
        Self(buffer)
    }

    /// The fixed struct of the kind; its length is a multiple of four.
    fn fixed(self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn attribute(self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(ATTRIBUTE_HEADER + value.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&length.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len().next_multiple_of(ALIGNMENT), 0);
        self
    }

    fn end(self) {
        let length = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        for (byte, value) in self.0.iter_mut().zip(length.to_ne_bytes()) {
            *byte = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_as_the_message_it_is() {
        let mut buffer = b"old".to_vec();
        Request::dump(&mut buffer, 18, 7).fixed(&[1, 2, 3, 4]).attribute(3, b"eth0\0").end();
        let [Ok(message)] = messages(&buffer).collect::<Vec<_>>()[..] else { panic!() };
        assert_eq!((message.kind, message.sequence, message.is_interrupted), (18, 7, false));
        assert_eq!(message.step(), Step::Part);
        let (fixed, rest) = message.body.split_at(4);
        assert_eq!(fixed, [1, 2, 3, 4]);
        let attributes: Vec<_> = attributes(rest).collect();
        assert_eq!(attributes, [(3, b"eth0\0".as_slice())]);
        assert_eq!(buffer.len() % ALIGNMENT, 0);
    }

    #[test]
    fn an_answer_ends_with_done_or_with_an_error() {
        let step = |kind, code: i32| {
            let mut buffer = Vec::new();
            Request::get(&mut buffer, kind, 1).fixed(&code.to_ne_bytes()).end();
            messages(&buffer).next().unwrap().unwrap().step()
        };
        assert_eq!(step(NLMSG_DONE, 0), Step::End(None));
        assert_eq!(step(NLMSG_DONE, -95), Step::End(Some(95)));
        assert_eq!(step(NLMSG_ERROR, -13), Step::End(Some(13)));
        assert_eq!(step(16, -13), Step::Part);
    }

    #[test]
    fn what_is_cut_ends_the_messages_and_costs_only_itself() {
        let mut one = Vec::new();
        Request::get(&mut one, 16, 1).fixed(&[9; 8]).end();
        let two = one.repeat(2);
        for length in 0..two.len() {
            let whole = messages(&two[..length]).flatten().count();
            let cut = messages(&two[..length]).count() - whole;
            assert_eq!((whole, cut), (length / one.len(), usize::from(length % one.len() > 0)));
        }
        // Lengths shorter than a header must not hold the reader up.
        for length in 0..16_u32 {
            let mut bytes = one.clone();
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(messages(&bytes).collect::<Vec<_>>(), [Err(Malformed)]);
        }
        assert_eq!(attributes(&[0, 0, 0, 0, 1, 2, 3, 4]).count(), 0);
    }
}
