//! What becomes of each network namespace that there is, for people.

use super::search::Candidate;
use super::{OtherNamespaces, Reporting, finds_processes};
use crate::config::Table;
use crate::log::{self, Log, Problems};
use crate::system::facts::{Fate, NamespaceFacts, Others};
use crate::system::linux::netns::{self, Discovered, Machine};

/// What was selected of the namespaces that there are: as far as limits go, and as far as there are files.
struct Selected {
    within_limits: Vec<(u64, usize)>,
    with_files: Vec<(u64, usize)>,
}

/// Those of a machine by their names alone, where no table reports any.
pub(crate) fn names_of(machine: &Machine) -> Others {
    match netns::named(machine) {
        Ok(named) => Others {
            namespaces: named.found.into_iter().map(|found| facts_of(&found, Vec::new())).collect(),
            unread: named.unread.first().map(|(file, error)| netns::unlisted(machine, file, error)),
            files_wanted: None,
        },
        Err(error) => Others { unread: Some(error.to_string()), ..Others::default() },
    }
}

impl OtherNamespaces {
    /// What becomes of each that there is at this moment, as of the last gather.
    pub(crate) fn facts(&self, tables: &[Table], log: Log) -> Others {
        // What is wrong has been said by the gather.
        let (looked, _) = log::kept(|| self.look(tables, &mut Problems::new(log)));
        looked
            .unwrap_or_else(|error| Others { unread: Some(error.to_string()), ..Others::default() })
    }

    fn look(&self, tables: &[Table], problems: &mut Problems) -> std::io::Result<Others> {
        let mut named = netns::named(&self.machine)?;
        let (of_processes, _) = netns::of_processes(&self.machine)?;
        let main = netns::inode_of(&self.machine.main).ok();
        let mut found = self.add_processes(std::mem::take(&mut named.found), of_processes, main)?;
        let in_order = found.clone();
        self.sort_for_room(&mut found);
        let (mut candidates, _) = self.candidates(tables, found, main, problems);
        let keys = |candidates: &[Candidate]| candidates.iter().flat_map(Candidate::keys).collect();
        let within_limits = keys(&candidates);
        let files_wanted = candidates.iter().map(|one| self.files_of(&one.found, one.by_netlink));
        let files_wanted = Some(files_wanted.sum());
        self.leave_room(&mut candidates, problems);
        let selected = Selected { within_limits, with_files: keys(&candidates) };
        let mut namespaces: Vec<_> = in_order
            .iter()
            .map(|found| {
                let fates = self.tables.iter().filter_map(|reporting| {
                    let table = tables.get(reporting.table)?;
                    Some((reporting.table, self.fate(found, reporting, table, main, &selected)))
                });
                facts_of(found, fates.collect())
            })
            .collect();
        namespaces.sort_by(|one, other| one.name.cmp(&other.name));
        let unread = named.unread.first();
        let unread = unread.map(|(file, error)| netns::unlisted(&self.machine, file, error));
        Ok(Others { namespaces, unread, files_wanted })
    }

    fn fate(
        &self,
        found: &Discovered,
        reporting: &Reporting,
        table: &Table,
        main: Option<u64>,
        selected: &Selected,
    ) -> Fate {
        let key = (found.inode, reporting.table);
        let is_it = |one: &&super::OtherNamespace| {
            one.found.key() == found.key()
                && one.namespace.tables().any(|number| number == reporting.table)
        };
        match self.entered.iter().find(is_it) {
            Some(one) if one.by_process => {
                Fate::ByProcess(one.found.process().map(ToOwned::to_owned).unwrap_or_default())
            }
            Some(one) if one.by_netlink => Fate::ByNetlink,
            Some(_) => Fate::ByFiles,
            None if !found.is_named && !finds_processes(table) => Fate::Nameless,
            None if Some(found.inode) == main && table.namespaces.selects(b"") => Fate::Own,
            None if !table.namespaces.selects(&found.name) => Fate::NotSelected,
            None => match self.forbidden.get(&found.key()) {
                Some(why) => Fate::Forbidden(why.clone()),
                None if !selected.within_limits.contains(&key) => Fate::Limited,
                None if !selected.with_files.contains(&key) => Fate::NoFiles,
                None => Fate::Unread,
            },
        }
    }
}

fn facts_of(found: &Discovered, fates: Vec<(usize, Fate)>) -> NamespaceFacts {
    NamespaceFacts { name: found.name.clone(), container: found.container().cloned(), fates }
}
