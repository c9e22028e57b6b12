use super::options::OPTIONS;
use super::*;

fn env(name: &str) -> Option<OsString> {
    let variables = [
        ("IFACE", "eth0"),
        ("EMPTY", ""),
        ("YES", "true"),
        ("ODD", "a\"b\\c\nd"),
        ("QUOTE", "it's"),
        ("_U2", "usb0"),
        ("HOST_PROC", "/env/proc"),
        ("HOST_SYS", ""),
    ];
    variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
}

/// For Linux, which has every option.
fn parse(text: &str) -> Result<Config, String> {
    Config::parse_for(System::Linux, text.as_bytes(), &env).map_err(|error| error.to_string())
}

fn only_table(text: &str) -> Table {
    let mut tables = parse(text).unwrap().tables;
    assert_eq!(tables.len(), 1);
    tables.remove(0)
}

fn matches(table: &Table, name: &str) -> bool {
    table.selection.interfaces.as_ref().is_some_and(|patterns| patterns.matches(name.as_bytes()))
}

#[test]
fn the_sample_is_valid_and_names_every_option_with_its_default() {
    let table = only_table(SAMPLE);
    assert!(table.selection.interfaces.is_none());
    assert!(!table.protocols.is_empty());
    assert!(!table.fields.influx_uint_support);
    assert_eq!((table.source, table.speed_refresh), (SourceOption::Auto, Duration::from_secs(60)));
    for option in OPTIONS.iter().map(|option| option.key) {
        let line = SAMPLE.lines().find(|line| line.starts_with(&format!("  # {option} = ")));
        let uncommented = line.unwrap_or_else(|| panic!("{option} is missing")).replace("# ", "");
        parse(&format!("[[inputs.net]]\n{uncommented}")).unwrap();
    }
    only_table(&SAMPLE.replace("  # ", "  "));
}

#[test]
fn options_are_read_and_come_before_the_environment() {
    let table = only_table(
        "[[inputs.net]]\ninterfaces = ['eth*']\nignore_protocol_stats = true\n\
         influx_uint_support = true\nhost_proc = '/p'\nhost_sys = '/s'\n\
         source = 'procfs'\nspeed_refresh = '1m30s'",
    );
    assert!(matches(&table, "eth1") && !matches(&table, "lo"));
    assert!(table.protocols.is_empty());
    assert!(table.fields.influx_uint_support);
    assert_eq!((table.host_proc, table.host_sys), (HostProc::Of("/p".into()), Some("/s".into())));
    assert_eq!(
        (table.source, table.speed_refresh),
        (SourceOption::Procfs, Duration::from_secs(90))
    );
    let table = only_table("[[inputs.net]]\ninterfaces = []\nhost_proc = ''");
    assert!(table.selection.interfaces.is_none());
    assert_eq!((table.host_proc, table.host_sys), (HostProc::Of("/env/proc".into()), None));
}

#[test]
fn what_the_operator_gave_is_known_with_its_place() {
    let text = "# A comment\n[[inputs.net]]\ninterfaces = [ 'eth*', # these\n \"a\\\"b\" ]\n\
                rates = true\nnamespace_limit = 1_0\n[[inputs.net]]\nsource = 'netlink'\n\
                [[inputs.net]]\nhost_proc = ''\nhost_sys = ''\n";
    let tables = parse(text).unwrap().tables;
    assert_eq!(tables.iter().map(|table| table.line).collect::<Vec<_>>(), [2, 7, 9]);
    let given = |table: &Table| {
        let given = table.given.iter();
        given.map(|one| (one.key, one.value.clone(), one.origin)).collect::<Vec<_>>()
    };
    let of_environment = ("host_proc", "\"/env/proc\"".into(), Origin::Environment("HOST_PROC"));
    let expected = [
        ("interfaces", r#"["eth*", "a\"b"]"#.into(), Origin::Line(3)),
        ("rates", "true".into(), Origin::Line(5)),
        ("namespace_limit", "10".into(), Origin::Line(6)),
        of_environment.clone(),
    ];
    assert_eq!(given(&tables[0]), expected);
    // It reads our own.
    assert_eq!(given(&tables[1]), [("source", "\"netlink\"".into(), Origin::Line(8))]);
    // An empty one counts as none.
    assert_eq!(given(&tables[2]), [of_environment]);
    let long = format!("[[inputs.net]]\ninterfaces = [{}]", "'eth0',".repeat(1000));
    let value = &only_table(&long).given[0].value;
    assert!(value.ends_with("\"eth0\", ... 1000 in all]") && value.len() < 200, "{value}");
}

#[test]
fn netlink_reads_the_own_namespace_whatever_the_environment_says() {
    let table = only_table("[[inputs.net]]\nsource = 'netlink'");
    assert_eq!((table.host_proc, table.host_sys), (HostProc::Own, None));
}

#[test]
fn several_tables_keep_their_order_and_single_brackets_do() {
    let config =
        parse("[[inputs.net]]\ninterfaces=['a']\n[[inputs.net]]\ninterfaces=['b']").unwrap();
    let order: Vec<_> = config.tables.iter().map(|table| matches(table, "b")).collect();
    assert_eq!(order, [false, true]);
    only_table("[inputs.net]\ninterfaces = ['a']");
}

#[test]
fn variables_are_expanded_where_they_stand() {
    let table = only_table(
        "# ${UNSET} in a comment\n[[inputs.net]] # ${UNSET}\n\
         interfaces = [\"${IFACE}.*\", '${IFACE}', \"${UNSET:-lo}\", '${EMPTY:-en*}', \"#${IFACE}\", \"${_U2:-lo1}\"]\n\
         ignore_protocol_stats = ${YES}",
    );
    assert!(table.protocols.is_empty());
    for name in ["eth0.1", "eth0", "lo", "enp1", "#eth0", "usb0"] {
        assert!(matches(&table, name), "{name}");
    }
    assert!(!matches(&table, "lo1"));
    let table =
        only_table("[[inputs.net]]\ninterfaces = ['${UNSET:-{if0,if{1,2}}}', '${IFACE:-{a}}']");
    for (name, expected) in [("if0", true), ("if2", true), ("eth0", true), ("eth0}", false)] {
        assert_eq!(matches(&table, name), expected, "{name}");
    }
    let table = only_table("[[inputs.net]]\ninterfaces = [\"*\"]\nhost_proc = \"${ODD}\"");
    assert_eq!(table.host_proc, HostProc::Of("a\"b\\c\nd".into()));
    let table = only_table("[[inputs.net]]\nhost_sys = \"\\\"a${ODD}\" # ${UNSET}");
    assert_eq!(table.host_sys, Some("\"aa\"b\\c\nd".into()));
    let table = only_table("[[inputs.net]]\nhost_sys = \"\"\"\\\"${QUOTE}\"\"\"");
    assert_eq!(table.host_sys, Some("\"it's".into()));
}

#[test]
fn bytes_that_are_no_utf8_have_a_line_too() {
    let error = Config::parse(b"[[inputs.net]]\ninterfaces = ['\xff']", &env).unwrap_err();
    assert_eq!(error.to_string(), "line 2: not valid TOML: the text is not UTF-8");
}

#[test]
fn a_list_without_wildcards_selects_no_other_names() {
    for (options, known, may) in [
        ("", "", false),
        ("namespace_include = ['']", "", false),
        ("namespace_include = ['', 'blue']", "", true),
        ("namespace_include = ['', 'blue']", "blue", false),
        ("namespace_include = ['{blue,red}']", "blue", true),
        ("namespace_include = ['blue*']", "blue", true),
        ("namespace_exclude = ['blue']", "blue", true),
    ] {
        let table = only_table(&format!("[[inputs.net]]\n{options}"));
        let is_known = |name: &str| !known.is_empty() && name.contains(known);
        assert_eq!(table.namespaces.may_select_more_than(is_known), may, "{options}");
    }
}

#[test]
fn namespaces_are_looked_for_in_one_proc_for_all_tables() {
    let others = "[[inputs.net]]\nnamespace_include = ['*']\n";
    let without = "[[inputs.net]]\nhost_proc = '/c'\n";
    let netlink = &format!("{others}source = 'netlink'\n");
    let [at_a, at_env] = ["/a", "/env/proc"].map(|it| format!("{others}host_proc = '{it}'\n"));
    let (at_a, at_env) = (at_a.as_str(), at_env.as_str());
    for tables in
        [[others, others, at_env], [at_a, without, at_a], [netlink, "[[inputs.net]]\n", netlink]]
    {
        parse(&tables.concat()).unwrap();
    }
    let at_b = "[[inputs.net]]\nnamespace_exclude = ['a']\nhost_proc = '/b'\n";
    for (tables, line, here, first) in [
        ([at_a, at_a, at_b], 9, "\"/b\"", "\"/a\""),
        ([without, at_a, at_b], 8, "\"/b\"", "\"/a\""),
        ([without, at_a, others], 6, "\"/env/proc\"", "\"/a\""),
        ([others, without, netlink], 5, "our own /proc", "\"/env/proc\""),
        ([netlink, others, without], 4, "\"/env/proc\"", "our own /proc"),
    ] {
        let expected = format!(
            "line {line}: \"host_proc\": all tables that report other network namespaces must \
             have the same: here it is {here}, in the first of them {first}; \"source\" = \
             \"netlink\" means our own /proc"
        );
        assert_eq!(parse(&tables.concat()).unwrap_err(), expected);
    }
    // Without HOST_PROC, netlink's is that of the others.
    let tables = [others, netlink, &format!("{others}source = 'procfs'\n")].concat();
    Config::parse_for(System::Linux, tables.as_bytes(), &|_| None).unwrap();
}

#[test]
fn every_error_says_the_line_the_key_and_the_way_out() {
    let cases = [
        ("", "no [[inputs.net]] table; --sample-config prints one to start from"),
        ("\n[[inputs.cpu]]\n", r#"line 2: "inputs.cpu" does not belong here: "#),
        ("[agent]\ninterval = '1s'", r#"line 1: "agent" does not belong here: "#),
        ("[[outputs.file]]\n", r#"line 1: "outputs" does not belong here: "#),
        ("inputs = 3", r#"line 1: "inputs" does not belong here: "#),
        ("[inputs]\nnet = 3", r#"line 2: "inputs.net" is a table: write [[inputs.net]]"#),
        (
            "[[inputs.net]]\ninterfacess = []",
            r#"line 2: "interfacess" is not an option of [[inputs.net]]; did you mean "interfaces"? (its options: interfaces, interface_ex"#,
        ),
        (
            "[[inputs.net]]\nfrobnicate = 1",
            r#"line 2: "frobnicate" is not an option of [[inputs.net]]"#,
        ),
        (
            "[[inputs.net]]\ninterval = '10s'",
            r#"line 2: "interval" is an option of [[inputs.execd]]: set it there"#,
        ),
        (
            "[[inputs.net]]\n[inputs.net.tags]\na = 'b'",
            r#"line 2: "tags" is an option of [[inputs.execd]]"#,
        ),
        (
            "[[inputs.net]]\n\ninterfaces = 'eth0'",
            r#"line 3: "interfaces" takes a list of names and patterns, such as ["eth*", "lo"]: found "eth0""#,
        ),
        (
            "[[inputs.net]]\ninterfaces = [\n'eth0',\n5]",
            r#"line 4: "interfaces" takes a list of names and patterns"#,
        ),
        (
            "[[inputs.net]]\nignore_protocol_stats = true\nhost_sys = 5\ninterfaces = ['a']",
            r#"line 3: "host_sys" takes a folder, such as "/hostfs/sys": found 5"#,
        ),
        (
            "[[inputs.net]]\nsource = 'sysfs'",
            r#"line 2: "source" takes "auto", "netlink" or "procfs"; on BSD and macOS "auto", "sysctl" or "netstat": found "sysfs""#,
        ),
        (
            "[[inputs.net]]\nhost_proc = '/p'\nsource = 'netlink'",
            r#"line 2: "host_proc" names another /proc, and "source" = "netlink" reads"#,
        ),
        (
            "[[inputs.net]]\nprotocols = ['ip',\n'tcp:']",
            r#"line 3: "protocols": "tcp:" picks no field: name one after the colon, or leave it out"#,
        ),
        (
            "[[inputs.net]]\nrates = true\nnamespace_discovery = 'processes'",
            r#"line 3: "namespace_discovery" = "processes" looks for network namespaces, and this table reports none but its own: add, for example, namespace_include = ["", "*"]"#,
        ),
        (
            "[[inputs.net]]\nnamespace_include = []\nnamespace_discovery = 'processes'",
            r#"line 3: "namespace_discovery" = "processes" looks for"#,
        ),
        (
            "[[inputs.net]]\nspeed_refresh = 'often'",
            r#"line 2: "speed_refresh": "often" is not a duration: write a number and its unit, such as 60s or 1m30s"#,
        ),
        (
            "[[inputs.net]]\nignore_protocol_stats = 'yes'",
            r#"line 2: "ignore_protocol_stats" takes true or false: found "yes""#,
        ),
        (
            "[[inputs.net]]\ninterfaces = ['lo',\n 'eth[']",
            r#"line 3: "interfaces": "eth[" is not a valid pattern: "[" has no "]""#,
        ),
        ("[[inputs.net]]\nzzz = 1\naaa = 2", r#"line 2: "zzz" is not an option"#),
        ("[[inputs.net]]\ninterfaces = [", "line 2: not valid TOML: "),
        (
            "[[inputs.net]]\nhost_sys = '/a'\nhost_sys = '/b'",
            "line 3: not valid TOML: duplicate key \"host_sys\"",
        ),
        (
            "[[inputs.net]]\n'source' = 'auto'\n\"source\" = 'auto'",
            "line 3: not valid TOML: duplicate key \"source\"",
        ),
        ("[inputs.net]\n[inputs.net]", "line 2: not valid TOML: duplicate key \"net\""),
        (
            "\n\nhost_sys = \"${UNSET}\"",
            r#"line 3: "host_sys": the environment variable "UNSET" is not set"#,
        ),
        ("host_sys = \"${IFACE\n}\"", r#"line 1: "host_sys": "${IFACE" has no "}""#),
        (
            "host_sys = \"${}\"",
            r#"line 1: "host_sys": "" cannot be the name of an environment variable"#,
        ),
        ("host_sys = '${QUOTE}'", r#"line 1: "host_sys": the value of "QUOTE" holds a quote"#),
        ("a = ${ODD}", r#"line 1: "a": the value of "ODD" holds a line break"#),
    ];
    for (text, start) in cases {
        let error = parse(text).unwrap_err();
        assert!(error.starts_with(start), "{text:?} gave {error:?}");
        assert!(!error.contains('\n'), "{error:?}");
    }
}

#[test]
fn every_option_says_the_line_of_a_value_that_it_does_not_take() {
    let mut cases = Vec::new();
    for (option, takes) in OPTIONS.iter().map(|option| (option.key, option.takes)) {
        let problem = format!(" takes {takes}: ");
        for (value, found) in [
            ("-5", "-5"),
            ("1.5", "1.5"),
            ("1979-05-27", "1979-05-27"),
            ("{ a = 1 }", "a table"),
            ("[[]]", "a list"),
        ] {
            cases.push((option, value.to_owned(), 2, format!("{problem}found {found}")));
        }
        if takes.starts_with("a list") {
            cases.push((option, "'x'".into(), 2, format!("{problem}found \"x\"")));
            cases.push((option, "true".into(), 2, format!("{problem}found true")));
            cases.push((option, "[\n5]".into(), 3, format!("{problem}found 5")));
        }
    }
    let names = ["interfaces", "interface_exclude", "namespace_include", "namespace_exclude"];
    let (kinds, durations) =
        (["kind_include", "kind_exclude"], ["dedup_interval", "speed_refresh"]);
    for (options, value, line, problem) in [
        (&names[..], "[\n'', '*',\n'a', '[b']", 4, r#": "[b" is not a valid pattern"#),
        (&kinds, "['virtual',\n'loopback', 'a', '{b']", 3, r#": "{b" is not a valid pattern"#),
        (&["protocols"], "['ip',\n'udp:a*',\n'tcp:[b']", 4, r#": "[b" is not a valid pattern"#),
        (&["protocols"], "['ip',\n'ipp:*']", 3, r#": "ipp" is not a group of"#),
        (&["interface_protocols"], "['ip6',\n'tcp']", 3, r#": "tcp" is not kept per "#),
        (&["interface_protocols"], "['ip7']", 2, r#": "ip7" is not kept per interface (there"#),
        (&["interface_tags"], "['alias',\n'colour']", 3, " takes a list out of \"alias\", "),
        (&["counters"], "'some'", 2, r#" takes "basic" or "all": found "some""#),
        (&["namespace_discovery"], "'all'", 2, r#" takes "named" or "processes": found "all""#),
        (&durations, "''", 2, r#": "" is not a duration: "#),
        (&durations, "'-1s'", 2, r#": "-1s" is not a duration: "#),
        (&durations, "'60'", 2, r#": "60" is not a duration: "#),
        (&durations, "'99999999999999999999s'", 2, r#": "99999999999999999999s" is "#),
        (&durations, "'600000000000y'", 2, r#": "600000000000y" is not a duration: "#),
    ] {
        cases.extend(options.iter().map(|&option| (option, value.into(), line, problem.into())));
    }
    for (option, value, line, problem) in cases {
        let text = format!("[[inputs.net]]\n{option} = {value}\n");
        let error = parse(&text).expect_err(&text);
        let start = format!("line {line}: \"{option}\"{problem}");
        assert!(error.starts_with(&start), "{text:?} gave {error:?}");
        assert!(!error.contains('\n'), "{error:?}");
    }
}

#[test]
fn what_interface_tags_takes_has_every_tag() {
    let tags = OPTIONS.iter().find(|option| option.key == "interface_tags").unwrap();
    let known: Vec<_> = tags.takes.split('"').skip(1).step_by(2).collect();
    assert_eq!(known, Tag::ALL.map(Tag::key));
}

#[test]
fn what_a_system_cannot_have_is_an_error_that_says_where_it_works() {
    let parse_for = |system, line: &str| {
        let text = format!("[[inputs.net]]\n{line}\n");
        Config::parse_for(system, text.as_bytes(), &env).map_err(|error| error.to_string())
    };
    let cases = [
        (
            System::FreeBsd,
            "namespace_include = ['*']",
            r#""namespace_include" works on Linux only"#,
        ),
        (
            System::Windows,
            "host_proc = '/p'",
            r#""host_proc" works on Linux only, and this is Windows"#,
        ),
        (
            System::MacOs,
            "protocols = ['tcp']",
            r#""protocols" works on Linux only, and this is macOS"#,
        ),
        (System::NetBsd, "speed_refresh = '10s'", r#""speed_refresh" works on Linux only"#),
        (System::OpenBsd, "source = 'netlink'", r#""source" = "netlink" works on Linux only"#),
        (
            System::Linux,
            "source = 'netstat'",
            r#""source" = "netstat" works on FreeBSD, OpenBSD, NetBSD and macOS only, and this is Linux"#,
        ),
        (System::Windows, "source = 'sysctl'", "works on FreeBSD, OpenBSD, NetBSD and macOS only"),
        (
            System::FreeBsd,
            "interface_tags = ['mac', 'alias']",
            r#""interface_tags": "alias" works on Linux only"#,
        ),
        (
            System::MacOs,
            "interface_tags = ['mac']",
            "works on Linux, FreeBSD, OpenBSD, NetBSD and Windows only",
        ),
        (
            System::OpenBsd,
            "kind_exclude = ['bridge', 'virtual']",
            r#""kind_exclude": "virtual" works on Linux and Windows only, and this is OpenBSD"#,
        ),
        (
            System::MacOs,
            "kind_include = ['loopback', 'br*']\nsource = 'netstat'",
            r#""kind_include": "br*": netstat tells no kinds"#,
        ),
        (
            System::FreeBsd,
            "kind_exclude = ['bridge']\nsource = 'netstat'",
            r#""kind_exclude": "bridge": netstat tells no kinds"#,
        ),
        (
            System::NetBsd,
            "interface_tags = ['mac', 'kind']\nsource = 'netstat'",
            r#""interface_tags": "kind": netstat tells no kinds"#,
        ),
    ];
    for (system, line, expected) in cases {
        let error = parse_for(system, line).unwrap_err();
        assert!(error.contains(expected) && error.contains("line 2"), "{line}: {error}");
        assert!(error.contains("leave it out"), "{error}");
    }
    for (system, line) in [
        (System::Windows, "namespace_include = []\nprotocols = []\nignore_protocol_stats = true"),
        (System::FreeBsd, "source = 'sysctl'\ninterface_tags = ['mac', 'kind']"),
        (System::MacOs, "source = 'netstat'\nkind_include = ['loopback']"),
        (System::MacOs, "source = 'auto'\nkind_include = ['loopback', 'bridge']"),
        (System::OpenBsd, "source = 'netstat'\ninterface_tags = ['mac']"),
        (System::Windows, "source = 'auto'\nkind_include = ['physical']\ncounters = 'all'"),
    ] {
        let config = parse_for(system, line).unwrap();
        let table = &config.tables[0];
        // HOST_PROC is set here, and only Linux has one.
        assert!(table.protocols.is_empty() && table.host_proc == HostProc::Own, "{system:?}");
    }
    assert!(!parse_for(System::Linux, "").unwrap().tables[0].protocols.is_empty());
}

#[test]
fn this_system_is_the_one_that_the_program_was_built_for() {
    assert_eq!(System::current().name().to_lowercase(), std::env::consts::OS);
}
