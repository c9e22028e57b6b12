//! Speeds, asked for on a thread of their own: a driver may take seconds to tell, and holds up
//! whoever asks.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::socket::{Dump, NetlinkError, Socket};
use crate::interface::SPEED_UNKNOWN;
use crate::parse::netlink::ethtool::{self, LinkModes};
use crate::parse::sysfs;
use crate::source::read_file;

/// A driver that takes longer than this is slow: nobody waits for it, and it is asked less often.
pub(super) const SLOW: Duration = Duration::from_millis(20);

/// What one interface of a dump may take, for all of them to count as quick.
const QUICK_IN_DUMP: Duration = Duration::from_micros(20);

/// A question about one interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) ifindex: u32,
    pub(super) name: Vec<u8>,
    /// Comes back with the answer.
    pub(super) ticket: u64,
    /// Its driver was slow before.
    pub(super) is_slow: bool,
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) ifindex: u32,
    pub(super) ticket: u64,
    /// In Mbit/s, [`SPEED_UNKNOWN`] when the driver tells none; `None` when there was no answer.
    pub(super) speed_mbits: Option<i64>,
    /// How long the driver took, where that was measured.
    pub(super) took: Option<Duration>,
}

/// How speeds are asked for.
#[derive(Debug)]
pub(super) enum Way {
    /// By ethtool netlink, whose family has that number.
    Ethtool(Socket, u16),
    /// By the files of that folder `class/net`, on kernels before 5.6 and where generic netlink is
    /// forbidden.
    Sysfs(PathBuf),
}

/// The thread's desk.
#[derive(Debug)]
pub(super) struct Speeds {
    desk: Arc<Desk>,
}

#[derive(Debug, Default)]
struct Desk {
    state: Mutex<State>,
    /// A question came, an answer came, or the end.
    change: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// To be answered by one dump.
    bulk: Vec<Question>,
    quick: VecDeque<Question>,
    slow: VecDeque<Question>,
    answers: Vec<Answer>,
    /// Since when the kernel is being asked, and whether for one that was slow before.
    asking: Option<(Instant, bool)>,
    is_over: bool,
}

enum Task {
    All(Vec<Question>),
    One(Question),
}

impl Speeds {
    /// Starts the thread.
    pub(super) fn start(way: Way) -> io::Result<Self> {
        let desk = Arc::<Desk>::default();
        let work = Arc::clone(&desk);
        thread::Builder::new().name("speed".into()).spawn(move || work.answer_all(way))?;
        Ok(Self { desk })
    }

    /// Puts questions on the desk, to be answered one by one, the quick ones first.
    pub(super) fn ask(&self, questions: impl Iterator<Item = Question>) {
        let mut state = self.desk.lock();
        for question in questions {
            if question.is_slow {
                state.slow.push_back(question);
            } else {
                state.quick.push_back(question);
            }
        }
        self.desk.change.notify_all();
    }

    /// Puts questions on the desk, to be answered together. All drivers are asked then, also those
    /// that are in no question.
    pub(super) fn ask_all(&self, questions: Vec<Question>) {
        self.desk.lock().bulk.extend(questions);
        self.desk.change.notify_all();
    }

    /// Waits until all questions are answered that are not expected to take long.
    pub(super) fn wait(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut state = self.desk.lock();
        while state.is_worth_waiting() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.desk.change.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether the kernel has been asked for so long that its lock on all interfaces is held.
    pub(super) fn is_stuck(&self) -> bool {
        self.desk.lock().is_stuck()
    }

    /// Hands the answers on that came.
    pub(super) fn take_answers(&self, take: impl FnMut(Answer)) {
        self.desk.lock().answers.drain(..).for_each(take);
    }
}

impl Drop for Speeds {
    /// Lets the thread end, when it comes back from the kernel.
    fn drop(&mut self) {
        self.desk.lock().is_over = true;
        self.desk.change.notify_all();
    }
}

impl State {
    fn is_worth_waiting(&self) -> bool {
        match self.asking {
            Some((_, is_slow)) => !is_slow,
            None => !self.quick.is_empty() || !self.bulk.is_empty(),
        }
    }

    fn is_stuck(&self) -> bool {
        self.asking.is_some_and(|(since, _)| since.elapsed() > SLOW)
    }

    fn next_task(&mut self) -> Option<Task> {
        if !self.bulk.is_empty() {
            return Some(Task::All(std::mem::take(&mut self.bulk)));
        }
        self.quick.pop_front().or_else(|| self.slow.pop_front()).map(Task::One)
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread's life.
    fn answer_all(&self, mut way: Way) {
        while let Some(task) = self.wait_for_task() {
            match task {
                Task::One(question) => {
                    let start = Instant::now();
                    let speed_mbits = way.ask(&question);
                    self.answer(&question, speed_mbits, Some(start.elapsed()));
                }
                Task::All(questions) => self.answer_together(&mut way, questions),
            }
        }
    }

    /// Waits for a question; `None` at the end.
    fn wait_for_task(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            state.asking = None;
            if state.is_over {
                return None;
            }
            if let Some(task) = state.next_task() {
                let is_slow = matches!(&task, Task::One(question) if question.is_slow);
                state.asking = Some((Instant::now(), is_slow));
                if is_slow {
                    self.change.notify_all();
                }
                return Some(task);
            }
            self.change.notify_all();
            state = self.change.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn answer(&self, question: &Question, speed_mbits: Option<i64>, took: Option<Duration>) {
        let Question { ifindex, ticket, .. } = *question;
        self.lock().answers.push(Answer { ifindex, ticket, speed_mbits, took });
    }

    /// Answers by one dump; what it leaves open is asked for one by one.
    fn answer_together(&self, way: &mut Way, questions: Vec<Question>) {
        let start = Instant::now();
        let mut speeds = Vec::with_capacity(questions.len());
        let dump = way.ask_all(|modes| speeds.push((modes.ifindex, modes.speed_mbits)));
        speeds.sort_unstable();
        let limit = SLOW + QUICK_IN_DUMP * u32::try_from(speeds.len()).unwrap_or(u32::MAX);
        let is_quick = start.elapsed() < limit;
        let mut left = Vec::new();
        for question in questions {
            let found = speeds.binary_search_by_key(&question.ifindex, |&(ifindex, _)| ifindex);
            let speed = found.ok().and_then(|place| speeds.get(place)).map(|&(_, speed)| speed);
            match (speed, &dump) {
                // Whose driver was the slow one is found out when they are asked one by one.
                (Some(speed), _) => {
                    self.answer(&question, Some(speed), is_quick.then_some(Duration::ZERO));
                }
                // Who does not support it is passed over.
                (None, Ok(Dump::Whole)) => {
                    self.answer(&question, Some(SPEED_UNKNOWN), is_quick.then_some(Duration::ZERO));
                }
                (None, _) => left.push(question),
            }
        }
        self.lock().quick.extend(left);
    }
}

impl Way {
    /// Ethtool netlink where the kernel has it, or else the files of `/sys`.
    pub(super) fn open() -> Self {
        let ethtool = Socket::generic().and_then(|mut socket| {
            let family = socket.get(ethtool::request_family, ethtool::family)?;
            Ok((socket, family.ok_or(NetlinkError::Malformed)?))
        });
        match ethtool {
            Ok((socket, family)) => Self::Ethtool(socket, family),
            Err(_) => Self::Sysfs("/sys/class/net".into()),
        }
    }

    fn ask(&mut self, question: &Question) -> Option<i64> {
        match self {
            Self::Ethtool(socket, family) => {
                let family = *family;
                let answer = socket.get(
                    |buffer, sequence| {
                        ethtool::request_one(buffer, sequence, family, question.ifindex);
                    },
                    |message| LinkModes::of(message, family),
                );
                match answer {
                    Ok(modes) => modes.map(|modes| modes.speed_mbits),
                    // As in sysfs, which cannot be read then.
                    Err(NetlinkError::Refused(_)) => Some(SPEED_UNKNOWN),
                    Err(_) => None,
                }
            }
            Self::Sysfs(folder) => Some(sysfs_speed(folder, question)),
        }
    }

    fn ask_all(&mut self, mut each: impl FnMut(LinkModes)) -> Result<Dump, NetlinkError> {
        match self {
            Self::Ethtool(socket, family) => {
                let family = *family;
                socket.dump(
                    |buffer, sequence| ethtool::request_all(buffer, sequence, family),
                    |message| LinkModes::of(message, family).into_iter().for_each(&mut each),
                )
            }
            Self::Sysfs(_) => Ok(Dump::CutOff),
        }
    }
}

/// The speed that sysfs tells, if it is the sysfs of the namespace in question.
fn sysfs_speed(folder: &Path, question: &Question) -> i64 {
    let folder = folder.join(OsStr::from_bytes(&question.name));
    let mut text = Vec::new();
    let mut read = |attribute| read_file(&folder.join(attribute), &mut text).map(|()| text.clone());
    let is_same =
        read("ifindex").ok().and_then(|text| sysfs::ifindex(&text)) == Some(question.ifindex);
    let speed = read("speed").ok().filter(|_| is_same).and_then(|text| sysfs::speed(&text));
    speed.unwrap_or(SPEED_UNKNOWN)
}
