//! The numbers by which network namespaces name each other, as where the peer of a veth is.
//!
//! The kernel tells the number of a namespace that is given to it, and not the namespace of a number: those
//! that may be meant are tried, our own first, where most peers are.

use std::collections::{HashMap, HashSet};
use std::fs::File;

use super::OtherNamespaces;
use crate::system::NamedByNumber;
use crate::system::linux::netlink::Scratch;
use crate::system::linux::netns;
use crate::system::linux::source::LinuxSource;

/// So often the kernel is asked in one look: twice for each of so many containers, as a rule.
const MOST: usize = 4096;

impl OtherNamespaces {
    /// Which of them, or ours, are named by these numbers. Who is none of them is our own, which that source
    /// reads.
    pub(crate) fn names_by_numbers(
        &mut self,
        wanted: &NamedByNumber,
        mut own: Option<&mut LinuxSource>,
        scratch: &mut Scratch,
    ) -> HashMap<(Vec<u8>, i32), Vec<u8>> {
        let mut by_namer = HashMap::<&[u8], HashSet<i32>>::new();
        for (namer, number) in wanted.iter().filter(|(_, number)| *number >= 0) {
            by_namer.entry(namer).or_default().insert(*number);
        }
        let own_file = netns::inode_of(&self.machine.main)
            .ok()
            .and_then(|inode| netns::open(&self.machine.main.join("ns/net"), inode).ok());
        let others: Vec<_> = self.entered.iter().map(|other| other.found.clone()).collect();
        let names: HashSet<_> = others.iter().map(|other| other.name.as_slice()).collect();
        let is_other = |name: &[u8]| names.contains(name);
        // It has a name where a table tags it.
        let own_name = by_namer.keys().find(|name| !is_other(name)).copied().unwrap_or_default();
        let (mut found, mut asked) = (HashMap::new(), 0);
        for (namer, mut numbers) in by_namer {
            let source = if is_other(namer) {
                let mut sources = self.entered.iter_mut().filter(|other| other.found.name == namer);
                let source = sources.find(|other| other.namespace.source().is_by_netlink());
                source.map(|other| other.namespace.source_mut())
            } else {
                own.as_deref_mut()
            };
            let Some(source) = source else { continue };
            let mut ask = |name: &[u8], file: Option<&File>| {
                asked += 1;
                let number = file.and_then(|file| source.number_of(scratch, file));
                if let Some(number) = number.filter(|number| numbers.remove(number)) {
                    found.insert((namer.to_vec(), number), name.to_vec());
                }
                numbers.is_empty() || asked > MOST
            };
            if is_other(namer) && ask(own_name, own_file.as_ref()) {
                continue;
            }
            for other in others.iter().filter(|other| other.name != namer) {
                if ask(&other.name, netns::open(&other.file, other.inode).ok().as_ref()) {
                    break;
                }
            }
        }
        found
    }
}
