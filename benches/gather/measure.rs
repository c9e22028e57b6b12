//! The rounds: every program in turn, again and again, so that whatever changes on the machine
//! meanwhile meets all rows alike.

use std::thread;
use std::time::{Duration, Instant};

use crate::command::Ready;
use crate::plan::Plan;
use crate::report::{Figure, Rounds};
use crate::rows::Row;
use crate::site::Site;
use crate::subject::{Subject, check, is_driven, sleep_until};
use crate::{Result, progress};

/// A row while it is measured.
struct Measured<'a> {
    row: &'a Row,
    interfaces: usize,
    /// What runs and what was measured so far, or why there is nothing to measure any more.
    outcome: Result<(Runner, Rounds)>,
}

/// The program of a row.
struct Runner {
    ready: Ready,
    /// Running all the time, and idle when others have their turn, unless it has a clock.
    subject: Option<Subject>,
}

/// Measures all rows at one size. One that fails costs itself alone.
pub(crate) fn rows<'a>(rows: &[&'a Row], site: &Site<'_>, plan: &Plan) -> Vec<Figure<'a>> {
    let interfaces = site.namespace.interfaces;
    let mut all: Vec<_> = rows.iter().map(|row| Measured::start(row, site)).collect();
    for round in 1..=plan.warm_rounds {
        progress(&format!("{interfaces} interfaces: warm, {round} of {}", plan.warm_rounds));
        for measured in &mut all {
            measured.go_on(|_, runner, rounds| runner.warm(rounds, plan));
        }
    }
    for round in 1..=plan.cold_rounds {
        progress(&format!("{interfaces} interfaces: cold, {round} of {}", plan.cold_rounds));
        for measured in &mut all {
            // What an option costs is told by the warm ones.
            if round == 1 || !measured.is_of_an_option() {
                measured.go_on(|row, runner, rounds| runner.cold(row, rounds, site, plan));
            }
        }
    }
    all.into_iter().map(Measured::figure).collect()
}

impl<'a> Measured<'a> {
    fn start(row: &'a Row, site: &Site<'_>) -> Self {
        let interfaces = site.namespace.interfaces;
        let outcome = Runner::start(row, site).map(|runner| (runner, Rounds::default()));
        Self { row, interfaces, outcome: outcome.map_err(|error| told(row, interfaces, error)) }
    }

    fn is_of_an_option(&self) -> bool {
        let is_driven = matches!(&self.outcome, Ok((Runner { subject: Some(_), .. }, _)));
        is_driven && self.row.is_at_one_size()
    }

    /// Measures one more round, unless the row has failed before.
    fn go_on(&mut self, measure: impl FnOnce(&Row, &mut Runner, &mut Rounds) -> Result<()>) {
        if let Ok((runner, rounds)) = &mut self.outcome
            && let Err(error) = measure(self.row, runner, rounds)
        {
            self.outcome = Err(told(self.row, self.interfaces, error));
        }
    }

    fn figure(self) -> Figure<'a> {
        let outcome = self.outcome.map(|(_, rounds)| rounds);
        Figure { interfaces: self.interfaces, row: self.row, outcome }
    }
}

/// Says at once why a row is not measured; the report says it again.
pub(crate) fn told(row: &Row, interfaces: usize, error: String) -> String {
    progress(&format!("W! {interfaces} interfaces: {} is not measured: {error}", row.name));
    error
}

impl Runner {
    /// Starts the program, if it has no clock, once it has shown that it reports what it shall.
    fn start(row: &Row, site: &Site<'_>) -> Result<Self> {
        let ready = Ready::new(row, site)?;
        check(row, &ready, site)?;
        let subject =
            is_driven(&row.program).then(|| Subject::start(row, &ready, site)).transpose()?;
        Ok(Self { ready, subject })
    }

    fn warm(&mut self, rounds: &mut Rounds, plan: &Plan) -> Result<()> {
        if let Some(subject) = &mut self.subject {
            rounds.warm_us.push(warm_us(subject, plan)?);
        }
        Ok(())
    }

    fn cold(&mut self, row: &Row, rounds: &mut Rounds, site: &Site<'_>, plan: &Plan) -> Result<()> {
        if let Some(subject) = &mut self.subject {
            rounds.cold_us.push(cold_us(subject, plan)?);
            rounds.memory = subject.process.memory();
        } else {
            let mut subject = Subject::start(row, &self.ready, site)?;
            rounds.cold_us.push(clocked_us(&mut subject, plan)?);
            rounds.memory = subject.process.memory();
        }
        Ok(())
    }
}

/// Gathers back to back.
fn warm_us(subject: &mut Subject, plan: &Plan) -> Result<f64> {
    gathers(subject, Plan::WARM_UP)?;
    let before = settled_cpu(subject)?;
    let gathers = gathers(subject, plan.warm_length)?;
    Ok(per_gather_us(before, settled_cpu(subject)?, gathers))
}

/// Gathers back to back for that long, once at least; returns how often.
fn gathers(subject: &mut Subject, length: Duration) -> Result<u32> {
    let start = Instant::now();
    let mut gathers = 0;
    while gathers == 0 || start.elapsed() < length {
        subject.send_traffic()?;
        subject.gather()?;
        gathers += 1;
    }
    Ok(gathers)
}

/// Gathers with a pause before each.
fn cold_us(subject: &mut Subject, plan: &Plan) -> Result<f64> {
    let before = settled_cpu(subject)?;
    for _ in 0..plan.cold_gathers {
        subject.send_traffic()?;
        thread::sleep(Plan::PAUSE);
        subject.gather()?;
    }
    Ok(per_gather_us(before, settled_cpu(subject)?, plan.cold_gathers))
}

/// Gathers by the program's own clock, one each second.
fn clocked_us(subject: &mut Subject, plan: &Plan) -> Result<f64> {
    thread::sleep(Plan::START);
    sleep_until(Plan::MIDDLE);
    subject.process.check()?;
    let before = subject.process.cpu()?;
    for _ in 0..plan.clocked_gathers {
        subject.send_traffic()?;
        thread::sleep(Plan::MIDDLE);
        sleep_until(Plan::MIDDLE);
    }
    subject.process.check()?;
    subject.process.check_log()?;
    Ok(per_gather_us(before, subject.process.cpu()?, plan.clocked_gathers))
}

fn settled_cpu(subject: &mut Subject) -> Result<Duration> {
    thread::sleep(Plan::SETTLING);
    subject.process.cpu()
}

fn per_gather_us(before: Duration, after: Duration, gathers: u32) -> f64 {
    after.saturating_sub(before).as_secs_f64() * 1e6 / f64::from(gathers)
}
