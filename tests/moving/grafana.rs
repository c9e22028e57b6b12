//! The dashboard and the alerts: every query of theirs, against what Telegraf has written into a database.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::common::machine::{Cgroup, Machine, Sleeper};
use crate::common::telegraf::telegrafs;
use crate::common::{eventually, is_skipped_without};
use crate::database::{Database, Series, is_skipped_without_database};
use crate::documents::{blocks, document, is_skipped_without_yaml, yaml};
use crate::running::{AGENT, Configuration, Telegraf, assert_no_complaint};

/// The variables that pick series; each may be any.
const VARIABLES: [&str; 4] = ["host", "namespace", "container", "interface"];

fn dashboard() -> Value {
    serde_json::from_str(&document("grafana-dashboard.json")).unwrap()
}

/// The panels that ask for something, and what they are called.
fn panels(dashboard: &Value) -> Vec<(String, &Value)> {
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let panels = panels.filter(|panel| panel["type"] != "row");
    panels.map(|panel| (panel["title"].as_str().unwrap().to_owned(), panel)).collect()
}

fn items<'t>(value: &'t Value, key: &str) -> Vec<&'t Value> {
    value[key].as_array().into_iter().flatten().collect()
}

/// The alert rules.
fn rules() -> Vec<Value> {
    let alerts = yaml(&document("grafana-alerts.yaml"));
    assert_eq!(alerts["apiVersion"], 1);
    let groups = items(&alerts, "groups");
    groups.iter().flat_map(|group| items(group, "rules")).cloned().collect()
}

/// The query as Grafana sends it, with these values of variables, and of others all.
fn filled(query: &str, values: &BTreeMap<&str, String>) -> String {
    let mut query = query
        .replace("$timeFilter", "time > now() - 10m AND time < now() + 1m")
        .replace("$__interval", "2s");
    for variable in VARIABLES {
        let value = values.get(variable).map_or(".*", String::as_str);
        query = query.replace(&format!("${variable}"), value);
    }
    assert!(!query.contains("/^$") && !query.contains("= $"), "{query}");
    query
}

/// The columns of an answer, and whether there is anything in each.
fn columns(answer: &[Series]) -> BTreeMap<String, bool> {
    let mut columns = BTreeMap::new();
    for series in answer {
        for (place, column) in series.columns.iter().enumerate().filter(|(_, name)| *name != "time")
        {
            let has_data = series.rows.iter().any(|row| !row[place].is_null());
            *columns.entry(column.clone()).or_default() |= has_data;
        }
    }
    columns
}

#[test]
fn the_dashboard_is_one_that_grafana_can_show() {
    let dashboard = dashboard();
    let all = items(&dashboard, "panels");
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in &all {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title} has the id of another");
        let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        let (x, y, width, height) = (place("x"), place("y"), place("w"), place("h"));
        assert!(width > 0 && height > 0 && x + width <= 24, "{title}");
        for cell in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{title} lies over another at {cell:?}");
        }
    }
    let variables = items(&dashboard["templating"], "list");
    let names: BTreeSet<_> = variables.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, VARIABLES.into_iter().chain(["datasource"]).collect());
    let source = variables.iter().find(|one| one["name"] == "datasource").unwrap();
    assert_eq!((&source["type"], &source["query"]), (&"datasource".into(), &"influxdb".into()));
    let is_variable = |value: &Value| value["datasource"]["uid"] == "${datasource}";
    for variable in variables.iter().filter(|one| one["type"] == "query") {
        assert!(is_variable(variable) && variable["allValue"] == ".*", "{variable}");
    }
    for (title, panel) in panels(&dashboard) {
        assert!(is_variable(panel), "{title}");
        assert!(!panel["description"].as_str().unwrap().is_empty(), "{title}");
        let targets = items(panel, "targets");
        let refs: BTreeSet<_> = targets.iter().map(|one| one["refId"].as_str().unwrap()).collect();
        assert!(!refs.is_empty() && refs.len() == targets.len(), "{title}");
        for target in targets {
            assert!(is_variable(target) && target["rawQuery"] == true, "{title}");
            let query = target["query"].as_str().unwrap();
            for word in query.split('$').skip(1) {
                let end = word.find(|one: char| !one.is_alphanumeric() && one != '_');
                let name = &word[..end.unwrap_or(word.len())];
                let is_known =
                    ["timeFilter", "__interval", ""].contains(&name) || names.contains(name);
                assert!(is_known, "{title}: ${name}");
            }
        }
        let overrides = panel["fieldConfig"]["overrides"].as_array().unwrap();
        for one in overrides.iter().filter(|one| one["matcher"]["id"] == "byFrameRefID") {
            assert!(refs.contains(one["matcher"]["options"].as_str().unwrap()), "{title}");
        }
    }
    // What the document says of a panel is of one that there is.
    let titles: BTreeSet<_> = panels(&dashboard).into_iter().map(|(title, _)| title).collect();
    let text = document("GRAFANA.md");
    for title in &titles {
        assert!(text.contains(title.as_str()), "docs/GRAFANA.md says nothing of {title}");
    }
}

/// A machine with traffic in three network namespaces: its own, one with a name, and a container's.
struct Scene {
    machine: Machine,
    contained: Sleeper,
    _cgroup: Cgroup,
}

impl Scene {
    fn new() -> Option<Self> {
        // Not like another test's.
        let id = format!("{:064x}", 0xda54_0000_0000_u64 + u64::from(std::process::id()));
        let cgroup = Cgroup::new(&format!("docker-{id}.scope"));
        if is_skipped_without("control groups of version 2", cgroup.is_some()) {
            return None;
        }
        // Packets to the other end, which are for nobody there.
        let start = "ip link set lo up; ip link add up0 type veth peer name up1; ip link set up0 up; \
                     ip link set up1 up; ip addr add 10.99.0.1/24 dev up0; \
                     ip neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev up0";
        let machine = Machine::new();
        machine.sh(start);
        machine.add("blue").sh(start);
        let contained = machine.start(&["unshare", "--net", "cat"]);
        let cgroup = cgroup?;
        cgroup.move_in(&contained);
        contained.sh(start);
        Some(Self { machine, contained, _cgroup: cgroup })
    }

    /// Moves counters, and the carrier of a link; connections are refused.
    fn move_something(&self) {
        let send = "for n in 1 2 3 4 5; do echo packet > /dev/udp/10.99.0.2/9; \
                    (echo > /dev/tcp/127.0.0.1/9) 2>/dev/null || true; done";
        let send = format!("bash -c '{send}'");
        self.machine.sh(&format!("{send}; ip link set up1 down; ip link set up1 up"));
        self.machine.sh(&format!("ip netns exec blue {send}"));
        self.contained.sh(&send);
    }
}

#[test]
fn every_query_of_the_dashboard_and_the_alerts_finds_data() {
    if is_skipped_without_database() || is_skipped_without_yaml() {
        return;
    }
    let Some(scene) = Scene::new() else { return };
    let database = Database::start();
    let documented = blocks("GRAFANA.md", "toml");
    let [plugin_conf] = documented.as_slice() else { panic!("{documented:?}") };
    let configuration = Configuration::new("");
    configuration.write("plugin.conf", plugin_conf);
    let conf = format!(
        "{AGENT}{}[[inputs.execd]]\n  command = [\"/usr/bin/telegraf-net\", \"--config\", \"/etc/telegraf-net/plugin.conf\"]\n  \
         signal = \"STDIN\"\n  data_format = \"influx\"\n  precision = \"1s\"\n",
        database.output()
    );
    configuration.write("telegraf.conf", &configuration.placed(&conf));
    let program = telegrafs().pop().unwrap();
    let telegraf = Telegraf::start(scene.machine.command(&program), &configuration);
    // Rates take two intervals, and their means some more.
    for _ in 0..4 {
        scene.move_something();
        let newest = || {
            let points = database.points("net");
            points.values().flat_map(|times| times.keys()).max().copied().unwrap_or_default()
        };
        let before = newest();
        eventually("newer points", || (newest() > before + 2_000_000_000).then_some(()));
    }
    assert_no_complaint(&telegraf.stop());

    let dashboard = dashboard();
    let mut choices = Vec::new();
    for variable in
        items(&dashboard["templating"], "list").iter().filter(|one| one["type"] == "query")
    {
        let answer = database.ask(&filled(variable["query"].as_str().unwrap(), &BTreeMap::new()));
        let name = variable["name"].as_str().unwrap();
        let offered: Vec<_> = answer
            .iter()
            .flat_map(|series| &series.rows)
            .map(|row| row[1].as_str().unwrap().to_owned())
            .filter(|value| value != "all")
            .collect();
        assert!(!offered.is_empty(), "nothing to choose for {name}");
        let name = VARIABLES.into_iter().find(|one| *one == name).unwrap();
        choices.push((name, offered[0].clone()));
    }
    assert_eq!(choices.len(), VARIABLES.len());
    let mut asked = 0;
    for (title, panel) in panels(&dashboard) {
        for target in items(panel, "targets") {
            let query = target["query"].as_str().unwrap();
            let answer = database.ask(&filled(query, &BTreeMap::new()));
            let columns = columns(&answer);
            assert!(
                !columns.is_empty() && columns.values().all(|has| *has),
                "{title}: {columns:?}"
            );
            asked += 1;
            // What is chosen is all that there is.
            for (name, value) in &choices {
                let choice = [(*name, value.clone())].into();
                let answer = database.ask(&filled(query, &choice));
                let mut tags = answer.iter().filter_map(|series| series.tags.get(*name));
                assert_eq!(tags.find(|tag| *tag != value), None, "{title}: {name} {value}");
                assert!(!answer.is_empty(), "{title}: {name} {value}");
            }
        }
    }
    assert!(asked > 15, "{asked}");

    // A sum is of all that moved.
    let by = |tag: &str| -> BTreeSet<String> {
        let title = format!("Traffic by {tag}");
        let panels = panels(&dashboard);
        let (_, panel) = panels.iter().find(|(one, _)| *one == title).unwrap();
        let query = panel["targets"][0]["query"].as_str().unwrap();
        let answer = database.ask(&filled(query, &BTreeMap::new()));
        let moved = answer.into_iter().filter(|series| {
            series.rows.iter().any(|row| row[1].as_f64().is_some_and(|value| value > 0.0))
        });
        moved.map(|series| series.tags[tag].clone()).collect()
    };
    assert!(by("namespace").is_superset(&[String::new(), "blue".to_owned()].into()));
    assert_eq!(by("container").len(), 2);

    assert_rules_find_data(&database);
}

/// Runs the query of every alert rule, and looks at what it makes of the answer.
fn assert_rules_find_data(database: &Database) {
    let rules = rules();
    let mut uids = BTreeSet::new();
    for rule in &rules {
        let title = rule["title"].as_str().unwrap();
        assert!(uids.insert(rule["uid"].as_str().unwrap().to_owned()), "{title}");
        let mut refs = BTreeSet::new();
        for data in items(rule, "data") {
            let model = &data["model"];
            assert_eq!(model["refId"], data["refId"], "{title}");
            if data["datasourceUid"] == "__expr__" {
                let expression = model["expression"].as_str().unwrap();
                let of = |name: &&String| {
                    expression == *name || expression.contains(&format!("${name}"))
                };
                assert!(refs.iter().any(|name| of(&name)), "{title}: {expression}");
            } else {
                let query = model["query"].as_str().unwrap();
                let columns = columns(&database.ask(&filled(query, &BTreeMap::new())));
                assert!(
                    !columns.is_empty() && columns.values().all(|has| *has),
                    "{title}: {columns:?}"
                );
            }
            refs.insert(data["refId"].as_str().unwrap().to_owned());
        }
        assert!(refs.contains(rule["condition"].as_str().unwrap()), "{title}");
        // Labels in its text are tags that its query groups by.
        let summary = rule["annotations"]["summary"].as_str().unwrap();
        let query = rule["data"][0]["model"]["query"].as_str().unwrap();
        for label in summary.split("$labels.").skip(1) {
            let label = label.split([' ', '}']).next().unwrap();
            let (_, by) = query.rsplit_once("GROUP BY").unwrap();
            assert!(by.contains(&format!("\"{label}\"")), "{title}: {label}");
        }
    }
    assert_eq!(rules.len(), 6);
}
