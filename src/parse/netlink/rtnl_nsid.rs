//! `rtnetlink` messages of the numbers by which one network namespace names others (`RTM_GETNSID`,
//! `linux/net_namespace.h`).

use super::{Message, Request, attributes, u32_of};

const RTM_NEWNSID: u16 = 88;
const RTM_GETNSID: u16 = 90;
/// `struct rtgenmsg`, with what aligns the attributes behind it.
const FIXED: usize = 4;

const NETNSA_NSID: u16 = 1;
const NETNSA_FD: u16 = 3;

/// Asks for the number of the network namespace that this file descriptor is open for.
pub fn request(buffer: &mut Vec<u8>, sequence: u32, fd: i32) {
    Request::get(buffer, RTM_GETNSID, sequence)
        .fixed(&[0; FIXED])
        .attribute(NETNSA_FD, &fd.to_ne_bytes())
        .end();
}

/// The number in an answer; `None` where the namespace has none.
#[must_use]
pub fn number_of(message: &Message<'_>) -> Option<i32> {
    let attributes =
        message.body.get(FIXED..).filter(|_| message.kind == RTM_NEWNSID).map(attributes)?;
    let mut numbers = attributes.filter(|(kind, _)| *kind == NETNSA_NSID);
    let number = numbers.next().and_then(|(_, value)| u32_of(value))?.cast_signed();
    (number >= 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::super::messages;
    use super::*;

    #[test]
    fn an_answer_has_a_number_or_says_that_there_is_none() {
        let read = |kind, attributes: &[(u16, &[u8])]| {
            let mut buffer = Vec::new();
            let mut answer = Request::get(&mut buffer, kind, 1).fixed(&[0; FIXED]);
            for (kind, value) in attributes {
                answer = answer.attribute(*kind, value);
            }
            answer.end();
            number_of(&messages(&buffer).next().unwrap().unwrap())
        };
        let seven = 7_i32.to_ne_bytes();
        assert_eq!(read(RTM_NEWNSID, &[(9, b"unknown"), (NETNSA_NSID, &seven)]), Some(7));
        assert_eq!(read(RTM_NEWNSID, &[(NETNSA_NSID, &(-1_i32).to_ne_bytes())]), None);
        assert_eq!(read(RTM_NEWNSID, &[(NETNSA_NSID, &[7, 0])]), None);
        assert_eq!(read(RTM_NEWNSID, &[]), None);
        assert_eq!(read(RTM_NEWNSID + 1, &[(NETNSA_NSID, &seven)]), None);
    }
}
