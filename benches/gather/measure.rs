//! The rounds: every program in turn, again and again, so that whatever changes on the machine
//! meanwhile meets all rows alike.

use std::thread;
use std::time::{Duration, Instant};

use crate::plan::Plan;
use crate::process::Memory;
use crate::report::Figure;
use crate::rows::Row;
use crate::site::Site;
use crate::subject::{Subject, check, is_driven, sleep_until};
use crate::{Result, progress};

/// What was measured of one row.
struct Measured<'a> {
    row: &'a Row,
    /// Running all the time, and idle when others have their turn, unless it has a clock.
    subject: Option<Subject>,
    warm_us: Vec<f64>,
    cold_us: Vec<f64>,
    memory: Vec<Memory>,
}

/// Measures all rows at one size.
pub(crate) fn rows<'a>(rows: &[&'a Row], site: &Site<'_>, plan: &Plan) -> Result<Vec<Figure<'a>>> {
    let interfaces = site.namespace.interfaces;
    let mut all = Vec::new();
    for &row in rows {
        check(row, site)?;
        let subject = is_driven(&row.program).then(|| Subject::start(row, site)).transpose()?;
        all.push(Measured { row, subject, warm_us: vec![], cold_us: vec![], memory: vec![] });
    }
    for round in 1..=plan.warm_rounds {
        progress(&format!("{interfaces} interfaces: warm, {round} of {}", plan.warm_rounds));
        for measured in &mut all {
            if let Some(subject) = &mut measured.subject {
                measured.warm_us.push(warm_us(subject, plan)?);
            }
        }
    }
    for round in 1..=plan.cold_rounds {
        progress(&format!("{interfaces} interfaces: cold, {round} of {}", plan.cold_rounds));
        for measured in &mut all {
            // What an option costs is told by the warm ones.
            if round == 1 || !(measured.row.is_at_one_size() && measured.subject.is_some()) {
                measured.cold(site, plan)?;
            }
        }
    }
    Ok(all.into_iter().map(|measured| measured.figure(interfaces)).collect())
}

impl<'a> Measured<'a> {
    fn cold(&mut self, site: &Site<'_>, plan: &Plan) -> Result<()> {
        if let Some(subject) = &mut self.subject {
            self.cold_us.push(cold_us(subject, plan)?);
            self.memory = subject.process.memory();
        } else {
            let mut subject = Subject::start(self.row, site)?;
            self.cold_us.push(clocked_us(&mut subject, plan)?);
            self.memory = subject.process.memory();
        }
        Ok(())
    }

    fn figure(self, interfaces: usize) -> Figure<'a> {
        Figure {
            interfaces,
            row: self.row,
            warm_us: self.warm_us,
            cold_us: self.cold_us,
            memory: self.memory,
        }
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
    Ok(per_gather_us(before, subject.process.cpu()?, plan.clocked_gathers))
}

fn settled_cpu(subject: &Subject) -> Result<Duration> {
    thread::sleep(Plan::SETTLING);
    subject.process.cpu()
}

fn per_gather_us(before: Duration, after: Duration, gathers: u32) -> f64 {
    after.saturating_sub(before).as_secs_f64() * 1e6 / f64::from(gathers)
}
