//! The programs of the interoperability tests, as they are built natively: they answer for exactly
//! what they were given.

use assert_cmd::Command;

fn run(args: [&str; 2], input: Vec<u8>) -> (Option<i32>, Vec<u8>) {
    let output = Command::new(env!("CARGO_BIN_EXE_slh_dsa")).args(args).write_stdin(input).output();
    let output = output.expect("it runs");
    (output.status.code(), output.stdout)
}

#[test]
fn what_it_signs_it_verifies_and_nothing_else() {
    let message = b"\0\0message";
    let (status, made) = run(["sign", "128f"], [&[7; 48][..], message].concat());
    assert_eq!((status, made.len()), (Some(0), 32 + 17_088));
    assert_eq!(run(["verify", "128f"], [&made[..], message].concat()).0, Some(0));
    assert_eq!(run(["verify", "128f"], [&made[..], b"\0\0massage"].concat()).0, Some(3));
    assert_eq!(run(["verify", "192f"], [&made[..], message].concat()).0, Some(1));
    assert_eq!(run(["sign", "512f"], vec![]).0, Some(1));
}
