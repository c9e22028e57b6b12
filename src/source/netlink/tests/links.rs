//! The table of interfaces alone, by the clock that a test gives it.

use std::time::{Duration, Instant};

use super::super::links::{Links, Questions, Tells};
use super::super::speed::{Answer, Question, SLOW};
use super::kernel::Interface;
use crate::interface::{LinkModes, Wants};
use crate::parse::netlink::messages;
use crate::parse::netlink::rtnl_link::LinkMessage;

const HOUR: Duration = Duration::from_secs(3600);

/// More of them than it takes for a dump to be worth it.
const MANY: u32 = 40;

/// A table of these, all of them reported, with speeds that may grow as old as that.
fn table(interfaces: &[Interface], wants: Wants, speed_refresh: Duration) -> Links {
    let mut links = Links::new(wants, false, None);
    for interface in interfaces {
        tell(&mut links, &interface.link());
    }
    for interface in links.interfaces_mut() {
        interface.speed_refresh = Some(speed_refresh);
    }
    links.settle(1);
    links
}

fn tell(links: &mut Links, datagram: &[u8]) {
    for message in messages(datagram) {
        links.apply(&LinkMessage::of(&message.unwrap()).unwrap(), Tells::Change, 1);
    }
}

fn devices() -> Vec<Interface> {
    (1..=MANY).map(|ifindex| Interface::device(ifindex, "dev")).collect()
}

/// The numbers of those that are asked one by one.
fn singly(questions: &Questions) -> Vec<u32> {
    match questions {
        Questions::Singly(questions) => questions.iter().map(|one| one.ifindex).collect(),
        Questions::Together(..) => panic!("{questions:?}"),
    }
}

fn answer(links: &mut Links, question: &Question, took: Duration, now: Instant) {
    let link_modes = Some(LinkModes { speed_mbits: 1000, duplex: None });
    let (ifindex, ticket) = (question.ifindex, question.ticket);
    let answer = Answer { ifindex, ticket, link_modes, unread: None, took: Some(took) };
    links.set_answer(&answer, now, 1);
}

/// Answers them all.
fn answer_all(links: &mut Links, questions: Questions, took: Duration, now: Instant) {
    let Questions::Singly(questions) = questions else { panic!("{questions:?}") };
    for question in questions {
        answer(links, &question, took, now);
    }
}

#[test]
fn what_has_a_device_is_one_though_software_made_it() {
    // As the kernel tells of a modem's interfaces.
    let modem = |ifindex| Interface {
        has_parent_device: true,
        ..Interface::software(ifindex, "wwan0", "wwan")
    };
    let modems: Vec<_> = (1..=MANY).map(modem).collect();
    let wants = Wants { kind: true, ..Wants::default() };
    let mut links = table(&modems, wants, HOUR);
    for interface in links.interfaces() {
        let properties = &interface.details.as_ref().unwrap().properties;
        assert_eq!((&*properties.kind, properties.is_physical), (b"wwan".as_slice(), Some(true)));
    }
    // Drivers that nobody has asked yet may be slow, and a dump would ask them in one go.
    assert_eq!(singly(&links.needed_questions(Instant::now())), (1..=MANY).collect::<Vec<_>>());
}

#[test]
fn drivers_that_are_slow_share_the_time_but_each_is_asked_once_an_hour() {
    let start = Instant::now();
    let slow = Duration::from_secs(3);
    let mut links = table(&devices(), Wants::default(), Duration::from_secs(1));
    let questions = links.needed_questions(start);
    answer_all(&mut links, questions, slow, start);
    // A hundred times what all of them take would be more than three hours.
    let almost = start + HOUR - Duration::from_millis(1);
    assert_eq!(singly(&links.due_questions(almost)), []);
    assert_eq!(singly(&links.due_questions(start + HOUR)), (1..=MANY).collect::<Vec<_>>());
    // One that takes longer than a hundredth of an hour has its own rest all the same.
    let mut links = table(&devices()[..1], Wants::default(), Duration::from_secs(1));
    let questions = links.needed_questions(start);
    answer_all(&mut links, questions, Duration::from_secs(40), start);
    let rest = Duration::from_secs(4000);
    assert_eq!(singly(&links.due_questions(start + rest - Duration::from_millis(1))), []);
    assert_eq!(singly(&links.due_questions(start + rest)), [1]);
}

#[test]
fn a_driver_is_slow_when_it_takes_longer_than_is_waited_for() {
    let start = Instant::now();
    let refresh = Duration::from_secs(10);
    for (took, is_slow) in [(SLOW, false), (SLOW + Duration::from_millis(1), true)] {
        let mut links = table(&devices()[..1], Wants::default(), refresh);
        let questions = links.needed_questions(start);
        answer_all(&mut links, questions, took, start);
        assert_eq!(links.has_slow(), is_slow, "{took:?}");
        let asked = if is_slow { vec![] } else { vec![1] };
        assert_eq!(singly(&links.due_questions(start + refresh)), asked, "{took:?}");
    }
}

#[test]
fn only_for_a_question_that_has_become_void_is_its_answer_waited_for_twice() {
    let (now, device) = (Instant::now(), Interface::device(1, "dev"));
    let mut links = table(&[device], Wants::default(), HOUR);
    // Void, and asked by nobody yet.
    assert!(!links.has_void_question());
    let questions = links.needed_questions(now);
    assert!(!links.has_void_question());
    tell(&mut links, &device.link());
    assert!(links.has_void_question());
    // Nobody waits for one that is down, or that is not reported.
    tell(&mut links, &Interface { flags: 0, ..device }.link());
    assert!(!links.has_void_question());
    tell(&mut links, &device.link());
    links.interfaces_mut().for_each(|interface| interface.speed_refresh = None);
    assert!(!links.has_void_question());
    links.interfaces_mut().for_each(|interface| interface.speed_refresh = Some(HOUR));
    assert!(links.has_void_question());
    answer_all(&mut links, questions, Duration::ZERO, now);
    assert!(!links.has_void_question());
    // Nor for a slow one.
    let questions = links.needed_questions(now);
    answer_all(&mut links, questions, 2 * SLOW, now);
    tell(&mut links, &device.link());
    assert_eq!(singly(&links.due_questions(now + HOUR)), [1]);
    tell(&mut links, &device.link());
    assert!(!links.has_void_question());
}

/// The numbers and generations of all.
fn generations(links: &Links) -> Vec<(u32, u64)> {
    links.interfaces().map(|interface| (interface.ifindex, interface.generation)).collect()
}

#[test]
fn the_version_is_another_one_though_as_many_went_as_came() {
    let [one, other] = [Interface::device(1, "one"), Interface::device(2, "other")];
    let mut links = table(&[one], Wants::default(), HOUR);
    let mut versions = vec![links.version()];
    tell(&mut links, &other.link());
    tell(&mut links, &one.gone());
    versions.push(links.version());
    tell(&mut links, &other.gone());
    versions.push(links.version());
    tell(&mut links, &one.link());
    versions.push(links.version());
    assert!(versions.is_sorted_by(|before, after| before < after), "{versions:?}");
    // What is told once more says nothing new, and a line that was decided stays.
    let before = generations(&links);
    tell(&mut links, &one.link());
    assert_eq!((links.version(), generations(&links)), (versions[3], before));
}

#[test]
fn who_has_a_master_of_another_name_is_decided_anew() {
    let wants = Wants { properties: true, ..Wants::default() };
    let bridge = Interface::software(1, "bridge", "bridge");
    let port = |ifindex| Interface { master: Some(1), ..Interface::device(ifindex, "port") };
    let mut links = table(&[bridge, port(2), port(3)], wants, HOUR);
    let masters = |links: &Links| -> Vec<_> {
        let details = links.interfaces().map(|interface| interface.details.as_ref().unwrap());
        details.map(|details| details.properties.master.to_vec()).collect()
    };
    assert_eq!(masters(&links), [b"".as_slice(), b"bridge", b"bridge"]);
    let (before, version) = (generations(&links), links.version());
    tell(&mut links, &Interface { name: "switch", ..bridge }.link());
    links.settle(2);
    assert_eq!(masters(&links), [b"".as_slice(), b"switch", b"switch"]);
    let mut after: Vec<_> = generations(&links).into_iter().map(|(_, now)| now).collect();
    after.sort_unstable();
    // No two have the same, and none has what it, or another, had before.
    assert!(after.is_sorted_by(|one, other| one < other), "{before:?} {after:?}");
    assert!(version < after[0] && after[2] == links.version(), "{before:?} {after:?}");
    // Once they are known, nothing is looked up again.
    links.settle(3);
    assert_eq!(links.version(), after[2]);
}
