//! Interfaces by the counters of `/proc/net/dev` and by `/sys/class/net`.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::net::netdevice::name_to_index;

use crate::log::{Level, Log, Problems};
use crate::model::counters::{Counters, MoreCounters};
use crate::model::interface::{Interface, Name, Presence, Wants};
use crate::model::link::{LinkModes, LinkState, SPEED_UNKNOWN};
use crate::model::properties::{Properties, is_address};
use crate::model::rates::Reading;
use crate::parse::sysfs;
use crate::quoted::Quoted;
use crate::quoted::QuotedPath;
use crate::system::linux::Shared;
use crate::system::linux::by_name::{self, Asking, ByName, Identity};
use crate::system::linux::proc_net::ProcNet;
use crate::system::linux::{Unread, is_shortage};
use crate::system::unix::file::{self, Look, MAX_ATTRIBUTE, ReadMode};
use crate::system::{Capabilities, Source};

/// How often two files are compared before they count as telling of different namespaces: interfaces
/// come and go.
const LOOKS: usize = 10;

/// One network namespace, read by procfs and sysfs.
///
/// All memory is used again from one gather to the next.
#[derive(Debug)]
pub struct Procfs {
    class_net: ClassNet,
    /// Whether any sysfs may show it.
    has_sysfs: bool,
    /// Whether its interfaces are those of the namespace that this process lives in.
    is_own: bool,
    /// Whether it is known whose the sysfs is, where they are the host's.
    is_checked: bool,
    by_name: ByName,
    wants: Wants,
    /// In the order of `/proc/net/dev`.
    rows: Vec<Row>,
    /// Their numbers in this reading.
    numbers: Vec<Result<u32, Unread>>,
    movement: Movement,
    /// The numbers of those whose last counters may have been another one's.
    unsure: Vec<u32>,
    /// How many events of devices there had been before this reading.
    uevents: Option<u64>,
    reading: Reading,
    version: u64,
    /// How many drivers were asked since that was [taken](Source::take_asked).
    asked: usize,
}

/// Whether interfaces are what they were, or else all drivers are asked again.
#[derive(Debug, Default)]
struct Movement {
    /// Whether any has come or gone since the reading before, or has other flags.
    is_now: bool,
    /// Whether any had then, or told another speed.
    was_before: bool,
    /// What those are that are reported.
    identities: Vec<Option<Identity>>,
    /// How many events of devices there had been before that was found out.
    identified: Option<u64>,
}

/// An interface, and what is known of it by its name alone.
#[derive(Debug)]
struct Row {
    interface: Interface,
    /// Its flags in the last reading.
    flags: Option<u16>,
    /// When its driver was asked last, if what it told still holds.
    asked: Option<Asked>,
    /// Whoever had its name when counters were read had it no more when its number was asked for. Who has it
    /// later need not be the same.
    has_gone: bool,
}

/// When a driver was asked for a speed, and of what.
#[derive(Debug, Clone, Copy)]
struct Asked {
    at: Instant,
    identity: Identity,
    /// Whether its speed is that of its ports: who becomes one may have no other flag by that.
    has_ports: bool,
}

/// The folder `class/net` of a sysfs, which has one of each interface.
#[derive(Debug)]
struct ClassNet {
    folder: PathBuf,
    /// [`Look::After`] for the kernel's own, or else the operator named it, and anything may lie there.
    look: Look,
    /// The file that counts events of devices.
    uevent_seqnum: PathBuf,
    /// That of the kernel's own sysfs, once it was opened.
    uevents: Option<File>,
    /// Whether it shows another network namespace than our own, once that is known.
    is_foreign: Option<bool>,
    /// The path of the file that was read last.
    path: PathBuf,
    /// Its text.
    text: Vec<u8>,
    /// How many reads failed in this gather that may go well another time.
    failures: usize,
    /// The first of them, and why.
    failure: Option<(PathBuf, io::Error)>,
}

impl Procfs {
    /// Takes a sysfs for what a `/proc/net` counts, which may be our own; without a name it is `/sys`.
    #[must_use]
    pub fn open(is_own: bool, sys: Option<&Path>) -> Self {
        Self::over(ClassNet::of(sys), is_own)
    }

    /// Where `/proc/net` is the host's, says which files are read, and whether the sysfs shows another
    /// network namespace than theirs. The first reading does it too.
    pub fn check(&mut self, proc_net: &mut ProcNet, log: Log) {
        if self.is_own || !self.has_sysfs || self.is_checked {
            return;
        }
        proc_net.choose(log);
        let failures = self.class_net.failures;
        if proc_net.is_of_process_1() {
            self.class_net.check_hosts(proc_net, log);
        }
        // What could not be read this time tells another time.
        self.is_checked = self.class_net.failures == failures;
    }

    /// Of a network namespace that no sysfs shows: its interfaces have neither flags nor speed.
    #[must_use]
    pub fn without_sysfs() -> Self {
        let class_net = ClassNet { is_foreign: Some(true), ..ClassNet::of(None) };
        Self { has_sysfs: false, ..Self::over(class_net, false) }
    }

    fn over(class_net: ClassNet, is_own: bool) -> Self {
        Self {
            class_net,
            has_sysfs: true,
            is_own,
            is_checked: false,
            by_name: ByName::default(),
            wants: Wants::default(),
            rows: Vec::new(),
            numbers: Vec::new(),
            movement: Movement::default(),
            unsure: Vec::new(),
            uevents: None,
            reading: Reading::default(),
            version: 0,
            asked: 0,
        }
    }

    /// Whether any sysfs may show it.
    #[must_use]
    pub fn has_sysfs(&self) -> bool {
        self.has_sysfs
    }

    /// The folder of sysfs that tells of them, if any does.
    #[must_use]
    pub fn class_net(&self) -> Option<&Path> {
        let is_of_use = self.has_sysfs && self.class_net.is_foreign != Some(true);
        is_of_use.then_some(&*self.class_net.folder)
    }

    /// What of interfaces is known too.
    #[must_use]
    pub fn wants(&self) -> Wants {
        self.wants
    }

    /// What of interfaces is to be known too.
    pub fn add_wants(&mut self, wants: Wants) {
        self.wants = self.wants.or(wants);
    }

    /// A reading begins. To be called before `/proc/net` is read.
    pub fn start(&mut self, proc_net: &ProcNet) {
        let is_asked = self.wants.identity() && self.class_net.is_foreign != Some(true);
        // One that another has read already began before now.
        let is_first = !proc_net.is_read();
        self.uevents = (is_asked && is_first).then(|| self.class_net.uevents()).flatten();
    }

    /// Takes in what `/proc/net` told in its last reading, and asks sysfs for what selects
    /// interfaces. Once `hurry` says so, no more is asked for, and an interface that only its flags
    /// could select is taken for gone.
    pub fn take_rows(&mut self, proc_net: &mut ProcNet, log: Log, mut hurry: impl FnMut() -> bool) {
        self.check(proc_net, log);
        let Self { class_net, is_own, by_name, rows, numbers, wants, version, movement, .. } = self;
        let mut hurried = false;
        numbers.clear();
        let names = proc_net.rows().map(|(name, ..)| name);
        movement.is_now = bring_into_order(rows, names, *wants, version);
        let asking = class_net.ask_by_name(*is_own && wants.details(), by_name);
        for (name, ..) in proc_net.rows() {
            hurried = hurried || wants.details() && hurry();
            let is_asked = wants.details() && !hurried;
            numbers.push(if is_asked {
                class_net.ifindex(name, asking.as_ref())
            } else {
                Err(Unread::Failed)
            });
        }
        drop(asking);
        self.take_counters(proc_net);
        let Self { class_net, is_own, by_name, wants, rows, version, movement, .. } = self;
        if *is_own {
            class_net.check_own(rows.iter().map(|row| &*row.interface.name), log);
        }
        let asking = class_net.ask_by_name(*is_own && wants.flags, by_name);
        for row in rows {
            hurried = hurried || hurry();
            let flags = row.flags.take();
            let is_other = class_net.identify(row, *wants, hurried, asking.as_ref());
            movement.is_now |= row.flags != flags;
            let interface = &mut row.interface;
            if is_other || interface.generation == 0 {
                *version += 1;
                interface.generation = *version;
            }
        }
    }

    /// Takes the counters in, each where they belong: a name may have become another interface's
    /// between the reading of its counters and that of its number.
    fn take_counters(&mut self, proc_net: &ProcNet) {
        let Self { class_net, wants, rows, numbers, unsure, uevents, reading, .. } = self;
        let mut was_unsure = std::mem::take(unsure);
        was_unsure.sort_unstable();
        let before = Some(reading.clone()).filter(|before| before.number > 0);
        reading.begin(proc_net.read_at());
        let has_numbers = wants.details() && class_net.is_foreign != Some(true);
        // A new name is an event, also in another network namespace.
        let is_settled = uevents.take().is_some_and(|count| class_net.uevents() == Some(count));
        for ((known, row), number) in rows.iter_mut().zip(proc_net.rows()).zip(numbers) {
            let (name, counters, more) = row;
            let Row { interface, has_gone, .. } = known;
            // There may be no file of its number in a sysfs that somebody named.
            *has_gone = has_numbers
                && *number == Err(Unread::Gone)
                && (interface.ifindex != 0 || class_net.is_foreign == Some(false));
            if *has_gone && interface.ifindex != 0 {
                *interface = Interface::new(0, name, *wants);
            }
            let number = number.ok();
            // What is remembered of an interface does not hold for another one of its name.
            let other = number.filter(|&number| number != interface.ifindex);
            if let Some(number) = other {
                if interface.ifindex == 0 {
                    interface.forget_rates();
                } else {
                    *interface = Interface::new(number, name, *wants);
                }
                interface.ifindex = number;
            }
            let is_shown = interface.ifindex != 0 || class_net.is_foreign == Some(false);
            let is_settled = is_settled && number.is_some();
            let (own, is_first) = if !wants.identity() || !has_numbers || !is_shown || is_settled {
                (Some(*counters), false)
            } else {
                // After a reading that was not sure, there is nothing to compare with.
                let is_sure =
                    other.is_none() && was_unsure.binary_search(&interface.ifindex).is_err();
                let before = before.as_ref().filter(|_| is_sure);
                let last = before.and_then(|before| interface.counters(before));
                let own =
                    number.and_then(|number| class_net.own_counters(name, number, counters, last));
                (own, last.is_none())
            };
            interface.set_counters(own.as_ref().unwrap_or(counters), reading, *wants);
            if own.is_none() {
                interface.forget_rates();
                unsure.push(interface.ifindex);
            }
            if wants.all_counters {
                // Beside counters of its own, others would be those of another one, unless it has just counted
                // on since the first reading.
                let has_grown = |own: Counters| {
                    let mut pairs = counters.values().into_iter().zip(own.values());
                    is_first && pairs.all(|(row, own)| row <= own)
                };
                let is_row = own.is_none_or(|own| own == *counters || has_grown(own));
                let more = if is_row { *more } else { MoreCounters::default() };
                interface.set_more(&more, reading);
            }
        }
    }

    /// Takes from the interfaces that netlink knows what files do not tell of those that they have
    /// just told of: kinds and alternative names, and where no sysfs shows them, also flags, speeds and
    /// all else that tags and filters go by.
    pub fn take_known<'a>(&mut self, known: impl Iterator<Item = &'a Interface>) {
        let Self { class_net, has_sysfs, wants, rows, reading, version, .. } = self;
        let is_shown = *has_sysfs && class_net.is_foreign != Some(true);
        if is_shown && !wants.kind && !wants.properties {
            return;
        }
        let known: HashMap<_, _> = known.map(|known| (&*known.name, known)).collect();
        for interface in rows.iter_mut().map(|row| &mut row.interface) {
            let Some(known) = known.get(&*interface.name) else { continue };
            // One without a number is not shown by sysfs.
            let is_same = interface.ifindex == 0 || interface.ifindex == known.ifindex;
            let is_other = is_same
                && if is_shown {
                    complete_kind(interface, known)
                } else {
                    complete(interface, known, reading.number)
                };
            if is_other {
                *version += 1;
                interface.generation = *version;
            }
        }
    }

    /// Asks sysfs for what is wanted of those that are reported: their speeds and whatever else a
    /// driver tells only if it `may_ask` drivers, which may take long. Once `hurry` says so, no more is
    /// asked for. Files of sysfs that cannot be read go to `problems`, those that selected interfaces
    /// among them.
    pub fn fetch_details(
        &mut self,
        may_ask: bool,
        problems: &mut Problems,
        mut hurry: impl FnMut() -> bool,
    ) {
        if !self.has_sysfs {
            return;
        }
        let Self { class_net, is_own, by_name, wants, rows, movement, version, asked, .. } = self;
        let now = Instant::now();
        let asking = class_net.ask_by_name(*is_own, by_name);
        // No name has become another interface's without one.
        let events = asking.as_ref().and_then(|_| class_net.uevents());
        let are_same =
            std::mem::replace(&mut movement.identified, events) == events && events.is_some();
        let mut is_moving = std::mem::take(&mut movement.is_now);
        movement.identities.clear();
        for row in rows.iter_mut() {
            let Row { interface, flags, asked, .. } = row;
            if !interface.is_reported {
                *asked = None;
                continue;
            }
            let known = asked.filter(|_| are_same).map(|asked| asked.identity.ifindex);
            let identity =
                asking.as_ref().and_then(|asking| asking.identity(&interface.name, *flags, known));
            is_moving |= row.asked.is_some_and(|asked| Some(asked.identity) != identity);
            movement.identities.push(identity);
        }
        // The speed of one may be that of others, and may come later than they.
        let are_all_due = std::mem::replace(&mut movement.was_before, is_moving) || is_moving;
        let mut hurried = false;
        let reported = rows.iter_mut().filter(|row| row.interface.is_reported);
        for (Row { interface, asked: last, has_gone, .. }, identity) in
            reported.zip(&movement.identities)
        {
            hurried = hurried || hurry();
            if *has_gone {
                continue;
            }
            let has_aged = |last: Asked| last.has_ports || now - last.at >= interface.speed_refresh;
            let is_due = are_all_due || last.is_none_or(has_aged);
            let (reads, asking) = (Reads { may_ask, is_due, hurried }, asking.as_ref());
            let details = class_net.details_of(interface, *wants, &reads, asking);
            if details.has_link_modes {
                let is_told = details.link_modes.is_some();
                let now_is = asking.and_then(|asking| asking.identity(&interface.name, None, None));
                let is_same = is_told && now_is.is_some() && now_is == *identity;
                *last = now_is.filter(|_| is_same).map(|identity| {
                    let has_ports = class_net.has_ports(&interface.name);
                    Asked { at: now, identity, has_ports }
                });
                movement.was_before |= details.link_modes != interface.link_modes;
            }
            *asked += usize::from(details.is_driver_asked);
            if details.apply(interface, *wants, self.reading.number) {
                *version += 1;
                interface.generation = *version;
            }
        }
        drop(asking);
        class_net.report(problems);
    }

    /// The same, and the protocol statistics of each.
    pub fn fetch_all(
        &mut self,
        may_ask: bool,
        shared: &mut Shared<'_>,
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    ) {
        self.fetch_details(may_ask, problems, hurry);
        let Self { rows, wants, reading, .. } = self;
        let interfaces = rows.iter_mut().map(|row| &mut row.interface);
        let (wants, reading, Shared { files, scratch }) = (*wants, reading.number, shared);
        let names = &mut scratch.names;
        files.read_interface_protocols(interfaces, wants, reading, names, problems);
    }

    /// Forgets all interfaces: the next reading is like the first one.
    pub fn forget(&mut self) {
        if !self.rows.is_empty() {
            self.rows = Vec::new();
            self.reading.forget_gaps();
            self.version += 1;
        }
    }
}

/// Has the rows be those of these names, in their order; what is known of one stays with its name.
/// Returns whether they were others.
fn bring_into_order<'a>(
    rows: &mut Vec<Row>,
    mut names: impl Iterator<Item = &'a [u8]>,
    wants: Wants,
    version: &mut u64,
) -> bool {
    // Mostly nothing has changed.
    let mut known = 0;
    let other = names.find(|name| {
        let is_same = rows.get(known).is_some_and(|row| *row.interface.name == **name);
        known += usize::from(is_same);
        !is_same
    });
    if other.is_none() && known == rows.len() {
        return false;
    }
    // What was decided about the others lies in their old places.
    *version += u64::from(known < rows.len());
    let mut rest: HashMap<Name, VecDeque<Row>> = HashMap::new();
    for row in rows.drain(known..) {
        rest.entry(row.interface.name.clone()).or_default().push_back(row);
    }
    rows.extend(other.into_iter().chain(names).map(|name| {
        let known = rest.get_mut(name).and_then(VecDeque::pop_front);
        known.unwrap_or_else(|| Row {
            interface: Interface::new(0, name, wants),
            flags: None,
            asked: None,
            has_gone: false,
        })
    }));
    true
}

impl Source for Procfs {
    type Shared<'a> = Shared<'a>;
    type Error = Infallible;

    /// Sysfs tells the kinds of few.
    fn name(&self) -> String {
        "/proc/net/dev".to_owned()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { kinds: false }
    }

    fn read(
        &mut self,
        shared: &mut Shared<'_>,
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    ) -> Result<(), Infallible> {
        self.start(shared.files);
        shared.files.read_interfaces(problems);
        self.take_rows(shared.files, problems.log(), hurry);
        Ok(())
    }

    fn read_details(
        &mut self,
        shared: &mut Shared<'_>,
        _: Instant,
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    ) {
        self.fetch_all(true, shared, problems, hurry);
    }

    /// What has grown old is read anew by the next gather.
    fn refresh(&mut self) {}

    fn take_asked(&mut self) -> usize {
        std::mem::take(&mut self.asked)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn reading(&self) -> &Reading {
        &self.reading
    }

    fn interfaces(&self) -> impl Iterator<Item = &Interface> + Clone {
        self.rows.iter().map(|row| &row.interface)
    }

    fn interfaces_mut(&mut self) -> impl Iterator<Item = &mut Interface> {
        self.rows.iter_mut().map(|row| &mut row.interface)
    }
}

/// Has an interface that sysfs shows take its kind and its alternative names from what netlink knew of
/// it. Returns whether these are others.
fn complete_kind(interface: &mut Interface, known: &Interface) -> bool {
    let (Some(details), Some(known)) = (&mut interface.details, &known.details) else {
        return false;
    };
    let (ours, theirs) = (&mut details.properties, &known.properties);
    let is_other = ours.kind != theirs.kind || ours.altname != theirs.altname;
    ours.kind.clone_from(&theirs.kind);
    ours.altname.clone_from(&theirs.altname);
    is_other
}

/// Has an interface that no sysfs shows take all from what netlink knew of it. Returns whether anything
/// that its line begins with is another.
fn complete(interface: &mut Interface, known: &Interface, reading: u64) -> bool {
    let mut is_other = interface.presence != known.presence;
    interface.presence = known.presence;
    interface.set_link_modes(known.link_modes, reading);
    if let (Some(details), Some(known)) = (&mut interface.details, &known.details) {
        is_other |= details.properties != known.properties;
        details.properties.clone_from(&known.properties);
    }
    is_other
}

/// What sysfs told of an interface after its counters. All of it is `None` for one that went, or was
/// renamed, meanwhile: it has left nothing behind to read, or another in its place.
#[derive(Debug)]
struct SysfsDetails {
    /// Whether sysfs has a say in what the driver tells: what netlink knew stands where it has none, and
    /// what it told itself until that is due again.
    has_link_modes: bool,
    is_driver_asked: bool,
    link_modes: Option<LinkModes>,
    state: Option<LinkState>,
    properties: Option<Properties>,
}

/// What is read of an interface.
#[derive(Debug)]
struct Reads {
    /// Drivers may be asked.
    may_ask: bool,
    /// What this one told has grown old.
    is_due: bool,
    /// Nothing.
    hurried: bool,
}

impl SysfsDetails {
    /// Returns whether the interface is another one by that.
    fn apply(self, interface: &mut Interface, wants: Wants, reading: u64) -> bool {
        if self.has_link_modes {
            interface.set_link_modes(self.link_modes, reading);
        }
        let Some(details) = &mut interface.details else { return false };
        if wants.link_state {
            details.state = self.state.unwrap_or_default();
            interface.changed = reading;
        }
        match self.properties {
            Some(properties) if details.properties != properties => {
                details.properties = properties;
                true
            }
            _ => false,
        }
    }
}

impl ClassNet {
    /// Reads what is wanted of an interface.
    fn details_of(
        &mut self,
        interface: &Interface,
        wants: Wants,
        &Reads { may_ask, is_due, hurried }: &Reads,
        asking: Option<&Asking<'_>>,
    ) -> SysfsDetails {
        let name = &interface.name;
        let is_shown = self.is_foreign != Some(true);
        let has_link_modes = is_shown && is_due || interface.link_modes.is_none();
        let is_driver_asked = has_link_modes && may_ask && !hurried;
        let link_modes = if is_driver_asked { self.link_modes(name, wants) } else { None };
        let state = (wants.link_state && !hurried).then(|| self.state(name, may_ask));
        let known = interface.details.as_ref().filter(|_| wants.properties && !hurried);
        let properties = known.map(|known| self.properties(name, &known.properties));
        let is_any = link_modes.is_some() || state.is_some() || properties.is_some();
        let is_it =
            !is_any || interface.ifindex == 0 || self.is_still(name, interface.ifindex, asking);
        SysfsDetails {
            has_link_modes,
            is_driver_asked,
            link_modes: link_modes.filter(|_| is_it),
            state: state.filter(|_| is_it),
            properties: properties.filter(|_| is_it),
        }
    }

    /// Questions by name, where that is wanted and tells of the same interfaces: of those of our own network
    /// namespace, where nobody named a sysfs.
    fn ask_by_name<'a>(&self, is_wanted: bool, by_name: &'a mut ByName) -> Option<Asking<'a>> {
        let is_same = self.is_foreign == Some(false) && self.look == Look::After;
        if is_wanted && is_same { by_name.ask() } else { None }
    }

    fn of(sys: Option<&Path>) -> Self {
        let look = if sys.is_some() { Look::Twice } else { Look::After };
        let sys = sys.unwrap_or(Path::new("/sys"));
        Self {
            folder: sys.join("class/net"),
            look,
            uevent_seqnum: sys.join("kernel/uevent_seqnum"),
            uevents: None,
            is_foreign: None,
            path: PathBuf::new(),
            text: Vec::with_capacity(64),
            failures: 0,
            failure: None,
        }
    }

    /// Finds out whether it shows another network namespace than the host's, and says so. That it does
    /// not know an interface says so only where nobody named it.
    fn check_hosts(&mut self, proc_net: &mut ProcNet, log: Log) {
        let is_ours = self.look == Look::After;
        let names: Vec<_> = proc_net.first_names().map(<[u8]>::to_vec).collect();
        let stranger = names.iter().find(|name| {
            (0..LOOKS).all(|_| {
                let (known, hosts) = (self.ifindex(name, None), proc_net.ifindex(name));
                known.ok().zip(hosts).is_some_and(|(known, hosts)| known != hosts)
            })
        });
        if let Some(name) = stranger {
            log.warn(format_args!(
                "{} does not belong to the host's counters (its {} is another one): cannot tell which \
                 interfaces are up, so all are reported, without speed; set HOST_SYS to the host's /sys",
                QuotedPath(&self.folder),
                Quoted(name)
            ));
            self.is_foreign = Some(true);
        } else if is_ours
            && let Some(name) = names.iter().find(|name| self.has(name, "") == Ok(false))
        {
            log.warn(format_args!(
                "{} does not know {}: set HOST_SYS to the host's /sys, for speed and for which \
                 interfaces are up",
                QuotedPath(&self.folder),
                Quoted(name)
            ));
        }
    }

    /// Finds out, once, whether it shows another network namespace than the one that this process
    /// lives in and that has these interfaces, as under `nsenter --net`, or is not there at all,
    /// and says so.
    fn check_own<'a>(&mut self, names: impl Iterator<Item = &'a [u8]>, log: Log) {
        let mut names = names.peekable();
        if self.is_foreign.is_some() || names.peek().is_none() {
            return;
        }
        let failures = self.failures;
        let stranger = names.find(|name| self.is_stranger(name));
        if let Some(name) = stranger {
            log.warn(format_args!(
                "{} does not belong to these counters (it lacks {}, or has another one): cannot tell \
                 which interfaces are up, so all are reported, without speed; set host_sys to the /sys of \
                 this network namespace",
                QuotedPath(&self.folder),
                Quoted(name)
            ));
        }
        // What could not be read this time tells another time.
        if stranger.is_some() || self.failures == failures {
            self.is_foreign = Some(stranger.is_some());
        }
    }

    /// Asks for what selects an interface, and returns whether it is another than before.
    fn identify(
        &mut self,
        row: &mut Row,
        wants: Wants,
        hurried: bool,
        asking: Option<&Asking<'_>>,
    ) -> bool {
        let is_foreign = self.is_foreign == Some(true);
        let presence = if !wants.flags {
            Presence::Unknown
        } else if hurried {
            Presence::Gone
        } else if is_foreign {
            Presence::Unknown
        } else if row.has_gone && self.is_foreign == Some(false) {
            Presence::Gone
        } else {
            let name = &row.interface.name;
            row.flags = asking.and_then(|asking| asking.flags(name));
            match row.flags {
                Some(flags) => Presence::Known(by_name::selecting(flags)),
                None => self.presence(&row.interface),
            }
        };
        let interface = &mut row.interface;
        let is_other = interface.presence != presence;
        interface.presence = presence;
        let Some(details) = interface.details.as_mut() else { return is_other };
        let properties = &mut details.properties;
        // What it is made as does not change.
        let is_open = wants.kind && !hurried && !row.has_gone && properties.is_physical.is_none();
        if is_open
            && !is_foreign
            && self.has(&interface.name, "") == Ok(true)
            && let Ok(is_physical) = self.has(&interface.name, "device")
            && let Ok(kind) = self.kind(&interface.name)
        {
            properties.is_physical = Some(is_physical);
            properties.kind = kind;
            return true;
        }
        is_other
    }

    fn presence(&mut self, interface: &Interface) -> Presence {
        match self.value(&interface.name, "flags", sysfs::flags) {
            Ok(flags) => Presence::Known(flags),
            // What our own sysfs does not show any more has gone since its counters were read; while
            // it goes, the kernel has nothing to tell.
            Err(Unread::Gone | Unread::Nothing) if self.is_foreign == Some(false) => Presence::Gone,
            Err(Unread::Failed) if interface.presence != Presence::Gone => interface.presence,
            Err(_) => Presence::Unknown,
        }
    }

    /// The interface's number, where it is shown.
    fn ifindex(&mut self, interface: &[u8], asking: Option<&Asking<'_>>) -> Result<u32, Unread> {
        if self.is_foreign == Some(true) {
            return Err(Unread::Gone);
        }
        match asking.and_then(|asking| asking.ifindex(interface)) {
            Some(ifindex) => Ok(ifindex),
            None => self.value(interface, "ifindex", sysfs::number),
        }
    }

    /// Whether that is still the interface of that number, as far as it can be told this time.
    fn is_still(&mut self, interface: &[u8], ifindex: u32, asking: Option<&Asking<'_>>) -> bool {
        self.is_foreign == Some(true)
            || match self.ifindex(interface, asking) {
                Ok(known) => known == ifindex,
                Err(unread) => unread == Unread::Failed,
            }
    }

    /// How many events of devices there have been.
    fn uevents(&mut self) -> Option<u64> {
        self.path.clone_from(&self.uevent_seqnum);
        let opened =
            self.uevents.take().map_or_else(|| file::open_at(CWD, &self.path, self.look), Ok);
        let file = opened.map_err(|error| self.note(error)).ok()?;
        let read = self.read_file(&file).ok().and_then(sysfs::count);
        self.uevents = Some(file).filter(|_| read.is_some() && self.look == Look::After);
        read
    }

    /// The counters of the interface of that number, if it has that name. Those of the row are, if they
    /// lie between what it had before and what it has now.
    fn own_counters(
        &mut self,
        name: &[u8],
        number: u32,
        row: &Counters,
        last: Option<&Counters>,
    ) -> Option<Counters> {
        if last == Some(row) {
            return Some(*row);
        }
        let now = self.statistics(name, number)?;
        let is_between = |last: &Counters| {
            let growth = last.values().into_iter().zip(row.values()).zip(now.values());
            growth.into_iter().all(|((last, row), now)| last <= row && row <= now)
        };
        Some(if last.is_some_and(is_between) { *row } else { now })
    }

    /// The files of the interface of that number, if it has that name: its folder stays its own when
    /// the name changes.
    fn statistics(&mut self, name: &[u8], number: u32) -> Option<Counters> {
        self.set_path(name, "");
        let folder = file::open_folder(&self.path);
        let folder = folder.map_err(|error| self.note(error)).ok()?;
        if self.read_in(&folder, Path::new("ifindex")).ok().and_then(sysfs::number) != Some(number)
        {
            return None;
        }
        let counters = Counters::try_of(|counter| {
            counter.stats.iter().try_fold(0_u64, |sum, stat| {
                let path = Path::new("statistics").join(stat.name());
                let count = self.read_in(&folder, &path).ok().and_then(sysfs::count);
                count.map(|count| sum.saturating_add(count)).ok_or(())
            })
        });
        counters.ok()
    }

    /// `None` when that cannot be told this time.
    fn link_modes(&mut self, interface: &[u8], wants: Wants) -> Option<LinkModes> {
        if self.is_foreign == Some(true) {
            return Some(LinkModes { speed_mbits: SPEED_UNKNOWN, duplex: None });
        }
        let speed_mbits = match self.value(interface, "speed", sysfs::speed) {
            Ok(speed_mbits) => speed_mbits,
            Err(Unread::Gone | Unread::Nothing) => SPEED_UNKNOWN,
            Err(Unread::Failed) => return None,
        };
        let duplex =
            wants.link_state.then(|| self.value(interface, "duplex", sysfs::duplex).ok()).flatten();
        Some(LinkModes { speed_mbits, duplex })
    }

    fn state(&mut self, interface: &[u8], may_ask: bool) -> LinkState {
        if self.is_foreign == Some(true) {
            return LinkState::default();
        }
        let mut number = |attribute| self.value(interface, attribute, sysfs::number).ok();
        LinkState {
            ifindex: number("ifindex"),
            // That waits for the kernel's lock, as the speed does.
            carrier: may_ask.then(|| number("carrier")).flatten().map(|carrier| carrier != 0),
            mtu: number("mtu"),
            carrier_changes: number("carrier_changes"),
            carrier_up_count: number("carrier_up_count"),
            carrier_down_count: number("carrier_down_count"),
            tx_queue_len: number("tx_queue_len"),
            // Files show only whether there is any.
            promiscuity: None,
            is_admin_testing: false,
            flags: self.value(interface, "flags", sysfs::flags).ok(),
            operstate: self.value(interface, "operstate", sysfs::operstate).ok(),
        }
    }

    /// What an interface is; its kind, and what files do not tell, or not this time, stay what is
    /// known.
    fn properties(&mut self, interface: &[u8], known: &Properties) -> Properties {
        if self.is_foreign == Some(true) {
            return known.clone();
        }
        let alias = self.line(interface, "ifalias");
        let mac = self.line(interface, "address");
        let mac = mac.map(|mac| if is_address(&mac) { mac } else { Box::default() });
        Properties {
            alias: or_known(alias, &known.alias),
            mac: or_known(mac, &known.mac),
            master: or_known(self.link(interface, "master"), &known.master),
            driver: or_known(self.link(interface, "device/driver"), &known.driver),
            lower: or_known(self.lower(interface), &known.lower),
            kind: known.kind.clone(),
            altname: known.altname.clone(),
            peer: known.peer,
            is_physical: known.is_physical,
        }
    }

    /// The kind that the kernel has a word for in `uevent`, or files of its own; of others, such as
    /// veth and macvlan, sysfs does not tell. Empty where it does not.
    fn kind(&mut self, interface: &[u8]) -> Result<Box<[u8]>, Unread> {
        match self.value(interface, "uevent", |text| sysfs::kind(text).map(Box::from)) {
            Err(Unread::Gone | Unread::Nothing) => {}
            told => return told,
        }
        let is_tun = self.has(interface, "tun_flags")?;
        Ok(if is_tun { b"tun".as_slice().into() } else { Box::default() })
    }

    /// Whether others may be its ports, as far as sysfs tells.
    fn has_ports(&mut self, interface: &[u8]) -> bool {
        let is_one =
            |text: &[u8]| sysfs::kind(text).map(|kind| matches!(kind, b"bond" | b"bridge"));
        self.value(interface, "uevent", is_one) == Ok(true)
    }

    /// The name of the interface that it lies upon: the one among its lower ones that it names itself.
    /// A VXLAN names none, and has no other.
    fn lower(&mut self, interface: &[u8]) -> Result<Box<[u8]>, Unread> {
        let is_vxlan = *self.kind(interface)? == *b"vxlan";
        let link = self.value(interface, "iflink", sysfs::number)?;
        self.set_path(interface, "");
        let entries = file::entries(&self.path).map_err(|error| self.note(error))?;
        for entry in entries {
            let entry = entry.map_err(|error| self.note(error))?;
            let entry = entry.file_name().to_bytes();
            let Some(name) = entry.strip_prefix(b"lower_") else { continue };
            let ifindex = Path::new(OsStr::from_bytes(entry)).join("ifindex");
            let ifindex = self.value(interface, ifindex, sysfs::number);
            if ifindex == Err(Unread::Failed) {
                return Err(Unread::Failed);
            }
            if is_vxlan || ifindex == Ok(link) {
                return Ok(name.into());
            }
        }
        Err(Unread::Nothing)
    }

    /// Whether this sysfs does not know an interface that the own network namespace has, or knows
    /// another one by that name.
    fn is_stranger(&mut self, interface: &[u8]) -> bool {
        let Ok(name) = str::from_utf8(interface) else { return false };
        (0..LOOKS).all(|_| {
            let known = self.value(interface, "ifindex", sysfs::number);
            let own = match UnixDatagram::unbound() {
                Ok(socket) => name_to_index(socket, name).ok(),
                Err(error) => {
                    if Errno::from_io_error(&error).is_some_and(is_shortage) {
                        self.note(error);
                    }
                    None
                }
            };
            own.is_some_and(|own| known != Ok(own) && known != Err(Unread::Failed))
        })
    }

    fn has(&mut self, interface: &[u8], attribute: &str) -> Result<bool, Unread> {
        self.set_path(interface, attribute);
        match fs::metadata(&self.path).map_err(|error| self.note(error)) {
            Ok(_) => Ok(true),
            Err(Unread::Gone) => Ok(false),
            Err(unread) => Err(unread),
        }
    }

    /// The name of what a link points to.
    fn link(&mut self, interface: &[u8], link: &str) -> Result<Box<[u8]>, Unread> {
        self.set_path(interface, link);
        let target = fs::read_link(&self.path).map_err(|error| self.note(error))?;
        Ok(target.file_name().unwrap_or_default().as_bytes().into())
    }

    /// A text of one line.
    fn line(&mut self, interface: &[u8], attribute: &str) -> Result<Box<[u8]>, Unread> {
        self.read(interface, attribute).map(|text| text.strip_suffix(b"\n").unwrap_or(text).into())
    }

    /// What a file tells, where that makes sense.
    fn value<T>(
        &mut self,
        interface: &[u8],
        attribute: impl AsRef<Path>,
        parse: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, Unread> {
        parse(self.read(interface, attribute)?).ok_or(Unread::Nothing)
    }

    fn read(&mut self, interface: &[u8], attribute: impl AsRef<Path>) -> Result<&[u8], Unread> {
        self.set_path(interface, attribute);
        self.read_path()
    }

    fn read_path(&mut self) -> Result<&[u8], Unread> {
        let file = file::open_at(CWD, &self.path, self.look);
        let file = file.map_err(|error| self.note(error))?;
        self.read_file(&file)
    }

    /// Reads a file of the folder of an interface, whose path was set.
    fn read_in(&mut self, folder: &OwnedFd, path: &Path) -> Result<&[u8], Unread> {
        let file = file::open_at(folder, path, self.look);
        let file = file.map_err(|error| self.note(error))?;
        self.read_file(&file)
    }

    fn read_file(&mut self, file: &File) -> Result<&[u8], Unread> {
        match file::read_again(file, ReadMode::AtOnce, MAX_ATTRIBUTE, &mut self.text) {
            Ok(()) => Ok(&self.text),
            Err(error) => Err(self.note(error)),
        }
    }

    /// Says what that failure at the path means, and remembers it if nothing does but itself.
    fn note(&mut self, error: io::Error) -> Unread {
        let unread = Unread::of(&error);
        if unread == Unread::Failed {
            self.failures += 1;
            self.failure.get_or_insert_with(|| (self.path.clone(), error));
        }
        unread
    }

    /// Reports the files that could not be read since the last report.
    fn report(&mut self, problems: &mut Problems) {
        let failures = std::mem::take(&mut self.failures);
        let Some((path, error)) = self.failure.take() else { return };
        let (folder, path) = (QuotedPath(&self.folder), QuotedPath(&path));
        let message = format_args!(
            "cannot read {path}: {error}: what it tells is left out, or stays as it was ({failures} \
             failed reads in {folder})"
        );
        problems.report(&format!("{folder} unread"), Level::Warn, message);
    }

    fn set_path(&mut self, interface: &[u8], attribute: impl AsRef<Path>) {
        self.path.as_mut_os_string().clear();
        self.path.push(&self.folder);
        self.path.push(OsStr::from_bytes(interface));
        self.path.push(attribute);
    }
}

/// What there is by now; what cannot be told this time stays what is known.
fn or_known(told: Result<Box<[u8]>, Unread>, known: &[u8]) -> Box<[u8]> {
    match told {
        Ok(told) => told,
        Err(Unread::Gone | Unread::Nothing) => Box::default(),
        Err(Unread::Failed) => known.into(),
    }
}

#[cfg(test)]
mod tests;
