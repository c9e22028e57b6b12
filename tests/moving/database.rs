//! A real `InfluxDB`, and what is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Netns, PATIENCE, eventually, has, is_skipped, is_skipped_without};
use crate::http;

/// Whether this test cannot run.
pub(crate) fn is_skipped_without_database() -> bool {
    is_skipped()
        || is_skipped_without("influxd, of Debian's package influxdb", has("influxd", "version"))
}

/// An `InfluxDB` with a folder of its own, ended with the test.
pub(crate) struct Database {
    process: Child,
    folder: TempDir,
    /// Its ports are nobody else's there.
    _netns: Netns,
}

/// A series of an answer.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Value>>,
}

/// The points of a measurement: by tags, and then by times in nanoseconds, what is in each field.
pub(crate) type Points = BTreeMap<BTreeMap<String, String>, BTreeMap<i64, BTreeMap<String, Value>>>;

impl Database {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let netns = Netns::new();
        netns.ip_lines("link set lo up");
        let place = folder.path().display();
        let conf = format!(
            "reporting-disabled = true\nbind-address = '127.0.0.1:8088'\n\
             [meta]\ndir = '{place}/meta'\n\
             [data]\ndir = '{place}/data'\nwal-dir = '{place}/wal'\nquery-log-enabled = false\n\
             [http]\nbind-address = '127.0.0.1:8086'\nlog-enabled = false\n\
             unix-socket-enabled = true\nbind-socket = '{place}/socket'\n\
             [monitor]\nstore-enabled = false\n[continuous_queries]\nenabled = false\n"
        );
        fs::write(folder.path().join("influxdb.conf"), conf).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = netns.command("influxd");
        command.arg("-config").arg(folder.path().join("influxdb.conf"));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let process = command.spawn().unwrap();
        let database = Self { process, folder, _netns: netns };
        eventually("an InfluxDB", || UnixStream::connect(database.socket()).ok());
        database
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// The block that has Telegraf write to it.
    pub(crate) fn output(&self) -> String {
        format!("[[outputs.influxdb]]\n  urls = [\"unix://{}\"]\n", self.socket().display())
    }

    /// What a query that has to work gives.
    #[track_caller]
    pub(crate) fn ask(&self, query: &str) -> Vec<Series> {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let path = format!("/query?db=telegraf&epoch=ns&q={}", http::encoded(query));
        let answer = http::get(stream, &path).unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let result = &answer["results"][0];
        let error = result.get("error").or_else(|| answer.get("error"));
        // There is none before the first point.
        let is_new = error.is_some_and(|error| {
            error.as_str().is_some_and(|error| error.starts_with("database not found"))
        });
        assert!(error.is_none() || is_new, "{query}: {error:?}");
        let series = result["series"].as_array().into_iter().flatten();
        let texts = |value: &Value| -> Vec<String> {
            let texts = value.as_array().into_iter().flatten();
            texts.map(|text| text.as_str().unwrap().to_owned()).collect()
        };
        let series = series.map(|series| Series {
            name: series["name"].as_str().unwrap_or_default().to_owned(),
            tags: series["tags"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()))
                .collect(),
            columns: texts(&series["columns"]),
            rows: series["values"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|row| row.as_array().unwrap().clone())
                .collect(),
        });
        series.collect()
    }

    /// All points of a measurement.
    pub(crate) fn points(&self, measurement: &str) -> Points {
        let mut points = Points::new();
        for series in self.ask(&format!("SELECT * FROM \"{measurement}\" GROUP BY *")) {
            let times = points.entry(series.tags).or_default();
            for row in &series.rows {
                let mut cells = series.columns.iter().zip(row);
                let (_, time) = cells.next().unwrap();
                let told = cells.filter(|(_, value)| !value.is_null());
                let fields = told.map(|(field, value)| (field.clone(), value.clone()));
                times.insert(time.as_i64().unwrap(), fields.collect());
            }
        }
        points
    }

    /// The series of a measurement, as they are written.
    pub(crate) fn series(&self, measurement: &str) -> BTreeSet<String> {
        let answer = self.ask(&format!("SHOW SERIES FROM \"{measurement}\""));
        let rows = answer.into_iter().flat_map(|series| series.rows);
        rows.map(|row| row[0].as_str().unwrap().to_owned()).collect()
    }

    /// The fields of a measurement and their types. One may have several.
    pub(crate) fn types(&self, measurement: &str) -> BTreeSet<(String, String)> {
        let answer = self.ask(&format!("SHOW FIELD KEYS FROM \"{measurement}\""));
        let rows = answer.into_iter().flat_map(|series| series.rows);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        rows.map(|row| (text(&row[0]), text(&row[1]))).collect()
    }

    /// The points of a measurement, once each series has three that are newer than that.
    #[track_caller]
    pub(crate) fn gathers_since(&self, measurement: &str, time: i64) -> Points {
        eventually(&format!("gathers of {measurement}"), || {
            let points = self.points(measurement);
            let mut series = points.values();
            let is_there = series.all(|times| times.range(time + 1..).count() >= 3);
            (!points.is_empty() && is_there).then_some(points)
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
