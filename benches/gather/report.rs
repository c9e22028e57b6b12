//! The figures as a table, the targets, and the document around both.

use std::fmt::Write as _;
use std::fs;
use std::time::SystemTime;

use crate::Result;
use crate::plan::Plan;
use crate::process::Memory;
use crate::rows::{
    APART, FLOOR, FLOOR_IPV6, FLOOR_TRAFFIC, INPUTS_NET, INPUTS_NET_SOME, INTERFACE_PROTOCOLS,
    LINK_STATE, PROCFS, RATES, Row, SPREAD, STATISTICS, STEADY, TELEGRAF_DEDUP, TELEGRAF_PLUGIN,
    TOGETHER,
};
use crate::tools::Tools;

/// What was measured of one row at one size.
pub(crate) struct Figure<'a> {
    pub(crate) interfaces: usize,
    pub(crate) row: &'a Row,
    /// If it could not be measured, why.
    pub(crate) outcome: Result<Rounds>,
}

/// A figure of each round.
#[derive(Default)]
pub(crate) struct Rounds {
    /// None for a program that cannot gather back to back.
    pub(crate) warm_us: Vec<f64>,
    pub(crate) cold_us: Vec<f64>,
    pub(crate) memory: Vec<Memory>,
}

/// All of a run.
#[derive(Default)]
pub(crate) struct Figures<'a>(Vec<Figure<'a>>);

/// What there is to tell about a run.
pub(crate) struct Report<'a> {
    pub(crate) figures: Figures<'a>,
    /// The names of rows whose program is missing, and what to do about it.
    pub(crate) left_out: Vec<(&'static str, &'static str)>,
    pub(crate) plan: Plan,
}

impl Figure<'_> {
    fn warm_us(&self) -> Option<f64> {
        median(&self.outcome.as_ref().ok()?.warm_us)
    }

    fn cold_us(&self) -> Option<f64> {
        median(&self.outcome.as_ref().ok()?.cold_us)
    }

    fn memory(&self) -> Option<&[Memory]> {
        Some(&self.outcome.as_ref().ok()?.memory)
    }

    fn memory_mb(&self) -> Option<f64> {
        Some(self.memory()?.iter().map(|memory| megabytes(memory.bytes)).sum())
    }
}

impl<'a> Figures<'a> {
    pub(crate) fn extend(&mut self, figures: Vec<Figure<'a>>) {
        self.0.extend(figures);
    }

    /// Whether nothing was measured.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|figure| figure.outcome.is_err())
    }

    fn get(&self, interfaces: usize, row: &str) -> Option<&Figure<'a>> {
        self.0.iter().find(|figure| figure.interfaces == interfaces && figure.row.name == row)
    }

    fn warm_us(&self, interfaces: usize, row: &str) -> Option<f64> {
        self.get(interfaces, row)?.warm_us()
    }

    fn cold_us(&self, interfaces: usize, row: &str) -> Option<f64> {
        self.get(interfaces, row)?.cold_us()
    }

    fn table(&self) -> String {
        let mut table =
            "| interfaces | program | warm µs | × floor | less than inputs.net | cold µs \
                         | × floor | less than inputs.net | memory MB |\n\
                         |--:|---|--:|--:|--:|--:|--:|--:|--:|\n"
                .to_owned();
        for figure in &self.0 {
            let n = figure.interfaces;
            let (warm, cold) = (figure.warm_us(), figure.cold_us());
            // Under the same traffic, if that was measured.
            let traffic_percent = figure.row.traffic_percent;
            let floor = if traffic_percent == 100 { FLOOR_TRAFFIC } else { FLOOR };
            let floor = self.get(n, floor).or_else(|| self.get(n, FLOOR));
            let (floor_warm, floor_cold) =
                (floor.and_then(Figure::warm_us), floor.and_then(Figure::cold_us));
            let inputs_net = if traffic_percent == 5 { INPUTS_NET_SOME } else { INPUTS_NET };
            let inputs_net = self.cold_us(n, inputs_net).or_else(|| self.cold_us(n, INPUTS_NET));
            let cells = [
                n.to_string(),
                figure.row.name.to_owned(),
                if figure.outcome.is_ok() { number(warm) } else { "not measured".to_owned() },
                number(ratio(warm, floor_warm)),
                number(ratio(inputs_net, warm)),
                number(cold),
                number(ratio(cold, floor_cold)),
                number(ratio(inputs_net, cold)),
                figure.memory().map(memory).unwrap_or_default(),
            ];
            let _ = writeln!(table, "| {} |", cells.join(" | "));
        }
        table
    }

    /// How far the rounds of a figure are from it at most, in percent: the median of all figures,
    /// and the largest.
    fn spread(&self, values: impl Fn(&Rounds) -> &[f64]) -> Option<String> {
        let measured = self.0.iter().filter_map(|figure| figure.outcome.as_ref().ok());
        let spreads: Vec<_> = measured.filter_map(|rounds| spread(values(rounds))).collect();
        let largest = spreads.iter().copied().fold(0.0, f64::max);
        Some(format!("{:.0} % ({largest:.0} % at most)", median(&spreads)?))
    }

    /// What an interface costs among 4000, as a multiple of what it costs among 100.
    fn growth(&self, row: &str) -> Option<f64> {
        let each_us = |n: u16| Some(self.warm_us(n.into(), row)? / f64::from(n));
        ratio(each_us(4000), each_us(100))
    }

    fn targets(&self) -> Vec<Target> {
        let steady = |n| self.warm_us(n, STEADY);
        let inputs_net = |n| self.cold_us(n, INPUTS_NET);
        let mut targets = vec![
            Target::at_most(
                "warm, 1000 interfaces: steady, × floor",
                1.5,
                ratio(steady(1000), self.warm_us(1000, FLOOR)),
            ),
            Target::at_least(
                "warm, 1000 interfaces: steady, less than inputs.net",
                40.0,
                ratio(inputs_net(1000), steady(1000)),
            ),
        ];
        for (n, least) in [(10, 5.0), (100, 15.0), (1000, 15.0), (4000, 15.0)] {
            targets.push(Target::at_least(
                &format!("cold, {n} interfaces: steady, less than inputs.net"),
                least,
                ratio(inputs_net(n), self.cold_us(n, STEADY)),
            ));
        }
        targets.push(Target::at_most(
            "cold, 1000 interfaces: Telegraf with telegraf-net, part of Telegraf with inputs.net",
            0.25,
            ratio(self.cold_us(1000, TELEGRAF_PLUGIN), inputs_net(1000)),
        ));
        targets.push(Target::at_most(
            "cold, 1000 interfaces, 50 with traffic: Telegraf with telegraf-net and dedup_interval = \
             \"10m\", part of Telegraf with inputs.net",
            0.05,
            ratio(self.cold_us(1000, TELEGRAF_DEDUP), self.cold_us(1000, INPUTS_NET_SOME)),
        ));
        for (what, row, limit) in [
            ("link_state = true", LINK_STATE, 1.2),
            ("rates = true", RATES, 1.5),
            ("interface_protocols with all", INTERFACE_PROTOCOLS, 2.5),
            ("source = \"procfs\"", PROCFS, 7.0),
        ] {
            targets.push(Target::at_most(
                &format!("warm, 1000 interfaces: {what}, × steady"),
                limit,
                ratio(self.warm_us(1000, row), steady(1000)),
            ));
        }
        targets.push(Target::at_most(
            "warm, 1000 interfaces: interface_protocols with all, × the floor with IPv6",
            2.0,
            ratio(self.warm_us(1000, INTERFACE_PROTOCOLS), self.warm_us(1000, FLOOR_IPV6)),
        ));
        targets.push(Target::at_most(
            "warm, 10 interfaces: with protocol statistics, × floor",
            3.3,
            ratio(self.warm_us(10, STATISTICS), self.warm_us(10, FLOOR)),
        ));
        for limit in [10.0, 2.0] {
            targets.push(Target::at_most(
                "warm, 2000 interfaces: in 500 namespaces, × in one",
                limit,
                ratio(self.warm_us(SPREAD, APART), self.warm_us(SPREAD, TOGETHER)),
            ));
        }
        let floor = number(self.growth(FLOOR));
        targets.push(Target::at_most(
            &format!("warm: steady per interface, 4000 : 100 (the floor's own: {floor})"),
            1.1,
            self.growth(STEADY),
        ));
        for (n, limit) in [(10, 2.0), (4000, 6.0), (4000, 4.0)] {
            targets.push(Target::at_most(
                &format!("{n} interfaces: memory of steady, MB"),
                limit,
                self.get(n, STEADY).and_then(Figure::memory_mb),
            ));
        }
        targets
    }
}

impl Report<'_> {
    /// The table and what belongs to it.
    pub(crate) fn text(&self) -> String {
        let mut text = self.figures.table();
        text.push('\n');
        for (row, how) in &self.left_out {
            let _ = writeln!(text, "Left out: {row}: {how}.");
        }
        for figure in &self.figures.0 {
            if let Err(error) = &figure.outcome {
                let (n, name) = (figure.interfaces, figure.row.name);
                let _ = writeln!(text, "Not measured: {n} interfaces, {name}: {error}.");
            }
        }
        let warm = self.figures.spread(|rounds| &rounds.warm_us);
        let cold = self.figures.spread(|rounds| &rounds.cold_us);
        let _ = writeln!(
            text,
            "Rounds are off their median by: warm {}, cold {}.\n",
            warm.as_deref().unwrap_or("-"),
            cold.as_deref().unwrap_or("-")
        );
        text.push_str("| target | wanted | figure | |\n|---|--:|--:|---|\n");
        for target in self.figures.targets() {
            let _ = writeln!(text, "{}", target.line());
        }
        text
    }

    /// A file that says all that is needed to judge the table and to repeat it.
    pub(crate) fn document(&self, tools: &Tools, command: &str) -> Result<String> {
        let read = |file| fs::read_to_string(file).map_err(|error| format!("{file}: {error}"));
        let kernel = read("/proc/sys/kernel/osrelease")?;
        let cpuinfo = read("/proc/cpuinfo")?;
        let model =
            cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let processor = model.map_or("of an unknown model", |(_, name)| name);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let date = now.split('T').next().unwrap_or_default();
        let versions: Vec<_> =
            tools.versions().iter().map(|(name, version)| format!("{name} {version}")).collect();
        Ok(format!(
            "# What a gather costs\n\n\
             CPU time of one gather, in microseconds, and memory. `{command}` as root has measured \
             and written this.\n\n\
             - Date: {date}\n\
             - Kernel: Linux {kernel}\n\
             - Processor: {processor}, {cores} cores\n\
             - Programs: {versions}\n\n{text}\n{method}",
            kernel = kernel.trim(),
            versions = versions.join(", "),
            text = self.text(),
            method = method(&self.plan),
        ))
    }
}

fn method(plan: &Plan) -> String {
    format!(
        include_str!("method.md"),
        warm_rounds = plan.warm_rounds,
        warm_ms = plan.warm_length.as_millis(),
        warm_up_ms = Plan::WARM_UP.as_millis(),
        pause_s = Plan::PAUSE.as_secs(),
        cold_rounds = plan.cold_rounds,
        cold_gathers = plan.cold_gathers,
        clocked_gathers = plan.clocked_gathers,
        start_ms = (Plan::START + Plan::MIDDLE).as_millis(),
    )
}

/// What is wanted of a figure.
struct Target {
    what: String,
    wanted: String,
    /// The figure, and whether it is as wanted; none if it was not measured.
    outcome: Option<(f64, bool)>,
}

impl Target {
    fn at_most(what: &str, limit: f64, figure: Option<f64>) -> Self {
        let outcome = figure.map(|figure| (figure, figure <= limit));
        Self { what: what.to_owned(), wanted: format!("≤ {limit}"), outcome }
    }

    fn at_least(what: &str, limit: f64, figure: Option<f64>) -> Self {
        let outcome = figure.map(|figure| (figure, figure >= limit));
        Self { what: what.to_owned(), wanted: format!("≥ {limit}"), outcome }
    }

    fn line(&self) -> String {
        let outcome = match self.outcome {
            None => "not measured",
            Some((_, true)) => "reached",
            Some((_, false)) => "**missed**",
        };
        let figure = number(self.outcome.map(|(figure, _)| figure));
        format!("| {} | {} | {figure} | {outcome} |", self.what, self.wanted)
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle)?;
    match sorted.len() % 2 {
        0 => Some(f64::midpoint(sorted[middle - 1], *upper)),
        _ => Some(*upper),
    }
}

/// How far values are from their median at most, in percent.
fn spread(values: &[f64]) -> Option<f64> {
    let median = median(values)?;
    let distances = values.iter().map(|value| (value - median).abs());
    Some(distances.fold(0.0, f64::max) / median * 100.0)
}

fn ratio(value: Option<f64>, unit: Option<f64>) -> Option<f64> {
    Some(value? / unit?)
}

/// Three digits, or all before the point.
fn number(value: Option<f64>) -> String {
    match value {
        None => String::new(),
        Some(value) if value < 10.0 => format!("{value:.2}"),
        Some(value) if value < 100.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}

fn memory(processes: &[Memory]) -> String {
    match processes {
        [one] => number(Some(megabytes(one.bytes))),
        several => {
            let texts = several.iter().map(|memory| {
                format!("{} {}", memory.process, number(Some(megabytes(memory.bytes))))
            });
            texts.collect::<Vec<_>>().join(" + ")
        }
    }
}

fn megabytes(bytes: u64) -> f64 {
    // Exact enough: kernels give kilobytes.
    f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) * 1024.0 / 1e6
}
