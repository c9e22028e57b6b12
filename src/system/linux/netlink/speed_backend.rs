//! How a driver is asked for its speed: by ethtool netlink, or by the files of sysfs.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use rustix::io::Errno;

use super::socket::{Dump, NetlinkError, Scratch, Socket};
use super::speed::Query;
use crate::model::link::{LinkModes, SPEED_UNKNOWN};
use crate::parse::netlink::ethtool::{self, LinkModesReply};
use crate::parse::sysfs;
use crate::system::linux::Unread;
use crate::system::unix::file::{self, Look, MAX_ATTRIBUTE, ReadMode};

/// How speeds are asked for.
#[derive(Debug)]
pub(super) enum Backend {
    /// By ethtool netlink, whose family has that number.
    Ethtool(Socket, u16),
    /// By the files of that folder `class/net`, on kernels before 5.6 and where generic netlink is
    /// forbidden.
    Sysfs(PathBuf),
    /// Not at all: there, in another network namespace than the one that sysfs shows.
    Nowhere,
}

/// What a driver tells that tells nothing.
pub(super) const NOTHING: LinkModes = LinkModes { speed_mbits: SPEED_UNKNOWN, duplex: None };

impl Backend {
    /// Ethtool netlink where the kernel has it.
    pub(super) fn open() -> Result<Self, NetlinkError> {
        Self::of(Socket::generic(), None)
    }

    /// Where it has not, the files of that folder `class/net`.
    pub(super) fn or_sysfs(self, class_net: &Path) -> Self {
        match self {
            Self::Nowhere => Self::Sysfs(class_net.to_owned()),
            backend => backend,
        }
    }

    pub(super) fn of(
        generic: Result<Socket, NetlinkError>,
        class_net: Option<PathBuf>,
    ) -> Result<Self, NetlinkError> {
        let ethtool = generic.and_then(|mut socket| {
            let scratch = &mut Scratch::default();
            let family = socket.get(scratch, ethtool::request_family, ethtool::family)?;
            Ok((socket, family.ok_or(NetlinkError::Malformed)?))
        });
        match ethtool {
            Ok((socket, family)) => Ok(Self::Ethtool(socket, family)),
            Err(error) if error.is_shortage() => Err(error),
            Err(_) => Ok(class_net.map_or(Self::Nowhere, Self::Sysfs)),
        }
    }

    /// `Ok(None)` when there is no answer, and an error when sysfs cannot be read.
    pub(super) fn ask(
        &mut self,
        scratch: &mut Scratch,
        query: &Query,
    ) -> Result<Option<LinkModes>, Errno> {
        match self {
            Self::Ethtool(socket, family) => {
                let family = *family;
                let answer = socket.get(
                    scratch,
                    |buffer, sequence| {
                        ethtool::request_one(buffer, sequence, family, query.ifindex);
                    },
                    |message| LinkModesReply::of(message, family),
                );
                Ok(match answer {
                    Ok(reply) => reply.map(|reply| reply.link_modes),
                    // As in sysfs, which cannot be read then.
                    Err(NetlinkError::Refused(_)) => Some(NOTHING),
                    Err(_) => None,
                })
            }
            Self::Sysfs(folder) => sysfs_link_modes(folder, query).map(Some),
            Self::Nowhere => Ok(None),
        }
    }

    /// Asks all drivers together.
    pub(super) fn ask_all(
        &mut self,
        scratch: &mut Scratch,
        mut each: impl FnMut(LinkModesReply),
    ) -> Result<Dump, NetlinkError> {
        match self {
            Self::Ethtool(socket, family) => {
                let family = *family;
                let dump = socket.dump(
                    scratch,
                    |buffer, sequence| ethtool::request_all(buffer, sequence, family),
                    |message| LinkModesReply::of(message, family).into_iter().for_each(&mut each),
                );
                Ok(match dump? {
                    // Who does not support it is passed over; Linux 5.10 ends like this where the last
                    // one was.
                    Dump::CutOff(Errno::OPNOTSUPP) => Dump::Whole,
                    dump => dump,
                })
            }
            Self::Sysfs(_) | Self::Nowhere => Ok(Dump::CutOff(Errno::NOSYS)),
        }
    }
}

/// What sysfs tells, if it is the sysfs of the namespace in question.
fn sysfs_link_modes(folder: &Path, query: &Query) -> Result<LinkModes, Errno> {
    let folder = folder.join(OsStr::from_bytes(&query.name));
    let mut text = Vec::new();
    let ifindex = attribute(&folder.join("ifindex"), &mut text, sysfs::number)?;
    if ifindex != Some(query.ifindex) {
        return Ok(NOTHING);
    }
    let speed_mbits = attribute(&folder.join("speed"), &mut text, sysfs::speed)?;
    let duplex = attribute(&folder.join("duplex"), &mut text, sysfs::duplex)?;
    Ok(LinkModes { speed_mbits: speed_mbits.unwrap_or(SPEED_UNKNOWN), duplex })
}

/// What a file of sysfs tells; `None` where there is nothing to tell.
fn attribute<T>(
    path: &Path,
    text: &mut Vec<u8>,
    parse: fn(&[u8]) -> Option<T>,
) -> Result<Option<T>, Errno> {
    let file = file::open_at(CWD, path, Look::After);
    match file.and_then(|file| file::read_again(&file, ReadMode::AtOnce, MAX_ATTRIBUTE, text)) {
        Ok(()) => Ok(parse(text)),
        Err(error) => match Unread::of(&error) {
            Unread::Gone | Unread::Nothing => Ok(None),
            Unread::Failed => Err(Errno::from_io_error(&error).unwrap_or(Errno::IO)),
        },
    }
}
