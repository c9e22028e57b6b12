//! One other namespace, from when it is entered until its end.
//!
//! How its end is noticed is a state ([`EndWatch`]): by its name's, by the end of one process, which
//! [`OtherNamespace::continues`] passes on to another one that lives there, or by looking twice a second.

use std::os::fd::OwnedFd;

use rustix::event::epoll;

use super::END;
use super::search::Candidate;
use crate::gather::namespace::Namespace;
use crate::system::linux::netns::{self, Discovered, Machine};
use crate::system::linux::proc_net::ProcNet;
use crate::system::linux::source::LinuxSource;

/// One of the namespaces, as the tables of one source report it.
#[derive(Debug)]
pub(super) struct OtherNamespace {
    pub(super) found: Discovered,
    pub(super) by_netlink: bool,
    /// It is read by the files of a process that lives in it.
    pub(super) by_process: bool,
    /// What its events are told by.
    pub(super) key: u64,
    /// Whether its kernel events are waited for.
    pub(super) is_watched: bool,
    pub(super) end: EndWatch,
    pub(super) files: ProcNet,
    pub(super) namespace: Namespace<LinuxSource>,
}

/// How it is known that the namespace came to its end, which our sockets would put off.
#[derive(Debug)]
pub(super) enum EndWatch {
    /// Its name goes.
    Name,
    /// This file becomes readable: the process ends that keeps it alive.
    Process(#[expect(dead_code, reason = "it is in the epoll as long as it is open")] OwnedFd),
    /// That process has ended. Another one may live there.
    Ended,
    /// It has to be looked.
    Look,
}

impl OtherNamespace {
    /// Waits for its kernel events as long as that is of use. Without, the next reading takes them in.
    pub(super) fn watch(&mut self, epoll: &OwnedFd) {
        let awaits = self.namespace.source().awaits_events();
        if awaits == self.is_watched {
            return;
        }
        let Some(events) = self.namespace.source().events() else { return };
        if awaits {
            let data = epoll::EventData::new_u64(self.key);
            match epoll::add(epoll, events, data, epoll::EventFlags::IN) {
                Ok(()) => self.is_watched = true,
                Err(_) => self.namespace.source_mut().fall_behind(),
            }
        } else {
            // What cannot be taken out is not in.
            let _ = epoll::delete(epoll, events);
            self.is_watched = false;
        }
    }

    /// Has its end told of.
    pub(super) fn watch_end(&mut self, machine: &Machine, epoll: &OwnedFd) {
        // A process of it is not kept alive by being read.
        let pidfd = machine.watch_end(&self.found).filter(|_| !self.by_process);
        let data = epoll::EventData::new_u64(self.key | END);
        self.end = match pidfd {
            _ if self.found.is_mounted || self.by_process => EndWatch::Name,
            Some(pidfd) if epoll::add(epoll, &pidfd, data, epoll::EventFlags::IN).is_ok() => {
                EndWatch::Process(pidfd)
            }
            _ => EndWatch::Look,
        };
    }

    /// Whether it goes on, as far as no event is sure to tell of its end: a process may leave it, too. One
    /// that no process lives in that is known of is forgotten until the next gather finds others.
    pub(super) fn continues(&mut self, machine: &Machine, epoll: &OwnedFd) -> bool {
        let is_there = matches!(self.end, EndWatch::Name) || self.found.is_there();
        if is_there && !matches!(self.end, EndWatch::Ended) {
            return true;
        }
        // Its number may be that of another process that lives there.
        let continues = is_there || !self.found.is_named && self.found.pass_on(machine);
        if continues {
            self.watch_end(machine, epoll);
        }
        continues
    }

    /// Whether it is what the tables want.
    pub(super) fn is_for(&self, candidate: &Candidate) -> bool {
        self.by_netlink == candidate.by_netlink && self.found.is_reported_as(&candidate.found)
    }

    /// Takes in what was found of it this time.
    pub(super) fn update(&mut self, found: Discovered, machine: &Machine, epoll: &OwnedFd) {
        if let Some(process) = found.process().filter(|_| self.by_process) {
            self.files.go_on_with(process);
        }
        let is_same = self.found.file == found.file;
        self.found = found;
        if !is_same || matches!(self.end, EndWatch::Ended) {
            self.watch_end(machine, epoll);
        }
    }

    /// Whether its process lives in it: that may be gone since, and its number another one's.
    pub(super) fn is_there(&self) -> bool {
        let process = self.found.process().map(netns::inode_of);
        process.is_some_and(|inode| inode.is_ok_and(|inode| inode == self.found.inode))
    }
}
