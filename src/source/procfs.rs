//! Interfaces by the counters of `/proc/net/dev` and by `/sys/class/net`.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use rustix::net::netdevice::name_to_index;

use crate::file::{self, MAX_ATTRIBUTE, Made};
use crate::interface::{
    Flags, Interface, LinkModes, LinkState, Presence, Properties, SPEED_UNKNOWN, Wants, is_address,
};
use crate::log::Log;
use crate::parse::{Quoted, sysfs};
use crate::rates::Reading;
use crate::source::proc_net::ProcNet;

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
    wants: Wants,
    /// In the order of `/proc/net/dev`.
    interfaces: Vec<Interface>,
    reading: Reading,
    version: u64,
}

/// The folder `class/net` of a sysfs, which has one of each interface.
#[derive(Debug)]
struct ClassNet {
    folder: PathBuf,
    /// Whether the operator named it, so that anything may lie there; or else it is the kernel's own,
    /// whose files are opened without another look before: there are several for each interface.
    is_named: bool,
    /// Whether it shows another network namespace than our own, once that is known.
    is_foreign: Option<bool>,
    /// The path of the file that was read last.
    path: PathBuf,
    /// Its text.
    text: Vec<u8>,
}

impl Procfs {
    /// Takes a sysfs for what that `/proc/net` counts, which may be our own; without a name it is
    /// `/sys`. Says so when it shows another network namespace than the host's, whose counters these
    /// are.
    #[must_use]
    pub fn open(proc_net: &mut ProcNet, is_own: bool, sys: Option<&Path>, log: Log) -> Self {
        let mut class_net = ClassNet::of(sys);
        if proc_net.is_of_process_1() {
            class_net.check_hosts(proc_net, sys.is_none(), log);
        }
        Self::over(class_net, is_own)
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
            wants: Wants::default(),
            interfaces: Vec::new(),
            reading: Reading::default(),
            version: 0,
        }
    }

    /// Whether any sysfs may show it.
    #[must_use]
    pub fn has_sysfs(&self) -> bool {
        self.has_sysfs
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

    /// Takes in what `/proc/net` told in its last reading, and asks sysfs for what selects
    /// interfaces. Once `hurry` says so, no more is asked for, and an interface that only its flags
    /// could select is taken for gone.
    pub fn read(&mut self, proc_net: &ProcNet, log: Log, mut hurry: impl FnMut() -> bool) {
        let Self { class_net, is_own, wants, interfaces, reading, version, .. } = self;
        reading.begin(proc_net.read_at());
        let (mut count, mut hurried) = (0, false);
        for (name, counters, more) in proc_net.rows() {
            let Some(interface) = bring_to(interfaces, count, name, *wants, version) else {
                continue;
            };
            // What is remembered of an interface does not hold for another one of its name.
            if wants.details() {
                hurried = hurried || hurry();
                let ifindex = if hurried { None } else { class_net.ifindex(name) };
                if let Some(ifindex) = ifindex.filter(|&ifindex| ifindex != interface.ifindex) {
                    if interface.ifindex != 0 {
                        *interface = Interface::new(ifindex, name, *wants);
                    }
                    interface.ifindex = ifindex;
                }
            }
            interface.set_counters(counters, reading, *wants);
            if wants.more {
                interface.set_more(more, reading);
            }
            count += 1;
        }
        if interfaces.len() > count {
            interfaces.truncate(count);
            *version += 1;
        }
        if *is_own {
            class_net.check_own(interfaces.iter().map(|interface| &*interface.name), log);
        }
        for interface in interfaces {
            hurried = hurried || hurry();
            if class_net.identify(interface, *wants, hurried) || interface.generation == 0 {
                *version += 1;
                interface.generation = *version;
            }
        }
    }

    /// Takes from the interfaces that netlink knows what files do not tell of those that they have
    /// just told of: kinds and alternative names, and where no sysfs shows them, also flags, speeds and
    /// all else that tags and filters go by.
    pub fn take_known<'a>(&mut self, known: impl Iterator<Item = &'a Interface>) {
        let Self { class_net, has_sysfs, wants, interfaces, reading, version, .. } = self;
        let is_shown = *has_sysfs && class_net.is_foreign != Some(true);
        if is_shown && !wants.kind && !wants.properties {
            return;
        }
        let known: HashMap<_, _> = known.map(|known| (&*known.name, known)).collect();
        for interface in interfaces {
            let Some(known) = known.get(&*interface.name) else { continue };
            // One without a number is not shown by sysfs.
            if interface.ifindex != 0 && interface.ifindex != known.ifindex {
                continue;
            }
            let mut is_other = false;
            if !is_shown {
                is_other = interface.presence != known.presence;
                interface.presence = known.presence;
                interface.set_link_modes(known.link_modes, reading.number);
            }
            if let (Some(details), Some(known)) = (&mut interface.details, &known.details) {
                let (ours, theirs) = (&mut details.properties, &known.properties);
                if is_shown {
                    is_other |= ours.kind != theirs.kind || ours.altname != theirs.altname;
                    ours.kind.clone_from(&theirs.kind);
                    ours.altname.clone_from(&theirs.altname);
                } else {
                    is_other |= ours != theirs;
                    ours.clone_from(theirs);
                }
            }
            if is_other {
                *version += 1;
                interface.generation = *version;
            }
        }
    }

    /// Asks sysfs for what is wanted of those that are reported: their speeds and whatever else a
    /// driver tells only if it `may_ask` drivers, which may take long. Once `hurry` says so, no more
    /// is asked for.
    pub fn fetch_details(&mut self, may_ask: bool, mut hurry: impl FnMut() -> bool) {
        let Self { class_net, has_sysfs, wants, interfaces, reading, version, .. } = self;
        if !*has_sysfs {
            return;
        }
        let mut hurried = false;
        for interface in interfaces.iter_mut().filter(|one| one.speed_refresh.is_some()) {
            hurried = hurried || hurry();
            let asks = may_ask && !hurried;
            // What netlink knew stands where files can tell nothing.
            if class_net.is_foreign != Some(true) || interface.link_modes.is_none() {
                let link_modes = asks.then(|| class_net.link_modes(&interface.name, *wants));
                interface.set_link_modes(link_modes, reading.number);
            }
            let Some(details) = &mut interface.details else { continue };
            if wants.state {
                let state = (!hurried).then(|| class_net.state(&interface.name, may_ask));
                details.state = state.unwrap_or_default();
                interface.changed = reading.number;
            }
            if wants.properties && !hurried {
                let properties = class_net.properties(&interface.name, &details.properties);
                if details.properties != properties {
                    details.properties = properties;
                    *version += 1;
                    interface.generation = *version;
                }
            }
        }
    }

    /// Forgets all interfaces: the next reading is like the first one.
    pub fn forget(&mut self) {
        if !self.interfaces.is_empty() {
            self.interfaces = Vec::new();
            self.reading.forget_gaps();
            self.version += 1;
        }
    }

    /// The interfaces of the last reading, in the kernel's order.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// The same, to say who is reported and to add what else is known.
    pub fn interfaces_mut(&mut self) -> &mut [Interface] {
        &mut self.interfaces
    }

    /// The last reading.
    #[must_use]
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// Another one whenever there are other interfaces, or other names, flags or properties.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// The interface of that name, at that place among the others, where it is put.
fn bring_to<'a>(
    interfaces: &'a mut Vec<Interface>,
    place: usize,
    name: &[u8],
    wants: Wants,
    version: &mut u64,
) -> Option<&'a mut Interface> {
    let rest = interfaces.get_mut(place..)?;
    match rest.iter().position(|interface| *interface.name == *name) {
        Some(0) => {}
        // Those in between have most likely gone. What was decided about it lies in its old place.
        Some(found) => {
            rest.get_mut(..=found)?.rotate_right(1);
            *version += 1;
        }
        None => interfaces.insert(place, Interface::new(0, name, wants)),
    }
    interfaces.get_mut(place)
}

impl ClassNet {
    fn of(sys: Option<&Path>) -> Self {
        Self {
            folder: sys.unwrap_or(Path::new("/sys")).join("class/net"),
            is_named: sys.is_some(),
            is_foreign: None,
            path: PathBuf::new(),
            text: Vec::with_capacity(64),
        }
    }

    /// Finds out whether it shows another network namespace than the host's, and says so. That it does
    /// not know an interface says so only where it `is_ours`.
    fn check_hosts(&mut self, proc_net: &mut ProcNet, is_ours: bool, log: Log) {
        let names: Vec<_> = proc_net.first_names().map(<[u8]>::to_vec).collect();
        let stranger = names.iter().find(|name| {
            (0..LOOKS).all(|_| {
                let (known, hosts) = (self.ifindex(name), proc_net.ifindex(name));
                known.zip(hosts).is_some_and(|(known, hosts)| known != hosts)
            })
        });
        if let Some(name) = stranger {
            log.warn(format_args!(
                "{} shows another network namespace than the host's: set HOST_SYS to the host's /sys; \
                 without flags and speed, every interface is reported, such as {}",
                self.folder.display(),
                Quoted(name)
            ));
            self.is_foreign = Some(true);
        } else if is_ours && let Some(name) = names.iter().find(|name| !self.has(name, "")) {
            log.warn(format_args!(
                "{} does not know {}: set HOST_SYS to the host's /sys, for speed and for which \
                 interfaces are up",
                self.folder.display(),
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
        let stranger = names.find(|name| self.is_stranger(name));
        if let Some(name) = stranger {
            log.warn(format_args!(
                "{} shows another network namespace, or none: without flags and speed, every \
                 interface is reported, such as {}",
                self.folder.display(),
                Quoted(name)
            ));
        }
        self.is_foreign = Some(stranger.is_some());
    }

    /// Asks for what selects an interface, and returns whether it is another than before.
    fn identify(&mut self, interface: &mut Interface, wants: Wants, hurried: bool) -> bool {
        let is_foreign = self.is_foreign == Some(true);
        let presence = match self.is_foreign {
            _ if !wants.flags => Presence::Unknown,
            _ if hurried => Presence::Gone,
            Some(true) => Presence::Unknown,
            // What our own sysfs does not show any more has gone since its counters were read.
            Some(false) => self.flags(&interface.name).map_or(Presence::Gone, Presence::Known),
            None => self.flags(&interface.name).map_or(Presence::Unknown, Presence::Known),
        };
        let is_other = interface.presence != presence;
        interface.presence = presence;
        let Some(details) = interface.details.as_mut() else { return is_other };
        let properties = &mut details.properties;
        // What it is made as does not change.
        let is_open = wants.kind && !hurried && properties.is_physical.is_none();
        if is_open && !is_foreign && self.has(&interface.name, "") {
            properties.is_physical = Some(self.has(&interface.name, "device"));
            properties.kind = self.kind(&interface.name).unwrap_or_default();
            return true;
        }
        is_other
    }

    /// The interface's number; `None` where it is not shown.
    fn ifindex(&mut self, interface: &[u8]) -> Option<u32> {
        if self.is_foreign == Some(true) {
            return None;
        }
        self.read(interface, "ifindex").ok().and_then(sysfs::number)
    }

    fn flags(&mut self, interface: &[u8]) -> Option<Flags> {
        sysfs::flags(self.read(interface, "flags").ok()?)
    }

    fn link_modes(&mut self, interface: &[u8], wants: Wants) -> LinkModes {
        if self.is_foreign == Some(true) {
            return LinkModes { speed_mbits: SPEED_UNKNOWN, duplex: None };
        }
        let speed_mbits = self.read(interface, "speed").ok().and_then(sysfs::speed);
        let duplex =
            wants.state.then(|| self.read(interface, "duplex").ok().and_then(sysfs::duplex));
        LinkModes { speed_mbits: speed_mbits.unwrap_or(SPEED_UNKNOWN), duplex: duplex.flatten() }
    }

    fn state(&mut self, interface: &[u8], may_ask: bool) -> LinkState {
        if self.is_foreign == Some(true) {
            return LinkState::default();
        }
        let mut number = |attribute| self.read(interface, attribute).ok().and_then(sysfs::number);
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
            flags: self.flags(interface),
            operstate: self.read(interface, "operstate").ok().and_then(sysfs::operstate),
        }
    }

    /// What an interface is; what files do not tell, and its kind, stay what is known.
    fn properties(&mut self, interface: &[u8], known: &Properties) -> Properties {
        if self.is_foreign == Some(true) {
            return known.clone();
        }
        let mut properties = Properties {
            kind: known.kind.clone(),
            altname: known.altname.clone(),
            is_physical: known.is_physical,
            ..Properties::default()
        };
        let mut line = |attribute| {
            let text = self.read(interface, attribute).unwrap_or_default();
            Box::<[u8]>::from(text.strip_suffix(b"\n").unwrap_or(text))
        };
        properties.alias = line("ifalias");
        properties.mac = Some(line("address")).filter(|mac| is_address(mac)).unwrap_or_default();
        let folder = self.folder.join(OsStr::from_bytes(interface));
        properties.master = last_part(&folder.join("master"));
        properties.driver = last_part(&folder.join("device/driver"));
        properties.lower = self.lower(interface, &folder).unwrap_or_default();
        properties
    }

    /// The kind that the kernel has a word for in `uevent`, or files of its own; of others, such as
    /// veth and macvlan, sysfs does not tell.
    fn kind(&mut self, interface: &[u8]) -> Option<Box<[u8]>> {
        let kind = self.read(interface, "uevent").ok().and_then(sysfs::kind).map(Box::from);
        kind.or_else(|| self.has(interface, "tun_flags").then(|| b"tun".as_slice().into()))
    }

    /// The name of the interface that it lies upon: the one among its lower ones that it names itself.
    /// A VXLAN names none, and has no other.
    fn lower(&mut self, interface: &[u8], folder: &Path) -> Option<Box<[u8]>> {
        let is_vxlan = self.kind(interface).as_deref() == Some(b"vxlan");
        let link = self.read(interface, "iflink").ok().and_then(sysfs::number)?;
        let entries = file::entries(folder).ok()?;
        let mut names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
        names.find_map(|link_name| {
            let name = link_name.as_bytes().strip_prefix(b"lower_")?;
            let ifindex = self.read(interface, Path::new(&link_name).join("ifindex")).ok();
            (is_vxlan || ifindex.and_then(sysfs::number) == Some(link)).then(|| name.into())
        })
    }

    /// Whether this sysfs does not know an interface that the own network namespace has, or knows
    /// another one by that name.
    fn is_stranger(&mut self, interface: &[u8]) -> bool {
        let Ok(name) = str::from_utf8(interface) else { return false };
        (0..LOOKS).all(|_| {
            let known = self.read(interface, "ifindex").ok().and_then(sysfs::number);
            let own = UnixDatagram::unbound().ok().map(|socket| name_to_index(socket, name));
            matches!(own, Some(Ok(own)) if known != Some(own))
        })
    }

    fn has(&mut self, interface: &[u8], attribute: &str) -> bool {
        self.set_path(interface, attribute);
        self.path.exists()
    }

    fn read(&mut self, interface: &[u8], attribute: impl AsRef<Path>) -> io::Result<&[u8]> {
        self.set_path(interface, attribute);
        let file =
            if self.is_named { file::open(&self.path) } else { file::open_unseen(&self.path) };
        file::read_again(&file?, Made::AtOnce, MAX_ATTRIBUTE, &mut self.text)?;
        Ok(&self.text)
    }

    fn set_path(&mut self, interface: &[u8], attribute: impl AsRef<Path>) {
        self.path.as_mut_os_string().clear();
        self.path.push(&self.folder);
        self.path.push(OsStr::from_bytes(interface));
        self.path.push(attribute);
    }
}

/// The name of what a link points to; empty where there is none.
fn last_part(link: &Path) -> Box<[u8]> {
    let target = fs::read_link(link).unwrap_or_default();
    target.file_name().unwrap_or_default().as_bytes().into()
}
