use super::*;

fn argv(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

#[test]
fn the_first_word_decides() {
    let compile = |words: &[&str], from: usize| {
        let argv = argv(words);
        assert_eq!(answer(&argv), Answer::Compile(&argv[from..]), "{words:?}");
    };
    compile(&["cache", "gcc", "--version"], 1);
    compile(&["/usr/bin/cache", "/opt/bin/gcc", "stats"], 1);
    compile(&["cache", "./stats"], 1);
    compile(&["cache", "--", "stats", "-c"], 2);
    compile(&["cache", "--", "gcc"], 2);
    compile(&["cache", "no-such-thing"], 1);
    for words in [
        &["cache"][..],
        &[],
        &["cache", "stats"],
        &["cache", "--help"],
        &["cache", "-V"],
        &["cache", "help", "clean"],
        &["cache", "--"],
        &["cache", "-s"],
        &["/x/cache", "config", "get", "dir"],
    ] {
        assert_eq!(answer(&argv(words)), Answer::Subcommand, "{words:?}");
    }
}

#[test]
fn a_link_with_a_compilers_name_is_that_compiler_by_name() {
    for link in ["gcc", "/x/bin/gcc", "./gcc"] {
        let argv = argv(&[link, "stats"]);
        let expected = Answer::Masquerade("gcc".as_ref(), &argv[1..]);
        assert_eq!(answer(&argv), expected, "{link}");
    }
    let argv = argv(&["my-cache", "stats"]);
    assert_eq!(answer(&argv), Answer::Subcommand);
}

#[test]
fn the_list_of_subcommands_is_that_of_the_parser() {
    let mut program = Args::command();
    program.build();
    let mut names: Vec<&str> = program.get_subcommands().map(|c| c.get_name()).collect();
    names.sort_unstable();
    assert_eq!(names, SUBCOMMANDS);
}

#[test]
fn the_parser_is_consistent() {
    Args::command().debug_assert();
}

#[test]
fn limits_of_clean() {
    let parse = |words: &[&str]| match Args::try_parse_from(words).unwrap().command {
        Command::Clean(wanted) => wanted,
        other => panic!("{other:?}"),
    };
    let zero = parse(&["cache", "clean", "--max-size", "0"]);
    assert_eq!(zero.max_size, Some(crate::config::SizeLimit::Bytes(0)));
    assert!(Args::try_parse_from(["cache", "clean", "--max-size", "5X"]).is_err());
    assert!(Args::try_parse_from(["cache", "clean", "--max-age", "30"]).is_err());
    assert!(Args::try_parse_from(["cache", "stats", "--zero", "--since", "2h"]).is_err());
}
