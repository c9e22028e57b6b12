//! What IPv6 has counted on each interface, of all of them at once, rather than file by file of
//! `/proc/net/dev_snmp6`.
//!
//! Netlink tells arrays of counters, without names, and in an order that is another one in other kernels.
//! An interface's own file has the names, and messages of `ICMPv6` by their type, which netlink does not
//! tell. So the first time an interface's file is read; after that, netlink's counters are put under the
//! names that it has, and it is read again only when netlink tells that messages of `ICMPv6` came or went.
//!
//! Which counter is which is told by the kernel's own types, and it is compared before it is relied on:
//! of an interface whose file told just the same numbers, as soon as there is one that has counted
//! something. While there is none, all is zero, whatever the order. Where the kernel does not tell, or
//! its file and netlink differ, all is read from files.

use std::path::Path;

use super::socket::NetlinkError;
use super::{Netlink, Scratch, dump_twice};
use crate::log::{Level, Log};
use crate::model::interface::Interface;
use crate::model::interface_protocols::{FileState, Slot, StatisticNames};
use crate::model::protocol::{Group, Groups};
use crate::parse::netlink::Message;
use crate::parse::netlink::inet6_link::{self, Inet6Link};
use crate::parse::proc_net_snmp6;
use crate::quoted::QuotedPath;
use crate::system::linux::{btf, is_shortage};

use rustix::io::Errno;

/// Of the running kernel, whichever sysfs tables name.
const BTF: &str = "/sys/kernel/btf/vmlinux";

/// How many interfaces are compared with their files at most.
const MAX_SAMPLES: usize = 64;

/// What is known of where the kernel keeps the counters: the same in all network namespaces.
#[derive(Debug, Default)]
pub(super) enum KernelSlots {
    /// It was not looked for.
    #[default]
    Untried,
    Known(Enumerators),
    /// It cannot be known.
    Unknown,
}

/// The numbers of the counters.
#[derive(Debug)]
pub(super) struct Enumerators {
    /// By their names in the kernel.
    numbers: Vec<(String, u16)>,
    /// Those of messages of `ICMPv6` that came, and that went.
    messages: [u16; 2],
    /// The groups of which they were found to be right.
    proven: Groups,
}

/// What netlink told of an interface whose file is read.
#[derive(Debug)]
pub(super) struct Sample {
    ifindex: u32,
    counters: Box<[i64]>,
}

impl KernelSlots {
    /// Looks for them, unless that was done before.
    fn look_up(&mut self, log: Log) {
        if !matches!(self, Self::Untried) {
            return;
        }
        let (prefixes, file) = (proc_net_snmp6::ENUMERATORS, Path::new(BTF));
        *self = match btf::enumerators(file, &prefixes).map(Enumerators::of) {
            Ok(Some(known)) => Self::Known(known),
            Ok(None) => Self::give_up(log, format_args!("{} does not name them", QuotedPath(file))),
            Err(error) if Errno::from_io_error(&error).is_some_and(is_shortage) => Self::Untried,
            Err(error) => {
                Self::give_up(log, format_args!("cannot read {}: {error}", QuotedPath(file)))
            }
        };
    }

    fn give_up(log: Log, why: std::fmt::Arguments<'_>) -> Self {
        log.line(Level::Debug, format_args!("interface_protocols are read file by file: {why}"));
        Self::Unknown
    }
}

impl Enumerators {
    /// `None` where some are missing without which nothing can be told.
    fn of(enumerators: Vec<(String, i32)>) -> Option<Self> {
        let numbers = enumerators.into_iter();
        let numbers = numbers.filter_map(|(name, value)| Some((name, u16::try_from(value).ok()?)));
        let mut known = Self { numbers: numbers.collect(), messages: [0; 2], proven: Groups::NONE };
        let [came, went] = ["inmsgs", "outmsgs"].map(|column| known.number(Group::Icmp6, column));
        known.messages = [came?, went?];
        Some(known)
    }

    fn number(&self, group: Group, column: &str) -> Option<u16> {
        let names = proc_net_snmp6::enumerators(group, column);
        names.iter().find_map(|wanted| {
            let found = self
                .numbers
                .iter()
                .find(|(name, _)| name.strip_prefix(proc_net_snmp6::prefix(group)) == Some(wanted));
            found.map(|&(_, number)| number)
        })
    }

    /// Where statistics of these names are kept, up to those of messages by their type; `None` where
    /// there is any that is neither.
    fn slots(&self, names: &StatisticNames) -> Option<Box<[Slot]>> {
        let is_type = |group, column: &str| {
            group == Group::Icmp6 && proc_net_snmp6::is_of_message_type(column)
        };
        let mut slots = Vec::new();
        let mut names = names.iter().skip_while(|one| {
            let number = self.number(one.group, one.column());
            slots.extend(number.map(|number| Slot { group: one.group, number }));
            number.is_some()
        });
        names.all(|one| is_type(one.group, one.column())).then(|| slots.into())
    }

    /// Takes in what netlink tells of an interface, at that reading. Returns what is to be compared with
    /// its file.
    fn take(
        &self,
        interface: &mut Interface,
        told: &Inet6Link<'_>,
        groups: Groups,
        reading: u64,
    ) -> Result<Option<Sample>, NoSlots> {
        let Some(details) = &mut interface.details else { return Ok(None) };
        let protocols = &mut details.protocols;
        protocols.told = reading;
        if groups.contains(Group::Icmp6) {
            let counter = |number| told.counter(Group::Icmp6, number).unwrap_or(-1);
            let messages = self.messages.map(counter);
            if (protocols.messages, protocols.since) != (messages, told.since) {
                (protocols.messages, protocols.since) = (messages, told.since);
                protocols.state = FileState::Unread;
            }
        }
        if protocols.state == FileState::Absent {
            protocols.state = FileState::Unread;
        }
        let Some((names, values)) = protocols.names_and_values() else { return Ok(None) };
        let slots = names.slots.get_or_init(|| self.slots(names)).as_deref().ok_or(NoSlots)?;
        let counters = slots.iter().map(|slot| told.counter(slot.group, slot.number));
        let is_doubtful = |group| told.has_any(group) && !self.proven.contains(group);
        if groups.iter().any(is_doubtful) {
            let sample = counters.collect::<Option<_>>().filter(|_| interface.is_reported);
            protocols.state = FileState::Unread;
            return Ok(sample.map(|counters| Sample { ifindex: told.ifindex, counters }));
        }
        let (mut is_other, mut is_lower) = (false, false);
        for (value, counter) in values.iter_mut().zip(counters) {
            match counter {
                Some(counter) if counter >= *value => {
                    is_other |= counter != *value;
                    *value = counter;
                }
                _ => is_lower = true,
            }
        }
        if is_lower {
            // IPv6 went from the interface and came back, and counts anew.
            protocols.state = FileState::Unread;
        }
        if is_other {
            interface.changed = reading;
        }
        Ok(None)
    }

    /// Compares what netlink told with what the interface's file told after that. Returns whether both can
    /// be true.
    fn compare(&mut self, interface: &Interface, sample: &Sample) -> bool {
        let Some(details) = &interface.details else { return true };
        let protocols = &details.protocols;
        let Some(names) = protocols.names().filter(|_| protocols.state == FileState::Current)
        else {
            return true;
        };
        let Some(slots) = names.slots.get_or_init(|| self.slots(names)).as_deref() else {
            return false;
        };
        let told = slots.iter().zip(&sample.counters).zip(protocols.iter());
        let both = told.map(|((slot, &told), file)| (slot.group, told, file.value));
        let both: Vec<_> = both.collect();
        if both.len() != sample.counters.len() || both.iter().any(|(_, told, file)| told > file) {
            return false;
        }
        for group in Group::OF_INTERFACES {
            let mut ours = both.iter().filter(|(one, ..)| *one == group);
            let has_any = ours.clone().any(|(_, told, _)| *told != 0);
            if has_any && ours.all(|(_, told, file)| told == file) {
                self.proven = self.proven.or(Groups::from_iter([group]));
            }
        }
        true
    }
}

/// There is no telling where the kernel keeps some statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NoSlots;

impl Netlink {
    /// Reads the counters of IPv6 of every interface, as far as they are wanted. For what is left open by
    /// that, the files have to be read.
    pub(super) fn read_protocols(&mut self, scratch: &mut Scratch, log: Log) {
        self.samples.clear();
        let groups = self.wants.interface_protocols;
        let has_names = |interface: &Interface| {
            let details = interface.details.as_ref();
            details.is_some_and(|details| details.protocols.names().is_some())
        };
        if groups.is_empty() || !self.links.interfaces().any(has_names) {
            return;
        }
        scratch.slots.look_up(log);
        let slots = std::mem::take(&mut scratch.slots);
        if let KernelSlots::Known(known) = &slots {
            let taken = self.dump_protocols(known, groups, scratch);
            if taken == Err(NoSlots) {
                scratch.slots = KernelSlots::give_up(
                    log,
                    format_args!("this kernel has some that are not known here"),
                );
                return;
            }
        }
        scratch.slots = slots;
    }

    fn dump_protocols(
        &mut self,
        known: &Enumerators,
        groups: Groups,
        scratch: &mut Scratch,
    ) -> Result<(), NoSlots> {
        let Self { requests, links, reading, samples, .. } = self;
        let (reading, mut taken, mut has_any) = (reading.number, Ok(()), false);
        let take = |message: &Message<'_>| {
            let Some(told) = Inet6Link::of(message) else { return };
            has_any = true;
            let Some(interface) = links.interface_mut(told.ifindex) else { return };
            match known.take(interface, &told, groups, reading) {
                Ok(sample) => samples.extend(sample.filter(|_| samples.len() < MAX_SAMPLES)),
                Err(NoSlots) => taken = Err(NoSlots),
            }
        };
        match dump_twice(requests, scratch, inet6_link::request_all, take) {
            Ok(true) if has_any => {
                for interface in links.interfaces_mut() {
                    let Some(details) = &mut interface.details else { continue };
                    if details.protocols.state == FileState::Absent {
                        details.protocols.told = reading;
                    }
                }
            }
            Ok(_) | Err(NetlinkError::Refused(_) | NetlinkError::Truncated) => {}
            Err(_) => self.is_broken = true,
        }
        taken
    }

    /// Compares what netlink told with the files, where these were read since.
    pub(super) fn prove_protocols(&mut self, scratch: &mut Scratch, log: Log) {
        let KernelSlots::Known(known) = &mut scratch.slots else { return };
        for sample in self.samples.drain(..) {
            let interface = self.links.interface_mut(sample.ifindex);
            if interface.is_some_and(|interface| !known.compare(interface, &sample)) {
                scratch.slots =
                    KernelSlots::give_up(log, format_args!("netlink and the files differ"));
                return;
            }
        }
    }
}
