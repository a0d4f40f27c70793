//! The README shows the example as it is.

const MARKER: &str = "<!-- the same as examples/examples/embed.rs, held by examples/tests/readme.rs -->";

#[test]
fn the_readme_embeds_the_engine_letter_for_letter_as_the_example_does() {
    let example = include_str!("../examples/embed.rs");
    let from = example.find("#[tokio::main]").expect("the example has a main function");
    let readme = include_str!("../../README.md");
    let (_, behind) = readme.split_once(MARKER).expect("the README has the marker");
    let (_, code) = behind.split_once("```rust\n").expect("a block follows the marker");
    let (block, _) = code.split_once("```\n").expect("the block ends");
    assert_eq!(block, &example[from..]);
}
